import { getJson, putJson } from '../../logical/storage.ts'
import type { Storage } from '../../logical/storage.ts'
import type { MountEntry } from './mount.ts'

const key = 'mounts'

/** The stored list of mounts; every change is one write of the whole table. */
export async function loadMounts(storage: Storage): Promise<MountEntry[] | undefined> {
  return (await getJson<{ entries: MountEntry[] }>(storage, key))?.entries
}

export async function saveMounts(storage: Storage, entries: readonly MountEntry[]): Promise<void> {
  await putJson(storage, key, { entries })
}
