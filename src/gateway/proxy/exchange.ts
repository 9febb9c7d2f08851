import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher, Pool } from 'undici'
import type { Clock } from '../../logical/clock.ts'
import { RequestError } from '../../logical/errors.ts'
import { GatewayCallError, plainCause } from '../call/call-error.ts'
import type { OutgoingRequest } from '../call/outgoing.ts'
import { WaitBudget } from './wait-budget.ts'

/** Bytes read ahead of the consumer before the upstream's socket is paused. */
const READ_AHEAD = 128 * 1024

const isEventStream = (headers: IncomingHttpHeaders): boolean =>
  /^text\/event-stream[\t ]*(?:;|$)/i.test(headers['content-type'] ?? '')

export interface ExchangeOptions {
  readonly upstreamName: string
  readonly clock: Clock
  /** Longest time without progress, from the start until the response's headers: connecting, taking the body, answering. */
  readonly timeoutMs: number
  /** Longest wait for the next bytes of the body, counted while somebody waits for them. */
  readonly idleTimeoutMs: number
  /** Asked in the instant before the request's first byte is written: a reason not to send it. */
  readonly whyNotSend: () => Error | undefined
}

export interface UpstreamResponseHead {
  readonly status: number
  readonly headers: IncomingHttpHeaders
}

/**
 * One request and its response on one pooled connection. The response's body is read by iterating over the exchange, once;
 * `fail` ends it at any time: queued bytes are dropped, the socket is destroyed, waiting readers get the reason.
 */
export class UpstreamExchange implements Dispatcher.DispatchHandler, AsyncIterableIterator<Uint8Array, undefined> {
  readonly #options: ExchangeOptions
  readonly #budget: WaitBudget
  readonly #head: Promise<UpstreamResponseHead>
  #settleHead!: { resolve: (head: UpstreamResponseHead) => void; reject: (error: Error) => void }
  #controller: Dispatcher.DispatchController | undefined
  #queue: Uint8Array[] = []
  #queuedBytes = 0
  #answered = false
  #ended = false
  #failure: Error | undefined
  #waiter:
    { resolve: (result: IteratorResult<Uint8Array, undefined>) => void; reject: (error: Error) => void } | undefined
  #cancelTimer: () => void = () => undefined

  constructor(options: ExchangeOptions) {
    this.#options = options
    // Both together, so that one long wait of either kind is judged by its own limit alone.
    this.#budget = new WaitBudget(options.clock, options.timeoutMs + options.idleTimeoutMs)
    this.#head = new Promise((resolve, reject) => {
      this.#settleHead = { resolve, reject }
    })
    // A failure is also told to readers of the body; nobody is forced to wait for the head.
    this.#head.catch(() => undefined)
  }

  /** Sends the request; resolves with the final response's head. Interim (1xx) answers are dropped. */
  send(
    pool: Pool,
    request: OutgoingRequest,
    body: AsyncIterable<Uint8Array> | Uint8Array | null,
  ): Promise<UpstreamResponseHead> {
    this.#waitForHead()
    const payload = body === null || body instanceof Uint8Array ? body : this.#upload(body)
    const options = {
      origin: request.origin,
      path: request.path,
      method: request.method,
      headers: request.headers,
      body: payload,
    }
    try {
      // undici takes any async iterable; its type says Readable.
      pool.dispatch(options as Dispatcher.DispatchOptions, this)
    } catch (error) {
      this.fail(
        new GatewayCallError(
          'upstream_misconfigured',
          `the request to upstream ${this.#options.upstreamName} could not be built`,
          { cause: plainCause(error) },
        ),
      )
    }
    return this.#head
  }

  fail(error: Error): void {
    if (this.#failure) return
    this.#failure = error
    this.#queue = []
    this.#queuedBytes = 0
    this.#stopWaiting()
    this.#settleHead.reject(error)
    this.#waiter?.reject(error)
    this.#waiter = undefined
    this.#controller?.abort(error)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (!this.#failure) {
      const reason = this.#options.whyNotSend()
      if (reason) this.fail(reason)
    } else controller.abort(this.#failure)
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return
    this.#answered = true
    // Events come when they happen; such a response ends with its session.
    if (isEventStream(headers)) this.#budget.lift()
    this.#stopWaiting()
    this.#settleHead.resolve({ status, headers })
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#failure || chunk.length === 0) return
    this.#budget.moved(chunk.length)
    if (this.#waiter) {
      this.#stopWaiting()
      const { resolve } = this.#waiter
      this.#waiter = undefined
      resolve({ done: false, value: chunk })
      return
    }
    this.#queue.push(chunk)
    this.#queuedBytes += chunk.length
    if (this.#queuedBytes >= READ_AHEAD) controller.pause()
  }

  /** Trailers are not passed on. */
  onResponseEnd(): void {
    this.#ended = true
    this.#stopWaiting()
    this.#waiter?.resolve({ done: true, value: undefined })
    this.#waiter = undefined
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(this.#explain(error))
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#failure) return Promise.reject(this.#failure)
    const chunk = this.#queue.shift()
    if (chunk) {
      this.#queuedBytes -= chunk.length
      if (this.#queuedBytes < READ_AHEAD / 2 && this.#controller?.paused) this.#controller.resume()
      return Promise.resolve({ done: false, value: chunk })
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined })
    const { upstreamName, idleTimeoutMs } = this.#options
    this.#arm(idleTimeoutMs, `upstream ${upstreamName} stopped in the middle of its response`)
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject }
    })
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (!this.#ended || this.#queue.length > 0)
      this.fail(new GatewayCallError('call_ended', 'the response was not read to its end'))
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** While the caller's next bytes are awaited, no time runs against the upstream. */
  async *#upload(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    if (!this.#answered) this.#stopWaiting()
    for await (const chunk of body) {
      if (this.#failure) throw this.#failure
      if (!this.#answered) this.#waitForHead()
      yield chunk
      this.#budget.moved(chunk.length)
      if (!this.#answered) this.#stopWaiting()
    }
    if (!this.#answered) this.#waitForHead()
  }

  #waitForHead(): void {
    this.#arm(this.#options.timeoutMs, `upstream ${this.#options.upstreamName} did not respond in time`)
  }

  /** Waits for the upstream: `ms` at most, and no longer than is left of the whole call's budget. */
  #arm(ms: number, message: string): void {
    this.#stopWaiting()
    if (this.#failure) return
    const leftMs = this.#budget.start()
    this.#cancelTimer = this.#options.clock.after(Math.min(ms, leftMs), () => {
      this.fail(leftMs < ms ? this.#tooSlow() : new GatewayCallError('upstream_timeout', message))
    })
  }

  #stopWaiting(): void {
    this.#cancelTimer()
    this.#budget.stop()
  }

  #tooSlow(): GatewayCallError {
    const { upstreamName, timeoutMs, idleTimeoutMs } = this.#options
    const seconds = String((timeoutMs + idleTimeoutMs) / 1000)
    return new GatewayCallError(
      'upstream_too_slow',
      `upstream ${upstreamName} was waited for longer than ${seconds} s (timeout and idle_timeout together) and 1 s per KiB that moved`,
    )
  }

  #explain(error: Error): Error {
    if (error instanceof RequestError) return error
    const { upstreamName } = this.#options
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (
      this.#answered ||
      error.name === 'HTTPParserError' ||
      code === 'UND_ERR_HEADERS_OVERFLOW' ||
      code.startsWith('UND_ERR_RES_')
    ) {
      return new GatewayCallError(
        'upstream_invalid_response',
        `upstream ${upstreamName} broke off its response or violated HTTP`,
        { cause: plainCause(error) },
      )
    }
    return new GatewayCallError(
      'upstream_unreachable',
      `upstream ${upstreamName} closed the connection without a response`,
      { cause: plainCause(error) },
    )
  }
}
