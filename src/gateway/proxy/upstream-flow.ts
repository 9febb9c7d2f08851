import { HttpClientError } from '../../http-client/index.ts'
import type { ClientExchange, ResponseHandler } from '../../http-client/index.ts'
import { buildOutgoing } from '../call/outgoing.ts'
import type { OutgoingRequest } from '../call/outgoing.ts'
import { isRedirect } from '../call/redirect.ts'
import { Scrubber } from '../call/scrub.ts'
import { ByteQueue, READ_AHEAD } from './byte-queue.ts'
import { hopHandler, noRedirects, redirectedRequest } from './follow-redirects.ts'
import { requestBody, stale } from './request-body.ts'
import { bodyNotAllowed, isEventStream, shapeResponse, shapeTrailers } from './shape-response.ts'
import type { ResponseShape } from './shape-response.ts'
import { explainedFailure, unbuildable } from './transport-failure.ts'
import { notRead } from './not-read.ts'
import { Patience } from './patience.ts'
import { ShortBody, transformedResponse } from './transformed-response.ts'
import type { TransformedResponse } from './transformed-response.ts'
import { Upload } from './upload.ts'
import type { CallSink, UpstreamCall } from './upstream-call.ts'

/**
 * One call to an upstream with the real key, from the request to the last byte of the response, which is handed on piece by piece: scrubbed,
 * counted, projected where only some fields may pass, and only while the call may go on. Every status but 401 and 407 is a
 * response. Everything happens in the callbacks of the connection; nothing is queued here but what has to be transformed.
 */
export class UpstreamFlow implements ResponseHandler {
  readonly #call: UpstreamCall
  readonly #sink: CallSink
  readonly #patience: Patience
  readonly #startedMs: number
  #request: OutgoingRequest | undefined
  #exchange: ClientExchange | undefined
  #shape: ResponseShape | undefined
  #scrubber: Scrubber | undefined
  /** Where the body has to be projected, as long as it is short. */
  #short: ShortBody | undefined
  /** Where the body has to be transformed as it comes. */
  #inflow: ByteQueue | undefined
  #transformed: TransformedResponse | undefined
  /** What follows a body that goes out as it came. */
  #trailers: readonly string[] = []
  #headerEchoes = 0
  /** Hosts that redirects were followed to: what is heard of the one before the last counts no more. */
  #redirects = noRedirects
  #paused = false
  #over = false
  #resumed: (() => void) | undefined
  #upload: Upload | undefined
  /** Body bytes handed out. */
  bytes = 0
  /** Milliseconds from the start of the call to the upstream's headers. */
  upstreamMs = 0

  constructor(call: UpstreamCall, sink: CallSink) {
    this.#call = call
    this.#sink = sink
    const { clock, upstream, egress } = call
    this.#patience = new Patience({ upstream, clock, deadlines: egress.deadlines, onLate: this.fail.bind(this) })
    this.#startedMs = clock.monotonic()
  }

  /** Places in which the upstream had echoed the key. */
  get echoes(): number {
    return this.#headerEchoes + (this.#scrubber?.matches ?? 0) + (this.#transformed?.matches?.() ?? 0)
  }
  /** What the record says of redirects. */
  get redirected(): { readonly redirects?: readonly string[] } {
    return this.#redirects.length === 0 ? {} : { redirects: this.#redirects }
  }
  /** Nothing will be heard of it any more. */
  get isOver(): boolean {
    return this.#over
  }

  /** Sends the request. What is wrong with it is thrown; what goes wrong later is told to the sink. */
  start(): void {
    const { upstream, egress, contentLength } = this.#call
    try {
      const outgoing = buildOutgoing(this.#call)
      this.#request = outgoing
      const { method, path, headers } = outgoing
      const body = requestBody(this.#call)
      const isStream = body !== null && !(body instanceof Uint8Array)
      const pool = egress.poolFor(upstream)
      this.#patience.waitForHead()
      this.#exchange = pool.send({ method, path, headers, body: isStream ? 'stream' : body, contentLength }, this)
      if (isStream) this.#upload = new Upload(this.#exchange, this.#patience, body, this)
    } catch (error) {
      this.#stop()
      throw error instanceof HttpClientError ? unbuildable(upstream, error) : error
    }
  }

  /** The sink takes more again. */
  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#resumed?.()
    this.#resumed = undefined
    if (this.#over || this.#inflow) return
    this.#exchange?.resume()
    this.#patience.waitForBytes()
  }

  /** Ends the call at any time: its connection is destroyed, and the sink gets the reason. */
  fail(error: Error): void {
    if (this.#over) return
    this.#stop()
    this.#exchange?.abort(error)
    this.#inflow?.fail(error)
    this.#sink.failed(error)
  }

  whyNotSend(): Error | undefined {
    return this.#over ? notRead : this.#call.permit.whyNotSend()
  }

  onHead(status: number, headers: readonly string[], hop = 0): void {
    if (this.#over || hop !== this.#redirects.length) return
    try {
      this.#patience.stop()
      this.upstreamMs = this.#call.clock.monotonic() - this.#startedMs
      this.#requireFresh()
      if (isRedirect(status) && this.#follow(headers)) return
      const shape = shapeResponse(this.#call, this.#request!, status, headers)
      // Events come when they happen; such a response ends with its session.
      if (isEventStream(shape.contentType)) this.#patience.lift()
      this.#begin(shape)
    } catch (error) {
      this.fail(error as Error)
    }
  }

  onData(chunk: Uint8Array, hop = 0): void {
    if (this.#ignores(hop) || chunk.length === 0) return
    this.#patience.moved(chunk.length)
    this.#patience.stop()
    try {
      if (this.#short?.push(chunk) === true) this.#patience.waitForBytes()
      else if (this.#short ?? this.#inflow) this.#queue(chunk)
      else {
        if (this.#shape?.body === 'none') throw bodyNotAllowed(this.#call)
        this.#handOut(this.#scrubbed(chunk))
        if (!this.#paused) this.#patience.waitForBytes()
      }
    } catch (error) {
      this.fail(error as Error)
    }
  }

  onEnd(trailers: readonly string[], hop = 0): void {
    if (this.#ignores(hop)) return
    this.#patience.stop()
    if (this.#inflow) {
      this.#trailers = trailers
      this.#inflow.end()
      return
    }
    try {
      if (this.#short) this.#handOutShort(this.#short)
      else if (this.#shape?.body === 'none') this.#sendHead(this.#shape)
      this.#complete(this.#short ? [] : trailers)
    } catch (error) {
      this.fail(error as Error)
    }
  }

  onError(error: Error, hop = 0): void {
    if (!this.#ignores(hop)) this.fail(explainedFailure(this.#call.upstream, error, this.#shape !== undefined))
  }

  onDrain(): void {
    this.#upload?.drained()
  }

  /** The connection is given up, or is that of an earlier hop: what is heard of it counts no more. */
  #ignores(hop: number): boolean {
    return this.#over || hop !== this.#redirects.length || this.#shape?.body === 'withheld'
  }

  /** Asks elsewhere, where the upstream's document lets a redirect be followed; false = it is handed on. */
  #follow(headers: readonly string[]): boolean {
    const next = redirectedRequest(this.#call, this.#request!, headers, this.#redirects.length)
    if (!next) return false
    const { request, upstream } = next
    const { method, path } = request
    this.#request = request
    this.#redirects = [...this.#redirects, new URL(request.publicUrl).hostname]
    this.#exchange?.abort(notRead)
    this.#patience.waitForHead()
    const handler = hopHandler(this, this.#redirects.length)
    const pool = this.#call.egress.poolFor(upstream)
    this.#exchange = pool.send({ method, path, headers: request.headers, body: null }, handler)
    return true
  }

  #begin(shape: ResponseShape): void {
    this.#shape = shape
    this.#upload?.responseBegun()
    this.#headerEchoes = shape.echoes
    const matcher = this.#call.key?.matcher
    if (matcher) this.#scrubber = new Scrubber(matcher)
    this.#short = ShortBody.of(this.#call, shape)
    if (this.#short) this.#patience.waitForBytes()
    else if (shape.body === 'withheld') {
      void this.#transform(shape)
      this.#exchange?.abort(notRead)
    } else if (shape.body === 'projected' || shape.encoding !== 'identity') void this.#transform(shape)
    else {
      if (shape.body !== 'none') this.#sendHead(shape)
      if (!this.#paused) this.#patience.waitForBytes()
    }
  }

  /** For what transforms the body as it comes, which begins where it turns out not to be short. */
  #queue(chunk: Uint8Array): void {
    if (this.#short) {
      const { chunks } = this.#short
      this.#short = undefined
      void this.#transform(this.#shape!)
      for (const before of chunks) this.#inflow?.push(before)
    }
    if (this.#inflow?.push(chunk) === false) this.#exchange?.pause()
  }

  #handOutShort(short: ShortBody): void {
    const { shape, body } = short.whole(this.#call, this.#shape!)
    this.#requireFresh()
    this.#sendHead(shape)
    this.#handOut(this.#scrubbed(body))
  }

  /** What cannot be handed on as it comes. */
  async #transform(shape: ResponseShape): Promise<void> {
    const inflow = new ByteQueue(READ_AHEAD, {
      waiting: () => {
        this.#patience.waitForBytes()
      },
      room: () => {
        this.#exchange?.resume()
      },
    })
    this.#inflow = inflow
    try {
      this.#transformed = await transformedResponse(this.#call, shape, inflow)
      const { shape: final, pieces } = this.#transformed
      if (this.#over) return
      this.#requireFresh()
      this.#sendHead(final)
      for await (const piece of pieces) {
        if (this.#over) return
        this.#handOut(this.#scrubbed(piece))
        if (this.#paused)
          await new Promise<void>((resolve) => {
            this.#resumed = resolve
          })
      }
      if (!this.#over) this.#complete(final.body === 'searched' ? this.#trailers : [])
    } catch (error) {
      this.fail(error as Error)
    }
  }

  #sendHead({ status, headers }: ResponseShape): void {
    this.#sink.head({ status, headers, upstream_ms: this.upstreamMs })
  }

  #scrubbed(bytes: Uint8Array): Uint8Array {
    return this.#scrubber ? this.#scrubber.push(bytes) : bytes
  }

  #handOut(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#requireFresh()
    this.bytes += bytes.length
    if (this.#sink.data(bytes) || this.#paused || this.#over) return
    this.#paused = true
    if (!this.#inflow) this.#exchange?.pause()
  }

  #complete(trailers: readonly string[]): void {
    if (this.#scrubber) this.#handOut(this.#scrubber.flush())
    this.#requireFresh()
    this.#stop()
    this.#sink.end(shapeTrailers(this.#call, this.#request!.publicUrl, trailers))
  }

  #requireFresh(): void {
    if (!this.#call.permit.stillFresh()) throw stale()
  }

  #stop(): void {
    this.#over = true
    this.#patience.end()
    this.#resumed?.()
    this.#upload?.stop()
  }
}
