/** One call to an upstream: what it is made with, what comes of it, and when it may not go on. */
import type { Clock } from '../../logical/clock.ts'
import { RequestError } from '../../logical/errors.ts'
import { GatewayCallError, type CallErrorCode } from '../call/call-error.ts'
import type { HeaderPairs } from '../call/credentials.ts'
import type { OutgoingRequestOptions } from '../call/outgoing.ts'
import type { Egress } from './egress.ts'

export interface UpstreamCall extends OutgoingRequestOptions {
  readonly egress: Egress
  readonly clock: Clock
  /** Not for GET and HEAD. A stream is read as the upstream takes it. */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array> | undefined
  /** The caller's Content-Length for a streamed body; unknown = sent in chunks. */
  readonly contentLength?: number | undefined
  /** Asked before that many more bytes of the response are held; throws to refuse them. */
  readonly reserve?: ((bytes: number) => void) | undefined
  /** See `ResponseHeaderOptions.callerBase`; `/u/<upstream>` when not given. */
  readonly callerBase?: string | undefined
  /** Ends the call at once, in every phase. A reason that is a `RequestError` is what readers are told. */
  readonly signal: AbortSignal
  /** Asked in the instant before the key is written to the socket and before every chunk in either direction. */
  readonly stillFresh: () => boolean
  /** Asked with the former before the key is written: is the KV read that vouches for it recent enough? */
  readonly keyStillVouched?: (() => boolean) | undefined
  /** Asked then too: connecting takes time, and a call whose token is over by now must not begin. */
  readonly whyNotBegin?: (() => RequestError | undefined) | undefined
}

export interface CallOutcome {
  /** Body bytes handed to the caller. */
  readonly bytes: number
  readonly result: 'complete' | 'abandoned' | CallErrorCode | 'error'
  /** Milliseconds from the start of the call to the upstream's headers. */
  readonly upstream_ms: number
  /** Places in which the upstream had echoed the key. */
  readonly key_echoes: number
}

export interface UpstreamResponse {
  readonly status: number
  readonly headers: HeaderPairs
  /** Milliseconds from the start of the call to the upstream's headers. */
  readonly upstream_ms: number
  /** To be read once. Ends by throwing a `RequestError` when the response is not whole. */
  readonly body: AsyncIterable<Uint8Array>
  /** Gives the response up, read or not; destroys the upstream's socket. */
  cancel(): void
  /** Settles when the body has been read, has failed, was given up or the signal aborted. Never rejects. */
  readonly finished: Promise<CallOutcome>
}

/** What readers of a call are told whose signal has aborted. */
export const endReason = (signal: AbortSignal): RequestError =>
  signal.reason instanceof RequestError ? signal.reason : new GatewayCallError('call_ended', 'the call was ended')

/** Why the call may not go on at this instant; undefined = it may. */
function whyEnded({ signal, stillFresh }: UpstreamCall): RequestError | undefined {
  if (signal.aborted) return endReason(signal)
  return stillFresh()
    ? undefined
    : new GatewayCallError('stale', 'the gateway can no longer vouch for this session; try again')
}

/** Why the key may not be written to the socket at this instant. */
export function whyNotSend(call: UpstreamCall): RequestError | undefined {
  const ended = whyEnded(call)
  if (ended) return ended
  if (call.keyStillVouched?.() === false)
    return new GatewayCallError('stale', 'the gateway can no longer vouch for the upstream key; try again')
  return call.whyNotBegin?.()
}

export function throwIfEnded(call: UpstreamCall): void {
  const reason = whyEnded(call)
  if (reason) throw reason
}
