import { createBackend } from '../../framework/backend.ts'
import type { Factory } from '../../logical/backend.ts'
import { loginPaths, loginTokens } from './path-login.ts'
import { roleIdPaths, rolePaths } from './path-role.ts'
import { secretIdAccessorPaths, secretIdPaths } from './path-secret-id.ts'
import { RoleStore } from './role-store.ts'
import { SecretIdStore } from './secret-id-store.ts'
import type { AppRoleServices } from './services.ts'

const TIDY_EVERY_MS = 3_600_000

/** The auth method `approle`: machines log in with a role id and a secret id. */
export const approleFactory: Factory = ({ storage, system, clock, random }) => {
  const services: AppRoleServices = {
    roles: new RoleStore(storage, random),
    secretIds: new SecretIdStore(storage, clock, random),
    system,
  }
  let tidiedAtMs = clock.monotonic()
  return Promise.resolve(
    createBackend({
      type: 'auth',
      help: 'Machines log in with a role id, which says what they are, and a secret id, which proves it.',
      paths: [
        ...rolePaths(services),
        ...roleIdPaths(services),
        ...secretIdPaths(services),
        ...secretIdAccessorPaths(services),
        ...loginPaths(services),
      ],
      secrets: [loginTokens(services)],
      unauthenticated: ['login'],
      system,
      async rollback() {
        if (clock.monotonic() - tidiedAtMs < TIDY_EVERY_MS) return
        tidiedAtMs = clock.monotonic()
        for (const name of await services.roles.names()) {
          const role = await services.roles.find(name)
          if (role) await services.secretIds.tidy(role)
        }
      },
    }),
  )
}
