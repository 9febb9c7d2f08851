import type { Clock } from '../../logical/clock.ts'

/** Changes are followed for so long after a session was used: a poll each second costs more than catching up once. */
const USED_FOR_MS = 10_000

/** Who needs the feed: calls and watches under way, sessions used a moment ago, and requests that wait to be brought up to date. */
export class Demand {
  readonly #clock: Clock
  readonly #underWay: () => boolean
  readonly #waiting = new Set<() => void>()
  readonly #updateRequests = new Set<() => void>()
  #usedUntilMs = -Infinity
  #wake: () => void = () => undefined

  /** `underWay`: does anything that has to hear of changes at once go on at this instant? */
  constructor(clock: Clock, underWay: () => boolean) {
    this.#clock = clock
    this.#underWay = underWay
  }

  get inUse(): boolean {
    return this.#clock.monotonic() < this.#usedUntilMs || this.#waiting.size > 0 || this.#underWay()
  }

  used(): void {
    this.#usedUntilMs = this.#clock.monotonic() + USED_FOR_MS
    this.#wake()
  }

  /** Resolves once the state of the moment was asked for, whatever came of it. */
  requestUpdate(): Promise<void> {
    return new Promise((resolve) => {
      this.#updateRequests.add(resolve)
      this.#wake()
    })
  }

  get isUpdateRequested(): boolean {
    return this.#updateRequests.size > 0
  }

  resolveUpdateRequests(): void {
    for (const resolve of this.#updateRequests) resolve()
    this.#updateRequests.clear()
  }

  /** Resolves at the next response of the feed, or after `timeoutMs`. The feed is followed meanwhile. */
  nextResponse(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        cancel()
        this.#waiting.delete(finish)
        resolve()
      }
      const cancel = this.#clock.after(timeoutMs, finish)
      this.#waiting.add(finish)
      this.#wake()
    })
  }

  received(): void {
    for (const finish of [...this.#waiting]) finish()
  }

  /** Resolves after `ms`, or when somebody asks or begins to use what is known. True = somebody asks. `despiteUse`: use alone is not a reason to begin. */
  async rest(ms: number, signal: AbortSignal, despiteUse: boolean): Promise<boolean> {
    if (this.#updateRequests.size === 0 && (despiteUse || !this.inUse) && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(ms, resolve)
        this.#wake = () => {
          cancel()
          resolve()
        }
        signal.addEventListener('abort', this.#wake, { once: true })
      })
      signal.removeEventListener('abort', this.#wake)
      this.#wake = () => undefined
    }
    return this.#updateRequests.size > 0
  }
}
