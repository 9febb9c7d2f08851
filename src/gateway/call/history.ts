import type { Matcher } from './matcher.ts'
import type { PathSet } from './path-set.ts'

const FIRST_SIZE = 1024
export const FEWEST_BEFORE_BREAK = 4
/** More than one byte of a text adds. */
const ROOM = 256

/**
 * What was read, character by character, in every reading: where each began in the stream, and the byte it was read as.
 * Readings that part share what they have in common.
 */
export class History {
  #used = 0
  #before = new Int32Array(FIRST_SIZE)
  #start = new Float64Array(FIRST_SIZE)
  #byte = new Uint8Array(FIRST_SIZE)
  /** 1 = after a line break that was left out. */
  #broken = new Uint8Array(FIRST_SIZE)
  /** While it is compacted: which nodes stay, and where. */
  #moved = new Int32Array(FIRST_SIZE)

  clear(): void {
    this.#used = 0
  }

  get isFull(): boolean {
    return this.#used >= this.#byte.length - ROOM
  }

  /** The node of one more character after `before`; -1 = after nothing. */
  add(before: number, start: number, byte: number, isBroken: boolean): number {
    const node = this.#used++
    this.#before[node] = before
    this.#start[node] = start
    this.#byte[node] = byte
    this.#broken[node] = isBroken ? 1 : 0
    return node
  }

  /**
   * Where the last `count` characters begin. Fewer than four of them before a line break are let go: no line is held back for
   * them, and they tell next to nothing.
   */
  startOf(node: number, count: number): number {
    let at = node
    for (let left = count - 1; left > 0; left--) {
      if (this.#broken[at] === 1 && left < FEWEST_BEFORE_BREAK) break
      at = this.#before[at]!
    }
    return this.#start[at]!
  }

  /** Whether the last characters are these. */
  endsWith(node: number, text: Uint8Array, isSame: (byte: number, wanted: number) => boolean): boolean {
    let at = node
    for (let left = text.length - 1; left >= 0; left--) {
      if (!isSame(this.#byte[at]!, text[left]!)) return false
      at = this.#before[at]!
    }
    return true
  }

  /** Forgets what no reading of `sets` needs, and makes room. */
  compact(sets: readonly PathSet[], matcher: Matcher): void {
    const moved = this.#moved
    moved.fill(0, 0, this.#used)
    for (const set of sets) {
      for (let i = 0; i < set.count; i++) {
        let node = set.node[i]!
        for (let left = matcher.depth[set.state[i]!]!; left > 0 && node >= 0; left--) {
          moved[node] = 1
          node = this.#before[node]!
        }
      }
    }
    this.#moveMarked()
    for (const set of sets)
      for (let i = 0; i < set.count; i++) if (set.node[i]! >= 0) set.node[i] = moved[set.node[i]!]!
    if (this.#used > this.#byte.length / 2) this.#grow()
  }

  /** What comes before a node was added before it, so that it has its new place already. */
  #moveMarked(): void {
    const moved = this.#moved
    let to = 0
    for (let from = 0; from < this.#used; from++) {
      if (moved[from] === 0) {
        moved[from] = -1
        continue
      }
      const before = this.#before[from]!
      this.#before[to] = before < 0 ? -1 : moved[before]!
      this.#start[to] = this.#start[from]!
      this.#byte[to] = this.#byte[from]!
      this.#broken[to] = this.#broken[from]!
      moved[from] = to++
    }
    this.#used = to
  }

  #grow(): void {
    const [before, start, byte, broken] = [this.#before, this.#start, this.#byte, this.#broken]
    const size = byte.length * 2
    this.#moved = new Int32Array(size)
    this.#before = new Int32Array(size)
    this.#start = new Float64Array(size)
    this.#byte = new Uint8Array(size)
    this.#broken = new Uint8Array(size)
    this.#before.set(before)
    this.#start.set(start)
    this.#byte.set(byte)
    this.#broken.set(broken)
  }
}
