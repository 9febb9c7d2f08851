/** What is asked of `UpstreamCalls`, and what those who wait for it get. */
import type { HeaderPairs } from '../call/credentials.ts'
import type { QueryParameter } from '../call/target.ts'
import type { Caller } from '../decision/callers.ts'
import type { RequestIds } from '../decision/records.ts'
import type { UpstreamHead } from './upstream-call.ts'

export interface UpstreamCallRequest extends RequestIds {
  readonly token: string
  /** Of the token, where it is known already. */
  readonly tokenSha256?: string | undefined
  readonly upstream: string
  readonly method: string
  /** From `parseTarget`, and already without the caller's token. */
  readonly segments: readonly string[]
  readonly spelled: readonly string[]
  readonly query: readonly QueryParameter[]
  readonly headers: HeaderPairs
  /** Undefined = the request has none. */
  readonly body: AsyncIterable<Uint8Array> | undefined
  readonly contentLength: number | undefined
  /** What stands for the upstream's base URL before this caller. */
  readonly callerBase: string
  readonly caller: Caller
  /** Whoever asks tells when the last byte has left this process (`RunningCall.delivered`); until then the call is watched. */
  readonly tellsDelivery?: boolean
  /** See `UpstreamCall.decodes`. */
  readonly decodes?: boolean
}

/** For those who wait for the response: what of the request ends it, and when its last byte has left. */
export interface AwaitedCallRequest extends Omit<UpstreamCallRequest, 'tellsDelivery'> {
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal
  /** Undefined = with the last chunk read. */
  readonly delivered?: Promise<void>
}

export interface UpstreamCallResponse extends UpstreamHead {
  /** To be read once. Throws a `GatewayFailure` when the call is cut or breaks. */
  readonly body: AsyncIterable<Uint8Array>
  /** Aborts, with the `GatewayFailure` that says why, as soon as no further byte may be handed on. */
  readonly signal: AbortSignal
  /** False at this instant = no byte may be handed on, queued ones included. */
  readonly stillFresh: () => boolean
  cancel(): void
}
