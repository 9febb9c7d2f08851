import type { Projection } from '../../scope/index.ts'
import type { Clock } from '../../logical/clock.ts'
import { badRequest, RequestError } from '../../logical/errors.ts'
import { GatewayCallError, type CallErrorCode } from '../call/call-error.ts'
import type { HeaderPairs } from '../call/credentials.ts'
import { decode, encodingOf } from '../call/decode.ts'
import type { Egress } from './egress.ts'
import { Exchange, type AnswerHead } from './exchange.ts'
import { buildOutgoing, type OutgoingInput } from '../call/outgoing.ts'
import { projectBody } from '../call/project.ts'
import { guardBody } from '../call/request-body.ts'
import { responseHeaders } from '../call/response.ts'
import { Scrubber } from '../call/scrub.ts'
import { parseAuth, type Upstream } from '../call/upstream.ts'

export interface CallInput extends OutgoingInput {
  readonly egress: Egress
  readonly clock: Clock
  /** Not for GET and HEAD. A stream is read as the upstream takes it. */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array> | undefined
  /** The caller's Content-Length for a streamed body; unknown = sent in chunks. */
  readonly contentLength?: number | undefined
  /** Asked before that many more bytes of the response are held; throws to refuse them. */
  readonly reserve?: ((bytes: number) => void) | undefined
  /** Present = the granted scopes cover selected fields only. */
  readonly projection?: Projection | undefined
  /** See `ResponseHeaderInput.callerBase`; `/u/<upstream>` when not given. */
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

export interface CallAnswer {
  readonly status: number
  readonly headers: HeaderPairs
  /** Milliseconds from the start of the call to the upstream's headers. */
  readonly upstream_ms: number
  /** To be read once. Ends by throwing a `RequestError` when the answer is not whole. */
  readonly body: AsyncIterable<Uint8Array>
  /** Gives the answer up, read or not; destroys the upstream's socket. */
  cancel(): void
  /** Settles when the body has been read, has failed, was given up or the signal aborted. Never rejects. */
  readonly finished: Promise<CallOutcome>
}

/**
 * Makes one call to an upstream with the real key. Rejects with a `RequestError` (most often `GatewayCallError`) when there
 * is no answer to hand on; every status but 401 and 407 is an answer.
 */
export async function callUpstream(input: CallInput): Promise<CallAnswer> {
  const { upstream, clock } = input
  const request = buildOutgoing(input)
  const body = requestBody(input, request.headers)
  const pool = input.egress.poolFor(upstream)
  const exchange = new Exchange({
    upstreamName: upstream.name,
    clock,
    timeoutMs: upstream.timeout * 1000,
    idleTimeoutMs: upstream.idle_timeout * 1000,
    whyNotSend: () => whyNotSend(input),
  })
  const stopListening = endOnAbort(input.signal, exchange)
  try {
    const startedMs = clock.monotonic()
    throwIfEnded(input)
    const head = await exchange.send(pool, request, body)
    const upstreamMs = clock.monotonic() - startedMs
    throwIfEnded(input)
    const answer = await shapeAnswer(input, { head, exchange, requestUrl: request.publicUrl, upstreamMs })
    void answer.finished.then(stopListening)
    return answer
  } catch (error) {
    stopListening()
    exchange.fail(error as Error)
    throw error
  }
}

function endOnAbort(signal: AbortSignal, exchange: Exchange): () => void {
  const onAbort = () => {
    exchange.fail(endReason(signal))
  }
  signal.addEventListener('abort', onAbort, { once: true })
  return () => {
    signal.removeEventListener('abort', onAbort)
  }
}

const endReason = (signal: AbortSignal): RequestError =>
  signal.reason instanceof RequestError ? signal.reason : new GatewayCallError('call_ended', 'the call was ended')

function whyEnded({ signal, stillFresh }: CallInput): RequestError | undefined {
  if (signal.aborted) return endReason(signal)
  return stillFresh()
    ? undefined
    : new GatewayCallError('stale', 'the gateway can no longer vouch for this session; try again')
}

function whyNotSend(input: CallInput): RequestError | undefined {
  const ended = whyEnded(input)
  if (ended) return ended
  if (input.keyStillVouched?.() === false)
    return new GatewayCallError('stale', 'the gateway can no longer vouch for the upstream key; try again')
  return input.whyNotBegin?.()
}

function throwIfEnded(input: CallInput): void {
  const reason = whyEnded(input)
  if (reason) throw reason
}

/** The body to send, or null for none; adds its length to `headers` where it is known. */
function requestBody(input: CallInput, headers: string[]): Uint8Array | AsyncIterable<Uint8Array> | null {
  const {
    body,
    match: {
      operation: { method },
    },
    upstream,
  } = input
  const length = body instanceof Uint8Array ? body.length : input.contentLength
  if (body === undefined || length === 0) return null
  if (method === 'GET' || method === 'HEAD')
    throw badRequest(`a ${method} request takes no body; send parameters in the query, for example ?limit=3`)
  if (length !== undefined && length > upstream.max_request_bytes) throw tooLarge(upstream)
  if (!(body instanceof Uint8Array) && length !== undefined) headers.push('content-length', String(length))
  const check = () => {
    throwIfEnded(input)
  }
  return guardBody(body, {
    maxBytes: upstream.max_request_bytes,
    tooLarge: () => tooLarge(upstream),
    callerToken: input.callerToken,
    check,
  })
}

const tooLarge = (upstream: Upstream): RequestError =>
  new RequestError(
    'too_large',
    `the request body is longer than upstream ${upstream.name} takes (max_request_bytes ${String(upstream.max_request_bytes)})`,
  )

interface Received {
  readonly head: AnswerHead
  readonly exchange: Exchange
  readonly requestUrl: URL
  readonly upstreamMs: number
}

async function shapeAnswer(input: CallInput, received: Received): Promise<CallAnswer> {
  const {
    upstream,
    projection,
    match: {
      operation: { method },
    },
  } = input
  const {
    head: { status, headers },
    exchange,
  } = received
  if (status === 401 || status === 407)
    throw new GatewayCallError(
      'upstream_unauthorized',
      `upstream ${upstream.name} refused the gateway's key (${String(status)})`,
    )
  // Never asked for: Range is not passed on.
  if (status === 206)
    throw new GatewayCallError(
      'upstream_invalid_response',
      `upstream ${upstream.name} answered with a part that was not asked for`,
    )
  // RFC 9110, 15.3.6: a 205 has no content. Some clients read what one brings all the same.
  if (status === 205 && method !== 'HEAD' && !(await exchange.next()).done)
    throw new GatewayCallError('upstream_invalid_response', `upstream ${upstream.name} sent a body where none may be`)
  const bodyless = method === 'HEAD' || status === 204 || status === 205 || status === 304
  const encoding = bodyless ? 'identity' : encodingOf(upstream.name, headers)
  const plain = encoding === 'identity' ? exchange : decode(upstream.name, encoding, exchange)
  const matcher = input.key?.matcher
  const shaped = responseHeaders({
    upstream,
    auth: parseAuth(upstream),
    headers,
    requestUrl: received.requestUrl,
    callerBase: input.callerBase ?? `/u/${upstream.name}`,
    projected: projection !== undefined,
    untouched: !projection && encoding === 'identity' && (method === 'HEAD' || (!bodyless && !matcher)),
    matcher,
  })
  const delivery = new Delivery(input, received.upstreamMs, shaped.hits, exchange)
  if (!projection || bodyless) return delivery.answer(status, shaped.headers, plain)
  const maxBytes = upstream.max_response_bytes
  const body = await projectBody({
    upstreamName: upstream.name,
    status,
    contentType: headers['content-type'],
    body: plain,
    maxBytes,
    projection,
    reserve: input.reserve,
  })
  // A replaced body leaves the upstream's own unread.
  if (status < 200 || status > 299)
    exchange.fail(new GatewayCallError('call_ended', 'the answer was not read to its end'))
  throwIfEnded(input)
  const typed: HeaderPairs = body ? [...shaped.headers, ['content-type', 'application/json']] : shaped.headers
  return delivery.answer(status, typed, body ? [body] : [])
}

const resultOf = (error: unknown): CallOutcome['result'] => (error instanceof GatewayCallError ? error.code : 'error')

/** Hands the body out chunk by chunk: scrubbed, counted, and only while the call may go on. */
class Delivery {
  readonly #input: CallInput
  readonly #upstreamMs: number
  readonly #exchange: Exchange
  readonly #finished: Promise<CallOutcome>
  #settle!: (outcome: CallOutcome) => void
  #echoes: number
  #bytes = 0

  constructor(input: CallInput, upstreamMs: number, headerEchoes: number, exchange: Exchange) {
    this.#input = input
    this.#upstreamMs = upstreamMs
    this.#echoes = headerEchoes
    this.#exchange = exchange
    this.#finished = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  answer(status: number, headers: HeaderPairs, source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): CallAnswer {
    const chunks = this.#deliver(source)
    // A generator that was never started, or is waiting, does not run its `finally` when it is given up.
    const body: AsyncIterableIterator<Uint8Array, undefined> = {
      next: () => chunks.next(),
      return: () => {
        this.#abandon()
        return chunks.return(undefined)
      },
      [Symbol.asyncIterator]: () => body,
    }
    const { signal } = this.#input
    const onAbort = () => {
      this.#finish(resultOf(endReason(signal)))
    }
    signal.addEventListener('abort', onAbort, { once: true })
    void this.#finished.then(() => {
      signal.removeEventListener('abort', onAbort)
    })
    return {
      status,
      headers,
      upstream_ms: this.#upstreamMs,
      body,
      cancel: () => {
        this.#abandon()
      },
      finished: this.#finished,
    }
  }

  #finish(result: CallOutcome['result']): void {
    this.#settle({ bytes: this.#bytes, result, upstream_ms: this.#upstreamMs, key_echoes: this.#echoes })
  }

  #abandon(): void {
    this.#exchange.fail(new GatewayCallError('call_ended', 'the answer was given up'))
    this.#finish('abandoned')
  }

  async *#deliver(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array, undefined> {
    const matcher = this.#input.key?.matcher
    const scrubber = matcher && new Scrubber(matcher)
    const headerEchoes = this.#echoes
    try {
      for await (const chunk of source) {
        const out = scrubber ? scrubber.push(chunk) : chunk
        if (out.length > 0) yield this.#handOut(out)
      }
      const rest = scrubber?.flush()
      if (rest && rest.length > 0) yield this.#handOut(rest)
      throwIfEnded(this.#input)
      this.#echoes = headerEchoes + (scrubber?.hits ?? 0)
      this.#finish('complete')
    } catch (error) {
      this.#exchange.fail(error as Error)
      this.#echoes = headerEchoes + (scrubber?.hits ?? 0)
      this.#finish(resultOf(error))
      throw error
    } finally {
      this.#abandon()
    }
    return undefined
  }

  #handOut(bytes: Uint8Array): Uint8Array {
    throwIfEnded(this.#input)
    this.#bytes += bytes.length
    return bytes
  }
}
