import { issueTtl } from '../../framework/lease.ts'
import type { LeaseLimits } from '../../framework/lease.ts'
import { badRequest } from '../../logical/errors.ts'
import type { Auth } from '../../logical/secret.ts'
import { policyNames, rootPolicy, wrappingPolicy } from './token-record.ts'
import type { TokenStore } from './token-store.ts'
import { authOf } from './token-view.ts'

export interface Login {
  /** What the auth method answered. */
  readonly auth: Auth
  /** The API path it was asked at; the token carries it, and is renewed by the method mounted there. */
  readonly path: string
  /** `auth/approle/` */
  readonly mountPath: string
  readonly limits: LeaseLimits
  /** '' = nobody in particular. */
  readonly entityId: string
}

/** The lower of two limits; 0 = no limit. */
export const lowerLimit = (one: number, other: number): number =>
  one === 0 || other === 0 ? one + other : Math.min(one, other)

/** Makes the token of a login: an orphan, as it has nobody to end with. */
export async function tokenOfLogin(
  tokens: TokenStore,
  { auth, path, mountPath, limits, entityId }: Login,
): Promise<{ auth: Auth; warnings: readonly string[] }> {
  const policies = new Set(policyNames(auth.policies))
  if (policies.has(wrappingPolicy)) throw badRequest(`cannot assign policy ${JSON.stringify(wrappingPolicy)}`)
  if (policies.has(rootPolicy)) throw badRequest('auth methods cannot create root tokens')
  if (!auth.no_default_policy) policies.add('default')
  const period = Math.min(auth.period, limits.max_ttl)
  const granted = issueTtl(
    {
      ttl: period > 0 ? period : auth.lease_options.ttl,
      max_ttl: lowerLimit(auth.explicit_max_ttl, period > 0 ? 0 : auth.lease_options.max_ttl),
    },
    limits,
  )
  const { token, record } = await tokens.create({
    policies: [...policies].sort(),
    path,
    meta: auth.metadata,
    display_name: displayName(mountPath, auth.display_name),
    num_uses: auth.num_uses,
    parent: '',
    entity_id: entityId,
    ttl: granted.ttl,
    explicit_max_ttl: auth.explicit_max_ttl,
    period,
    renewable: auth.lease_options.renewable,
    ...(auth.token_type === 'batch' && { type: 'batch' }),
    ...(auth.bound_cidrs && { bound_cidrs: auth.bound_cidrs }),
  })
  return { auth: authOf(record, token, granted.ttl), warnings: granted.warnings }
}

/** As Vault names it: the mount, then what the method says, `team-approle` or `userpass-jane`. */
function displayName(mountPath: string, given: string): string {
  const mount = mountPath.slice('auth/'.length, -1).replaceAll('/', '-')
  return given === '' ? mount : `${mount}-${given}`
}
