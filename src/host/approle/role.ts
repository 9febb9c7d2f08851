import type { Auth } from '../../logical/secret.ts'

/** What a role says of its logins. Names are the API's; durations in seconds, 0 = no limit of the role's own. */
export interface RoleSettings {
  readonly secret_id_num_uses: number
  readonly secret_id_ttl: number
  readonly token_policies: readonly string[]
  readonly token_ttl: number
  readonly token_max_ttl: number
  readonly token_explicit_max_ttl: number
  readonly token_period: number
  readonly token_num_uses: number
  readonly token_no_default_policy: boolean
  readonly token_type: 'default' | 'service'
}

/** A role as stored, under its name. */
export interface RoleRecord extends RoleSettings {
  readonly name: string
  /** Of this role and no later one of the same name: a role made anew knows no old secret ids. */
  readonly uid: string
  readonly role_id: string
  /** Hexadecimal; secret ids are kept under their HMAC with it. */
  readonly hmac_key: string
}

export const newRole: RoleSettings = {
  secret_id_num_uses: 0, secret_id_ttl: 0, token_policies: [], token_ttl: 0, token_max_ttl: 0, token_explicit_max_ttl: 0,
  token_period: 0, token_num_uses: 0, token_no_default_policy: false, token_type: 'default',
}

/** The token a login is to have. `metadata` is the secret id's. */
export function authOf(role: RoleRecord, metadata: Readonly<Record<string, string>>): Auth {
  return {
    display_name: '',
    policies: role.token_policies,
    metadata: { ...metadata, role_name: role.name },
    lease_options: { ttl: role.token_ttl, max_ttl: role.token_max_ttl, renewable: true },
    entity_id: '',
    token_type: 'service',
    orphan: true,
    num_uses: role.token_num_uses,
    explicit_max_ttl: role.token_explicit_max_ttl,
    period: role.token_period,
    no_default_policy: role.token_no_default_policy,
  }
}
