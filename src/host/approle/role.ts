import type { Auth } from '../../logical/secret.ts'
import { authOnTerms, newTokenTerms } from '../auth/token-terms.ts'
import type { TokenTerms } from '../auth/token-terms.ts'

/** What a role says of its logins. Names are the API's; durations in seconds, 0 = no limit of the role's own. */
export interface RoleSettings extends TokenTerms {
  readonly secret_id_num_uses: number
  readonly secret_id_ttl: number
  /** Address blocks its secret ids can be used from; missing in what older versions stored. */
  readonly secret_id_bound_cidrs?: readonly string[]
}

/** A role as stored, under its name. */
export interface RoleRecord extends RoleSettings {
  readonly name: string
  /** Of this role and no later one of the same name: a role made again knows no old secret ids. */
  readonly uid: string
  readonly role_id: string
  /** Hexadecimal; secret ids are kept under their HMAC with it. */
  readonly hmac_key: string
}

export const newRole: RoleSettings = { secret_id_num_uses: 0, secret_id_ttl: 0, ...newTokenTerms }

/** The token a login is to have. `metadata` is the secret id's. */
export function authOf(role: RoleRecord, metadata: Readonly<Record<string, string>>, remoteAddress = ''): Auth {
  return authOnTerms(role, { ...metadata, role_name: role.name }, { remoteAddress, aliasName: role.role_id })
}
