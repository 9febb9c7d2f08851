/** Time as this SDK needs it: intervals, on two clocks, because one stands still while the machine sleeps. Handed in through `connect` so that tests can crank it by hand. */
export interface IntervalClock {
  /** Wall clock, Unix milliseconds. */
  now(): number
  /** Milliseconds from an arbitrary start; never goes back. */
  monotonic(): number
  /** Runs `callback` once after `ms` milliseconds; the returned function cancels it. Never keeps the process alive. */
  after(ms: number, callback: () => void): () => void
}

/** The machine's own. */
export const machineClock: IntervalClock = {
  now: () => new Date().getTime(),
  monotonic: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms)
    timer.unref()
    return () => {
      clearTimeout(timer)
    }
  },
}
