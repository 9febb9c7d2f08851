import { BACKSLASH, Escape, introduces } from './escape.ts'
import { folded, isSameByte, variants } from './folding.ts'
import { FEWEST_BEFORE_BREAK, History } from './history.ts'
import type { Matcher } from './matcher.ts'
import { isQuote } from './pairs.ts'
import { PathSet } from './path-set.ts'
import type { Ranges } from './ranges.ts'

/** Between two characters of a key. */
const MOST_SKIPPED = 8
const MOST_ESCAPES = 8

const isBreak = (byte: number): boolean => byte === 0x0a || byte === 0x0d
/** Bytes that a reader may leave out. */
const isLeftOut = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte === 0 || byte === BACKSLASH || isBreak(byte) || isQuote(byte) ? 1 : 0,
)
const isPlain = isLeftOut.map((leftOut, byte) => (leftOut === 1 || introduces(byte) ? 0 : 1))
/** What an escape may stand for without being a character of the key. */
const neutral = [0x0a, 0x0d, 0x22, 0x25, 0x26, 0x27, 0x3d, BACKSLASH]

const LETTER_U = 0x75
/** Of a byte that is no digit, more than any four digits make. */
const hexDigit = Uint32Array.from({ length: 256 }, (_, byte) => {
  const digit = '0123456789abcdef'.indexOf(String.fromCharCode(byte).toLowerCase())
  return digit < 0 ? 0x1_0000 : digit
})

/**
 * Follows a text in every way a reader may take it: each byte as itself or as part of an escape, whatever readers skip left out.
 * One step for each byte, whatever the bytes; what it finds goes to `found`.
 */
export class Readings {
  readonly #matcher: Matcher
  #found: Ranges
  readonly #history = new History()
  #paths = new PathSet()
  #next = new PathSet()
  readonly #parts = [new PathSet(), new PathSet()] as const
  readonly #escapes = Array.from({ length: MOST_ESCAPES }, () => new Escape())
  /** How many of them, from the first on, are being read. */
  #open = 0

  constructor(matcher: Matcher, found: Ranges) {
    this.#matcher = matcher
    this.#found = found
  }

  /** To be read for another text from here on: what was under way is forgotten. */
  reuse(found: Ranges): this {
    this.#found = found
    this.#history.clear()
    this.#paths.count = 0
    this.#open = 0
    return this
  }

  /** Nothing that was read can become a match, or go on with one. */
  get isIdle(): boolean {
    return this.#paths.count === 0 && this.#open === 0
  }

  /**
   * Reads `bytes` from `from` on, the first of them at `base` in the stream, until nothing is under way and the next two bytes
   * cannot be of a pattern. Returns where it stopped.
   */
  read(bytes: Uint8Array, from: number, base: number): number {
    const { begins, heads } = this.#matcher
    const end = bytes.length
    for (let at = from; at < end; at++) {
      if (this.#open === 0 && this.#paths.count === 1) at = this.#readRun(bytes, at, base)
      if (at === end) return end
      const byte = bytes[at]!
      if (!this.isIdle || (begins[byte] === 1 && this.#mayBegin(bytes, at))) this.#step(byte, base + at)
      if (this.isIdle && (at + 1 === end || !heads.isPair(byte, bytes[at + 1]!))) {
        this.#history.clear()
        return at + 1
      }
    }
    return end
  }

  /** Whether a pattern may begin here, where nothing is under way. Most of what is escaped in other scripts is told by its digits. */
  #mayBegin(bytes: Uint8Array, at: number): boolean {
    if (at + 1 === bytes.length) return true
    const next = bytes[at + 1]!
    if (!this.#matcher.heads.mayBegin(bytes[at]!, next)) return false
    if (next !== LETTER_U || !this.#matcher.isAscii || at + 5 >= bytes.length || !introduces(bytes[at]!)) return true
    // Four digits of `\u0430`; of a surrogate the other half would have to be read.
    const first = hexDigit[bytes[at + 2]!]!
    const unit =
      (first << 12) | (hexDigit[bytes[at + 3]!]! << 8) | (hexDigit[bytes[at + 4]!]! << 4) | hexDigit[bytes[at + 5]!]!
    return unit < 0x80 || first === 0xd || unit > 0xffff
  }

  /** Bytes that mean nothing but themselves, as long as they go on with the only reading there is; returns the first other one. */
  #readRun(bytes: Uint8Array, from: number, base: number): number {
    const paths = this.#paths
    const end = bytes.length
    let at = from
    for (; at < end && isPlain[bytes[at]!] === 1; at++) {
      const byte = bytes[at]!
      const state = this.#matcher.next(paths.state[0]!, folded[byte]!)
      if (state === 0) break
      paths.state[0] = state
      const isBroken = paths.broken[0] === 1
      paths.skipped[0] = 0
      paths.broken[0] = 0
      this.#arrive(paths, 0, isBroken, base + at, byte, base + at + 1)
      if (this.#history.isFull) this.#history.compact([paths], this.#matcher)
    }
    return at
  }

  /** Where the first byte stands that may still turn out to belong to a match; `end` = none. */
  undecidedFrom(end: number): number {
    let from = end
    for (let i = 0; i < this.#paths.count; i++) from = Math.min(from, this.#undecidedPath(this.#paths, i, end))
    for (let at = 0; at < this.#open; at++) {
      const escape = this.#escapes[at]!
      const { before, start } = escape
      if (this.#mayGoOn(0, escape)) from = Math.min(from, start)
      for (let i = 0; i < before.count; i++) {
        if (this.#mayGoOn(before.state[i]!, escape)) from = Math.min(from, this.#undecidedPath(before, i, start))
      }
    }
    return from
  }

  #undecidedPath(paths: PathSet, i: number, end: number): number {
    const open = this.#matcher.open[paths.state[i]!]!
    const count = this.#matcher.depth[open]!
    if (open === 0 || (paths.broken[i] === 1 && count < FEWEST_BEFORE_BREAK)) return end
    const start = this.#history.startOf(paths.node[i]!, count)
    return Math.min(this.#found.uncoveredFrom(start), end)
  }

  /** Whether the escape may become a character that goes on from a state. */
  #mayGoOn(state: number, escape: Escape): boolean {
    if (neutral.some((byte) => escape.mayBecome(byte))) return true
    return this.#matcher.alphabet.some(
      (byte) => this.#matcher.next(state, byte) !== 0 && variants[byte]!.some((variant) => escape.mayBecome(variant)),
    )
  }

  #step(byte: number, offset: number): void {
    const isPair = this.#open > 0 && this.#advanceEscapes(byte, offset)
    this.#consume(this.#paths, this.#next, offset, byte, offset + 1)
    if (introduces(byte) && !isPair) this.#begin(byte, offset, this.#paths, false)
    this.#turn()
  }

  #turn(): void {
    const paths = this.#paths
    this.#paths = this.#next
    this.#next = paths
    paths.count = 0
    if (!this.#history.isFull) return
    const before = this.#escapes.slice(0, this.#open).map((escape) => escape.before)
    this.#history.compact([this.#paths, ...before], this.#matcher)
  }

  /** Whether `byte` is the second backslash of a pair. */
  #advanceEscapes(byte: number, offset: number): boolean {
    const escapes = this.#escapes
    const before = this.#open
    let isPair = false
    let ended = 0
    for (let at = 0; at < before; at++) {
      const escape = escapes[at]!
      const isSecond = byte === BACKSLASH && escape.isBackslash
      escape.goesOn = escape.advance(byte, offset)
      if (!escape.goesOn) ended++
      if (escape.decoded >= 0) this.#decoded(escape, byte, offset + 1)
      if (!isSecond) continue
      isPair = true
      // What comes may go on from the first of them, whether it was read as itself or left out.
      escape.before.copy(this.#paths)
    }
    if (ended > 0) this.#closeEnded()
    return isPair
  }

  #closeEnded(): void {
    const escapes = this.#escapes
    let kept = 0
    for (let at = 0; at < this.#open; at++) {
      const escape = escapes[at]!
      if (!escape.goesOn) continue
      escapes[at] = escapes[kept]!
      escapes[kept++] = escape
    }
    this.#open = kept
  }

  #begin(introducer: number, start: number, before: PathSet, isNested: boolean): void {
    if (this.#open === MOST_ESCAPES) return
    this.#escapes[this.#open++]!.begin(introducer, start, before, isNested)
  }

  #decoded(escape: Escape, byte: number, end: number): void {
    const { decoded, before, start } = escape
    if (decoded === 0) return
    if (decoded < 0x80 || escape.asByte) this.#consume(before, this.#next, start, decoded, end)
    if (decoded >= 0x80 && escape.asCodePoint) this.#consumeCharacter(before, start, decoded, end)
    // A second reader would go on from here: `%2573`, `&amp;#115;`. After a backslash that is so anyway.
    if (introduces(decoded) && decoded !== byte) this.#begin(decoded, start, before, true)
  }

  /** A character beyond ASCII: the bytes of its UTF-8, one after the other. */
  #consumeCharacter(before: PathSet, start: number, codePoint: number, end: number): void {
    if (codePoint > 0x10ffff || (codePoint >= 0xd800 && codePoint <= 0xdfff)) return
    const bytes = Buffer.from(String.fromCodePoint(codePoint), 'utf8')
    let from = before
    for (let at = 0; at < bytes.length; at++) {
      const to = at + 1 === bytes.length ? this.#next : this.#parts[(at & 1) as 0 | 1]
      if (to !== this.#next) to.count = 0
      this.#consume(from, to, start, bytes[at]!, end)
      if (to.count === 0) return
      from = to
    }
  }

  /** One more character, read as `byte`, after every reading of `from`. */
  #consume(from: PathSet, to: PathSet, start: number, byte: number, end: number): void {
    const character = folded[byte]!
    if (from.count === 0) {
      const state = this.#matcher.first[character]!
      if (state !== 0) this.#arrive(to, to.add(state, -1), false, start, byte, end)
      return
    }
    for (let i = 0; i < from.count; i++) {
      const state = this.#matcher.next(from.state[i]!, character)
      if (state === 0) continue
      const at = to.add(state, from.node[i]!)
      if (at < 0) continue
      to.matched[at] = from.matched[i]!
      to.matchStart[at] = from.matchStart[i]!
      this.#arrive(to, at, from.broken[i] === 1, start, byte, end)
    }
    if (isLeftOut[byte] === 1) this.#skip(from, to, byte)
  }

  #arrive(to: PathSet, at: number, isBroken: boolean, start: number, byte: number, end: number): void {
    if (at < 0) return
    const matcher = this.#matcher
    const node = this.#history.add(to.node[at]!, start, byte, isBroken)
    to.node[at] = node
    const before = to.matched[at]!
    let state = matcher.found[to.state[at]!]!
    if (state === 0) {
      to.matched[at] = 0
      return
    }
    while (state !== 0 && !this.#isExact(state, node)) state = matcher.foundBehind(state)
    const matched = matcher.depth[state]!
    to.matched[at] = matched
    if (matched === 0) return
    if (before === 0 || matched !== before + 1) to.matchStart[at] = this.#history.startOf(node, matched)
    this.#found.cover(to.matchStart[at]!, end)
  }

  #isExact(state: number, node: number): boolean {
    const texts = this.#matcher.exactly(state)
    return texts === undefined || texts.some((text) => this.#history.endsWith(node, text, isSameByte))
  }

  /** The readings that leave `byte` out: a line break, a backslash, a zero of UTF-16, the second of two quotes. */
  #skip(from: PathSet, to: PathSet, byte: number): void {
    const { open, depth } = this.#matcher
    for (let i = 0; i < from.count; i++) {
      const state = from.state[i]!
      if (open[state] === 0 || from.skipped[i] === MOST_SKIPPED) continue
      if (isQuote(byte) && (depth[state]! < 2 || this.#matcher.lastByte(state) !== byte)) continue
      const at = to.add(state, from.node[i]!)
      if (at < 0) continue
      to.skipped[at] = from.skipped[i]! + 1
      to.broken[at] = isBreak(byte) ? 1 : from.broken[i]!
      to.matched[at] = from.matched[i]!
      to.matchStart[at] = from.matchStart[i]!
    }
  }
}
