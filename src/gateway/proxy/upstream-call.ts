/** One call to an upstream: what it is made with, and what comes of it. */
import type { Clock } from '../../logical/clock.ts'
import type { RequestError } from '../../logical/errors.ts'
import type { CallErrorCode } from '../call/call-error.ts'
import type { HeaderPairs } from '../call/credentials.ts'
import type { OutgoingRequestOptions } from '../call/outgoing.ts'
import type { Egress } from './egress.ts'

/** Whether a call may go on, asked at the instant it matters. */
export interface CallPermit {
  /** Asked before every chunk in either direction. */
  stillFresh(): boolean
  /** Asked in the instant before the key is written to the socket: a reason not to. */
  whyNotSend(): RequestError | undefined
}

export interface UpstreamCall extends OutgoingRequestOptions {
  readonly egress: Egress
  readonly clock: Clock
  readonly permit: CallPermit
  /** A stream is read as the upstream takes it. */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array> | undefined
  /** The caller's Content-Length for a streamed body; unknown = sent in chunks. */
  readonly contentLength?: number | undefined
  /** Asked before that many more bytes of the response are held; throws to refuse them. */
  readonly reserve?: ((bytes: number) => void) | undefined
  /** See `ResponseHeaderOptions.callerBase`; `/u/<upstream>` when not given. */
  readonly callerBase?: string | undefined
  /** The caller reads no content codings: what comes in one although none was asked for is decoded here. */
  readonly decodes?: boolean | undefined
}

export interface UpstreamHead {
  readonly status: number
  readonly headers: HeaderPairs
  /** Milliseconds from the start of the call to the upstream's headers. */
  readonly upstream_ms: number
}

/** Who a response is handed to, piece by piece as it comes. */
export interface CallSink {
  head(head: UpstreamHead): void
  /** False = no more until the call is resumed. */
  data(chunk: Uint8Array): boolean
  /** `trailers`: fields that follow the body, where there are some and the sink can pass them on. */
  end(trailers: HeaderPairs): void
  /** There is no response, or no more of it: the last that is heard. */
  failed(error: Error): void
}

/** How a call ended that had a response. */
export type CallResult = 'complete' | 'abandoned' | CallErrorCode | 'error'
