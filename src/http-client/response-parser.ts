import { FramedBody, MessageError, Section, malformed } from '../http-message/index.ts'
import { HttpClientError } from './client-error.ts'
import { HeadReader } from './head-reader.ts'

/** More than any server has reason to send before one response. */
const MOST_INTERIM_RESPONSES = 16
const noTrailers: readonly string[] = Object.freeze([])

/** Nothing is expected: before the first request, between two, and after `stop`. */
const QUIET = 0
const HEAD = 1
const BODY = 2
const UNTIL_CLOSE = 3

/** What the responses of one connection come to; each method may call `stop`. */
export interface ResponseSink {
  onHead(status: number, fields: string[]): void
  onData(chunk: Buffer): void
  /** `reusable` says whether the connection is as it was before. */
  onEnd(trailers: readonly string[]): void
}

/**
 * Reads the responses of one connection, one for each `begin` (RFC 9112, 6.3). Errors are thrown as HttpClientError; after one, nothing
 * but `stop` may be called.
 */
export class ResponseParser {
  readonly #sink: ResponseSink
  readonly #head = new HeadReader()
  readonly #body = new FramedBody()
  readonly #headSection: Section
  #phase = QUIET
  #headOnly = false
  #interim = 0
  /** Some byte of the response to the latest request has come. */
  started = false
  /** At `onEnd`: the response ended by its framing, nothing followed it, and the server keeps the connection. */
  reusable = false

  constructor(sink: ResponseSink, maxHeadBytes: number) {
    this.#sink = sink
    this.#headSection = new Section(maxHeadBytes)
  }

  /** What `Keep-Alive: timeout` of the latest response promised, or -1. */
  get keepAliveSeconds(): number {
    return this.#head.keepAliveSeconds
  }

  /** A request is being sent. `headOnly`: its response has no body, whatever its fields say (HEAD). */
  begin(headOnly: boolean): void {
    this.#phase = HEAD
    this.#headOnly = headOnly
    this.#interim = 0
    this.started = false
    this.reusable = false
  }

  stop(): void {
    this.#phase = QUIET
  }

  read(bytes: Buffer): void {
    try {
      this.#read(bytes)
    } catch (error) {
      if (!(error instanceof MessageError)) throw error
      throw new HttpClientError(error.kind === 'too_large' ? 'head_too_large' : 'invalid_response', error.message)
    }
  }

  #read(bytes: Buffer): void {
    this.started = true
    let at = 0
    while (at < bytes.length) {
      switch (this.#phase) {
        case HEAD:
          at = this.#readHead(bytes, at)
          break
        case BODY:
          at = this.#body.read(bytes, at, this.#sink)
          // What took the data may have called `stop`.
          if (this.#body.over && this.#isInBody()) this.#finish(at === bytes.length, this.#body.trailers)
          break
        case UNTIL_CLOSE:
          this.#sink.onData(at === 0 ? bytes : bytes.subarray(at))
          return
        default:
          return
      }
    }
  }

  /** The server sends no more. True where that is how the response ends: then `onEnd` has been called. */
  close(): boolean {
    if (this.#phase !== UNTIL_CLOSE) return false
    this.#finish(false, noTrailers)
    return true
  }

  #readHead(bytes: Buffer, at: number): number {
    const next = this.#headSection.take(bytes, at)
    if (next < 0) {
      if (!this.#headSection.beginsLike('HTTP/1.'))
        throw malformed('the response does not begin with HTTP/1.1 or HTTP/1.0')
      return bytes.length
    }
    const head = this.#head
    head.read(this.#headSection.text, this.#headSection.end)
    this.#headSection.clear()
    if (head.status < 200) this.#dropInterim()
    else this.#deliverHead(next === bytes.length)
    return next
  }

  #dropInterim(): void {
    const head = this.#head
    if (head.status === 101) throw malformed('the server switches protocols without having been asked to')
    // RFC 9110, 8.6, and RFC 9112, 6.1: neither field may be there, and who believes it reads on elsewhere.
    if (head.framing.chunked || head.framing.contentLength >= 0) throw malformed('an interim response has a body')
    if (!head.persistent) throw malformed('an interim response says that nothing follows it')
    if (++this.#interim > MOST_INTERIM_RESPONSES) throw malformed('there are too many interim responses')
  }

  #deliverHead(nothingFollows: boolean): void {
    const head = this.#head
    const { status } = head
    const { chunked, contentLength } = head.framing
    const bodyless = this.#headOnly || status === 204 || status === 304
    this.#phase = BODY
    if (bodyless) {
      // Some servers send a body all the same, after HEAD above all; it must not be read as the next response.
      if (this.#headOnly || chunked || contentLength > 0) head.persistent = false
      this.#body.beginLength(0)
    } else if (chunked) this.#body.beginChunked()
    else if (contentLength >= 0) this.#body.beginLength(contentLength)
    else this.#phase = UNTIL_CLOSE
    this.#sink.onHead(status, head.fields)
    if (this.#isInBody() && this.#body.over) this.#finish(nothingFollows, noTrailers)
  }

  #isInBody(): boolean {
    return this.#phase === BODY
  }

  #finish(nothingFollows: boolean, trailers: readonly string[]): void {
    this.#phase = QUIET
    this.reusable = nothingFollows && this.#head.persistent
    this.#sink.onEnd(trailers)
  }
}
