import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import type { SecretType } from '../../framework/secret-type.ts'
import { RequestError, badRequest } from '../../logical/errors.ts'
import { loginTokensOf } from '../auth/login-tokens.ts'
import { isWithin } from '../base/cidr.ts'
import { authOf } from './role.ts'
import type { AppRoleServices } from './services.ts'

/** The same for a role id, a secret id and a pair that does not fit: it does not reveal which. */
const invalid = (): RequestError => badRequest('invalid role or secret ID')

export function loginPaths({ roles, secretIds }: AppRoleServices): PathDef[] {
  return [
    definePath({
      pattern: 'login',
      fields: {
        role_id: {
          type: 'string',
          description: "The role's role id.",
          example: 'db02de05-fa39-4855-059b-67221c5c2f63',
        },
        secret_id: {
          type: 'string',
          description: 'One of its secret ids.',
          example: '84896a0c-1347-aa90-a4f6-aca8b7558780',
          secret: true,
        },
      },
      operations: {
        async write({ request, fields }) {
          const roleId = trimmed(fields.given('role_id'))
          const secretId = trimmed(fields.given('secret_id'))
          if (roleId === '') throw badRequest('missing role_id')
          const role = await roles.findById(roleId)
          if (!role) throw invalid()
          if (secretId === '') throw badRequest('missing secret_id')
          const known = await secretIds.find(role, secretId)
          // Before a use is counted: nobody can use a secret id up from elsewhere.
          if (known) checkAddress([known.cidr_list, role.secret_id_bound_cidrs], request.remote_addr)
          const used = await secretIds.use(role, secretId)
          // Asked again: the role may have gone, or come by another id, while the use was being counted.
          if (!used || (await roles.findById(roleId))?.uid !== role.uid) throw invalid()
          const { token_bound_cidrs: narrower = [] } = used
          const bound = narrower.length > 0 ? { ...role, token_bound_cidrs: narrower } : role
          return { auth: authOf(bound, used.metadata, request.remote_addr) }
        },
      },
      synopsis: 'Log in.',
      description: 'Gives a token as the role says. Needs no token.',
    }),
  ]
}

const trimmed = (given: string | undefined): string => given?.trim() ?? ''

function checkAddress(bounds: readonly (readonly string[] | undefined)[], remoteAddress: string): void {
  if (!bounds.every((cidrs) => isWithin(cidrs, remoteAddress)))
    throw badRequest(
      `source address ${JSON.stringify(remoteAddress)} unauthorized through CIDR restrictions on the secret ID`,
    )
}

export const loginTokens = ({ roles }: AppRoleServices): SecretType =>
  loginTokensOf({ field: 'role_name', find: (name) => roles.find(name), auth: (role) => authOf(role, {}) })
