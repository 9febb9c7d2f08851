import { introduces } from './escape.ts'
import { ANY_SHIFT, ESCAPE, firstOf, MAY_BE_FIRST_SHIFT, pairsOf, PLAIN, type Head } from './pairs.ts'
import { found, findSigns, LARGEST_PIECE } from './sign-search.ts'
import { FOLLOWING_PAIRS, SIGN_LENGTH, signsOf, type Signs } from './signs.ts'

/** Shorter texts are read byte by byte: to search them with vectors costs more. */
const FEWEST_FOR_VECTORS = 64
/** Behind a head that was found there may be more nearby, so that little is searched at first. */
const FIRST_PIECE = 256
/** A sign that begins within so many bytes of the end of a piece is found in the next one. */
const OVERLAP = SIGN_LENGTH - 1

/**
 * Finds the places of a text where the head of a pattern may stand, in whatever spelling: runs of pairs as long as a head. Only
 * where a sign stands that every head has one of is such a run looked for.
 */
export class HeadScan {
  readonly #pairs: Uint8Array
  readonly #headLength: number
  readonly #begins: Uint8Array
  readonly #signs: Signs

  /** `begins`: by byte, 1 where a pattern may begin with it. */
  constructor(heads: readonly Head[], begins: Uint8Array) {
    this.#pairs = pairsOf(heads)
    this.#headLength = Math.min(...heads.map(({ bytes }) => bytes.length))
    this.#begins = begins
    this.#signs = signsOf(heads)
  }

  isPair(first: number, second: number): boolean {
    return this.#pairs[(second << 8) | first] !== 0
  }

  /** Whether a pattern may begin with the two, in whatever spelling. */
  mayBegin(first: number, second: number): boolean {
    return ((this.#pairs[(second << 8) | first]! >> MAY_BE_FIRST_SHIFT) & 1) === 1
  }

  /**
   * Where the first run begins that may hold a head, from `from` on, or else the one that the bytes end in if a pattern may
   * begin in it; the length of `bytes` when there is none. No escape may be under way at `from`.
   */
  next(bytes: Uint8Array, from: number): number {
    const end = bytes.length
    const run = end - from < FEWEST_FOR_VECTORS ? this.#runWithin(bytes, from, end) : this.#search(bytes, from)
    if (run < end) return run
    let start = from < end - 1 ? this.#runStart(bytes, from, end - 2) : from
    while (start < end && this.#begins[bytes[start]!] === 0) start += 1
    return start
  }

  /** Whether a head may stand in the first `end` of `bytes`, which are a whole text. */
  isWithin(bytes: Uint8Array, end: number): boolean {
    return this.#runWithin(bytes, 0, end) < end
  }

  #search(bytes: Uint8Array, from: number): number {
    const end = bytes.length
    // No head that begins before it reaches what comes after it.
    let left = from
    let size = from === 0 ? LARGEST_PIECE : FIRST_PIECE
    for (let piece = from; piece < end - OVERLAP; piece += size - OVERLAP) {
      if (piece > from) size = Math.min(4 * size, LARGEST_PIECE)
      const to = Math.min(piece + size, end)
      const count = this.#keepFollowed(bytes, piece, findSigns(this.#signs, bytes, piece, to))
      for (let i = 0; i < count; i++) {
        const at = piece + found[i]!
        if (at < left || at >= end - 1) continue
        const start = this.#pairsStart(bytes, left, at)
        left = start < 0 ? at + 1 : this.#pairsEnd(bytes, at)
        if (start < 0) continue
        const run = this.#runWithin(bytes, start, left)
        if (run < left) return run
      }
    }
    return end
  }

  /** Keeps of the signs that were found those that pairs follow, without a branch; returns how many. */
  #keepFollowed(bytes: Uint8Array, piece: number, foundCount: number): number {
    const pairs = this.#pairs
    const last = bytes.length - 1 - FOLLOWING_PAIRS
    let count = 0
    for (let i = 0; i < foundCount; i++) {
      const offset = found[i]!
      const at = piece + offset
      found[count] = offset
      if (at > last) {
        count++
        continue
      }
      const [second, third, fourth, fifth] = [bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!, bytes[at + 4]!]
      const first = pairs[(second << 8) | bytes[at]!]! & pairs[(third << 8) | second]!
      const others =
        pairs[(fourth << 8) | third]! & pairs[(fifth << 8) | fourth]! & pairs[(bytes[at + 5]! << 8) | fifth]!
      count += (first & others) >> ANY_SHIFT
    }
    return count
  }

  /** Where the pairs begin that reach to `at`; -1 where an escape should have begun among them, and none did. */
  #pairsStart(bytes: Uint8Array, from: number, at: number): number {
    let isBegun = ((this.#pairs[(bytes[at + 1]! << 8) | bytes[at]!]! >> MAY_BE_FIRST_SHIFT) & 1) === 1
    let start = at
    while (start > from && this.isPair(bytes[start - 1]!, bytes[start]!)) {
      start -= 1
      isBegun ||= introduces(bytes[start]!)
    }
    return isBegun ? start : -1
  }

  #pairsEnd(bytes: Uint8Array, at: number): number {
    let end = at + 2
    while (end < bytes.length && this.isPair(bytes[end - 1]!, bytes[end]!)) end += 1
    return end
  }

  /** Where the first run as long as a head begins between `from` and `to`; `to` when there is none. */
  #runWithin(bytes: Uint8Array, from: number, to: number): number {
    const span = this.#headLength - 2
    let left = from
    // From behind: the next run can only begin after the pair that ends this one.
    for (let right = from + span; right < to - 1; right = left + span) {
      const start = this.#runStart(bytes, left, right)
      if (start === left) return left
      left = start
    }
    return to
  }

  /** Where the longest run begins, from `left` on, that ends with the pair at `right`; behind `right` when there is none. */
  #runStart(bytes: Uint8Array, left: number, right: number): number {
    const pairs = this.#pairs
    let start = right + 1
    let may = PLAIN | ESCAPE
    for (let at = right; at >= left; at -= 1) {
      may = firstOf[(pairs[(bytes[at + 1]! << 8) | bytes[at]!]! << 2) | may]!
      if (may === 0) break
      // It begins with a character by itself, or with the first byte of an escape.
      if ((may & PLAIN) !== 0 || introduces(bytes[at]!)) start = at
    }
    return start
  }
}
