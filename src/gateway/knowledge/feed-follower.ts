/**
 * The decision side of the gateway: what is known of sessions and documents, how old that knowledge is, and what follows from
 * it. The follower is its heartbeat: one long poll of `mcp/feed` at a time tells every cache what changed, in order.
 */
import { RequestError } from '../../logical/errors.ts'
import { Backoff } from '../../logical/backoff.ts'
import { delay } from '../../logical/clock.ts'
import type { Clock } from '../../logical/clock.ts'
import type { Logger } from '../../logical/log.ts'
import type { VaultClient } from '../../vault-client/index.ts'
import { EngineClock } from './engine-clock.ts'
import type { TokenCheck } from './token-check.ts'
import { readFeedAnswer } from './feed-event.ts'
import type { FeedAnswer, FeedEvent } from './feed-event.ts'

/** Hears of every change in order. Neither method may throw or wait. */
export interface FeedListener {
  changed(events: readonly FeedEvent[]): void
  /** Nothing known before holds any more: drop it. */
  reset(): void
}

/**
 * A question to the engine while it is under way. Its answer reflects the feed up to the sequence it carries; `events` are
 * those learnt since it was asked, to be replayed onto the answer.
 */
export interface Question {
  readonly epoch: string | undefined
  readonly sequence: number
  readonly events: readonly FeedEvent[]
  /** True once the feed was reset: the answer may rest on a state that is gone. */
  readonly broken: boolean
  close(): void
}

export interface FollowerConfig {
  readonly vault: VaultClient
  /** `mcp` */
  readonly mount: string
  readonly clock: Clock
  readonly logger: Logger
  /** Vault refused our own token: log in again. Awaited before the next poll. */
  readonly onRefused?: () => Promise<void>
}

const WAIT_SECONDS = 1
/** A poll is held for one second; a server that is this late has lost it. */
const POLL_TIMEOUT_MS = 3_000
const FIRST_PAUSE_MS = 100
/** So that it is there again within a second of the server, and gateways without one do not wear it down. */
const LONGEST_PAUSE_MS = 1_000
const CLOCK_AGREEMENT_MS = 1_000

export class FeedFollower {
  readonly engineClock: EngineClock
  /** Resolves at the first answer of the feed. */
  readonly heardOnce: Promise<void>
  readonly #config: FollowerConfig
  readonly #listeners: FeedListener[] = []
  readonly #questions = new Set<{ events: FeedEvent[]; broken: boolean }>()
  readonly #stop = new AbortController()
  readonly #waiting = new Set<() => void>()
  #running: Promise<void> | undefined
  #epoch: string | undefined
  #sequence = 0
  /** Of the current epoch. */
  #tokenCheck: TokenCheck | undefined
  /** The state is known as of this moment, on both clocks. */
  #asOfMs = -Infinity
  #asOfUnixMs = 0
  readonly #backoff = new Backoff({ firstMs: FIRST_PAUSE_MS, longestMs: LONGEST_PAUSE_MS })
  #heard: () => void = () => undefined

  constructor(config: FollowerConfig) {
    this.#config = config
    this.heardOnce = new Promise((resolve) => {
      this.#heard = resolve
    })
    this.engineClock = new EngineClock(config.clock)
  }

  get epoch(): string | undefined {
    return this.#epoch
  }
  /** Told in this epoch; undefined where it was not. Act on it only while the state is known to be fresh. */
  get tokenCheck(): TokenCheck | undefined {
    return this.#tokenCheck
  }
  get sequence(): number {
    return this.#sequence
  }
  /** Polls that failed in a row; 0 while in contact. */
  get failures(): number {
    return this.#backoff.failures
  }

  /** Listeners hear of a change in the order they subscribed: caches first, then who acts on them. */
  subscribe(listener: FeedListener): void {
    this.#listeners.push(listener)
  }

  start(): void {
    this.#running ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running
    this.#wake()
  }

  /**
   * How old the known state is, in milliseconds. Infinity when nothing is known, and when wall and monotonic clock disagree
   * about it: this machine slept or was set, and no elapsed time can be trusted until the next answer.
   */
  ageMs(): number {
    const elapsedMs = this.#config.clock.monotonic() - this.#asOfMs
    const elapsedWallMs = this.#config.clock.now() - this.#asOfUnixMs
    // The monotonic clock stands still in a sleep too short to be noticed, so the longer of the two counts.
    return Math.abs(elapsedMs - elapsedWallMs) > CLOCK_AGREEMENT_MS ? Infinity : Math.max(elapsedMs, elapsedWallMs)
  }

  /** To be opened before the engine is asked, and closed when its answer has been dealt with. */
  openQuestion(): Question {
    const open = { events: [] as FeedEvent[], broken: false }
    this.#questions.add(open)
    return {
      epoch: this.#epoch,
      sequence: this.#sequence,
      events: open.events,
      get broken() {
        return open.broken
      },
      close: () => this.#questions.delete(open),
    }
  }

  /** Resolves at the next answer of the feed, or after `timeoutMs`, or when the follower is stopped. */
  nextAnswer(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        cancel()
        this.#waiting.delete(finish)
        resolve()
      }
      const cancel = this.#config.clock.after(timeoutMs, finish)
      this.#waiting.add(finish)
    })
  }

  /** Something this gateway itself has just done and been acknowledged for; applied as if the feed had said it. */
  applyOwn(event: FeedEvent): void {
    this.#publish([event])
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        const idle = await this.#poll(signal)
        if (this.failures > 0)
          this.#config.logger.info(
            { failures: this.failures, epoch: this.#epoch },
            'the revocation feed is followed again',
          )
        this.#backoff.reset()
        if (idle) await delay(this.#config.clock, FIRST_PAUSE_MS, signal)
      } catch (error) {
        if (signal.aborted) return
        await this.#recover(error, signal)
      }
    }
  }

  /** True when the engine answered at once though it had nothing to say: asking on at that pace would be a busy loop. */
  async #poll(signal: AbortSignal): Promise<boolean> {
    const { vault, mount, clock } = this.#config
    const sentMs = clock.monotonic()
    const sentUnixMs = clock.now()
    const query = { epoch: this.#epoch ?? '', after: this.#sequence, wait: WAIT_SECONDS }
    const received = await vault.read(`${mount}/feed`, { query, signal, timeoutMs: POLL_TIMEOUT_MS })
    const receivedMs = clock.monotonic()
    const answer = readFeedAnswer(received?.data)
    if (!answer) throw new RequestError('unavailable', 'the answer of the feed does not read')
    // Held can be no longer than it took; anything else would make stale knowledge look fresh.
    const heldMs = Math.min(answer.held_ms, receivedMs - sentMs)
    this.#take(answer)
    this.engineClock.observe({ sentMs, receivedMs, serverUnixMs: answer.server_time_unix_ms, heldMs })
    // With more events waiting it does not vouch for the state at the time of asking.
    if (!answer.more) {
      this.#asOfMs = sentMs + heldMs
      this.#asOfUnixMs = sentUnixMs + heldMs
    }
    this.#heard()
    this.#wake()
    return answer.events.length === 0 && !answer.reset && heldMs < FIRST_PAUSE_MS
  }

  #take(answer: FeedAnswer): void {
    const reset = answer.reset || answer.epoch !== this.#epoch || answer.sequence < this.#sequence
    const events = reset ? [] : answer.events.filter((event) => event.sequence > this.#sequence)
    if (answer.check) this.#tokenCheck = answer.check
    else if (answer.epoch !== this.#epoch) this.#tokenCheck = undefined
    this.#epoch = answer.epoch
    this.#sequence = answer.sequence
    if (reset) this.#reset()
    else if (events.length > 0) this.#publish(events)
  }

  #publish(events: readonly FeedEvent[]): void {
    for (const question of this.#questions) question.events.push(...events)
    try {
      for (const listener of this.#listeners) listener.changed(events)
    } catch (error) {
      // A cache that failed half way no longer knows what it holds.
      this.#config.logger.error({ error: String(error) }, 'a change could not be applied, everything known is dropped')
      this.#reset()
    }
  }

  #reset(): void {
    this.engineClock.forget()
    for (const question of this.#questions) question.broken = true
    for (const listener of this.#listeners) listener.reset()
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const pause = this.#backoff.next()
    const { logger, clock, onRefused } = this.#config
    // Told ever more rarely: the 1st, 2nd, 4th, 8th… time.
    if (Number.isInteger(Math.log2(this.failures))) {
      logger.warn(
        { failures: this.failures, error: error instanceof RequestError ? error.message : 'unexpected' },
        'the revocation feed cannot be followed',
      )
    }
    if (error instanceof RequestError && (error.kind === 'permission_denied' || error.kind === 'unauthenticated')) {
      await onRefused?.().catch(() => {
        logger.warn({}, 'logging in to Vault again failed')
      })
    }
    await delay(clock, pause, signal)
  }

  #wake(): void {
    for (const finish of [...this.#waiting]) finish()
  }
}
