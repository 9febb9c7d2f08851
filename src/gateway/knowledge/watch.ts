import { elapsedSince } from '../../logical/clock.ts'
import type { Clock, Moment } from '../../logical/clock.ts'
import type { FeedFollower } from './feed-follower.ts'
import type { EndReason, SessionEntry } from './session-entry.ts'

export interface WatchConfig {
  readonly entry: SessionEntry
  readonly onEnd: (reason: EndReason) => void
  readonly clock: Clock
  readonly follower: Pick<FeedFollower, 'asOf' | 'engineClock'>
  readonly onCancel: () => void
}

/** Eyes on one session for as long as something of it is under way: a call, a stream, a listener. Ends at most once. */
export class SessionWatch {
  readonly #config: WatchConfig
  #entry: SessionEntry
  #cancelTimer: (() => void) | undefined
  #over = false
  #staleSince: Moment | undefined

  constructor(config: WatchConfig) {
    this.#config = config
    this.#entry = config.entry
  }

  get entry(): SessionEntry {
    return this.#entry
  }
  get stale(): boolean {
    return this.#staleSince !== undefined && !this.#over
  }

  /** Age of what was known of this session when it was dropped, in milliseconds; 0 while it is known. */
  staleMs(): number {
    return this.#staleSince === undefined ? 0 : elapsedSince(this.#config.clock, this.#staleSince)
  }

  /** Ends if the session has, and sets the timer for its hard expiry. */
  review(): void {
    if (this.#over) return
    const nowUnixMs = this.#config.follower.engineClock.nowUnixMs()
    // Without knowledge of the engine's clock nothing can be judged; the limits on staleness bound how long that may last.
    if (nowUnixMs === Infinity) return
    const reason = this.#entry.endOfCalls(nowUnixMs)
    if (reason) {
      this.end(reason)
      return
    }
    this.#cancelTimer?.()
    this.#cancelTimer = this.#config.clock.after(this.#entry.callsEndAtUnixMs - nowUnixMs, () => {
      this.review()
    })
  }

  end(reason: EndReason): void {
    if (this.#over) return
    this.cancel()
    this.#config.onEnd(reason)
  }

  cancel(): void {
    if (this.#over) return
    this.#over = true
    this.#cancelTimer?.()
    this.#config.onCancel()
  }

  /** What was known of the session holds no more, until `attach` brings a fresh entry. */
  markStale(): void {
    this.#staleSince ??= this.#config.follower.asOf
  }

  attach(entry: SessionEntry): void {
    this.#entry = entry
    this.#staleSince = undefined
  }
}
