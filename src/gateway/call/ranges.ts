export interface Range {
  start: number
  end: number
  /** Its beginning was handed out, as a marker. */
  marked: boolean
}

/** Stretches of a stream, by offset, ascending and apart from each other: what overlaps or touches becomes one. */
export class Ranges {
  #ranges: Range[] = []

  get last(): Range | undefined {
    return this.#ranges.at(-1)
  }

  /** Ends only grow, so only the last ranges can touch it. */
  cover(start: number, end: number): void {
    const covered = this.last
    if (covered && covered.start <= start && start <= covered.end) {
      if (covered.end < end) covered.end = end
      return
    }
    const range: Range = { start, end, marked: false }
    for (let last = this.last; last && last.end >= range.start; last = this.last) {
      range.start = Math.min(range.start, last.start)
      range.end = Math.max(range.end, last.end)
      range.marked ||= last.marked
      this.#ranges.pop()
    }
    this.#ranges.push(range)
  }

  /** The first offset from `start` on that lies in none. */
  uncoveredFrom(start: number): number {
    let offset = start
    for (const range of this.#ranges) if (range.start <= offset && offset < range.end) offset = range.end
    return offset
  }

  /** Those that begin before `boundary`, which is handed out; what touches it stays, because it may go on. */
  takeBefore(boundary: number): readonly Range[] {
    if (this.#ranges.length === 0) return this.#ranges
    const taken = this.#ranges.filter(({ start }) => start < boundary)
    this.#ranges = this.#ranges.filter(({ end }) => end >= boundary)
    return taken
  }
}
