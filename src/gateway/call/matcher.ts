/**
 * An Aho-Corasick automaton as one flat table (Aho and Corasick, CACM 18(6), 1975): one look-up per byte whatever the
 * number of patterns. State 0 is the root.
 */
export interface Matcher {
  /** Byte → column. Bytes that occur in no pattern share column 0. */
  readonly columnOf: Uint8Array
  readonly columns: number
  /** state × columns + column → state */
  readonly next: Uint32Array
  /** Length of the longest pattern prefix that ends at this state: what must be held back. */
  readonly depth: Uint32Array
  /** Length of the longest pattern that ends at this state; 0 for none. */
  readonly longest: Uint32Array
}

/** Builds the automaton. Patterns must not be empty. */
export function buildMatcher(patterns: readonly Uint8Array[]): Matcher {
  const columnOf = new Uint8Array(256)
  let columns = 1
  for (const pattern of patterns)
    for (const byte of pattern) if (columnOf[byte] === 0) columnOf[byte] = columns++ & 0xff
  // 256 different bytes would need column 256: give each byte its own column and leave none unused.
  if (columns > 256) {
    columns = 256
    for (let byte = 0; byte < 256; byte++) columnOf[byte] = byte
  }
  const states = 1 + patterns.reduce((sum, pattern) => sum + pattern.length, 0)
  const matcher = {
    columnOf,
    columns,
    next: new Uint32Array(states * columns),
    depth: new Uint32Array(states),
    longest: new Uint32Array(states),
  }
  addPatterns(matcher, patterns)
  linkFailures(matcher)
  return matcher
}

function addPatterns({ columnOf, columns, next, depth, longest }: Matcher, patterns: readonly Uint8Array[]): void {
  let used = 0
  for (const pattern of patterns) {
    let state = 0
    for (const byte of pattern) {
      const edge = state * columns + columnOf[byte]!
      if (next[edge] === 0) {
        next[edge] = ++used
        depth[used] = depth[state]! + 1
      }
      state = next[edge]!
    }
    longest[state] = pattern.length
  }
}

/** Breadth first, so that a state's fallback, being shallower, is complete when it is copied from. */
function linkFailures({ columns, next, longest }: Matcher): void {
  const fallback = new Uint32Array(longest.length)
  const queue: number[] = []
  for (let column = 0; column < columns; column++) if (next[column] !== 0) queue.push(next[column]!)
  for (let head = 0; head < queue.length; head++) {
    const state = queue[head]!
    const below = fallback[state]!
    if (longest[state] === 0) longest[state] = longest[below]!
    for (let column = 0; column < columns; column++) {
      const edge = state * columns + column
      const child = next[edge]!
      const otherwise = next[below * columns + column]!
      if (child === 0) next[edge] = otherwise
      else {
        fallback[child] = otherwise
        queue.push(child)
      }
    }
  }
}
