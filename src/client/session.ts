import { Backoff } from '../logical/backoff.ts'
import { later, leftUntil, momentOf } from '../logical/clock.ts'
import type { Moment } from '../logical/clock.ts'
import type { IntervalClock } from './clock.ts'
import { GatewayError, typeForAgent } from './error.ts'
import type { SessionToken } from './wire.ts'

const RETRY = { firstMs: 500, longestMs: 15_000 }
/** Below this a refresh would follow the last one without pause. */
const SHORTEST_PAUSE_MS = 1_000
/** No timer runs while a machine sleeps: whether a refresh is due is looked at this often, so that it is made soon after waking. */
const LOOK_EVERY_MS = 10_000

export interface SessionDependencies {
  readonly clock: IntervalClock
  refresh(): Promise<SessionToken>
  close(): Promise<void>
}

/**
 * An open session that keeps itself alive: at 80 % of a token's life the next one is fetched, and work under the old one
 * goes on, because both live. Ends with `close`, or when the gateway says that it is over.
 */
export class Session {
  readonly #dependencies: SessionDependencies
  #current: SessionToken
  /** Counted from before the request, so early by the length of a round trip, never late. */
  #expiresAt: Moment
  #refreshAt: Moment
  #over: GatewayError | undefined
  #refreshing: Promise<void> | undefined
  #cancelTimer: () => void = () => undefined
  readonly #backoff = new Backoff(RETRY)

  /** `requestedAt`: when the token was requested. */
  constructor(dependencies: SessionDependencies, first: SessionToken, requestedAt: Moment) {
    this.#dependencies = dependencies
    this.#current = first
    this.#expiresAt = requestedAt
    this.#refreshAt = requestedAt
    this.#adopt(first, requestedAt)
  }

  /** The newest token with all that is known about it. */
  get details(): SessionToken {
    return this.#current
  }
  get session_id(): string {
    return this.#current.session_id
  }

  /** The newest live token. Waits only when the last one ran out during an outage. Rejects with `GatewayError`. */
  async token(): Promise<string> {
    if (this.#over) throw this.#over
    if (leftUntil(this.#dependencies.clock, this.#expiresAt) <= 0) await this.#refresh()
    return this.#current.token
  }

  /** A new token now, ahead of time. */
  async refresh(): Promise<SessionToken> {
    if (this.#over) throw this.#over
    await this.#refresh()
    return this.#current
  }

  /** Ends the session and everything delegated from it. A second call does nothing. */
  async close(): Promise<void> {
    this.#cancelTimer()
    const wasOver = this.#over !== undefined
    this.#over ??= new GatewayError('invalid_token', 'closed', 'the session was closed here')
    if (!wasOver) await this.#dependencies.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** One refresh at a time: each takes one of the few places a session has for live tokens. */
  #refresh(): Promise<void> {
    this.#refreshing ??= this.#ask().finally(() => {
      this.#refreshing = undefined
    })
    return this.#refreshing
  }

  async #ask(): Promise<void> {
    const requestedAt = momentOf(this.#dependencies.clock)
    try {
      this.#adopt(await this.#dependencies.refresh(), requestedAt)
    } catch (thrown) {
      // "Session is over" comes as invalid_request: nothing changes it any more. An outage ends, and so does a wrong credential of ours.
      if (thrown instanceof GatewayError && ['invalid_token', 'invalid_request'].includes(typeForAgent(thrown))) {
        this.#over ??= thrown
        this.#cancelTimer()
      }
      throw this.#over ?? thrown
    }
    if (this.#over) throw this.#over
  }

  #adopt(token: SessionToken, requestedAt: Moment): void {
    const { clock } = this.#dependencies
    this.#backoff.reset()
    this.#current = token
    this.#expiresAt = later(requestedAt, token.ttl_seconds * 1000)
    const dueSeconds = token.ttl_seconds - (token.expires_at_unix - token.refresh_after_unix)
    this.#schedule(Math.max(leftUntil(clock, later(requestedAt, dueSeconds * 1000)), SHORTEST_PAUSE_MS))
  }

  #schedule(ms: number): void {
    this.#refreshAt = later(momentOf(this.#dependencies.clock), ms)
    this.#wait()
  }

  #wait(): void {
    this.#cancelTimer()
    if (this.#over) return
    const { clock } = this.#dependencies
    const leftMs = Math.max(leftUntil(clock, this.#refreshAt), 0)
    this.#cancelTimer = clock.after(Math.min(leftMs, LOOK_EVERY_MS), () => {
      if (leftUntil(clock, this.#refreshAt) > 0) this.#wait()
      else this.#refreshInTime()
    })
  }

  #refreshInTime(): void {
    this.#refresh().catch((error: unknown) => {
      const requestedMs = error instanceof GatewayError ? (error.retry_after_seconds ?? 0) * 1000 : 0
      this.#schedule(Math.max(this.#backoff.next(), requestedMs))
    })
  }
}
