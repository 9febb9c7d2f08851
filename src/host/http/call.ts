import type { Readable } from 'node:stream'
import type { JsonLimits } from '../../http/index.ts'

/** One HTTP request to the API, read whole. Header names are lower-case. */
export interface HostCall {
  readonly method: string
  /** As sent, percent-encoded, with `/v1/`, without the query. */
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body?: Uint8Array
  /** Of the listener; the defaults unless given. */
  readonly json?: JsonLimits
  /** Bytes of a body that was thrown away unread; see `Standing`. */
  readonly unread?: number
  readonly remoteAddr: string
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal
}

/**
 * Who sends a request, as far as its head tells. `known`: the holder of a living token, under a name of its own. `open`: the path is
 * for callers without one. `refused`: neither, so that the body need not be looked at.
 */
export type Standing = { readonly kind: 'known'; readonly caller: string } | { readonly kind: 'open' | 'refused' }

export interface HostResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Instead of `body`: sent as it comes. Anyone who does not send it destroys it. */
  readonly stream?: Readable
}
