/**
 * What is known of sessions and documents, and how old that knowledge is: one long poll of `mcp/feed` at a time tells every cache
 * what changed, in order.
 */
import { RequestError } from '../../logical/errors.ts'
import { Backoff } from '../../logical/backoff.ts'
import { delay, momentOf } from '../../logical/clock.ts'
import type { Moment } from '../../logical/clock.ts'
import { Demand } from './demand.ts'
import { EngineClock } from './engine-clock.ts'
import type { TokenCheck } from './token-check.ts'
import type { NumberedEvent } from '../../document/index.ts'
import { readFeedUpdate } from './feed-update.ts'
import type { FeedTerms, FeedUpdate } from './feed-update.ts'
import type { FollowedPosition } from './followed-position.ts'
import * as pace from './follower-config.ts'
import type { FollowerConfig } from './follower-config.ts'
import { Listeners } from './listeners.ts'
import type { FeedListener, PendingLookup } from './listeners.ts'
import { refusedByVault } from './vault-refusal.ts'
import type { RefusalCode } from './vault-refusal.ts'
import { VaultStanding, healthBy } from './vault-standing.ts'

const NEVER: Moment = { monotonicMs: -Infinity, unixMs: 0 }

export class FeedFollower {
  readonly engineClock: EngineClock
  /** Resolves at the first response of the feed. */
  readonly heardOnce: Promise<void>
  readonly #config: FollowerConfig
  readonly #listeners: Listeners
  readonly #stop = new AbortController()
  readonly #demand: Demand
  readonly #standing: VaultStanding
  #refusal: RefusalCode | undefined
  #running: Promise<void> | undefined
  #epoch: string | undefined
  #sequence = 0
  #terms: FeedTerms = { gateways: 1, introspectionBatch: 1 }
  #tokenCheck: TokenCheck | undefined
  #asOf = NEVER
  /** Monotonic: when the feed was last asked while nothing followed it, and when that, or a look at a sealed Vault, last failed. */
  #caughtUpAtMs = -Infinity
  #failedAtMs = -Infinity
  #pauseMs = pace.FIRST_PAUSE_MS
  readonly #backoff = new Backoff({ firstMs: pace.FIRST_PAUSE_MS, longestMs: pace.LONGEST_PAUSE_MS })
  #heard: () => void = () => undefined

  constructor(config: FollowerConfig) {
    this.#config = config
    this.heardOnce = new Promise((resolve) => {
      this.#heard = resolve
    })
    const { clock, logger, onRefused, inUse, health } = config
    this.engineClock = new EngineClock(clock)
    this.#listeners = new Listeners(logger)
    this.#demand = new Demand(clock, inUse ?? (() => true))
    const checkHealth = health ?? ((stop: AbortSignal) => healthBy(config.vault, stop))
    this.#standing = new VaultStanding({ clock, logger, onRefused, health: checkHealth, signal: this.#stop.signal })
  }

  get epoch(): string | undefined {
    return this.#epoch
  }
  /** Told in this epoch; undefined where it was not. Act on it only while the state is known to be fresh. */
  get tokenCheck(): TokenCheck | undefined {
    return this.#tokenCheck
  }
  get position(): FollowedPosition {
    return { feed_epoch: this.#epoch ?? '', feed_sequence: this.#sequence }
  }
  /** As of the last response. */
  get terms(): FeedTerms {
    return this.#terms
  }
  /** Polls that failed in a row. */
  get failures(): number {
    return this.#backoff.failures
  }
  /** What Vault said no for; undefined while it serves this gateway, or is only out of reach. */
  get refusal(): RefusalCode | undefined {
    return this.#refusal
  }

  /** Polling at the moment. A gateway that nobody uses does not: its first call catches up with one round trip. */
  get isFollowing(): boolean {
    if (this.#refusal !== undefined) return false
    return this.#epoch === undefined || this.#demand.inUse
  }

  /** Vault is known to serve: by the feed while it is followed, else by its own health. */
  get isVaultActive(): boolean {
    return this.#refusal === undefined && this.#standing.wasActiveLately
  }

  /**
   * To be awaited before anything is decided. While nothing is followed it brings what is known up to date, unless that is younger than
   * `freshMs` already; in an outage it returns all the same. Throws what callers are told when Vault has said no.
   */
  async contact(freshMs: number): Promise<void> {
    if (this.isInContact(freshMs)) return
    // No more than one round trip a second, however many ask: others share what came of the last.
    const justFailed = this.#config.clock.monotonic() - this.#failedAtMs < pace.FRESH_MS
    if (!justFailed && !this.#stop.signal.aborted) await this.#demand.requestUpdate()
    if (this.#refusal !== undefined) throw refusedByVault(this.#refusal)
  }

  /** What `contact` would bring is there: it returns at once. */
  isInContact(freshMs: number): boolean {
    return this.#refusal === undefined && (this.isFollowing || this.ageMs() <= Math.min(freshMs, pace.FRESH_MS))
  }

  /** A live session was used. */
  used(): void {
    this.#demand.used()
  }

  /** Listeners hear of a change in the order they subscribed: caches first, then who acts on them. */
  subscribe(listener: FeedListener): void {
    this.#listeners.add(listener)
  }

  start(): void {
    this.#running ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
    this.#demand.received()
  }

  /** As of when the state is known; to listeners, while they hear of a change: as of when what was known before was. */
  get asOf(): Moment {
    return this.#asOf
  }
  /**
   * How old the known state is, in milliseconds. Infinity when nothing is known, and when wall and monotonic clock disagree
   * about it: this machine slept or was set, and no elapsed time can be trusted until the next response.
   */
  ageMs(): number {
    const { monotonicMs, unixMs } = momentOf(this.#config.clock)
    const elapsedMs = monotonicMs - this.#asOf.monotonicMs
    const elapsedWallMs = unixMs - this.#asOf.unixMs
    // The monotonic clock stands still in a sleep too short to be noticed, so the longer of the two counts.
    return Math.abs(elapsedMs - elapsedWallMs) > pace.CLOCK_AGREEMENT_MS ? Infinity : Math.max(elapsedMs, elapsedWallMs)
  }

  /** To be opened before the engine is asked, and closed when its response has been dealt with. */
  openLookup(): PendingLookup {
    return this.#listeners.openLookup({ epoch: this.#epoch, sequence: this.#sequence })
  }

  /** Resolves at the next response of the feed, or after `timeoutMs`, or when the follower is stopped. */
  nextResponse(timeoutMs: number): Promise<void> {
    return this.#demand.nextResponse(timeoutMs)
  }

  /** Something this gateway itself has just done and been acknowledged for; applied as if the feed had said it. */
  applyOwn(event: NumberedEvent): void {
    this.#publish([event])
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      if (this.isFollowing) await this.#follow(signal)
      else await this.#rest(signal)
    }
    this.#demand.resolveUpdateRequests()
  }

  /** One poll that waits for changes, and the pause after it where it needs one. */
  async #follow(signal: AbortSignal): Promise<void> {
    // Anyone who asks is not to wait for a change.
    const outcome = await this.#attempt(!this.#demand.isUpdateRequested, signal)
    this.#demand.resolveUpdateRequests()
    if (outcome === 'again' || this.#refusal !== undefined) return
    const pauseMs =
      outcome === 'idle' ? pace.FIRST_PAUSE_MS : Math.min(this.#pauseMs, this.#standing.sealedInMs ?? Infinity)
    await delay(this.#config.clock, Math.max(pauseMs, pace.SHORTEST_PAUSE_MS), signal)
  }

  /** Nobody has to hear of changes: only Vault's health is looked at, until somebody asks, or Vault serves again. */
  async #rest(signal: AbortSignal): Promise<void> {
    const { clock } = this.#config
    const refused = this.#refusal
    const pauseMs = refused === undefined ? pace.LOOK_EVERY_MS : pace.REFUSED_PAUSE_MS
    const requested = await this.#demand.rest(pauseMs, signal, refused !== undefined)
    if (signal.aborted || this.isFollowing) return
    const mayServe = refused === 'vault_sealed' ? await this.#checkHealth() : refused !== undefined || requested
    if (mayServe) {
      const earlyMs = this.#caughtUpAtMs + pace.FRESH_MS - clock.monotonic()
      if (earlyMs > 0) await delay(clock, earlyMs, signal)
      this.#caughtUpAtMs = clock.monotonic()
      let tries = 0
      while ((await this.#attempt(false, signal)) === 'again' && tries < pace.MOST_TRIES) tries++
    } else if (refused === undefined) await this.#checkHealth()
    else this.#failedAtMs = clock.monotonic()
    this.#demand.resolveUpdateRequests()
  }

  async #checkHealth(): Promise<boolean> {
    if ((await this.#standing.checkHealth()) === 'vault_sealed') this.#refuse('vault_sealed')
    return this.#standing.isActive
  }

  /** `again`: there is more to be asked for at once. `idle`: there was nothing to say. `failed`: judged, and refused where that is final. */
  async #attempt(waits: boolean, signal: AbortSignal): Promise<'again' | 'idle' | 'failed'> {
    const { clock, logger } = this.#config
    try {
      const outcome = await this.#poll(waits, signal)
      if (this.failures > 0 && this.#refusal === undefined)
        logger.info({ failures: this.failures, epoch: this.#epoch }, 'following the revocation feed again')
      if (this.#refusal === undefined) this.#backoff.reset()
      return outcome
    } catch (error) {
      if (signal.aborted) return 'failed'
      this.#failedAtMs = clock.monotonic()
      this.#pauseMs = this.#backoff.next()
      // Told ever more rarely: the 1st, 2nd, 4th, 8th… time.
      if (Number.isInteger(Math.log2(this.failures)))
        logger.warn(
          { failures: this.failures, error: error instanceof RequestError ? error.message : 'unexpected' },
          'the revocation feed cannot be followed',
        )
      const judgement = await this.#standing.failed(error)
      if (judgement === 'again') return 'again'
      if (judgement !== undefined) this.#refuse(judgement)
      return 'failed'
    }
  }

  async #poll(waits: boolean, signal: AbortSignal): Promise<'again' | 'idle'> {
    const { vault, mount, clock, gatewayId } = this.#config
    const sent = momentOf(clock)
    const query = {
      epoch: this.#epoch ?? '',
      after: this.#sequence,
      ...pace.holdOf(this.#config, waits),
      ...(gatewayId === undefined ? {} : { gateway: gatewayId }),
    }
    const received = await vault.read(`${mount}/feed`, { query, signal, timeoutMs: pace.POLL_TIMEOUT_MS })
    const tookMs = clock.monotonic() - sent.monotonicMs
    const update = readFeedUpdate(received?.data)
    if (!update) throw new RequestError('unavailable', 'the feed response cannot be parsed')
    this.#standing.responded(sent.monotonicMs)
    if (update.removed) {
      this.#refuse('mount_gone')
      return 'idle'
    }
    this.#refusal = undefined
    this.#terms = update.terms
    // Held can be no longer than it took; anything else would make stale knowledge look fresh.
    const heldMs = Math.min(update.held_ms, tookMs)
    this.#take(update)
    this.engineClock.observe({ sent, serverUnixMs: update.server_time_unix_ms, heldMs })
    // With more events waiting it does not vouch for the state at the time of asking.
    if (!update.more) this.#asOf = { monotonicMs: sent.monotonicMs + heldMs, unixMs: sent.unixMs + heldMs }
    this.#heard()
    this.#demand.received()
    // Answered at once though there was nothing to say: asking on at that pace would be a busy loop.
    const isIdle = update.events.length === 0 && !update.reset && heldMs < pace.FIRST_PAUSE_MS
    return isIdle || (!waits && !update.more) ? 'idle' : 'again'
  }

  #take(update: FeedUpdate): void {
    const reset = update.reset || update.epoch !== this.#epoch || update.sequence < this.#sequence
    const events = reset ? [] : update.events.filter((event) => event.sequence > this.#sequence)
    if (update.check) this.#tokenCheck = update.check
    else if (update.epoch !== this.#epoch) this.#tokenCheck = undefined
    this.#epoch = update.epoch
    this.#sequence = update.sequence
    if (reset) this.#reset()
    else if (events.length > 0) this.#publish(events)
  }

  #publish(events: readonly NumberedEvent[]): void {
    if (!this.#listeners.publish(events)) this.#reset()
  }

  #reset(): void {
    this.engineClock.forget()
    this.#listeners.reset()
  }

  /** Vault said no: everything known is dropped, and nothing is followed until Vault serves again. */
  #refuse(refusal: RefusalCode): void {
    if (this.#refusal === refusal) return
    this.#refusal = refusal
    this.#epoch = undefined
    this.#sequence = 0
    this.#asOf = NEVER
    const reason = refusedByVault(refusal)
    this.#config.logger.error({ code: refusal }, `all cached state is dropped: ${reason.message}`)
    this.#listeners.refused(reason)
    this.#reset()
    this.#demand.received()
  }
}
