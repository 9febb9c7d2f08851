import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import type { SecretType } from '../../framework/secret-type.ts'
import { badRequest } from '../../logical/errors.ts'
import { loginTokensOf } from '../auth/login-tokens.ts'
import { authOnTerms } from '../auth/token-terms.ts'
import { checkBounds, checkTimes, metadataOf, userOf } from './claims.ts'
import type { JwtServices } from './services.ts'

export function loginPaths({ config, roles, clock }: JwtServices): PathDef[] {
  return [
    definePath({
      pattern: 'login',
      fields: {
        role: {
          type: 'string',
          description: "The role; the configuration's default_role when omitted.",
          example: 'ci',
        },
        jwt: { type: 'string', description: "The identity provider's token.", example: 'eyJhbGciOi…', secret: true },
      },
      operations: {
        async write({ request, fields }) {
          const settings = await config.require()
          const name = fields.given('role') || settings.default_role
          if (name === '') throw badRequest('missing role')
          const role = await roles.find(name)
          if (!role) throw badRequest(`role ${JSON.stringify(name)} could not be found`)
          const token = fields.given('jwt')?.trim() ?? ''
          if (token === '') throw badRequest('missing token')
          const claims = await (await config.keys(settings)).verify(token)
          checkTimes(claims, role, clock.now() / 1000)
          checkBounds(claims, role, settings.bound_issuer)
          return {
            auth: authOnTerms(
              role,
              { ...metadataOf(claims, role), role: name },
              {
                displayName: userOf(claims, role),
                aliasName: userOf(claims, role),
                remoteAddress: request.remote_addr,
              },
            ),
          }
        },
      },
      synopsis: 'Log in.',
      description:
        'Gives a token as the role says, for a token of the identity provider. Needs no token of this server.',
    }),
  ]
}

export const loginTokens = ({ roles }: JwtServices): SecretType =>
  loginTokensOf({ field: 'role', find: (name) => roles.find(name), auth: (role) => authOnTerms(role, {}) })
