import { isoSeconds } from '../../logical/clock.ts'
import type { Data } from '../../logical/data.ts'
import type { Auth } from '../../logical/secret.ts'
import type { TokenRecord } from './token-record.ts'

/** Whole seconds a token has left; 0 for one that never expires. */
export function secondsLeft(record: TokenRecord, nowMs: number): number {
  return record.expire_time === null ? 0 : Math.max(0, Math.ceil((record.expire_time - nowMs) / 1000))
}

/** A token as look-ups show it. `id` is the token where the asker gave it, else ''. */
export function tokenView(record: TokenRecord, id: string, nowMs: number): Data {
  return {
    accessor: record.accessor,
    ...(record.bound_cidrs && { bound_cidrs: [...record.bound_cidrs] }),
    creation_time: Math.floor(record.creation_time / 1000),
    creation_ttl: record.creation_ttl,
    display_name: record.display_name,
    entity_id: record.entity_id,
    expire_time: record.expire_time === null ? null : isoSeconds(record.expire_time),
    explicit_max_ttl: record.explicit_max_ttl,
    id,
    issue_time: isoSeconds(record.creation_time),
    ...(record.last_renewal_time !== null && {
      last_renewal: isoSeconds(record.last_renewal_time),
      last_renewal_time: Math.floor(record.last_renewal_time / 1000),
    }),
    meta: record.meta,
    num_uses: Math.max(record.num_uses, 0),
    orphan: record.parent === '',
    path: record.path,
    ...(record.period > 0 && { period: record.period }),
    policies: [...record.policies],
    renewable: record.renewable,
    ...(record.role !== undefined && { role: record.role }),
    ttl: secondsLeft(record, nowMs),
    type: record.type ?? 'service',
  }
}

/** A token as create and renew answer it. */
export function authOf(record: TokenRecord, token: string, ttlSeconds: number): Auth {
  return {
    client_token: token,
    accessor: record.accessor,
    display_name: record.display_name,
    policies: record.policies,
    metadata: record.meta ?? {},
    lease_options: { ttl: ttlSeconds, max_ttl: record.explicit_max_ttl, renewable: record.renewable },
    entity_id: record.entity_id,
    token_type: record.type ?? 'service',
    orphan: record.parent === '',
    num_uses: Math.max(record.num_uses, 0),
    explicit_max_ttl: record.explicit_max_ttl,
    period: record.period,
    no_default_policy: !record.policies.includes('default'),
  }
}
