import type { Clock } from '../../logical/clock.ts'

interface Due {
  readonly key: string
  readonly at: number
}

// A wall clock may be set back and timers have a longest delay; re-checking at least this often bounds both.
const longestWaitMs = 60_000

/** Calls `onDue(key)` once each key's Unix-millisecond time has come. One timer for all keys, a binary heap below it. */
export class ExpiryQueue {
  readonly #clock: Clock
  readonly #onDue: (key: string) => void
  readonly #times = new Map<string, number>()
  #heap: Due[] = []
  #armedFor = Number.POSITIVE_INFINITY
  #cancel: () => void = () => undefined
  #closed = false

  constructor(clock: Clock, onDue: (key: string) => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  /** Sets or moves a key's time. */
  set(key: string, at: number): void {
    if (this.#times.get(key) === at) return
    this.#times.set(key, at)
    this.#push({ key, at })
    // Moved keys leave their old heap slot behind; rebuilt when those outnumber the living.
    if (this.#heap.length > 64 && this.#heap.length > 2 * this.#times.size) this.#rebuild()
    this.#arm()
  }

  delete(key: string): void {
    this.#times.delete(key)
  }

  close(): void {
    this.#closed = true
    this.#cancel()
    this.#times.clear()
    this.#heap = []
  }

  #arm(): void {
    const next = this.#heap[0]
    if (this.#closed || !next || next.at >= this.#armedFor) return
    this.#cancel()
    this.#armedFor = next.at
    const wait = Math.min(Math.max(next.at - this.#clock.now(), 0), longestWaitMs)
    this.#cancel = this.#clock.after(wait, () => {
      this.#fire()
    })
  }

  #fire(): void {
    this.#armedFor = Number.POSITIVE_INFINITY
    const now = this.#clock.now()
    for (let next = this.#heap[0]; next && next.at <= now; next = this.#heap[0]) {
      this.#pop()
      if (this.#times.get(next.key) !== next.at) continue
      this.#times.delete(next.key)
      this.#onDue(next.key)
    }
    this.#arm()
  }

  #rebuild(): void {
    this.#heap = []
    for (const [key, at] of this.#times) this.#push({ key, at })
  }

  #push(due: Due): void {
    const heap = this.#heap
    let at = heap.push(due) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (heap[parent]!.at <= due.at) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = due
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (!last || heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++
      if (heap[child]!.at >= last.at) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}
