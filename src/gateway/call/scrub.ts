import { writeMarker } from './marker.ts'
import type { Matcher } from './matcher.ts'
import { Ranges } from './ranges.ts'
import { Readings } from './readings.ts'

const nothing = new Uint8Array(0)

/** One of each matcher that nobody reads with: most texts are clean, and making another costs more than searching one. */
const spare = new WeakMap<Matcher, Readings>()

function takeReadings(matcher: Matcher, found: Ranges): Readings {
  const readings = spare.get(matcher)
  spare.delete(matcher)
  return readings?.reuse(found) ?? new Readings(matcher, found)
}

/**
 * Replaces every occurrence of the patterns, however spelled, in a stream of chunks, however it is cut. Overlapping and touching
 * occurrences become one marker of their length; every other byte comes out unchanged and in order. Holds back only what may be
 * the beginning of an occurrence, and of a clean chunk nothing is copied.
 */
export class Scrubber {
  readonly #matcher: Matcher
  readonly #ranges = new Ranges()
  #readings: Readings | undefined
  #held: Uint8Array = nothing
  /** In the stream, of the first byte that was not handed out yet. */
  #offset = 0
  #matches = 0

  constructor(matcher: Matcher) {
    this.#matcher = matcher
  }

  /** Markers written so far. */
  get matches(): number {
    return this.#matches
  }

  /** Bytes that were pushed and not handed out yet: what they are depends on what follows. */
  get undecided(): number {
    return this.#held.length
  }

  /** The bytes that are safe to hand out; may be empty, and is a part of `chunk` itself when there is nothing to be replaced. */
  push(chunk: Uint8Array): Uint8Array {
    const held = this.#held.length
    const window = held === 0 ? chunk : Buffer.concat([this.#held, chunk])
    const base = this.#offset
    let at = held
    if (this.#readings) at = this.#readings.read(window, at, base)
    while ((at = this.#matcher.heads.next(window, at)) < window.length) {
      this.#readings ??= takeReadings(this.#matcher, this.#ranges)
      at = this.#readings.read(window, at, base)
    }
    if (!this.#readings) return this.#release(window, window.length)
    // A reading may go back to what was handed out: of that a marker stands there already.
    const boundary = Math.max(this.#readings.undecidedFrom(base + window.length) - base, 0)
    if (this.#readings.isIdle) {
      spare.set(this.#matcher, this.#readings)
      this.#readings = undefined
    }
    return this.#release(window, boundary)
  }

  /** The rest, at the end of the stream. */
  flush(): Uint8Array {
    if (this.#readings) spare.set(this.#matcher, this.#readings)
    this.#readings = undefined
    return this.#release(this.#held, this.#held.length)
  }

  #release(window: Uint8Array, boundary: number): Uint8Array {
    // A copy: the chunk belongs to the socket's read buffer.
    this.#held = boundary === window.length ? nothing : Uint8Array.from(window.subarray(boundary))
    const base = this.#offset
    this.#offset += boundary
    const replaced = this.#ranges.takeBefore(base + boundary)
    const clean = window.subarray(0, boundary)
    if (replaced.length === 0) return clean
    const bytes = Uint8Array.from(clean)
    for (const range of replaced) {
      const from = Math.max(range.start, base)
      writeMarker(bytes.subarray(from - base, range.end - base), from - range.start)
      if (!range.marked) this.#matches++
      range.marked = true
    }
    return bytes
  }
}

/** Where a header is looked through; longer ones get memory of their own. */
const scratch = Buffer.allocUnsafeSlow(4096)

/** A whole text of bytes at once, as latin1: names and values of headers. */
export function scrubHeader(matcher: Matcher, value: string): { value: string; matches: number } {
  if (value.length <= scratch.length) {
    scratch.write(value, 0, 'latin1')
    if (!matcher.heads.isWithin(scratch, value.length)) return { value, matches: 0 }
  }
  const scrubber = new Scrubber(matcher)
  const bytes = Buffer.concat([scrubber.push(Buffer.from(value, 'latin1')), scrubber.flush()])
  return { value: bytes.toString('latin1'), matches: scrubber.matches }
}
