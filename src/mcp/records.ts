/**
 * The engine's storage: JSON records behind one cache, every change followed by its feed events. There is one writer, the
 * active node; other nodes only read and drop what `invalidate` names.
 */
import { KeyedLock } from '../logical/keyed-lock.ts'
import { getJson, jsonEntry, jsonOf } from '../logical/storage.ts'
import type { Storage } from '../logical/storage.ts'
import type { FeedEvent } from '../document/index.ts'
import type { Feed } from './feed.ts'

/** A generation of the cache is full at the first of these. Sessions are as long as the lists of scopes that callers asked for. */
const GENERATION_ENTRIES = 50_000
const GENERATION_BYTES = 64 * 1024 * 1024
/** What holding an entry takes in addition to the JSON of its value. */
const ENTRY_BYTES = 128

interface Kept {
  readonly value: unknown
  /** About: of the stored JSON. */
  readonly bytes: number
}

export class Records {
  readonly storage: Storage
  readonly #feed: Feed
  /**
   * What was used lately, and what was before that and goes at the next turn unless it is used again. Absence is kept too: most
   * sessions have no end marker.
   */
  #young = new Map<string, Kept>()
  #youngBytes = 0
  #old = new Map<string, Kept>()
  /** Reads under way. One that a change overtook is no longer in here, and what it finds is not kept. */
  readonly #reads = new Map<string, Promise<Kept>>()
  readonly #lock = new KeyedLock()

  constructor(storage: Storage, feed: Feed) {
    this.storage = storage
    this.#feed = feed
  }

  /** The record at `key`, or undefined. Callers never mutate what they get. */
  async get<T>(key: string): Promise<T | undefined> {
    const young = this.#young.get(key)
    if (young) return young.value as T | undefined
    const old = this.#old.get(key)
    if (old) return this.#remember(key, old).value as T | undefined
    const underWay = this.#reads.get(key)
    if (underWay) return (await underWay).value as T | undefined
    const read = this.storage
      .get(key)
      .then((entry): Kept => ({ value: entry && jsonOf(entry), bytes: entry?.value.length ?? 0 }))
    this.#reads.set(key, read)
    try {
      const kept = await read
      if (this.#reads.get(key) === read) this.#remember(key, kept)
      return kept.value as T | undefined
    } finally {
      if (this.#reads.get(key) === read) this.#reads.delete(key)
    }
  }

  /** As `get`, for sweeps over many records: what they pass does not push out what is in use. */
  async peek<T>(key: string): Promise<T | undefined> {
    return this.#young.has(key) || this.#old.has(key) ? this.get<T>(key) : getJson<T>(this.storage, key)
  }

  /** Stores durably, then changes the cache, then publishes: a follower that hears of it finds it. */
  async put(key: string, value: unknown, events: readonly FeedEvent[] = []): Promise<void> {
    const entry = jsonEntry(key, value)
    await this.#change(key, () => this.storage.put(entry), events)
    this.#remember(key, { value, bytes: entry.value.length })
    this.#feed.publish(events)
  }

  async delete(key: string, events: readonly FeedEvent[] = []): Promise<void> {
    await this.#change(key, () => this.storage.delete(key), events)
    this.#feed.publish(events)
  }

  /** Changed by another node: forget it. */
  invalidate(key: string): void {
    this.#reads.delete(key)
    this.#young.delete(key)
    this.#old.delete(key)
  }

  /** Runs `work` alone among callers naming the same `key`: read-modify-write of one record. */
  exclusive<T>(key: string, work: () => Promise<T>): Promise<T> {
    return this.#lock.run(key, work)
  }

  async #change(key: string, write: () => Promise<void>, events: readonly FeedEvent[]): Promise<void> {
    this.invalidate(key)
    try {
      await write()
    } catch (error) {
      // It is unknown whether it was stored: followers must ask again for everything they hold. A write that has nothing to tell them
      // (a new session, a record long dead) changes nothing they could hold.
      if (events.length > 0) this.#feed.newEpoch()
      throw error
    } finally {
      this.invalidate(key)
    }
  }

  #remember(key: string, kept: Kept): Kept {
    if (this.#young.size >= GENERATION_ENTRIES || this.#youngBytes >= GENERATION_BYTES) {
      this.#old = this.#young
      this.#young = new Map()
      this.#youngBytes = 0
    }
    this.#young.set(key, kept)
    // What is replaced or forgotten is counted till the turn, which then comes early.
    this.#youngBytes += kept.bytes + ENTRY_BYTES
    return kept
  }
}
