import { MessageError, malformed } from './message-error.ts'

const LF = 10
const CR = 13
/** Most heads are shorter; a longer one takes the way of those that come in pieces. */
const FIRST_LOOK = 2048
const nothing = Buffer.alloc(0)
const END = Buffer.from('\r\n\r\n')

/** A head or trailer section, up to its empty line, in however many pieces it comes. */
export class Section {
  readonly #limit: number
  #bytes: Buffer = nothing
  #length = 0
  /** Once complete: the section, with something behind it perhaps. */
  text = ''
  /** Where in `text` its last line ends, CRLF included and the empty line not. */
  end = 0

  /** `limit`: bytes, the empty line included. */
  constructor(limit: number) {
    this.#limit = limit
  }

  /**
   * Takes bytes from `at` on; returns where the next thing begins, or -1 when all were taken and the section is not complete. Throws
   * `too_large`, and `malformed` for a line end other than CRLF, which might be waited for in vain.
   */
  take(bytes: Buffer, at: number): number {
    if (this.#length > 0) return this.#append(bytes, at)
    const look = Math.min(bytes.length, at + FIRST_LOOK, at + this.#limit)
    const found = bytes.indexOf(END, at)
    if (found < 0 || found + END.length > look) return this.#append(bytes, at)
    this.text = bytes.toString('latin1', at, found + 2)
    this.end = found + 2 - at
    return found + END.length
  }

  /** Whether all that has come so far is how `text` begins, or the other way round. Before completion only. */
  beginsLike(text: string): boolean {
    const length = Math.min(text.length, this.#length)
    return this.#bytes.toString('latin1', 0, length) === text.slice(0, length)
  }

  clear(): void {
    this.#bytes = nothing
    this.#length = 0
    this.text = ''
    this.end = 0
  }

  #append(bytes: Buffer, at: number): number {
    const before = this.#length
    const taken = Math.min(bytes.length - at, this.#limit - before)
    this.#room(before + taken)
    bytes.copy(this.#bytes, before, at, at + taken)
    this.#length += taken
    const known = this.#bytes.subarray(0, this.#length)
    const found = known.indexOf(END, Math.max(before - 3, 0))
    this.#checkLineEnds(before, found < 0 ? this.#length : found)
    if (found >= 0) {
      this.text = known.toString('latin1', 0, found + 2)
      this.end = found + 2
      return at + found + 4 - before
    }
    if (this.#length === this.#limit)
      throw new MessageError('too_large', `the head or the trailers exceed ${this.#limit} bytes`)
    return -1
  }

  #room(length: number): void {
    if (length <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.min(Math.max(length, 2 * this.#bytes.length, 512), this.#limit))
    this.#bytes.copy(larger, 0, 0, this.#length)
    this.#bytes = larger
  }

  #checkLineEnds(from: number, to: number): void {
    const bytes = this.#bytes
    for (let at = from; at < to; at++) {
      const lone = bytes[at] === LF ? at === 0 || bytes[at - 1] !== CR : at > 0 && bytes[at - 1] === CR
      if (lone) throw malformed('a line of the head does not end in CRLF')
    }
  }
}
