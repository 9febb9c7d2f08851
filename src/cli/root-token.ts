import { base62 } from '../host/base/ids.ts'
import { getJson, putJson } from '../logical/storage.ts'
import type { Storage } from '../logical/storage.ts'
import { tokenDigest } from '../scope/index.ts'
import { Failure } from './failure.ts'
import { readPrivateFile, writePrivateFile } from './private-file.ts'

/** `sha256` of the token in the file; `made` once the host has it too. */
interface Progress {
  readonly sha256: string
  readonly made: boolean
}

const KEY = 'server/root-token'
const WHAT = 'The root token file'

export interface FirstRootToken {
  /** For the host to make, unless it has it already. */
  readonly id: string
  /** To be called once the host has it. From then on no start makes one: a revoked root token stays revoked. */
  made(): Promise<void>
}

/**
 * The root token of a store's first start; undefined on every later one. It goes to a file only its owner can read, never to the
 * output, which journals keep. The file is on the disk before the token works, so that no crash leaves a store without a way in.
 */
export async function firstRootToken(
  storage: Storage,
  file: string,
  random: (bytes: number) => Uint8Array,
): Promise<FirstRootToken | undefined> {
  const before = await getJson<Progress>(storage, KEY)
  if (before?.made) return undefined
  const made = (id: string): FirstRootToken => ({
    id,
    made: () => putJson(storage, KEY, { sha256: tokenDigest(id), made: true } satisfies Progress),
  })
  const id = `hvs.${base62(random, 24)}`
  await putJson(storage, KEY, { sha256: tokenDigest(id), made: false } satisfies Progress)
  if (await writePrivateFile(file, id, WHAT)) return made(id)
  // A start that was interrupted may have written it; anything else there is not ours to replace.
  const found = await readPrivateFile(file, WHAT)
  if (before && tokenDigest(found) === before.sha256) return made(found)
  if (before) await putJson(storage, KEY, before)
  throw new Failure(
    1,
    `${WHAT} ${file} exists already and is not of this store; move it away, or name another one with root_token_file.`,
  )
}
