import type { Moment } from '../../logical/clock.ts'
import { unavailable } from '../error.ts'
import type { Sensitivity } from '../../document/index.ts'
import { refusedByVault } from './vault-refusal.ts'
import type { RefusalCode } from './vault-refusal.ts'

export type StalenessLimits = Readonly<Record<Sensitivity, number>>

/** Seconds, by how much harm a key can do. */
export const defaultStaleness: StalenessLimits = { high: 5, standard: 30, low: 120 }

/** What is known of the engine, as far as its age goes. */
interface Followed {
  readonly asOf: Moment
  readonly refusal?: RefusalCode | undefined
  ageMs(): number
}

/** How old the known state may be when it is acted on. */
export class Freshness {
  readonly #follower: Followed
  readonly #limits: StalenessLimits
  readonly #strictestMs: number

  constructor(follower: Followed, limits: StalenessLimits) {
    this.#follower = follower
    this.#limits = limits
    this.#strictestMs = 1000 * Math.min(...Object.values(limits))
  }

  /** See `FeedFollower`. */
  get asOf(): Moment {
    return this.#follower.asOf
  }

  /** Milliseconds; the strictest limit where no upstream is named, or its sensitivity is not one this gateway knows. */
  limitMs(sensitivity: string | undefined): number {
    const known =
      sensitivity !== undefined && Object.hasOwn(this.#limits, sensitivity)
        ? this.#limits[sensitivity as Sensitivity]
        : undefined
    return known === undefined ? this.#strictestMs : 1000 * known
  }

  /** Milliseconds until what is known now may no longer be acted on unless it is confirmed meanwhile; negative = not any more. */
  leftMs(sensitivity: string | undefined): number {
    return this.limitMs(sensitivity) - this.#follower.ageMs()
  }

  isFresh(sensitivity: string | undefined): boolean {
    return this.leftMs(sensitivity) >= 0
  }

  /** Throws `unavailable`: what ended meanwhile cannot be known, so nothing is allowed, and nothing is called invalid. */
  require(sensitivity: string | undefined): void {
    const { refusal } = this.#follower
    if (refusal !== undefined) throw refusedByVault(refusal)
    if (!this.isFresh(sensitivity))
      throw unavailable(
        'stale',
        'this gateway has lost contact with Vault and can no longer vouch for any session; keep the token and try again',
      )
  }
}
