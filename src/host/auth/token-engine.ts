import { createBackend } from '../../framework/backend.ts'
import type { Factory } from '../../logical/backend.ts'
import { createPaths } from './path-create.ts'
import { lookupPaths } from './path-lookup.ts'
import { renewPaths } from './path-renew.ts'
import { rolePaths } from './path-roles.ts'
import { revokePaths } from './path-revoke.ts'
import type { TokenServices } from './services.ts'

/** The engine at `auth/token/`. */
export function tokenFactory(services: TokenServices): Factory {
  return (config) =>
    Promise.resolve(
      createBackend({
        type: 'auth',
        leasing: 'engine',
        help: 'The token store: making, looking up, renewing and revoking the tokens requests are made with.',
        paths: [
          ...createPaths(services),
          ...rolePaths(services),
          ...lookupPaths(services),
          ...renewPaths(services),
          ...revokePaths(services),
        ],
        system: config.system,
      }),
    )
}
