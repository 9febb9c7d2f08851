/** An upstream's key in its KV v2 place: one field of a secret, and its origin among those the secret may be used for. */
import { KeyedLock } from '../../logical/keyed-lock.ts'
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

export const sameSecret = (a: KeyPlace, b: KeyPlace): boolean => a.mount === b.mount && a.path === b.path
export const samePlace = (a: KeyPlace, b: KeyPlace): boolean => sameSecret(a, b) && a.field === b.field

/** Other fields of the secret stay. Rejects with `CallFailure`, or `Refusal` where there is no KV engine of version 2. */
export async function writeKey(server: Server, place: KeyPlace, key: string): Promise<void> {
  try {
    // Another one's first write of the secret may come between; the second attempt finds it.
    if (!(await putKey(server, place, key).catch(whereChanged))) await putKey(server, place, key)
  } catch (error) {
    if (
      !(error instanceof CallFailure) ||
      (error.error.kind !== 'unsupported_path' && error.error.kind !== 'unsupported_operation')
    )
      throw error
    throw new Refusal(
      fault(
        `There is no KV engine of version 2 at ${place.mount}/`,
        'Keys lie in one. Enable it, for example with vault secrets enable -path=secret kv-v2, or set kv_mount.',
        ['kv_mount'],
      ),
    )
  }
}

async function putKey(server: Server, { mount, path, field }: KeyPlace, key: string): Promise<true> {
  const data = { [field]: key }
  const place = `${mount}/data/${path}`
  const patched = await server.request('PATCH', place, { body: { data } }).catch(whereMissing)
  if (patched !== undefined && patched.status !== 404) return true
  // A secret of which the latest version was deleted answers with that version; one that is not there has none.
  const version = patched?.data?.version
  await server.request('POST', place, { body: { data, options: { cas: typeof version === 'number' ? version : 0 } } })
  return true
}

function whereChanged(error: unknown): false {
  if (error instanceof CallFailure && error.error.kind === 'bad_request' && /check-and-set/.test(error.message))
    return false
  throw error
}

/** The field only; what is not there is fine. Older versions of the secret stay, as KV keeps them. */
export async function removeKey(server: Server, { mount, path, field }: KeyPlace): Promise<void> {
  await server.request('PATCH', `${mount}/data/${path}`, { body: { data: { [field]: null } } }).catch(whereMissing)
}

/** Consents to the place's origin, or no longer; other origins, and other metadata, stay. False: it was so already. */
export function changeConsent(server: Server, { mount, path, origin }: KeyPlace, given: boolean): Promise<boolean> {
  const place = `${mount}/metadata/${path}`
  return lockOf(server).run(place, async () => {
    const metadata = (await server.read(place).catch(whereMissing))?.data?.custom_metadata
    const known =
      typeof metadata === 'object' && metadata !== null ? (metadata as Readonly<Record<string, unknown>>) : {}
    const listed =
      typeof known.mcp_origins === 'string'
        ? known.mcp_origins
            .split(',')
            .map((text) => text.trim())
            .filter((text) => text !== '')
        : []
    if (listed.includes(origin) === given) return false
    const origins = given ? [...listed, origin] : listed.filter((other) => other !== origin)
    const { mcp_origins: _, ...others } = known
    await server.request('POST', place, {
      body: { custom_metadata: origins.length > 0 ? { ...others, mcp_origins: origins.join(',') } : others },
    })
    return true
  })
}

/** KV's metadata has no check-and-set: what reads and writes it does so one after the other, at least in this process. */
const locks = new WeakMap<Server, KeyedLock>()

function lockOf(server: Server): KeyedLock {
  const lock = locks.get(server) ?? new KeyedLock()
  locks.set(server, lock)
  return lock
}

/** By the status alone: Vault answers the patch of a secret that is not there with an empty 404. */
function whereMissing(error: unknown): undefined {
  if (error instanceof CallFailure && error.error.status === 404) return undefined
  throw error
}
