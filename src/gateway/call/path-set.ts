/** More readings of one text than the escapes in a key can make: what arrives after them is dropped. */
const MOST_PATHS = 8

/**
 * The readings of the bytes so far that may be the beginning of a key: of each the state of the automaton, the last character
 * of its history, what was skipped since, and the match it has made. The empty reading is always one and is not in the set.
 */
export class PathSet {
  count = 0
  readonly state = new Uint32Array(MOST_PATHS)
  /** In the history. */
  readonly node = new Int32Array(MOST_PATHS)
  /** Characters skipped since the last that counts. */
  readonly skipped = new Uint8Array(MOST_PATHS)
  /** 1 = a line break among them. */
  readonly broken = new Uint8Array(MOST_PATHS)
  /** Characters of the match that ends with the last character; 0 = none. */
  readonly matched = new Uint32Array(MOST_PATHS)
  /** Where that match begins. */
  readonly matchStart = new Float64Array(MOST_PATHS)

  /** Where the new reading stands; -1 when its state is there already: the first to arrive stays. */
  add(state: number, node: number): number {
    const at = this.count
    for (let i = 0; i < at; i++) if (this.state[i] === state) return -1
    if (at === MOST_PATHS) return -1
    this.state[at] = state
    this.node[at] = node
    this.skipped[at] = 0
    this.broken[at] = 0
    this.matched[at] = 0
    this.count = at + 1
    return at
  }

  copy(other: PathSet): void {
    this.count = other.count
    for (let i = 0; i < other.count; i++) {
      this.state[i] = other.state[i]!
      this.node[i] = other.node[i]!
      this.skipped[i] = other.skipped[i]!
      this.broken[i] = other.broken[i]!
      this.matched[i] = other.matched[i]!
      this.matchStart[i] = other.matchStart[i]!
    }
  }
}
