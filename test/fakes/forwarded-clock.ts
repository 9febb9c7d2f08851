import type { Clock } from '../../src/logical/clock.ts'

/** Of one step: shorter than any limit that something under way is to keep to. */
const STEP_MS = 250
const TURNS_A_STEP = 25
const MOST_TURNS = 20_000
/** Node fires at once for longer ones. */
const LONGEST_MS = 2 ** 31 - 1

interface Timer {
  readonly dueMs: number
  readonly callback: () => void
  readonly handle: NodeJS.Timeout
}

/** The machine's own time, for what is done over real sockets, which a test sets forward where it would have to wait. */
export class ForwardedClock implements Clock {
  #aheadMs = 0
  readonly #timers = new Set<Timer>()

  now(): number {
    return Date.now() + Math.round(this.#aheadMs)
  }
  monotonic(): number {
    return performance.now() + this.#aheadMs
  }

  after(ms: number, callback: () => void): () => void {
    const run = () => {
      this.#timers.delete(timer)
      callback()
    }
    const timer: Timer = {
      dueMs: this.monotonic() + Math.max(ms, 0),
      callback: run,
      handle: setTimeout(run, Math.min(ms, LONGEST_MS)).unref(),
    }
    this.#timers.add(timer)
    return () => {
      clearTimeout(timer.handle)
      this.#timers.delete(timer)
    }
  }

  /** In steps, in each of which what falls due is run, and sockets get their turn until `caughtUp`. */
  async forward(ms: number, caughtUp: () => boolean = () => true): Promise<void> {
    for (let leftMs = ms; leftMs > 0; leftMs -= STEP_MS) {
      this.#aheadMs += Math.min(leftMs, STEP_MS)
      const due = [...this.#timers].filter(({ dueMs }) => dueMs <= this.monotonic())
      for (const { handle, callback } of due.sort((a, b) => a.dueMs - b.dueMs)) {
        clearTimeout(handle)
        callback()
      }
      for (let turn = 0; turn < TURNS_A_STEP || (turn < MOST_TURNS && !caughtUp()); turn++)
        await new Promise((resolve) => void setImmediate(resolve))
    }
  }
}
