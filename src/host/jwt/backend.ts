import { createBackend } from '../../framework/backend.ts'
import type { Factory } from '../../logical/backend.ts'
import { JwtConfigStore } from './config.ts'
import { configPaths } from './path-config.ts'
import { loginPaths, loginTokens } from './path-login.ts'
import { rolePaths } from './path-role.ts'
import { JwtRoleStore } from './role-store.ts'
import type { JwtServices } from './services.ts'

/** The auth method `jwt`: workloads log in with a token of an identity provider. Browser logins (oidc) are not part of it. */
export const jwtFactory: Factory = ({ storage, system, clock }) => {
  const services: JwtServices = { config: new JwtConfigStore(storage), roles: new JwtRoleStore(storage), clock }
  return Promise.resolve(
    createBackend({
      type: 'auth',
      help: 'Workloads log in with a signed token of an identity provider, which says who they are.',
      paths: [...configPaths(services), ...rolePaths(services), ...loginPaths(services)],
      secrets: [loginTokens(services)],
      unauthenticated: ['login'],
      system,
    }),
  )
}
