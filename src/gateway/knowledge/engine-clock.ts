import { momentOf } from '../../logical/clock.ts'
import type { Clock, Moment } from '../../logical/clock.ts'

/** How far two clocks may drift apart per millisecond before the next response: 200 ppm, twice what quartz does. */
const DRIFT = 0.0002
/** A difference between wall and monotonic clock that is larger says that nothing known here is fresh, whatever the time. */
const UNNOTICED_SLEEP_MS = 1_000

/** One exchange with the engine: when it was asked, and its wall clock when it answered. */
export interface ClockSample {
  readonly sent: Moment
  readonly serverUnixMs: number
  /** How long the engine held the request before it read its clock. */
  readonly heldMs: number
}

/**
 * The engine's clock as seen from here. Each exchange bounds how far that clock is ahead of our monotonic one; the bounds of
 * successive exchanges are intersected, and `now` is the upper one: expiry judged on it errs early, by at most a round trip.
 */
export class EngineClock {
  readonly #clock: Clock
  #low = Infinity
  #high = Infinity
  #atMs = 0
  #atUnixMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** To be called as soon as the response is there. */
  observe({ sent, serverUnixMs, heldMs }: ClockSample): void {
    const received = momentOf(this.#clock)
    const receivedMs = received.monotonicMs
    const low = serverUnixMs - receivedMs
    // The engine may have read its clock before this machine slept. After a longer sleep nothing known is fresh anyway.
    const aheadMs = received.unixMs - sent.unixMs - (receivedMs - sent.monotonicMs)
    const sleptMs = Math.min(Math.max(0, aheadMs), UNNOTICED_SLEEP_MS)
    const high = serverUnixMs - Math.min(sent.monotonicMs + heldMs, receivedMs) + sleptMs
    const slack = Math.max(0, receivedMs - this.#atMs) * DRIFT
    const tighterLow = Math.max(low, this.#low - slack)
    const tighterHigh = Math.min(high, this.#high + slack + this.#sleptMs(receivedMs))
    // Bounds that do not meet: one of the clocks was set, or this machine slept. Only the newest exchange counts.
    const stepped = this.#high === Infinity || tighterLow > tighterHigh
    this.#low = stepped ? low : tighterLow
    this.#high = stepped ? high : tighterHigh
    this.#atMs = receivedMs
    this.#atUnixMs = received.unixMs
  }

  /** Another engine may answer from now on, with another clock. */
  forget(): void {
    this.#low = Infinity
    this.#high = Infinity
  }

  /** Unix milliseconds, never behind the engine's own; Infinity (everything has expired) before the first exchange. */
  nowUnixMs(): number {
    const monotonicMs = this.#clock.monotonic()
    const sleptMs = Math.min(this.#sleptMs(monotonicMs), UNNOTICED_SLEEP_MS)
    return this.#high + monotonicMs + Math.max(0, monotonicMs - this.#atMs) * DRIFT + sleptMs
  }

  /** By how much the wall clock has gone on further since the last exchange: the monotonic one stands still while the machine sleeps. */
  #sleptMs(monotonicMs: number): number {
    return Math.max(0, this.#clock.now() - this.#atUnixMs - (monotonicMs - this.#atMs))
  }
}
