import { delay } from '../../logical/clock.ts'
import type { Clock } from '../../logical/clock.ts'
import { Slots } from '../../logical/slots.ts'
import type { UpstreamDocument } from '../../document/index.ts'
import { takesKey } from '../../scope/index.ts'
import { unavailable } from '../error.ts'
import type { GatewayFailure } from '../error.ts'
import type { PreparedKey } from '../call/key.ts'
import type { FeedListener } from '../knowledge/listeners.ts'
import { nameOf } from './key-name.ts'
import type { KeyName } from './key-name.ts'
import { KeyReader, isGone, isOutage, isRefused } from './key-reader.ts'
import type { KeyRead, KeyReaderConfig } from './key-reader.ts'

export type KeysConfig = KeyReaderConfig

/** Something that was begun with a key and goes on: a call until its last byte. */
export interface OngoingUse {
  /** Of the upstream, as its document says at the moment. */
  sensitivity(): string
  /** It may not go on with this key; told at most once. */
  keyEnded(reason: GatewayFailure): void
}

/** A key ready for its upstream; `key` undefined for auth `none`. */
export interface UsableKey {
  readonly key: PreparedKey | undefined
  /** Asked in the instant before use: is the KV read that vouches for it recent enough? */
  readonly stillVouched: () => boolean
  /** The owner has not listed this upstream, and `consent_upstreams = "warn"` lets it pass: stands in the record of the call. */
  readonly unlistedUpstream: boolean
  /** From here on the key is read again in time, and the use is ended when it is gone. Returns what is to be called when the use is over. */
  readonly watch: (use: OngoingUse) => () => void
}

/** A key that is used is read again from this share of its limit on, for which nothing waits for long. */
const REREAD_FROM = 0.5
const SHORT_WAIT_MS = 100
/** Past this share a call waits for the new read: connecting is not to outlast the old one. */
const WAIT_FROM = 0.75
const CLOCK_AGREEMENT_MS = 1_000
/** For so long Vault must have refused to let a key be read: a node that is only just becoming active does not know its mounts yet. */
const CONFIRMED_MS = 1_000
/** Between two looks at the keys of what is under way. */
const LONGEST_PAUSE_MS = 1_000
const SHORTEST_PAUSE_MS = 10

interface Watched extends KeyName {
  readonly uses: Slots<OngoingUse>
}

/**
 * The upstreams' keys, out of KV v2 and never anywhere else: kept in memory for as long as one read vouches for them, and read
 * again only where they were used since. Writing upstream documents gives nobody a key.
 */
export class Keys implements FeedListener {
  readonly #config: KeysConfig
  readonly #clock: Clock
  readonly #reader: KeyReader
  readonly #held = new Map<string, KeyRead>()
  /** One for all calls that rest on one read. */
  readonly #usableBy = new WeakMap<KeyRead, UsableKey & { readonly limitMs: number }>()
  readonly #reading = new Map<string, Promise<KeyRead>>()
  /** Monotonic: since when Vault lets the key no longer be read. */
  readonly #refusedSinceMs = new Map<string, number>()
  /** What is under way, by the name of its key. */
  readonly #watched = new Map<string, Watched>()
  #cancelLook: (() => void) | undefined
  /** Monotonic; Infinity = no look is due. */
  #looksAtMs = Infinity

  constructor(config: KeysConfig) {
    this.#config = config
    this.#clock = config.clock
    this.#reader = new KeyReader(config)
  }

  /** The key where one read vouches for it well beyond this moment; `undefined` = it has to be asked for. */
  kept(upstream: UpstreamDocument, environment: string): UsableKey | undefined {
    if (!takesKey(upstream.auth)) return noKey
    const named = nameOf(upstream, environment)
    const held = this.#held.get(named.name)
    const limitMs = this.#config.limitMs(upstream.sensitivity)
    return held && this.#isWithin(held, limitMs * REREAD_FROM) ? this.#usable(named, held, limitMs) : undefined
  }

  /** Throws what `KeyReader.read` does. */
  async get(upstream: UpstreamDocument, environment: string): Promise<UsableKey> {
    if (!takesKey(upstream.auth)) return noKey
    const named = nameOf(upstream, environment)
    const limitMs = this.#config.limitMs(upstream.sensitivity)
    return this.#usable(named, await this.#heldOrRead(named, limitMs), limitMs)
  }

  #usable(named: KeyName, held: KeyRead, limitMs: number): UsableKey {
    const known = this.#usableBy.get(held)
    if (known?.limitMs === limitMs) return known
    const usable = {
      key: held.key,
      limitMs,
      stillVouched: () => this.#isWithin(held, limitMs) || this.#isVouchedByALaterRead(named.name, held, limitMs),
      unlistedUpstream: held.unlistedUpstream,
      watch: (use: OngoingUse) => this.#watch(named, use),
    }
    this.#usableBy.set(held, usable)
    return usable
  }

  /** What vouches for a key is its read from KV, not the feed. */
  changed(): void {
    return undefined
  }
  reset(): void {
    return undefined
  }

  /** Resolves when nothing that was exchanged for a key waits to be stored any more. */
  finished(): Promise<void> {
    return this.#reader.finished()
  }

  /** Vault said no: drops every key, also those being read at the moment. */
  refused(): void {
    this.#held.clear()
    this.#reading.clear()
    this.#refusedSinceMs.clear()
    this.#reader.forget()
  }

  async #heldOrRead(named: KeyName, limitMs: number): Promise<KeyRead> {
    const held = this.#held.get(named.name)
    if (!held || !this.#isWithin(held, limitMs)) return this.#readOnce(named)
    if (this.#isWithin(held, limitMs * REREAD_FROM)) return held
    const reading = this.#readOnce(named).catch((error: unknown) => {
      // An outage takes nothing away: what was read before vouches to its end.
      if (isOutage(error) && this.#isWithin(held, limitMs)) return held
      throw error
    })
    if (!this.#isWithin(held, limitMs * WAIT_FROM)) return reading
    // Usually it is there at once, and a call whose key was taken away is refused rather than begun and cut.
    return Promise.race([reading, delay(this.#clock, SHORT_WAIT_MS).then(() => held)])
  }

  #readOnce(named: KeyName): Promise<KeyRead> {
    const { name } = named
    const underWay = this.#reading.get(name)
    if (underWay) return underWay
    const read = this.#reader
      .read(named)
      .then((held) => {
        if (this.#reading.get(name) !== read) return held
        this.#refusedSinceMs.delete(name)
        this.#held.set(name, held)
        this.#forgetLater(named, held)
        return held
      })
      .catch((thrown: unknown) => {
        if (this.#reading.get(name) === read && this.#isGone(name, thrown)) this.#gone(name, thrown)
        throw thrown
      })
      .finally(() => {
        if (this.#reading.get(name) === read) this.#reading.delete(name)
      })
    this.#reading.set(name, read)
    return read
  }

  #isGone(name: string, thrown: unknown): thrown is GatewayFailure {
    if (isGone(thrown)) return true
    if (!isRefused(thrown)) return false
    const nowMs = this.#clock.monotonic()
    const sinceMs = this.#refusedSinceMs.get(name) ?? nowMs
    // Only what is held has anything to lose.
    if (this.#held.has(name)) this.#refusedSinceMs.set(name, sinceMs)
    return nowMs - sinceMs >= CONFIRMED_MS
  }

  /** There is no such key any more, no consent to use it, or no right to read it. */
  #gone(name: string, reason: GatewayFailure): void {
    this.#held.delete(name)
    this.#refusedSinceMs.delete(name)
    for (const use of this.#watched.get(name)?.uses.all() ?? []) use.keyEnded(reason)
  }

  /** Nothing is kept that vouches no longer, but for what is under way. */
  #forgetLater({ name, upstream }: KeyName, held: KeyRead): void {
    const leftMs = this.#config.limitMs(upstream.sensitivity) - (this.#clock.monotonic() - held.sentMs)
    this.#clock.after(leftMs + 1, () => {
      if (!this.#watched.has(name)) this.#forget(name, held)
    })
  }

  #forget(name: string, held: KeyRead): void {
    if (this.#held.get(name) !== held) return
    this.#held.delete(name)
    this.#refusedSinceMs.delete(name)
  }

  #watch(named: KeyName, use: OngoingUse): () => void {
    const { name } = named
    const watched = this.#watched.get(name) ?? { ...named, uses: new Slots<OngoingUse>() }
    this.#watched.set(name, watched)
    const slot = watched.uses.add(use)
    this.#lookWithin(this.#dueMs(name, this.#config.limitMs(use.sensitivity())))
    return () => {
      watched.uses.delete(slot, use)
      if (watched.uses.size > 0 || this.#watched.get(name) !== watched) return
      this.#watched.delete(name)
      // Past its time already: what was to forget it then has left it to those who used it.
      const held = this.#held.get(name)
      if (held && !this.#isWithin(held, this.#config.limitMs(named.upstream.sensitivity))) this.#forget(name, held)
    }
  }

  /** Looks at what is under way by then. The timer stays when the last use ends: the next is likely to come before it fires. */
  #lookWithin(dueMs: number): void {
    const inMs = Math.min(Math.max(dueMs, SHORTEST_PAUSE_MS), LONGEST_PAUSE_MS)
    const atMs = this.#clock.monotonic() + inMs
    if (atMs >= this.#looksAtMs) return
    this.#cancelLook?.()
    this.#looksAtMs = atMs
    this.#cancelLook = this.#clock.after(inMs, () => {
      this.#looksAtMs = Infinity
      for (const watched of [...this.#watched.values()]) this.#look(watched)
      for (const watched of this.#watched.values())
        this.#lookWithin(this.#dueMs(watched.name, this.#strictestMs(watched)))
    })
  }

  #strictestMs({ uses }: Watched): number {
    return Math.min(...uses.all().map((use) => this.#config.limitMs(use.sensitivity())))
  }

  /** Milliseconds until the key is to be read again; once that is under way, until it vouches no longer. */
  #dueMs(name: string, limitMs: number): number {
    const held = this.#held.get(name)
    if (!held) return 0
    const elapsedMs = this.#clock.monotonic() - held.sentMs
    const rereadMs = limitMs * REREAD_FROM
    // A millisecond later, so that it is past then.
    return (elapsedMs <= rereadMs ? rereadMs : limitMs) - elapsedMs + 1
  }

  #look(watched: Watched): void {
    const held = this.#held.get(watched.name)
    const elapsedMs = held ? this.#clock.monotonic() - held.sentMs : Infinity
    this.#endUses(watched, (limitMs) => elapsedMs > limitMs)
    if (watched.uses.size === 0) return
    if (held && this.#isWithin(held, this.#strictestMs(watched) * REREAD_FROM)) return
    // The wall clock alone may have been set: what was read at the time is judged once it has been read again.
    void this.#readOnce(watched)
      .catch(() => undefined)
      .then(() => {
        const now = this.#held.get(watched.name)
        this.#endUses(watched, (limitMs) => !now || !this.#isWithin(now, limitMs))
      })
  }

  #endUses({ uses }: Watched, isOver: (limitMs: number) => boolean): void {
    for (const use of uses.all())
      if (isOver(this.#config.limitMs(use.sensitivity())))
        use.keyEnded(
          unavailable('stale', "this gateway can no longer vouch for the upstream's key; keep the token and try again"),
        )
  }

  /** While a call was connecting the key was read again, and is still the same. */
  #isVouchedByALaterRead(name: string, { key }: KeyRead, limitMs: number): boolean {
    const latest = this.#held.get(name)
    if (!latest || !this.#isWithin(latest, limitMs)) return false
    return latest.key !== undefined && key !== undefined && latest.key.sameAs(key)
  }

  #isWithin(held: KeyRead, limitMs: number): boolean {
    const elapsedMs = this.#clock.monotonic() - held.sentMs
    const elapsedWallMs = this.#clock.now() - held.sentUnixMs
    // In a sleep too short to be noticed the monotonic clock stands still, so the longer of the two counts.
    return Math.max(elapsedMs, elapsedWallMs) <= limitMs && Math.abs(elapsedMs - elapsedWallMs) <= CLOCK_AGREEMENT_MS
  }
}

/** For auth `none`. */
const noKey: UsableKey = {
  key: undefined,
  stillVouched: () => true,
  unlistedUpstream: false,
  watch: () => () => undefined,
}
