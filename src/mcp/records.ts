/**
 * The engine's storage: JSON records behind one cache, every change followed by its feed events. There is one writer, the
 * active node; other nodes only read and drop what `invalidate` names.
 */
import { getJson, putJson } from '../logical/storage.ts'
import type { Storage } from '../logical/storage.ts'
import type { Feed, FeedEvent } from './feed.ts'

const CACHE_ENTRIES = 100_000

export class Records {
  readonly storage: Storage
  readonly #feed: Feed
  readonly #cache = new Map<string, unknown>()
  readonly #queues = new Map<string, Promise<unknown>>()
  /** Grows with every change, so that a read that raced with one is not cached. */
  #changes = 0

  constructor(storage: Storage, feed: Feed) {
    this.storage = storage
    this.#feed = feed
  }

  /** The record at `key`, or undefined. Absence is cached too. Callers never mutate what they get. */
  async get<T>(key: string): Promise<T | undefined> {
    if (this.#cache.has(key)) return this.#cache.get(key) as T | undefined
    const before = this.#changes
    const value = await getJson<T>(this.storage, key)
    if (this.#changes === before) this.#remember(key, value)
    return value
  }

  /** Stores durably, then changes the cache, then publishes: a follower that hears of it finds it. */
  async put(key: string, value: unknown, events: readonly FeedEvent[] = []): Promise<void> {
    await this.#change(key, () => putJson(this.storage, key, value))
    this.#remember(key, value)
    this.#feed.publish(events)
  }

  async delete(key: string, events: readonly FeedEvent[] = []): Promise<void> {
    await this.#change(key, () => this.storage.delete(key))
    this.#remember(key, undefined)
    this.#feed.publish(events)
  }

  /** Changed by another node: forget it. */
  invalidate(key: string): void {
    this.#changes++
    this.#cache.delete(key)
  }

  /** Runs `work` alone among callers naming the same `key`: read-modify-write of one record. */
  async exclusive<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(key) ?? Promise.resolve()
    const mine = before.then(work, work)
    const settled = mine.then(() => undefined, () => undefined)
    this.#queues.set(key, settled)
    try {
      return await mine
    } finally {
      if (this.#queues.get(key) === settled) this.#queues.delete(key)
    }
  }

  async #change(key: string, write: () => Promise<void>): Promise<void> {
    this.#changes++
    this.#cache.delete(key)
    try {
      await write()
    } catch (error) {
      // Stored or not, nobody knows: followers must ask again for everything they hold.
      this.#feed.newEpoch()
      throw error
    } finally {
      this.#changes++
      this.#cache.delete(key)
    }
  }

  #remember(key: string, value: unknown): void {
    this.#cache.delete(key)
    this.#cache.set(key, value)
    if (this.#cache.size <= CACHE_ENTRIES) return
    const oldest = this.#cache.keys().next().value
    if (oldest !== undefined) this.#cache.delete(oldest)
  }
}
