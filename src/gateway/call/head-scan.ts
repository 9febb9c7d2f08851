import { introduces } from './escape.ts'
import { ANY_SHIFT, ESCAPE, firstOf, MAY_BE_FIRST_SHIFT, PLAIN } from './pairs.ts'

/** Shorter texts are read byte by byte: a view of them costs more. */
const FEWEST_FOR_WORDS = 256
/** Words that are sampled before what they showed is looked at: few at first, because where there is one head there may be more. */
const FIRST_BLOCK = 8
const LARGEST_BLOCK = 1024

/** Words looked at on each side of a sampled one. */
const BESIDE = 3

/** Two bytes read at once are (second << 8 | first), as in the table of pairs. */
const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** Sampled words that may stand in a head. One for all scans, none of which waits. */
const sampled = new Int32Array(LARGEST_BLOCK + 4)

/**
 * Finds the places of a text where the head of a pattern may stand, in whatever spelling: runs of pairs as long as a head. Only
 * one word of two bytes is sampled out of as many as every head holds, and its neighbours only if it is a pair.
 */
export class HeadScan {
  readonly #pairs: Uint8Array
  readonly #headLength: number
  readonly #begins: Uint8Array
  /** Words that lie in a head however it is aligned. */
  readonly #stride: number
  /** The text that was looked at last, in words: it is looked at again behind each place that was found in it. */
  #bytes: Uint8Array | undefined
  #words: Uint16Array = new Uint16Array(0)

  /** `pairs`: see `pairsOf`. `begins`: by byte, 1 where a pattern may begin with it. */
  constructor(pairs: Uint8Array, headLength: number, begins: Uint8Array) {
    this.#pairs = pairs
    this.#headLength = headLength
    this.#begins = begins
    this.#stride = (headLength - 1) >> 1
  }

  isPair(first: number, second: number): boolean {
    return this.#pairs[(second << 8) | first] !== 0
  }

  /**
   * Where the first run begins that may hold a head, from `from` on, or else the one that the bytes end in if a pattern may
   * begin in it; the length of `bytes` when there is none. No escape may be under way at `from`.
   */
  next(bytes: Uint8Array, from: number): number {
    const end = bytes.length
    const run =
      end - from < FEWEST_FOR_WORDS || !isLittleEndian ? this.#runWithin(bytes, from, end) : this.#sample(bytes, from)
    if (run < end) return run
    let start = from < end - 1 ? this.#runStart(bytes, from, end - 2) : from
    while (start < end && this.#begins[bytes[start]!] === 0) start += 1
    return start
  }

  /** Whether a head may stand in the first `end` of `bytes`, which are a whole text. */
  isWithin(bytes: Uint8Array, end: number): boolean {
    return this.#runWithin(bytes, 0, end) < end
  }

  #sample(bytes: Uint8Array, from: number): number {
    const words = this.#wordsOf(bytes)
    const odd = bytes.byteOffset & 1
    const stride = this.#stride
    // No head that begins before it reaches what comes after it.
    let left = from
    let block = FIRST_BLOCK
    let word = ((from - odd + 1) >> 1) + stride - 1
    while (word < words.length) {
      const count = this.#keepRuns(words, this.#sampleBlock(words, word, block))
      for (let i = 0; i < count; i++) {
        const at = odd + 2 * sampled[i]!
        if (at < left) continue
        const start = this.#pairsStart(bytes, left, at)
        left = start < 0 ? at + 1 : this.#pairsEnd(bytes, at)
        if (start < 0) continue
        const run = this.#runWithin(bytes, start, left)
        if (run < left) return run
      }
      word += block * stride
      block = Math.min(block * 4, LARGEST_BLOCK)
    }
    return bytes.length
  }

  /** A view of words must begin at an even address. */
  #wordsOf(bytes: Uint8Array): Uint16Array {
    if (this.#bytes === bytes) return this.#words
    const odd = bytes.byteOffset & 1
    this.#bytes = bytes
    this.#words = new Uint16Array(bytes.buffer, bytes.byteOffset + odd, (bytes.length - odd) >> 1)
    return this.#words
  }

  /** Notes which of `block` words from `from` on, a stride apart, are pairs, without a branch; returns how many. */
  #sampleBlock(words: Uint16Array, from: number, block: number): number {
    const pairs = this.#pairs
    const stride = this.#stride
    const end = Math.min(words.length, from + block * stride)
    let count = 0
    let word = from
    for (const last = end - 3 * stride; word < last; word += 4 * stride) {
      sampled[count] = word
      count += pairs[words[word]!]! >> ANY_SHIFT
      sampled[count] = word + stride
      count += pairs[words[word + stride]!]! >> ANY_SHIFT
      sampled[count] = word + 2 * stride
      count += pairs[words[word + 2 * stride]!]! >> ANY_SHIFT
      sampled[count] = word + 3 * stride
      count += pairs[words[word + 3 * stride]!]! >> ANY_SHIFT
    }
    for (; word < end; word += stride) {
      sampled[count] = word
      count += pairs[words[word]!]! >> ANY_SHIFT
    }
    return count
  }

  /**
   * Keeps of the sampled words those with pairs beside them, as many on one side as a head must have there, and another right
   * before where they are of an escape, which has begun; returns how many.
   */
  #keepRuns(words: Uint16Array, sampledCount: number): number {
    if (this.#stride < 2 * BESIDE + 1) return sampledCount
    const pairs = this.#pairs
    const last = words.length - BESIDE
    let count = 0
    for (let i = 0; i < sampledCount; i++) {
      const at = sampled[i]!
      sampled[count] = at
      if (at >= last) {
        count++
        continue
      }
      const word = words[at]!
      const previous = words[at - 1]!
      const before = pairs[previous]! & pairs[words[at - 2]!]! & pairs[words[at - 3]!]!
      const after = pairs[words[at + 1]!]! & pairs[words[at + 2]!]! & pairs[words[at + 3]!]!
      const begun = (pairs[word]! << (ANY_SHIFT - MAY_BE_FIRST_SHIFT)) | pairs[((word & 0xff) << 8) | (previous >> 8)]!
      count += (((before | after) & begun) >> ANY_SHIFT) & 1
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
