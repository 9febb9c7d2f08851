import { FramedBody, Section, malformed } from '../http-message/index.ts'
import { ReceivedHead } from './received-head.ts'
import { LARGEST_HEAD, noMethod } from './unreadable.ts'

const LF = 10
const CR = 13
/** In front of a request line; RFC 9112, 2.2, asks for one empty line at least. */
const MOST_LINE_ENDS = 8

export interface RequestSink {
  /** `head` is filled again with the next request. `isFollowed`: more than the head has come. */
  onHead(head: ReceivedHead, isFollowed: boolean): void
  onData(chunk: Buffer): void
  onEnd(trailers: readonly string[]): void
}

/** Reads the requests of one connection, a step at a time. Throws MessageError and UnreadableRequest; after that nothing may be read. */
export class RequestParser {
  readonly #sink: RequestSink
  readonly #head: ReceivedHead
  readonly #section = new Section(LARGEST_HEAD)
  readonly #body = new FramedBody()
  #inBody = false
  #inHead = false
  #lineEnds = 0

  /** `methods`: those that are known here. */
  constructor(sink: RequestSink, methods: ReadonlySet<string>) {
    this.#sink = sink
    this.#head = new ReceivedHead(methods)
  }

  /** A request's first byte has come, and its last has not. */
  get isUnderWay(): boolean {
    return this.#inHead || this.#inBody
  }

  /** Reads on from `at`: a head, or one piece of a body; returns where it stopped. */
  step(bytes: Buffer, at: number): number {
    if (!this.#inBody) return this.#readHead(bytes, at)
    const next = this.#body.read(bytes, at, this.#sink)
    if (this.#body.over) this.#finish()
    return next
  }

  #readHead(bytes: Buffer, at: number): number {
    const start = this.#inHead ? at : this.#skipLineEnds(bytes, at)
    if (start === bytes.length) return start
    this.#inHead = true
    const next = this.#section.take(bytes, start)
    if (next < 0) return bytes.length
    const head = this.#head
    head.read(this.#section.text, this.#section.end)
    this.#section.clear()
    this.#inHead = false
    this.#lineEnds = 0
    if (head.framing.chunked) this.#body.beginChunked()
    else this.#body.beginLength(Math.max(head.framing.contentLength, 0))
    this.#inBody = !this.#body.over
    this.#sink.onHead(head, next < bytes.length)
    if (this.#body.over) this.#finish()
    return next
  }

  /** What no method begins with is not waited for: a TLS handshake, for example. */
  #skipLineEnds(bytes: Buffer, from: number): number {
    let at = from
    while (at < bytes.length && (bytes[at] === CR || bytes[at] === LF))
      if (++this.#lineEnds > MOST_LINE_ENDS) throw malformed('there are too many empty lines before it')
      else at++
    if (at < bytes.length && !(bytes[at]! >= 65 && bytes[at]! <= 90)) throw noMethod()
    return at
  }

  #finish(): void {
    this.#inBody = false
    const { trailers } = this.#body
    if (trailers.length > 0) refuseOptions(trailers)
    this.#sink.onEnd(trailers)
  }
}

/** Whether another request may follow is told before the body; some readers believe what is said of it behind as well. */
function refuseOptions(trailers: readonly string[]): void {
  for (let i = 0; i < trailers.length; i += 2)
    if (trailers[i] === 'connection' || trailers[i] === 'proxy-connection')
      throw malformed('a trailer concerns the connection')
}
