/** An upstream's key in its KV v2 place: one field of a secret, and the consent to its use by this upstream. */
import { missingConsent, withConsent, withoutConsent, withoutEntries } from '../../scope/index.ts'
import type { CustomMetadata, KeyUse, MissingConsent } from '../../scope/index.ts'
import { KeyedLock } from '../../logical/keyed-lock.ts'
import { Refusal, fault } from '../protocol/diagnostic.ts'
import type { Value, ValueObject } from '../protocol/value.ts'
import { CallFailure } from '../call-failure.ts'
import type { Server } from '../server.ts'

export interface KeyPlace {
  readonly mount: string
  readonly path: string
  readonly field: string
  /** What its owner consents to by writing the key here. */
  readonly use: KeyUse
}

/** `engineMount`: where the upstream is declared, which is not where its key lies. */
export function keyPlace(
  { name, kv_mount: mount, kv_path: path, kv_field: field, url, auth }: ValueObject,
  engineMount: string,
): KeyPlace {
  const use = {
    mount: engineMount,
    upstream: text(name),
    origin: originOf(text(url)),
    auth: text(auth),
    kv_path: text(path),
    kv_field: text(field),
  }
  return { mount: text(mount), path: text(path), field: text(field), use }
}

const text = (value: Value | undefined): string => (typeof value === 'string' ? value : '')
const originOf = (url: string): string => (URL.canParse(url) ? new URL(url).origin : '')

export const sameSecret = (a: KeyPlace, b: KeyPlace): boolean => a.mount === b.mount && a.path === b.path
export const sameUse = (a: KeyPlace, b: KeyPlace): boolean =>
  sameSecret(a, b) && JSON.stringify(a.use) === JSON.stringify(b.use)
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
        'Keys are stored in one. Enable it, for example with vault secrets enable -path=secret kv-v2, or set kv_mount.',
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

/** Consents to the use of the key in this place; other entries, and other metadata, stay. Resolves to what was added. */
export async function giveConsent(server: Server, place: KeyPlace): Promise<readonly MissingConsent[]> {
  let added: readonly MissingConsent[] = []
  await changeMetadata(server, place, (custom) => {
    added = missingConsent(place.use, custom)
    return added.length === 0 ? custom : withConsent(place.use, custom)
  })
  return added
}

/** Takes back what `giveConsent` has added. */
export function undoConsent(server: Server, place: KeyPlace, added: readonly MissingConsent[]): Promise<void> {
  return changeMetadata(server, place, (custom) => withoutEntries(place.use, custom, added))
}

/** Takes back the consent to the use of the key in this place, but for what `kept`, another use of the secret, needs. */
export function withdrawConsent(server: Server, place: KeyPlace, kept?: KeyPlace): Promise<void> {
  const other = kept && sameSecret(place, kept) ? kept.use : undefined
  return changeMetadata(server, place, (custom) => withoutConsent(place.use, custom, other))
}

function changeMetadata(
  server: Server,
  { mount, path }: KeyPlace,
  change: (custom: CustomMetadata) => CustomMetadata,
): Promise<void> {
  const place = `${mount}/metadata/${path}`
  return lockOf(server).run(place, async () => {
    const metadata = (await server.read(place).catch(whereMissing))?.data?.custom_metadata
    const known = typeof metadata === 'object' && metadata !== null ? (metadata as CustomMetadata) : {}
    const changed = change(known)
    if (JSON.stringify(changed) !== JSON.stringify(known))
      await server.request('POST', place, { body: { custom_metadata: changed } })
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
