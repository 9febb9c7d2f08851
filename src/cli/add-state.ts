/** What stands where `mcp-vault add` is going to write. Keys are not read: the metadata says whether there is one. */
import { VaultError } from '../vault-client/index.ts'
import type { PresetPlan } from '../preset/index.ts'
import type { CustomMetadata } from '../scope/index.ts'
import { Failure } from './failure.ts'
import { members } from './kv-data.ts'
import { requestAllowed } from './policy-lines.ts'
import type { Requester } from './policy-lines.ts'

type Document = Readonly<Record<string, unknown>>

export interface SecretState {
  /** For check-and-set; 0 = there has never been one. */
  readonly version: number
  /** Its newest version is neither deleted nor destroyed. */
  readonly exists: boolean
  readonly custom: CustomMetadata
}

/** `undefined` where nothing stands. */
export interface State {
  readonly upstream: Document | undefined
  /** By name. */
  readonly tools: Readonly<Record<string, Document>>
  readonly secret: SecretState
}

export async function readUpstream(call: Requester, mount: string, name: string): Promise<Document | undefined> {
  const path = `${mount}/upstreams/${name}`
  const need = { path, capabilities: ['read'] }
  const response = await requestAllowed(
    call,
    `Error reading ${path}`,
    need,
    (vault, options) => vault.read(path, options),
    path,
  )
  return response?.data ?? undefined
}

export async function readTools(
  call: Requester,
  mount: string,
  name: string,
): Promise<Readonly<Record<string, Document>>> {
  const path = `${mount}/tools/${name}`
  const need = { path: `${path}/`, capabilities: ['list'] }
  const list = await requestAllowed(call, `Error listing ${path}`, need, (vault, options) => vault.list(path, options))
  return (members(list?.data?.key_info) ?? {}) as Readonly<Record<string, Document>>
}

export async function readSecret(call: Requester, { secret: { mount }, use }: PresetPlan): Promise<SecretState> {
  await requireKvVersion2(call, mount)
  const path = `${mount}/metadata/${use.kv_path}`
  const need = { path, capabilities: ['read'] }
  const response = await requestAllowed(call, `Error reading ${path}`, need, (vault, options) =>
    vault.read(path, options),
  )
  const version = Number(response?.data?.current_version ?? 0)
  const newest = members(members(response?.data?.versions)?.[String(version)])
  return {
    version,
    exists: newest !== undefined && newest.destroyed !== true && !newest.deletion_time,
    custom: members(response?.data?.custom_metadata) ?? {},
  }
}

async function requireKvVersion2(call: Requester, mount: string): Promise<void> {
  const path = `sys/internal/ui/mounts/${mount}`
  const found = await call.request(`Error looking up the mount of ${mount}/`, async (vault, { signal }) => {
    try {
      return (await vault.read(path, signal ? { signal } : {}))?.data
    } catch (error) {
      // Nothing is mounted there, or nothing this token may use.
      if (error instanceof VaultError && error.kind === 'permission_denied') return undefined
      throw error
    }
  })
  if (found?.type === 'kv' && members(found.options)?.version === '2') return
  throw new Failure(
    2,
    `There is no KV engine of version 2 at ${mount}/ that this token may use, and keys are kept in one. Enable it, for example: mcp-vault secrets enable -path=${mount} -version=2 kv. Or name another one with -kv-mount, or leave the key to its owner with -without-key.`,
  )
}
