import type { Clock } from '../../logical/clock.ts'
import { getJson, putJson } from '../../logical/storage.ts'
import type { Storage } from '../../logical/storage.ts'

/** A version that served this storage, and when it first did (Unix milliseconds). */
export interface InstalledVersion {
  readonly version: string
  readonly installed: number
}

const key = 'versions'

/** Notes the version that starts now, unless it was noted before; answers all, oldest first. */
export async function noteVersion(
  storage: Storage,
  clock: Clock,
  version: string,
): Promise<readonly InstalledVersion[]> {
  const known = (await getJson<InstalledVersion[]>(storage, key)) ?? []
  if (known.some((one) => one.version === version)) return known
  const all = [...known, { version, installed: clock.now() }]
  await putJson(storage, key, all)
  return all
}
