/** Work at an MCP server that a gateway allowed: by what it knew, and for how long that stands. */
import { later } from '../logical/clock.ts'
import type { Moment } from '../logical/clock.ts'
import { GatewayError } from './error.ts'
import type { ValidateResponse } from './wire.ts'

/** How far a gateway had followed Vault's feed: comparable within an epoch. */
export type JudgedPosition = Pick<ValidateResponse, 'feed_epoch' | 'feed_sequence'>

/** What the gateway said when it allowed the work. */
export interface Vouching {
  /** The gateway vouches for the session for `vouchedMs` from then on. */
  readonly requestedAt: Moment
  readonly vouchedMs: number
  readonly position: JudgedPosition
}

export class HeldWork {
  #allowed: Vouching
  readonly #cut: AbortController
  readonly #recheck: () => Promise<Vouching>
  #isRechecking = false
  #isRecheckDue = false
  /** Until when a stream has vouched for it, by what was known before the change that is being asked about. */
  keptUntil: Moment | undefined

  constructor(allowed: Vouching, cut: AbortController, recheck: () => Promise<Vouching>) {
    this.#allowed = allowed
    this.#cut = cut
    this.#recheck = recheck
  }

  get vouchedUntil(): Moment {
    return later(this.#allowed.requestedAt, this.#allowed.vouchedMs)
  }

  /** The work was allowed by all that had been told up to `position`. */
  covers({ feed_epoch, feed_sequence }: JudgedPosition): boolean {
    const own = this.#allowed.position
    return own.feed_epoch === feed_epoch && own.feed_sequence >= feed_sequence
  }

  end(reason: GatewayError): void {
    this.#cut.abort(reason)
  }

  /**
   * Asks whether the work is still allowed, once at a time; what changes meanwhile is asked about after that. In an outage the work goes
   * on for as long as it was vouched for, and is asked about again at the next word of the stream.
   */
  recheck(onAllowed: () => void): void {
    if (this.#isRechecking) {
      this.#isRecheckDue = true
      return
    }
    this.#isRechecking = true
    this.#isRecheckDue = false
    this.#recheck()
      .then((allowed) => {
        this.#allowed = allowed
        onAllowed()
      })
      .catch((reason: unknown) => {
        if (!this.#mayWait(reason)) this.#cut.abort(reason)
      })
      .finally(() => {
        this.#isRechecking = false
        if (this.#isRecheckDue && !this.#cut.signal.aborted) this.recheck(onAllowed)
      })
  }

  /** A gateway of 0.1.0 tells no position: its stream alone would keep the work alive, and nothing would ask again. */
  #mayWait(reason: unknown): boolean {
    const isOutage = reason instanceof GatewayError && reason.type === 'unavailable' && reason.retryable
    return isOutage && this.#allowed.position.feed_epoch !== ''
  }
}
