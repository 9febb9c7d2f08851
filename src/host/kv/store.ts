import type { Clock } from '../../logical/clock.ts'
import { RequestError } from '../../logical/errors.ts'
import type { Data } from '../../logical/data.ts'
import { getJson, putJson } from '../../logical/storage.ts'
import type { Storage } from '../../logical/storage.ts'
import { KeyedLock } from '../../logical/keyed-lock.ts'
import { addVersion, defaultConfig, newMetadata } from './metadata.ts'
import type { KvConfig, SecretMetadata } from './metadata.ts'

const CONFIG_KEY = 'config'
const METADATA_PREFIX = 'metadata/'
const metadataKey = (path: string): string => `${METADATA_PREFIX}${path}`
// The number is the last segment, so that the versions of `a` and of `a/1` never meet.
const versionsFolder = (path: string): string => `versions/${path}/`
const versionKey = (path: string, version: number): string => `${versionsFolder(path)}${version}`

/**
 * The mount's secrets in storage. The metadata document is what counts: a version exists once it is listed there, and its data is
 * written before and erased after, so that a crash in between leaves nothing a client can see.
 */
export class SecretStore {
  readonly clock: Clock
  readonly #storage: Storage
  readonly #lock = new KeyedLock()

  constructor(storage: Storage, clock: Clock) {
    this.#storage = storage
    this.clock = clock
  }

  /** Runs `task` while no other task touches the secret. Everything below that reads and then writes belongs in one. */
  exclusively<T>(path: string, task: () => Promise<T>): Promise<T> {
    return this.#lock.run(metadataKey(path), task)
  }

  async config(): Promise<KvConfig> {
    return (await getJson<KvConfig>(this.#storage, CONFIG_KEY)) ?? { ...defaultConfig }
  }

  changeConfig(change: (config: KvConfig) => void): Promise<void> {
    return this.#lock.run(CONFIG_KEY, async () => {
      const config = await this.config()
      change(config)
      await putJson(this.#storage, CONFIG_KEY, config)
    })
  }

  metadata(path: string): Promise<SecretMetadata | undefined> {
    return getJson<SecretMetadata>(this.#storage, metadataKey(path))
  }
  saveMetadata(path: string, metadata: SecretMetadata): Promise<void> {
    return putJson(this.#storage, metadataKey(path), metadata)
  }

  /** The names in a folder; the mount's root is `''`. */
  list(folder: string): Promise<string[]> {
    return this.#storage.list(METADATA_PREFIX + folder)
  }

  async data(path: string, version: number): Promise<Data> {
    const data = await getJson<Data>(this.#storage, versionKey(path, version))
    if (!data) throw new RequestError('internal', `the data of version ${version} is missing from storage`)
    return data
  }

  /**
   * Stores the next version of a secret; `metadata` undefined = its first. Gives the metadata as it is now, and a warning where
   * erasing versions over the limit failed: the new version stands, and the next write erases them.
   */
  async addVersion(
    path: string,
    before: SecretMetadata | undefined,
    config: KvConfig,
    data: Data,
  ): Promise<{ metadata: SecretMetadata; warnings: string[] }> {
    const now = this.clock.now()
    const metadata = before ?? newMetadata(now)
    addVersion(metadata, config, now)
    await putJson(this.#storage, versionKey(path, metadata.current_version), data)
    await this.saveMetadata(path, metadata)
    try {
      await this.#erasePruned(path, metadata.oldest_version - 1)
    } catch {
      return {
        metadata,
        warnings: ['error occurred when cleaning up old versions, these will be cleaned up on next write'],
      }
    }
    return { metadata, warnings: [] }
  }

  /** Erases data. The metadata must say `destroyed` already. */
  async erase(path: string, versions: readonly number[]): Promise<void> {
    for (const version of versions) await this.#storage.delete(versionKey(path, version))
  }

  /**
   * Removes the secret and every version of it, those included that an interrupted write left unlisted. Interrupted itself, it
   * leaves destroyed versions, never half-readable ones.
   */
  async remove(path: string, metadata: SecretMetadata): Promise<void> {
    for (const version of Object.values(metadata.versions)) version.destroyed = true
    await this.saveMetadata(path, metadata)
    const names = await this.#storage.list(versionsFolder(path))
    await this.erase(path, names.filter((name) => !name.endsWith('/')).map(Number))
    await this.#storage.delete(metadataKey(path))
  }

  /** Erases `newest` and everything older. Oldest first, so that what an interruption leaves is found by the next call. */
  async #erasePruned(path: string, newest: number): Promise<void> {
    let oldest = newest + 1
    while (oldest > 1 && (await this.#storage.get(versionKey(path, oldest - 1)))) oldest--
    for (let version = oldest; version <= newest; version++) await this.#storage.delete(versionKey(path, version))
  }
}
