import type { Clock } from '../logical/clock.ts'

/** From here on it is asked for again while the known one still serves. */
const AGING_MS = 500
/** From here on the known one serves no more. */
const STALE_MS = 1_000

/**
 * A value of the server that nobody tells us the changes of, at most a second old. Under load nobody waits for it: it is renewed
 * before its time is over. A failure is never remembered.
 */
export class Remembered<Value> {
  readonly #clock: Clock
  readonly #ask: () => Promise<Value>
  #known: { readonly value: Value; readonly requestedAtMs: number } | undefined
  #asking: Promise<Value> | undefined

  constructor(clock: Clock, fetch: () => Promise<Value>) {
    this.#clock = clock
    this.#ask = fetch
  }

  async get(): Promise<Value> {
    const ageMs = this.#known ? this.#clock.monotonic() - this.#known.requestedAtMs : STALE_MS
    if (!this.#known || ageMs >= STALE_MS) return this.#renew()
    // A caller that needs it while it is stale gets the error.
    if (ageMs >= AGING_MS) this.#renew().catch(() => undefined)
    return this.#known.value
  }

  #renew(): Promise<Value> {
    this.#asking ??= this.#askNow().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #askNow(): Promise<Value> {
    const requestedAtMs = this.#clock.monotonic()
    const value = await this.#ask()
    this.#known = { value, requestedAtMs }
    return value
  }
}
