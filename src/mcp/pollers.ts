import type { Clock } from '../logical/clock.ts'

const COUNTED_MS = 10_000
/** Names come from callers: no more of them are remembered. */
const MOST = 1_024

/** How many gateways follow the feed: by that number each divides limits that are meant for all of them together. */
export class Pollers {
  readonly #clock: Clock
  /** Monotonic milliseconds of the latest poll by gateway, the longest silent first. */
  readonly #polledAtMs = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `gateway` has just polled; a poll without a name is not counted. */
  polled(gateway: string): void {
    if (gateway === '') return
    this.#polledAtMs.delete(gateway)
    this.#polledAtMs.set(gateway, this.#clock.monotonic())
    this.#forget()
  }

  /** Gateways that polled in the last 10 s. */
  get count(): number {
    this.#forget()
    return this.#polledAtMs.size
  }

  #forget(): void {
    const oldestMs = this.#clock.monotonic() - COUNTED_MS
    for (const [gateway, atMs] of this.#polledAtMs) {
      if (atMs >= oldestMs && this.#polledAtMs.size <= MOST) return
      this.#polledAtMs.delete(gateway)
    }
  }
}
