import { cleanPath } from './data.ts'
import { Failure, UsageError } from './failure.ts'
import { text } from './flags.ts'
import type { VaultCall } from './vault-command.ts'

/** Where a key/value secret lives. The version of the engine decides the paths, so it is asked before every command. */

export const mountFlag = {
  mount: text(
    'path',
    'Mount of the engine; then the argument is the path below it. Without it the argument starts with the mount: secret/mcp/stripe.',
  ),
}

type MountFlags = typeof mountFlag

/** The parts a version 2 engine keeps apart. */
type Part = 'data' | 'metadata' | 'delete' | 'undelete' | 'destroy'

export interface KvPlace {
  readonly v2: boolean
  /** The API path of this secret's part; a version 1 engine has only data. */
  at(part: Part): string
}

const withoutSlashes = (path: string): string => path.replace(/^\/+|\/+$/g, '')

/** The path of the secret below the mount at `root`. With `-mount` the argument already is that path. */
function pathBelow(root: string, path: string, mountNamed: boolean): string {
  if (mountNamed) return path
  if (path === root) return ''
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path
}

const noSecretNamed = (root: string, mountNamed: boolean): UsageError =>
  new UsageError(`The path names no secret below ${root}/, for example ${mountNamed ? '' : `${root}/`}mcp/stripe`)

/** The mount that serves `path`, and whether its engine is version 2. */
async function mountServing(
  call: VaultCall<MountFlags>,
  path: string,
): Promise<{ readonly path: string | undefined; readonly v2: boolean }> {
  const preflight = await call.request(`Error looking up the mount of ${path}`, (vault, { signal }) =>
    vault.read(`sys/internal/ui/mounts/${path}`, signal ? { signal } : {}),
  )
  const found = preflight?.data?.path
  const options = preflight?.data?.options as { version?: unknown } | null | undefined
  return { path: typeof found === 'string' ? found : undefined, v2: options?.version === '2' }
}

/** `named` is the argument, absent only where the mount itself is meant. */
export async function locate(
  call: VaultCall<MountFlags>,
  named: string | undefined,
  mountItself = false,
): Promise<KvPlace> {
  const { mount } = call.flags
  if (mount === undefined && named === undefined) throw new UsageError('Not enough arguments (expected 1, got 0)')
  const path = named === undefined || (mount !== undefined && named.trim() === '') ? '' : cleanPath(named)
  const requested = mount === undefined ? path : cleanPath(mount)
  const found = await mountServing(call, requested)
  // Servers older than this endpoint have version 1 only.
  const root = withoutSlashes(found.path ?? (mount === undefined ? '' : requested))
  const below = pathBelow(root, path, mount !== undefined)
  if (below === '' && !mountItself) throw noSecretNamed(root, mount !== undefined)
  const { v2 } = found
  return { v2, at: (part) => [root, v2 ? part : '', below].filter((step) => step !== '').join('/') }
}

/** The same, where the engine must be version 2. */
export async function locateV2(call: VaultCall<MountFlags>, named: string, subject: string): Promise<KvPlace> {
  const place = await locate(call, named)
  if (!place.v2) throw new Failure(1, `${subject} not supported on KV Version 1`)
  return place
}
