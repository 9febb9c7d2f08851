import type { Clock } from '../../logical/clock.ts'

const BYTES_PER_SECOND = 1024

/**
 * How long one call may wait for its upstream in all: a fixed time, and a second for every KiB that moves in either direction.
 * A limit for each wait alone is not a bound: an upstream that moves a byte in time for each would hold the call without end.
 */
export class WaitBudget {
  readonly #clock: Clock
  readonly #fixedMs: number
  #waitedMs = 0
  #movedBytes = 0
  #waitingSinceMs: number | undefined
  #lifted = false

  constructor(clock: Clock, fixedMs: number) {
    this.#clock = clock
    this.#fixedMs = fixedMs
  }

  /** A wait begins. Returns how many milliseconds it may last; Infinity once lifted. */
  start(): number {
    this.#waitingSinceMs ??= this.#clock.monotonic()
    if (this.#lifted) return Infinity
    return Math.max(this.#fixedMs + (this.#movedBytes / BYTES_PER_SECOND) * 1000 - this.#waitedMs, 0)
  }

  /** The wait is over. Does nothing where none has begun: time in which the caller is waited for is not the upstream's. */
  stop(): void {
    if (this.#waitingSinceMs === undefined) return
    this.#waitedMs += this.#clock.monotonic() - this.#waitingSinceMs
    this.#waitingSinceMs = undefined
  }

  moved(bytes: number): void {
    this.#movedBytes += bytes
  }

  /** For a response that is slow by nature. */
  lift(): void {
    this.#lifted = true
  }
}
