import { RequestError } from '../../logical/errors.ts'
import type { Clock } from '../../logical/clock.ts'
import type { Logger } from '../../logical/log.ts'
import { LoginRefused } from '../../vault-client/index.ts'
import type { VaultClient, VaultHealth } from '../../vault-client/index.ts'
import type { RefusalCode } from './vault-refusal.ts'

export interface StandingConfig {
  readonly clock: Clock
  readonly logger: Logger
  /** Which nodes serve; never rejects. */
  readonly health: (signal: AbortSignal) => Promise<VaultHealth>
  /** Aborts when nobody waits for what is found any more. */
  readonly signal: AbortSignal
  /** Logs in again where that is possible; rejects with `LoginRefused` when Vault says no to that too. */
  readonly onRefused: (() => Promise<void>) | undefined
}

/** So long no configured address may be active before that counts: elections take seconds, and one sealed node decides nothing. */
const INACTIVE_MS = 5_000
const HEALTH_TIMEOUT_MS = 1_000

/** `again`: ask at once, things have changed. Undefined: an outage, to be waited out. */
export type Judgement = RefusalCode | 'again' | undefined

/** Tells an outage from Vault saying no, by what polls of the feed fail with and which nodes are active. */
export class VaultStanding {
  readonly #config: StandingConfig
  /** Monotonic: some node is known to have been active at this moment. */
  #activeAtMs: number
  #isInactive = false
  /** What the last failure was and this one may confirm. */
  #suspected: RefusalCode | undefined

  constructor(config: StandingConfig) {
    this.#config = config
    this.#activeAtMs = config.clock.monotonic()
  }

  /** Milliseconds since some node was known to be active. */
  get activeAgeMs(): number {
    return this.#config.clock.monotonic() - this.#activeAtMs
  }

  /** A sign of an active node is no older than what counts as sealed. */
  get wasActiveLately(): boolean {
    return this.activeAgeMs <= INACTIVE_MS
  }

  /** What the last look at the nodes found. */
  get isActive(): boolean {
    return !this.#isInactive
  }

  /** Milliseconds until a Vault without an active node counts as sealed; undefined while that is not what is known of it. */
  get sealedInMs(): number | undefined {
    return this.#isInactive ? Math.max(0, INACTIVE_MS - this.activeAgeMs) : undefined
  }

  /** The engine answered a request sent at `sentMs`. */
  responded(sentMs: number): void {
    this.#activeAtMs = Math.max(this.#activeAtMs, sentMs)
    this.#isInactive = false
    this.#suspected = undefined
  }

  /** Asks the nodes. Those that cannot be reached say nothing, neither that Vault serves nor that it does not. */
  async checkHealth(): Promise<Judgement> {
    const sentMs = this.#config.clock.monotonic()
    const health = await this.#config.health(this.#config.signal)
    if (health === 'active') {
      this.#activeAtMs = Math.max(this.#activeAtMs, sentMs)
      this.#isInactive = false
    } else if (health === 'inactive') this.#isInactive = true
    return health === 'inactive' && this.sealedInMs === 0 ? 'vault_sealed' : undefined
  }

  /** Judges a failed poll, once a fresh login has been tried where that may help. */
  async failed(error: unknown): Promise<Judgement> {
    if (error instanceof LoginRefused) return 'gateway_refused'
    const kind = error instanceof RequestError ? error.kind : 'internal'
    if (kind === 'permission_denied' || kind === 'unauthenticated') return this.#denied()
    const judgement = await this.checkHealth()
    // A node that is only just becoming active does not know its mounts yet.
    if ((kind === 'unsupported_path' || kind === 'not_found') && !this.#isInactive) return this.#confirmed('mount_gone')
    this.#suspected = undefined
    return judgement
  }

  async #denied(): Promise<Judgement> {
    // The login that was tried after the last refusal is fresh.
    if (this.#suspected === 'gateway_refused') return this.#confirmed('gateway_refused')
    try {
      await this.#config.onRefused?.()
    } catch (error) {
      if (error instanceof LoginRefused) return 'gateway_refused'
      this.#config.logger.warn({}, 'logging in to Vault again failed')
      return this.checkHealth()
    }
    return this.#confirmed('gateway_refused')
  }

  /** The second time in a row it is so. */
  #confirmed(code: RefusalCode): Judgement {
    const confirmed = this.#suspected === code
    this.#suspected = confirmed ? undefined : code
    return confirmed ? code : 'again'
  }
}

/** By the node that this client goes to. */
export async function healthBy(vault: VaultClient, signal: AbortSignal): Promise<VaultHealth> {
  try {
    const { status } = await vault.request('GET', 'sys/health', { timeoutMs: HEALTH_TIMEOUT_MS, signal })
    return status === 200 ? 'active' : 'inactive'
  } catch {
    return 'unreachable'
  }
}
