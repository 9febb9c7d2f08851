import { introduces } from './escape.ts'
import { folded } from './folding.ts'
import { HeadScan } from './head-scan.ts'
import type { Head } from './pairs.ts'

/** One byte string to be found, in whatever spelling. */
export interface KeyPattern {
  readonly bytes: Uint8Array
  /** So many of its first bytes are taken for the whole; what follows of it goes as well. */
  readonly enough: number
  readonly kind: Head['kind']
  /** Also by upper and lower case: a short text in other letters is likely to be another one. */
  readonly exact: boolean
}

/** States after each byte of the alphabet, of all states: 0.5 MB. The edges of a longer secret's patterns are followed one by one. */
const MOST_TABULATED = 1 << 18

/** Longest beginning of a pattern that pairs are taken from. */
const LONGEST_HEAD = 20

/**
 * What a search needs to know of the patterns: an Aho-Corasick automaton (CACM 18(6), 1975) over decoded, folded characters,
 * its edges as lists, because tables of 256 columns would take megabytes for a long key, and the pairs of bytes that occur
 * where a pattern begins, however spelled.
 */
export class Matcher {
  /** Where in a text a pattern may begin. */
  readonly heads: HeadScan
  /** By folded byte: the state after it when it begins a pattern; 0 = it does not. State 0 is the root. */
  readonly first = new Uint32Array(256)
  /** By byte: 1 where a pattern may begin with it, or with an escape that does. */
  readonly begins: Uint8Array
  /** The folded bytes of all patterns. */
  readonly alphabet: readonly number[]
  /** No pattern holds a byte beyond ASCII. */
  readonly isAscii: boolean
  /** Characters of the state's path. */
  readonly depth: Uint32Array
  /** The nearest state at or behind this one at which enough of a pattern has been read; 0 for none. */
  readonly found: Uint32Array
  /** The nearest state at or behind this one from which a pattern goes on; 0 for none. */
  readonly open: Uint32Array
  readonly #byte: Uint8Array
  readonly #child: Uint32Array
  readonly #sibling: Uint32Array
  /** Where to look when no edge fits: Knuth's, so that a fitting state is found in a logarithmic number of steps. */
  readonly #failure: Uint32Array
  readonly #behind: Uint32Array
  readonly #exact = new Map<number, Uint8Array[]>()
  /** By folded byte: where it stands in `alphabet`, from 1 on. */
  readonly #column = new Uint8Array(256)
  /** By state and column: the state after it. Empty where there are too many. */
  #table = new Uint16Array(0)

  constructor(patterns: readonly KeyPattern[]) {
    const most = 1 + patterns.reduce((sum, { bytes }) => sum + bytes.length, 0)
    this.depth = new Uint32Array(most)
    this.found = new Uint32Array(most)
    this.open = new Uint32Array(most)
    this.#byte = new Uint8Array(most)
    this.#child = new Uint32Array(most)
    this.#sibling = new Uint32Array(most)
    this.#failure = new Uint32Array(most)
    this.#behind = new Uint32Array(most)
    let states = 1
    for (const pattern of patterns) states = this.#addPattern(pattern, states)
    const breadthFirst = this.#linkFailures()
    this.alphabet = [...new Set(this.#byte.subarray(1, states))]
    this.#tabulate(breadthFirst)
    this.isAscii = this.alphabet.every((byte) => byte < 0x80)
    this.begins = folded.map((byte, raw) => (introduces(raw) || this.first[byte] !== 0 ? 1 : 0))
    const heads = patterns.map(({ bytes, enough, kind }) => ({
      kind,
      bytes: bytes.subarray(0, Math.min(enough, LONGEST_HEAD)),
    }))
    this.heads = new HeadScan(heads, this.begins)
  }

  /** The state after a folded byte. */
  next(state: number, byte: number): number {
    if (this.#table.length > 0) return this.#table[state * (this.alphabet.length + 1) + this.#column[byte]!]!
    for (let from = state; from !== 0; from = this.#failure[from]!) {
      const to = this.#edge(from, byte)
      if (to !== 0) return to
    }
    return this.first[byte]!
  }

  /** The next state behind `state` at which enough of a pattern has been read; 0 for none. */
  foundBehind(state: number): number {
    return this.found[this.#behind[state]!]!
  }

  /** What must have been read, one of these exactly, for `state` to count; undefined where letters of either case do. */
  exactly(state: number): readonly Uint8Array[] | undefined {
    return this.#exact.get(state)
  }

  /** The byte, folded, that was read last. */
  lastByte(state: number): number {
    return this.#byte[state]!
  }

  #edge(state: number, byte: number): number {
    let child = this.#child[state]!
    while (child !== 0 && this.#byte[child] !== byte) child = this.#sibling[child]!
    return child
  }

  #addPattern({ bytes, enough, exact }: KeyPattern, states: number): number {
    let used = states
    let state = 0
    for (let at = 0; at < bytes.length; at++) {
      const byte = folded[bytes[at]!]!
      let to = at === 0 ? this.first[byte]! : this.#edge(state, byte)
      if (to === 0) {
        to = used++
        this.#byte[to] = byte
        this.depth[to] = at + 1
        this.#sibling[to] = this.#child[state]!
        this.#child[state] = to
        if (at === 0) this.first[byte] = to
      }
      state = to
      if (at + 1 < enough) continue
      if (!exact) this.#exact.delete(state)
      else if (this.found[state] === 0) this.#exact.set(state, [bytes.subarray(0, at + 1)])
      else this.#exact.get(state)?.push(bytes.subarray(0, at + 1))
      this.found[state] = state
    }
    return used
  }

  /** Breadth first, so that what lies behind a state, being shallower, is complete when it is asked for. */
  #linkFailures(): readonly number[] {
    const queue = [0]
    for (const state of queue) {
      const behind = this.#behind[state]!
      for (let child = this.#child[state]!; child !== 0; child = this.#sibling[child]!) {
        this.#behind[child] = state === 0 ? 0 : this.next(behind, this.#byte[child]!)
        queue.push(child)
      }
      this.#failure[state] = this.#leadsNowhereElse(state, behind) ? this.#failure[behind]! : behind
      if (this.found[state] === 0) this.found[state] = this.found[behind]!
      this.open[state] = state !== 0 && this.#child[state] !== 0 ? state : this.open[behind]!
    }
    return queue
  }

  /** Of each state what the one behind it has, and its own edges. */
  #tabulate(breadthFirst: readonly number[]): void {
    const width = this.alphabet.length + 1
    const most = Math.max(...breadthFirst)
    if (breadthFirst.length * width > MOST_TABULATED || most > 0xffff) return
    for (const [at, byte] of this.alphabet.entries()) this.#column[byte] = at + 1
    const table = new Uint16Array((most + 1) * width)
    for (const state of breadthFirst) {
      const behind = this.#behind[state]! * width
      if (state !== 0) table.copyWithin(state * width, behind, behind + width)
      for (let child = this.#child[state]!; child !== 0; child = this.#sibling[child]!)
        table[state * width + this.#column[this.#byte[child]!]!] = child
    }
    this.#table = table
  }

  /** Whether every byte that fits behind the state would have fitted at it. */
  #leadsNowhereElse(state: number, behind: number): boolean {
    if (behind === 0) return false
    for (let child = this.#child[behind]!; child !== 0; child = this.#sibling[child]!)
      if (this.#edge(state, this.#byte[child]!) === 0) return false
    return true
  }
}
