import type { Matcher } from './matcher.ts'

/** What stands where the key stood. Fixed and unlikely to be anyone's data, so that a write-back of it can be refused. */
export const KEY_REMOVED = '[upstream key removed by gateway]'
const marker = Buffer.from(KEY_REMOVED, 'latin1')

interface Range {
  start: number
  end: number
  marked: boolean
}

/**
 * Removes every occurrence of the patterns from a stream of chunks, however it is cut. Overlapping and touching occurrences
 * become one marker; every other byte comes out unchanged and in order. Holds back only what may be the beginning of a
 * pattern, so at most the longest pattern less one byte.
 */
export class Scrubber {
  readonly #matcher: Matcher
  #state = 0
  #held: Uint8Array = new Uint8Array(0)
  /** Occurrences inside `#held`, ascending, apart from each other. */
  #ranges: Range[] = []
  #matches = 0

  constructor(matcher: Matcher) {
    this.#matcher = matcher
  }

  /** Markers written so far. */
  get matches(): number {
    return this.#matches
  }

  /** The bytes that are safe to hand out; may be empty, may share memory with `chunk`. */
  push(chunk: Uint8Array): Uint8Array {
    const window = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    this.#scan(chunk, window.length - chunk.length)
    return this.#release(window, window.length - this.#matcher.depth[this.#state]!)
  }

  /** The rest, at the end of the stream. */
  flush(): Uint8Array {
    this.#state = 0
    return this.#release(this.#held, this.#held.length)
  }

  #scan(chunk: Uint8Array, offset: number): void {
    const { columnOf, columns, next, longest } = this.#matcher
    let state = this.#state
    for (let i = 0; i < chunk.length; i++) {
      state = next[state * columns + columnOf[chunk[i]!]!]!
      const length = longest[state]!
      if (length !== 0) this.#cover(offset + i + 1 - length, offset + i + 1)
    }
    this.#state = state
  }

  /** Adds an occurrence. Ends only grow, so only the last ranges can touch it. */
  #cover(start: number, end: number): void {
    const range: Range = { start, end, marked: false }
    for (let last = this.#ranges.at(-1); last && last.end >= range.start; last = this.#ranges.at(-1)) {
      range.start = Math.min(range.start, last.start)
      range.marked ||= last.marked
      this.#ranges.pop()
    }
    this.#ranges.push(range)
  }

  #release(window: Uint8Array, boundary: number): Uint8Array {
    const ranges = this.#ranges
    // A copy: the chunk belongs to the socket's read buffer.
    this.#held = boundary === window.length ? new Uint8Array(0) : Uint8Array.from(window.subarray(boundary))
    if (ranges.length === 0) return window.subarray(0, boundary)
    const pieces: Uint8Array[] = []
    let from = 0
    this.#ranges = []
    for (const range of ranges) {
      if (range.start < boundary) {
        pieces.push(window.subarray(from, range.start))
        if (!range.marked) {
          pieces.push(marker)
          this.#matches++
        }
        from = Math.min(range.end, boundary)
        range.marked = true
      }
      // What touches the boundary stays, so that an occurrence that goes on there does not get a second marker.
      if (range.end >= boundary)
        this.#ranges.push({ ...range, start: Math.max(range.start - boundary, 0), end: range.end - boundary })
    }
    pieces.push(window.subarray(from, boundary))
    return Buffer.concat(pieces)
  }
}

/** A whole text of bytes at once, as latin1: header values. */
export function scrubHeader(matcher: Matcher, value: string): { value: string; matches: number } {
  const scrubber = new Scrubber(matcher)
  const bytes = Buffer.concat([scrubber.push(Buffer.from(value, 'latin1')), scrubber.flush()])
  return { value: bytes.toString('latin1'), matches: scrubber.matches }
}
