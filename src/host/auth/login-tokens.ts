import type { SecretType } from '../../framework/secret-type.ts'
import { RequestError } from '../../logical/errors.ts'
import type { Auth } from '../../logical/secret.ts'

interface RoleLogins<Role> {
  /** Where a token keeps the name of its role. */
  readonly field: string
  readonly find: (name: string) => Promise<Role | undefined>
  readonly auth: (role: Role) => Auth
}

/** The tokens of an auth method that has roles: they are renewed on the terms the role has now. */
export const loginTokensOf = <Role>({ field, find, auth }: RoleLogins<Role>): SecretType => ({
  type: 'login',
  async renew(_request, secret) {
    const name = String(secret.internal_data[field])
    const role = await find(name)
    if (!role)
      throw new RequestError(
        'unrecoverable',
        `failed to renew entry: role ${JSON.stringify(name)} does not exist during renewal`,
      )
    return { auth: auth(role) }
  },
  // The token store ends tokens; nothing of them is kept here.
  revoke: () => Promise.resolve(undefined),
})
