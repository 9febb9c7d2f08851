/** The embedded host with the engine and KV, and Terraform beside it. */
import { randomBytes } from 'node:crypto'
import { createHost } from '../../../src/host/index.ts'
import { systemClock } from '../../../src/logical/clock.ts'
import { silentLogger } from '../../../src/logical/log.ts'
import { MemoryStorage } from '../../../src/logical/storage.ts'
import { mcpFactory } from '../../../src/mcp/backend.ts'
import type { ValueObject } from '../../../src/terraform/protocol/value.ts'
import { createVaultClient } from '../../../src/vault-client/index.ts'
import type { VaultClient } from '../../../src/vault-client/index.ts'
import { TerraformCore } from './terraform-core.ts'

export interface Deployment {
  readonly address: string
  /** With the root token. */
  readonly admin: VaultClient
  /** A configured provider of its own. Closed with the deployment. */
  terraform(config?: ValueObject, env?: Readonly<Record<string, string>>): Promise<TerraformCore>
  tokenWith(policy: string): Promise<string>
  accessors(): Promise<number>
  leases(agent: string): Promise<unknown>
  close(): Promise<void>
}

export async function deploy(): Promise<Deployment> {
  const host = await createHost({
    storage: new MemoryStorage(),
    clock: systemClock,
    random: (bytes) => randomBytes(bytes),
    logger: silentLogger,
    engines: { mcp: mcpFactory },
    devRootTokenId: 'root',
  })
  const address = (await host.listen({ address: '127.0.0.1:0' })).url
  const admin = createVaultClient({ address, token: 'root', clock: systemClock })
  await admin.write('sys/mounts/mcp', { type: 'mcp' })
  await admin.write('sys/mounts/secret', { type: 'kv', options: { version: '2' } })
  const cores: TerraformCore[] = []
  const keys = async (path: string) => (await admin.list(path))?.data?.keys
  return {
    address,
    admin,
    async terraform(config = {}, env = { VAULT_ADDR: address, VAULT_TOKEN: 'root' }) {
      const core = await TerraformCore.start(env)
      cores.push(core)
      const wrong = await core.configure(config)
      if (wrong.length > 0) throw new Error(wrong.map(({ summary }) => summary).join())
      return core
    },
    async tokenWith(policy) {
      await admin.write('sys/policies/acl/limited', { policy })
      return (await admin.write('auth/token/create', { policies: ['limited'] })).auth!.client_token
    },
    accessors: async () => ((await keys('auth/token/accessors')) as unknown[]).length,
    leases: (agent) => keys(`sys/leases/lookup/mcp/creds/${agent}`),
    async close() {
      for (const core of cores) await core.close()
      await admin.close()
      await host.close()
    },
  }
}
