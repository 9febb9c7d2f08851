/** The provider "mcp": everything it has, and the session it works in. */
import type { Clock } from '../logical/clock.ts'
import type { Logger } from '../logical/log.ts'
import { dataSources } from './data/index.ts'
import { credsType } from './ephemeral/creds.ts'
import { HeldLeases } from './ephemeral/held-leases.ts'
import { functions } from './function/index.ts'
import { Refusal, fault } from './protocol/diagnostic.ts'
import type { Provider } from './protocol/provider.ts'
import { resourceTypes } from './resource/index.ts'
import { VaultSession } from './server.ts'
import type { Server } from './server.ts'
import { providerSchema, readSettings, validateSettings } from './settings.ts'
import type { ProviderEnvironment } from './settings.ts'

export interface ProviderOptions extends ProviderEnvironment {
  readonly version: string
  readonly clock: Clock
  readonly logger: Logger
}

export interface ClosableProvider extends Provider {
  /** Revokes the leases held and ends the child token. */
  close(): Promise<void>
}

export function createProvider(options: ProviderOptions): ClosableProvider {
  let session: VaultSession | undefined
  const heldLeases = new HeldLeases(options.logger)
  const server = (): Server => {
    if (session) return session
    throw new Refusal(
      fault(
        'The provider is not configured',
        'Terraform made a request that needs a server before it configured the provider. Please report this.',
      ),
    )
  }
  return {
    schema: providerSchema,
    resources: resourceTypes(server),
    dataSources: dataSources(server),
    ephemeralTypes: { mcp_creds: credsType({ server, heldLeases, clock: options.clock }) },
    functions,
    validate: validateSettings,
    configure(config) {
      const found = validateSettings(config)
      if (found.length === 0)
        session = new VaultSession({
          settings: readSettings(config, options),
          clock: options.clock,
          logger: options.logger,
          userAgent: `terraform-provider-mcp/${options.version}`,
        })
      return found
    },
    async stop() {
      session?.stop()
      await heldLeases.revokeAll()
    },
    async close() {
      session?.stop()
      await heldLeases.revokeAll()
      await session?.close()
    },
  }
}
