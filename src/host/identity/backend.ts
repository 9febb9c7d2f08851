import { createBackend } from '../../framework/backend.ts'
import type { Factory } from '../../logical/backend.ts'
import { aliasPaths } from './path-alias.ts'
import { entityPaths } from './path-entity.ts'
import { lookupPath } from './path-lookup.ts'
import type { IdentityServices } from './services.ts'

/** The engine at `identity/`: who the holders of tokens are, whichever auth method they log in with. */
export function identityFactory(services: IdentityServices): Factory {
  return (config) =>
    Promise.resolve(
      createBackend({
        help: 'The identity store: entities, and their aliases at auth methods. Policies name them in templates.',
        paths: [...entityPaths(services), ...aliasPaths(services), lookupPath(services)],
        system: config.system,
      }),
    )
}
