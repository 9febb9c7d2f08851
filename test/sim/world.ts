/** Virtual time: a queue of events, run one after the other, each to its last promise callback before the next. */

interface ScheduledEvent {
  readonly at: number
  readonly order: number
  run: (() => void) | undefined
}

/** Promise callbacks and ticks all run before an immediate does, however many there are and whichever Node this is. */
const settled = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve)
  })

/** Far more than ever happens at one instant. */
const MOST_AT_ONCE = 100_000

export class World {
  #now = 0
  #order = 0
  #steps = 0
  /** A binary heap by time, then by order of scheduling. */
  readonly #heap: ScheduledEvent[] = []

  /** True milliseconds since the episode began. Machines see it through clocks of their own. */
  get now(): number {
    return this.#now
  }

  /** Events run so far. */
  get steps(): number {
    return this.#steps
  }

  /** Runs `run` at `at`, or now if that has passed; the returned function cancels it. */
  at(at: number, run: () => void): () => void {
    const event: ScheduledEvent = { at: Math.max(at, this.#now), order: this.#order++, run }
    this.#push(event)
    return () => {
      event.run = undefined
    }
  }

  after(ms: number, run: () => void): () => void {
    return this.at(this.#now + ms, run)
  }

  /** Throws where things go on at one instant without end, as a timer does that sets itself for now. */
  async runUntil(end: number): Promise<void> {
    let atOnce = 0
    for (let next = this.#heap[0]; next !== undefined && next.at <= end; next = this.#heap[0]) {
      this.#pop()
      if (next.run === undefined) continue
      atOnce = next.at > this.#now ? 0 : atOnce + 1
      if (atOnce > MOST_AT_ONCE) throw new Error(`time stands still at ${this.#now.toFixed(3)} ms`)
      this.#now = next.at
      this.#steps++
      next.run()
      await settled()
    }
    this.#now = Math.max(this.#now, end)
  }

  #push(event: ScheduledEvent): void {
    const heap = this.#heap
    let at = heap.push(event) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(event, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

const isBefore = (a: ScheduledEvent, b: ScheduledEvent): boolean => a.at < b.at || (a.at === b.at && a.order < b.order)
