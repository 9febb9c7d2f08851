import type { Clock } from '../logical/clock.ts'

/**
 * A deadline that is moved on often and seldom reached: one timer is set for it, and again for what is left where that fires too early.
 * Times are monotonic milliseconds; a deadline is never moved back.
 */
export class MovingDeadline {
  readonly #clock: Clock
  readonly #reached: () => void
  #atMs = Infinity
  #cancelTimer: (() => void) | undefined

  constructor(clock: Clock, reached: () => void) {
    this.#clock = clock
    this.#reached = reached
  }

  /** A timer that is set already stays. */
  set(atMs: number): void {
    this.#atMs = atMs
    this.#cancelTimer ??= this.#clock.after(atMs - this.#clock.monotonic(), this.#fired)
  }

  /** Nothing is due any more; the timer stays for the next deadline. */
  clear(): void {
    this.#atMs = Infinity
  }

  cancel(): void {
    this.clear()
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  readonly #fired = (): void => {
    this.#cancelTimer = undefined
    if (this.#atMs === Infinity) return
    if (this.#atMs > this.#clock.monotonic()) this.set(this.#atMs)
    else {
      this.clear()
      this.#reached()
    }
  }
}
