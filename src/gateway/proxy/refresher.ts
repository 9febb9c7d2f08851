/**
 * Exchanges refresh tokens that their issuer may replace at each use, once for all gateways: the one that exchanges takes the record in KV by
 * check-and-set before, and writes there what came of it after; the others wait for that and use the same access token. Between the two
 * nobody else knows which refresh token is good: where a gateway stops there, somebody has to authorize again.
 */
import { keepNewest } from '../../logical/bounded-map.ts'
import { delay } from '../../logical/clock.ts'
import type { Clock } from '../../logical/clock.ts'
import { jitterOf, pauseMs } from '../../logical/backoff.ts'
import { GatewayCallError } from '../call/call-error.ts'
import type { OperatorLog } from './operator-log.ts'
import { exchangeToken, lostRecord } from './refresh-exchange.ts'
import type { RefreshUse } from './refresh-exchange.ts'
import type { AccessToken, RefreshRecord } from './refresh-record.ts'
import { ResultWriter } from './refresh-result.ts'
import { RefreshStore } from './refresh-store.ts'
import type { StoredRecord } from './refresh-store.ts'
import type { TokenExchange } from './token-endpoint.ts'
import type { VaultClient } from '../../vault-client/index.ts'

export interface RefresherConfig {
  readonly vault: VaultClient
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
  /** The engine's clock, which all gateways know. Unix milliseconds; Infinity while nothing is known of it. */
  readonly unixMs: () => number
  readonly gatewayId: string
  readonly exchange: TokenExchange
  readonly log: OperatorLog
}

export interface WantedToken {
  /** Milliseconds it has to live. */
  readonly neededMs: number
  /** Another one than this. */
  readonly insteadOf: string | undefined
}

export interface RefreshedToken {
  readonly access: AccessToken
  /** Refresh tokens and older access tokens, which an upstream may repeat. */
  readonly others: readonly string[]
}

/** An exchange takes half of it at most; then its gateway has stopped. */
const LOCK_MS = 30_000
/** What two gateways' ideas of the engine's clock may differ by. */
const CLOCKS_MS = 10_000
/** For so long a call waits for another gateway. */
const LONGEST_WAIT_MS = 45_000
/** For so long the result of an exchange is waited for to be written. */
const WRITE_MS = 5_000
const SHORT_MS = 10_000
const POLLING = { firstMs: 100, longestMs: 1_000, factor: 1.5 }
const MOST_REMEMBERED = 1_000

export class Refresher {
  readonly #config: RefresherConfig
  readonly #store: RefreshStore
  readonly #writer: ResultWriter
  readonly #jitter: () => number
  /** Locks of this process, by id: `unsent` ones were taken, but it is not known that they were. */
  readonly #locks = new Map<string, 'held' | 'unsent'>()
  /** Monotonic: since when a lock of another gateway has been seen, by id. */
  readonly #seenMs = new Map<string, number>()

  constructor(config: RefresherConfig) {
    this.#config = config
    this.#store = new RefreshStore(config)
    this.#writer = new ResultWriter({ ...config, store: this.#store })
    this.#jitter = jitterOf(config.random, 0.5, 1.5)
  }

  /** Resolves when nothing is being exchanged or waits to be written any more. */
  finished(): Promise<void> {
    return this.#writer.finished()
  }

  /**
   * Throws `needs_reauthorization`, what the token endpoint said (`key_unavailable`, `token_endpoint_unavailable`,
   * `upstream_unreachable`), and what the store throws.
   */
  async token(use: RefreshUse, wanted: WantedToken): Promise<RefreshedToken> {
    const { clock } = this.#config
    const startedMs = clock.monotonic()
    for (let rounds = 1; clock.monotonic() - startedMs < LONGEST_WAIT_MS; rounds++) {
      const stored = await this.#store.read(use)
      const record = this.#recordOf(use, stored)
      const usable = this.#usable(use, record, wanted)
      if (usable) return usable
      if (this.#isFree(use, record, wanted)) {
        const locked = await this.#lock(use, record, stored.version)
        if (locked) return await this.#exchange(use, locked, wanted)
      } else if (this.#isOver(record)) await this.#giveUp(use, record, stored.version)
      await delay(clock, pauseMs({ ...POLLING, jitter: this.#jitter }, rounds))
    }
    throw new GatewayCallError(
      'token_endpoint_unavailable',
      `another gateway has been renewing its access token for ${String(LONGEST_WAIT_MS / 1000)} s`,
    )
  }

  /** The record where it is of this seed; else the seed as its owner wrote it. Throws `key_unavailable` for what no gateway wrote. */
  #recordOf(use: RefreshUse, { found }: StoredRecord): RefreshRecord {
    const { upstream, path, seed } = use
    if (found === 'none' || found === 'void') return { state: 'ready', refresh_token: seed.refreshToken, previous: [] }
    if (found !== 'unreadable') return found
    const { kv_mount: mount } = upstream
    throw this.#config.log.refuse(
      upstream,
      path,
      'key_unavailable',
      `the record ${mount}/${path} was not written by a gateway for the refresh token in ${mount}/${seed.path}, or was put back, so that it is not used. Authorize again and run: vault kv metadata delete -mount=${mount} ${path} && vault kv patch -mount=${mount} ${seed.path} refresh_token=-`,
    )
  }

  #usable({ placement }: RefreshUse, record: RefreshRecord, wanted: WantedToken): RefreshedToken | undefined {
    const { access } = record
    if (access?.placement !== placement || access.token === wanted.insteadOf) return undefined
    if (access.expires_at - this.#config.unixMs() < wanted.neededMs) return undefined
    return { access, others: [record.refresh_token, ...record.previous] }
  }

  /** Whether this gateway may exchange the refresh token now. Throws what the last attempt ended with, where it is too early for another. */
  #isFree(use: RefreshUse, record: RefreshRecord, wanted: WantedToken): boolean {
    const nowMs = this.#config.unixMs()
    if (nowMs === Infinity) throw new GatewayCallError('stale', 'the gateway is out of contact with Vault; try again')
    if (record.renewal !== undefined && this.#locks.get(record.renewal.id) === 'unsent') return true
    if (record.state === 'needs_reauthorization') throw this.#lost(use, record)
    // Of an issuer that did not replace it the refresh token is good whatever came of the exchange.
    if (record.state === 'renewing') return record.rotates === false && this.#isOver(record)
    requireSense(use, record, wanted, nowMs)
    return true
  }

  /** Whether the gateway that holds the lock must have stopped. */
  #isOver({ state, renewal }: RefreshRecord): boolean {
    if (state !== 'renewing' || renewal === undefined || this.#locks.has(renewal.id)) return false
    const nowMs = this.#config.clock.monotonic()
    const seenMs = this.#seenMs.get(renewal.id) ?? nowMs
    if (this.#seenMs.size >= MOST_REMEMBERED) this.#seenMs.clear()
    this.#seenMs.set(renewal.id, seenMs)
    return Math.max(nowMs - seenMs, this.#config.unixMs() - renewal.begun_at - CLOCKS_MS) >= LOCK_MS
  }

  async #giveUp(use: RefreshUse, record: RefreshRecord, version: number): Promise<void> {
    const what = `gateway ${record.renewal?.gateway ?? ''} stopped between sending the refresh token to ${use.seed.tokenUrl} and storing the next one`
    await this.#store.write(use, lostRecord(record, what), version)
  }

  #lost(use: RefreshUse, { refusal }: RefreshRecord): Error {
    const { upstream, seed } = use
    const { kv_mount: mount } = upstream
    return this.#config.log.refuse(
      upstream,
      seed.path,
      'needs_reauthorization',
      `the refresh token in version ${String(seed.version)} of ${mount}/${seed.path} can no longer be used: ${refusal?.what ?? 'it was lost'}. Authorize at the issuer again and run: vault kv patch -mount=${mount} ${seed.path} refresh_token=-`,
    )
  }

  /** The lock's version and record; undefined where another gateway was faster. */
  async #lock(use: RefreshUse, record: RefreshRecord, version: number): Promise<Locked | undefined> {
    const { random, gatewayId, unixMs } = this.#config
    const id = Buffer.from(random(16)).toString('hex')
    const renewal = { id, gateway: gatewayId, begun_at: unixMs() }
    const { refusal: _refusal, ...rest } = record
    const locked: RefreshRecord = { ...rest, state: 'renewing', renewal }
    this.#remember(id, 'held')
    try {
      if (await this.#store.write(use, locked, version)) return { record: locked, version: version + 1 }
    } catch (error) {
      // It may be there nevertheless. Nothing was sent under it, so that it is taken away before others think that this gateway has died.
      this.#remember(id, 'unsent')
      this.#writer.track(this.#writer.write(use, { ...rest, state: 'ready', renewal }, undefined))
      throw error
    }
    // Also where the write was sent twice and the first of them counted.
    this.#remember(id, 'unsent')
    return undefined
  }

  async #exchange(use: RefreshUse, locked: Locked, wanted: WantedToken): Promise<RefreshedToken> {
    const { clock, exchange } = this.#config
    const exchanged = exchangeToken(exchange, use, locked.record)
    const written = exchanged.then(({ record: result }) => this.#writer.write(use, result, locked.version))
    this.#writer.track(written.then(() => void this.#locks.delete(locked.record.renewal!.id)))
    const { record, error } = await exchanged
    // Others know of it then; an outage of Vault keeps nobody from using what was issued.
    await Promise.race([written, delay(clock, WRITE_MS)])
    if (record.state === 'needs_reauthorization') throw this.#lost(use, record)
    if (error) throw error
    const usable = this.#usable(use, record, wanted)
    if (usable) return usable
    throw tooShort(wanted.neededMs)
  }

  #remember(id: string, what: 'held' | 'unsent'): void {
    keepNewest(this.#locks, id, what, MOST_REMEMBERED)
  }
}

interface Locked {
  readonly record: RefreshRecord
  readonly version: number
}

/** Throws where another exchange would end as the last one did. */
function requireSense(use: RefreshUse, { refusal, access }: RefreshRecord, wanted: WantedToken, nowMs: number): void {
  if (refusal?.until !== undefined && nowMs < refusal.until) throw new GatewayCallError(refusal.code, refusal.what)
  if (access?.placement === use.placement && isTooShort(access, wanted.neededMs, nowMs)) throw tooShort(wanted.neededMs)
}

/** Another one would live no longer, so none is asked for before it is over. */
const isTooShort = ({ asked_at, expires_at }: AccessToken, neededMs: number, nowMs: number): boolean =>
  expires_at - asked_at < neededMs && nowMs < Math.max(expires_at, asked_at + SHORT_MS)

/** A token that is over before what is known of its secret has to be read again. */
export const tooShort = (neededMs: number): GatewayCallError =>
  new GatewayCallError(
    'key_unavailable',
    `its tokens live less than ${String(Math.ceil(neededMs / 1000))} s, the least at its sensitivity`,
  )
