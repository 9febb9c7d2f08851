import { createHash } from 'node:crypto'
import type { Clock } from '../logical/clock.ts'
import type { VaultResponse } from './response.ts'
import type { VaultClient } from './client.ts'
import { noResponse, VaultError } from './errors.ts'
import type { TokenGrant } from './lifetime-watcher.ts'

export interface AppRoleLoginOptions {
  /** Whose connections to use; it should have no token of its own. */
  readonly client: VaultClient
  /** Below `auth/`: `approle`. */
  readonly mount: string
  /** Asked at every login, as `secretId` is, so that replacing a file is all it takes. */
  readonly roleId: () => Promise<string>
  readonly secretId: () => Promise<string>
  /** `secretId` gives a token that wraps one. It is unwrapped once, and what it held is kept in memory. */
  readonly wrapped?: boolean
  readonly clock: Clock
}

/**
 * Vault counts a wrong secret id of a role it knows: at the fifth it locks the role out, for everyone, and forgets them only after
 * fifteen minutes without one. So the same ids are not offered again sooner than this; another role or secret id is offered at once.
 */
const COUNTED_PAUSE_MS = 15 * 60_000 + 10_000
/** Refusals that Vault does not count: the role is gone or locked out, or this address is not let in. Once that is fixed, no wait is needed. */
const UNCOUNTED_PAUSE_MS = 2_000

interface Refusal {
  readonly of: string
  readonly untilMs: number
  readonly error: VaultError
}

/**
 * A login with AppRole. Rejects with what Vault says (`bad_request` for ids that are wrong, `unavailable` for an outage); neither the
 * secret id nor the wrapping token occurs in it.
 */
export function appRoleLogin(options: AppRoleLoginOptions): (signal: AbortSignal) => Promise<TokenGrant> {
  const { client, mount, clock } = options
  const unwrap = options.wrapped === true ? unwrapOnce(client, mount) : (given: string) => Promise.resolve(given)
  let refusal: Refusal | undefined

  return async (signal) => {
    const [roleId, given] = await Promise.all([options.roleId(), options.secretId()])
    const of = digestOf(roleId, given)
    if (refusal?.of === of && clock.monotonic() < refusal.untilMs) throw refusal.error
    const remember = (thrown: unknown, pauseMs: number) => {
      if (isRefusal(thrown)) refusal = { of, untilMs: clock.monotonic() + pauseMs, error: thrown }
    }
    const logIn = (ids: object) => client.write(`auth/${mount}/login`, { role_id: roleId, ...ids }, { signal })
    // A wrapping token that is gone does not come back.
    const secretId = await unwrap(given, signal).catch((thrown: unknown) => {
      remember(thrown, COUNTED_PAUSE_MS)
      throw thrown
    })
    try {
      return grantOf(await logIn({ secret_id: secretId }))
    } catch (thrown) {
      if (isRefusal(thrown))
        remember(thrown, (await isCounted(thrown, () => logIn({}))) ? COUNTED_PAUSE_MS : UNCOUNTED_PAUSE_MS)
      throw thrown
    }
  }
}

/**
 * May Vault have counted this refusal? It says the same of a wrong secret id and of a role it does not know; a login without a
 * secret id, which it never counts, tells them apart: it is told "missing secret_id" where the role is known.
 */
async function isCounted(refusal: VaultError, withoutSecretId: () => Promise<unknown>): Promise<boolean> {
  if (refusal.kind !== 'bad_request' || refusal.message.startsWith('source address ')) return false
  const told = await withoutSecretId().catch((thrown: unknown) => thrown)
  return !(told instanceof VaultError && told.kind === 'bad_request' && told.message.startsWith('invalid role'))
}

const isRefusal = (thrown: unknown): thrown is VaultError =>
  thrown instanceof VaultError &&
  (thrown.kind === 'bad_request' || thrown.kind === 'permission_denied' || thrown.kind === 'unauthenticated')

function grantOf({ auth }: VaultResponse): TokenGrant {
  // Where a second factor is asked for, the response has an `auth` with an empty token.
  if (!auth || auth.client_token === '')
    throw noResponse(
      'Vault returned no token for the AppRole login; it may ask for a second factor, which this process cannot give',
    )
  return { token: auth.client_token, ttl: auth.lease_duration, renewable: auth.renewable }
}

function unwrapOnce(client: VaultClient, mount: string) {
  let kept: { readonly of: string; readonly secretId: string } | undefined
  return async (wrappingToken: string, signal: AbortSignal): Promise<string> => {
    const of = digestOf(wrappingToken)
    if (kept?.of === of) return kept.secretId
    await checkOrigin(client, mount, wrappingToken, signal)
    const { data } = await client.withToken(wrappingToken).write('sys/wrapping/unwrap', {}, { signal })
    if (typeof data?.secret_id !== 'string' || data.secret_id === '')
      throw new VaultError(
        'bad_request',
        0,
        'the wrapping token held no secret_id; make one with vault write -wrap-ttl=5m -f auth/approle/role/<role>/secret-id',
      )
    kept = { of, secretId: data.secret_id }
    return data.secret_id
  }
}

/**
 * Looks at where the wrapping token comes from without spending it. One that is gone was unwrapped by somebody else, or is too
 * old; one that was made elsewhere was put into its place.
 */
async function checkOrigin(
  client: VaultClient,
  mount: string,
  wrappingToken: string,
  signal: AbortSignal,
): Promise<void> {
  const { data } = await client
    .write('sys/wrapping/lookup', { token: wrappingToken }, { signal })
    .catch((thrown: unknown) => {
      if (!isRefusal(thrown)) throw thrown
      throw new VaultError(
        thrown.kind,
        thrown.status,
        `the wrapped secret_id cannot be unwrapped: it has expired, or somebody has unwrapped it already, in which case destroy that secret_id (${thrown.message})`,
      )
    })
  const path = typeof data?.creation_path === 'string' ? data.creation_path : ''
  const role = path.startsWith(`auth/${mount}/role/`) ? path.slice(`auth/${mount}/role/`.length) : ''
  if (/^[^/]+\/(?:custom-)?secret-id$/.test(role)) return
  throw new VaultError(
    'bad_request',
    0,
    `the wrapping token was not made by auth/${mount}/role/<role>/secret-id; none of it is used`,
  )
}

const digestOf = (...parts: readonly string[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex')
