import type { Data } from '../../logical/data.ts'
import { isDeleted, versionResponse } from './metadata.ts'
import type { SecretStore } from './store.ts'

export interface FoundVersion {
  readonly metadata: Data
  /** null = deleted or destroyed: answered with 404, and the metadata all the same. */
  readonly data: Data | null
}

/** One version of a secret, the latest when `requested` is not positive; undefined when there is not one of that number. */
export function readVersion(store: SecretStore, path: string, requested: number): Promise<FoundVersion | undefined> {
  // Locked, so that no destroy and no pruning comes between the metadata and the data.
  return store.exclusively(path, async () => {
    const metadata = await store.metadata(path)
    if (!metadata) return undefined
    const number = requested > 0 ? requested : metadata.current_version
    const version = metadata.versions[number]
    if (!version) return undefined
    const gone = version.destroyed || isDeleted(version, store.clock.now())
    return { metadata: versionResponse(metadata, number, version), data: gone ? null : await store.data(path, number) }
  })
}
