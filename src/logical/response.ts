import type { Readable } from 'node:stream'
import type { Data } from './data.ts'
import type { Auth, Secret } from './secret.ts'

/** A token that opens a kept response once. */
export interface WrapInfo {
  readonly token: string
  readonly accessor: string
  /** Seconds. */
  readonly ttl: number
  /** RFC 3339. */
  readonly creation_time: string
  readonly creation_path: string
  /** Of the token in the wrapped response, where it holds one. */
  readonly wrapped_accessor?: string
}

/** What an engine answers. `undefined` instead of a Response means "nothing": 404 for read and list, 204 for writes. */
export interface Response {
  readonly data?: Data
  /** Present = the host registers a lease. */
  readonly secret?: Secret
  /** Only from auth engines. */
  readonly auth?: Auth
  readonly warnings?: readonly string[]
  /** HTTP status where an operation's answer has one of its own (202 for a queued revoke, 404 with a body in KV v2). */
  readonly status?: number
  /** Only from the host's own system engine: the response is kept elsewhere. */
  readonly wrap_info?: WrapInfo
  /** Only from the host's own system engine: text that comes as it is written, instead of everything else. */
  readonly stream?: Readable
}

/** `LIST`: the keys, in the order given. No keys means nothing is there. */
export function listResponse(keys: readonly string[], key_info?: Record<string, Data>): Response | undefined {
  if (keys.length === 0) return undefined
  return { data: key_info ? { keys: [...keys], key_info } : { keys: [...keys] } }
}
