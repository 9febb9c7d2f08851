import { ChunkedBody } from './chunked-body.ts'
import { readFieldLines } from './field-lines.ts'
import { refuseFraming } from './framing.ts'
import { Section } from './section.ts'

const LARGEST_TRAILERS = 8 * 1024
const LF = 10
const CR = 13
const lineEnd = Buffer.from('\r\n')
const noTrailers: readonly string[] = Object.freeze([])

/** A body whose framing tells where it ends (RFC 9112, 6.2 and 7.1). One for each connection, begun again and again. */
export class FramedBody {
  readonly #chunks = new ChunkedBody()
  readonly #trailerSection = new Section(LARGEST_TRAILERS)
  #chunked = false
  #inTrailers = false
  #left = 0
  /** All of it has been read. */
  over = true
  /** Names, in lower case, and values in turn; once it is over. */
  trailers: readonly string[] = noTrailers

  beginLength(bytes: number): void {
    this.#chunked = false
    this.#left = bytes
    this.over = bytes === 0
    this.trailers = noTrailers
  }

  beginChunked(): void {
    this.#chunked = true
    this.#chunks.begin()
    this.#inTrailers = false
    this.over = false
    this.trailers = noTrailers
  }

  /** Reads on from `at`, one piece of data at most, and returns where it stopped. Throws MessageError. */
  read(bytes: Buffer, at: number, sink: { onData(chunk: Buffer): void }): number {
    return this.#chunked ? this.#readChunked(bytes, at, sink) : this.#readLength(bytes, at, sink)
  }

  #readLength(bytes: Buffer, at: number, sink: { onData(chunk: Buffer): void }): number {
    const until = Math.min(bytes.length, at + this.#left)
    this.#left -= until - at
    this.over = this.#left === 0
    sink.onData(at === 0 && until === bytes.length ? bytes : bytes.subarray(at, until))
    return until
  }

  #readChunked(bytes: Buffer, at: number, sink: { onData(chunk: Buffer): void }): number {
    if (this.#inTrailers) return this.#readTrailers(bytes, at)
    const chunks = this.#chunks
    const next = chunks.advance(bytes, at)
    if (chunks.last) {
      if (bytes[next] === CR && bytes[next + 1] === LF) {
        this.over = true
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
    sink.onData(bytes.subarray(next, until))
    return until
  }

  #readTrailers(bytes: Buffer, at: number): number {
    const next = this.#trailerSection.take(bytes, at)
    if (next < 0) return bytes.length
    if (this.#trailerSection.end > 2) {
      const fields: string[] = []
      readFieldLines(this.#trailerSection.text, 2, this.#trailerSection.end, fields)
      refuseFraming(fields)
      this.trailers = fields
    }
    this.#trailerSection.clear()
    this.over = true
    return next
  }
}
