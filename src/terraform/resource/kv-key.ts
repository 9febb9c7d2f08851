/** An upstream's key in its KV v2 place: one field of a secret, and its origin among those the secret may be used for. */
import { Refusal, fault } from '../protocol/diagnostic.ts'
import type { Value, ValueObject } from '../protocol/value.ts'
import { CallFailure } from '../server.ts'
import type { Server } from '../server.ts'

export interface KeyPlace {
  readonly mount: string
  readonly path: string
  readonly field: string
  /** Scheme, host and port of the upstream. */
  readonly origin: string
}

export function keyPlace({ kv_mount: mount, kv_path: path, kv_field: field, url }: ValueObject): KeyPlace {
  return { mount: text(mount), path: text(path), field: text(field), origin: originOf(text(url)) }
}

const text = (value: Value | undefined): string => (typeof value === 'string' ? value : '')
const originOf = (url: string): string => (URL.canParse(url) ? new URL(url).origin : '')

export const samePlace = (a: KeyPlace, b: KeyPlace): boolean => a.mount === b.mount && a.path === b.path && a.field === b.field

/** Other fields of the secret stay. Rejects with `CallFailure`, or `Refusal` where there is no KV engine of version 2. */
export async function writeKey(server: Server, { mount, path, field }: KeyPlace, key: string): Promise<void> {
  const data = { [field]: key }
  const place = `${mount}/data/${path}`
  try {
    const patched = await server.request('PATCH', place, { body: { data } }).catch(whereMissing)
    // A secret of which the latest version was deleted answers with that.
    if (patched === undefined || patched.status === 404) await server.request('POST', place, { body: { data } })
  } catch (error) {
    if (!(error instanceof CallFailure) || (error.error.kind !== 'unsupported_path' && error.error.kind !== 'unsupported_operation')) throw error
    throw new Refusal(fault(`There is no KV engine of version 2 at ${mount}/`, 'Keys lie in one. Enable it, for example with vault secrets enable -path=secret kv-v2, or set kv_mount.', ['kv_mount']))
  }
}

/** The field only; what is not there is fine. Older versions of the secret stay, as KV keeps them. */
export async function removeKey(server: Server, { mount, path, field }: KeyPlace): Promise<void> {
  await server.request('PATCH', `${mount}/data/${path}`, { body: { data: { [field]: null } } }).catch(whereMissing)
}

/** Consents to `add` and no longer to `drop`; other origins, and other metadata, stay. */
export async function changeConsent(server: Server, { mount, path }: KeyPlace, add: string | undefined, drop: string | undefined): Promise<void> {
  const place = `${mount}/metadata/${path}`
  const metadata = (await server.read(place).catch(whereMissing))?.data?.custom_metadata
  const known = typeof metadata === 'object' && metadata !== null ? metadata as Readonly<Record<string, unknown>> : {}
  const listed = typeof known.mcp_origins === 'string' ? known.mcp_origins.split(',').map((origin) => origin.trim()).filter((origin) => origin !== '') : []
  const origins = [...new Set([...listed.filter((origin) => origin !== drop || origin === add), ...(add === undefined ? [] : [add])])]
  if (origins.join() === listed.join()) return
  const { mcp_origins: _, ...others } = known
  await server.request('POST', place, { body: { custom_metadata: origins.length > 0 ? { ...others, mcp_origins: origins.join(',') } : others } })
}

/** By the status alone: Vault answers the patch of a secret that is not there with an empty 404. */
function whereMissing(error: unknown): undefined {
  if (error instanceof CallFailure && error.error.status === 404) return undefined
  throw error
}
