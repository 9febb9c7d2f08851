import { RequestError } from './errors.ts'
import { parseJsonExactly, stringifyJsonExactly } from './json.ts'

/** One stored value. Keys are relative to the engine, without a leading `/`; folders end in `/` when listed. */
export interface StorageEntry {
  readonly key: string
  readonly value: Uint8Array
}

/** An engine's private storage. Every failure rejects; a rejected `put` may or may not have been stored. */
export interface Storage {
  get(key: string): Promise<StorageEntry | undefined>
  /** Durable when it resolves. */
  put(entry: StorageEntry): Promise<void>
  /** Deleting a missing key succeeds. */
  delete(key: string): Promise<void>
  /** Direct children of `prefix` in byte order, folders with a trailing `/`. `after` is exclusive. */
  list(prefix: string, page?: { after?: string; limit?: number }): Promise<string[]>
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** Reads a JSON value, or undefined where there is none. A value that does not parse is an internal error naming the key. */
export async function getJson<T>(storage: Storage, key: string): Promise<T | undefined> {
  const entry = await storage.get(key)
  return entry && jsonOf<T>(entry)
}

export async function putJson(storage: Storage, key: string, value: unknown): Promise<void> {
  await storage.put(jsonEntry(key, value))
}

/** The JSON value of an entry; throws as `getJson` does. */
export function jsonOf<T>({ key, value }: StorageEntry): T {
  try {
    return parseJsonExactly(decoder.decode(value)) as T
  } catch (cause) {
    throw new RequestError('internal', `stored value at ${key} is not readable`, { cause })
  }
}

export const jsonEntry = (key: string, value: unknown): StorageEntry => ({
  key,
  value: encoder.encode(stringifyJsonExactly(value)),
})

/** A view of `storage` in which every key lies under `prefix` (which ends in `/`). */
export function prefixStorage(storage: Storage, prefix: string): Storage {
  return {
    async get(key) {
      const entry = await storage.get(prefix + key)
      return entry && { key, value: entry.value }
    },
    put: (entry) => storage.put({ key: prefix + entry.key, value: entry.value }),
    delete: (key) => storage.delete(prefix + key),
    list: (under, page) => storage.list(prefix + under, page),
  }
}

/** All keys below `prefix`, however deep, as full keys. */
export async function collectKeys(storage: Storage, prefix: string): Promise<string[]> {
  const keys: string[] = []
  const folders = [prefix]
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const name of await storage.list(folder)) {
      if (name.endsWith('/')) folders.push(folder + name)
      else keys.push(folder + name)
    }
  }
  return keys
}

/** Storage in memory: what tests and `server -dev` run on. */
export class MemoryStorage implements Storage {
  readonly #values = new Map<string, Uint8Array>()

  get(key: string): Promise<StorageEntry | undefined> {
    const value = this.#values.get(key)
    return Promise.resolve(value && { key, value: Uint8Array.from(value) })
  }

  put(entry: StorageEntry): Promise<void> {
    this.#values.set(entry.key, Uint8Array.from(entry.value))
    return Promise.resolve()
  }

  delete(key: string): Promise<void> {
    this.#values.delete(key)
    return Promise.resolve()
  }

  list(prefix: string, page: { after?: string; limit?: number } = {}): Promise<string[]> {
    const names = new Set<string>()
    for (const key of this.#values.keys()) {
      if (!key.startsWith(prefix) || key === prefix) continue
      const rest = key.slice(prefix.length)
      const slash = rest.indexOf('/')
      names.add(slash < 0 ? rest : rest.slice(0, slash + 1))
    }
    return Promise.resolve(pageOf([...names].sort(byteOrder), page))
  }
}

/** The order of the names' UTF-8 bytes. JavaScript compares UTF-16 units, which differs where surrogate pairs meet U+E000 to U+FFFF. */
function byteOrder(a: string, b: string): number {
  if (surrogate.test(a) || surrogate.test(b)) return Buffer.compare(encoder.encode(a), encoder.encode(b))
  return a < b ? -1 : a > b ? 1 : 0
}
const surrogate = /[\ud800-\udfff]/

/** Cuts a sorted list to the names after `after`, at most `limit` (none or not positive: all). */
export function pageOf(sorted: string[], page: { after?: string; limit?: number }): string[] {
  const after = page.after
  const rest = after === undefined || after === '' ? sorted : sorted.filter((name) => byteOrder(name, after) > 0)
  return page.limit !== undefined && page.limit > 0 ? rest.slice(0, page.limit) : rest
}
