import { invalidResponse } from './client-error.ts'
import { ChunkedBody } from './chunked-body.ts'
import { readFieldLines } from './field-lines.ts'
import { HeadReader } from './head-reader.ts'
import { Section } from './section.ts'

/** More than any server has reason to send before one response. */
const MOST_INTERIM_RESPONSES = 16
const LARGEST_TRAILERS = 8 * 1024
const LF = 10
const CR = 13
const lineEnd = Buffer.from('\r\n')
const noTrailers: readonly string[] = Object.freeze([])

/** Nothing is expected: before the first request, between two, and after `stop`. */
const QUIET = 0
const HEAD = 1
const LENGTH = 2
const CHUNKED = 3
const UNTIL_CLOSE = 4

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
  readonly #chunks = new ChunkedBody()
  readonly #headSection: Section
  readonly #trailerSection = new Section(LARGEST_TRAILERS)
  #phase = QUIET
  #headOnly = false
  #inTrailers = false
  #interim = 0
  #left = 0
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
    this.started = true
    let at = 0
    while (at < bytes.length) {
      switch (this.#phase) {
        case HEAD:
          at = this.#readHead(bytes, at)
          break
        case LENGTH:
          at = this.#readLength(bytes, at)
          break
        case CHUNKED:
          at = this.#readChunked(bytes, at)
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
        throw invalidResponse('the response does not begin with HTTP/1.1 or HTTP/1.0')
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
    if (head.status === 101) throw invalidResponse('the server switches protocols without having been asked to')
    // RFC 9110, 8.6, and RFC 9112, 6.1: neither field may be there, and who believes it reads on elsewhere.
    if (head.chunked || head.contentLength >= 0) throw invalidResponse('an interim response has a body')
    if (!head.persistent) throw invalidResponse('an interim response says that nothing follows it')
    if (++this.#interim > MOST_INTERIM_RESPONSES) throw invalidResponse('there are too many interim responses')
  }

  #deliverHead(nothingFollows: boolean): void {
    const head = this.#head
    const { status } = head
    const bodyless = this.#headOnly || status === 204 || status === 304
    if (bodyless) {
      // Some servers send a body all the same, after HEAD above all; it must not be read as the next response.
      if (this.#headOnly || head.chunked || head.contentLength > 0) head.persistent = false
      this.#left = 0
      this.#phase = LENGTH
    } else if (head.chunked) {
      this.#chunks.begin()
      this.#inTrailers = false
      this.#phase = CHUNKED
    } else if (head.contentLength >= 0) {
      this.#left = head.contentLength
      this.#phase = LENGTH
    } else this.#phase = UNTIL_CLOSE
    this.#sink.onHead(status, head.fields)
    if (this.#phase === LENGTH && this.#left === 0) this.#finish(nothingFollows, noTrailers)
  }

  #readLength(bytes: Buffer, at: number): number {
    const until = Math.min(bytes.length, at + this.#left)
    this.#left -= until - at
    this.#sink.onData(at === 0 && until === bytes.length ? bytes : bytes.subarray(at, until))
    if (this.#left === 0 && this.#phase === LENGTH) this.#finish(until === bytes.length, noTrailers)
    return until
  }

  #readChunked(bytes: Buffer, at: number): number {
    if (this.#inTrailers) return this.#readTrailers(bytes, at)
    const chunks = this.#chunks
    const next = chunks.advance(bytes, at)
    if (chunks.last) {
      if (bytes[next] === CR && bytes[next + 1] === LF) {
        this.#finish(next + 2 === bytes.length, noTrailers)
        return next + 2
      }
      this.#inTrailers = true
      // A section ends with an empty line; where it holds nothing else, the end of the line before is part of what is looked for.
      this.#trailerSection.clear()
      this.#trailerSection.take(lineEnd, 0)
      return next
    }
    const until = Math.min(bytes.length, next + chunks.left)
    if (until === next) return next
    chunks.take(until - next)
    this.#sink.onData(bytes.subarray(next, until))
    return until
  }

  #readTrailers(bytes: Buffer, at: number): number {
    const next = this.#trailerSection.take(bytes, at)
    if (next < 0) return bytes.length
    let trailers = noTrailers
    if (this.#trailerSection.end > 2) {
      const fields: string[] = []
      readFieldLines(this.#trailerSection.text, 2, this.#trailerSection.end, fields)
      refuseFraming(fields)
      trailers = fields
    }
    this.#trailerSection.clear()
    this.#finish(next === bytes.length, trailers)
    return next
  }

  #finish(nothingFollows: boolean, trailers: readonly string[]): void {
    this.#phase = QUIET
    this.reusable = nothingFollows && this.#head.persistent
    this.#sink.onEnd(trailers)
  }
}

/** RFC 9110, 6.5.1: framing is told before the body, never after it. */
function refuseFraming(trailers: readonly string[]): void {
  for (let i = 0; i < trailers.length; i += 2)
    if (trailers[i] === 'content-length' || trailers[i] === 'transfer-encoding')
      throw invalidResponse('a trailer concerns the framing of the response')
}
