import type { Clock } from '../../src/logical/clock.ts'

/** A clock cranked by hand: `advance` moves wall and monotonic time together and fires what falls due, in order. */
export class FakeClock implements Clock {
  #now: number
  #monotonic = 0
  #timers: { at: number; callback: () => void }[] = []

  constructor(startIso = '2026-03-15T16:00:00Z') {
    this.#now = Date.parse(startIso)
  }

  now(): number {
    return this.#now
  }
  monotonic(): number {
    return this.#monotonic
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#monotonic + Math.max(ms, 0), callback }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** How many timers wait: lets a test see that the code under test is waiting. */
  get waiting(): number {
    return this.#timers.length
  }

  /** Moves time by `ms`, firing due timers in order and letting promise callbacks run in between. */
  async advance(ms: number): Promise<void> {
    const target = this.#monotonic + ms
    for (;;) {
      const due = this.#timers.filter((timer) => timer.at <= target).sort((a, b) => a.at - b.at)[0]
      if (!due) break
      this.#timers = this.#timers.filter((other) => other !== due)
      this.#move(Math.max(due.at, this.#monotonic))
      due.callback()
      await settle()
    }
    this.#move(target)
    await settle()
  }

  /** The machine slept: wall time went on, monotonic time did not. */
  sleepThrough(ms: number): void {
    this.#now += ms
  }

  #move(monotonic: number): void {
    this.#now += monotonic - this.#monotonic
    this.#monotonic = monotonic
  }
}

/** Lets queued promise callbacks and immediates run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++)
    await new Promise<void>((resolve) => {
      setImmediate(resolve)
    })
}
