import type { Clock } from '../../logical/clock.ts'

/** Keys remembered; beyond, those that have their whole allowance again are forgotten, then the oldest. */
const KEPT = 10_000

interface Allowance {
  left: number
  atMs: number
}

/** So many a second for each key, and no more than those of one second at once (a token bucket). */
export class RateLimit {
  readonly #clock: Clock
  readonly #allowances = new Map<string, Allowance>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether one more would pass now. */
  has(key: string, perSecond: number): boolean {
    return this.#now(key, perSecond).left >= 1
  }

  /** One more, if it passes. */
  take(key: string, perSecond: number): boolean {
    const allowance = this.#now(key, perSecond)
    const passes = allowance.left >= 1
    if (passes) allowance.left--
    if (!this.#allowances.has(key)) this.#keep(key, allowance, perSecond)
    return passes
  }

  #now(key: string, perSecond: number): Allowance {
    const nowMs = this.#clock.monotonic()
    const known = this.#allowances.get(key)
    if (!known) return { left: perSecond, atMs: nowMs }
    known.left = Math.min(perSecond, known.left + ((nowMs - known.atMs) * perSecond) / 1000)
    known.atMs = nowMs
    return known
  }

  #keep(key: string, allowance: Allowance, perSecond: number): void {
    this.#allowances.set(key, allowance)
    if (this.#allowances.size <= KEPT) return
    for (const other of [...this.#allowances.keys()])
      if (other !== key && this.#now(other, perSecond).left >= perSecond) this.#allowances.delete(other)
    for (const oldest of this.#allowances.keys()) {
      if (this.#allowances.size <= KEPT / 2) return
      this.#allowances.delete(oldest)
    }
  }
}
