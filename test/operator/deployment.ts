import { randomBytes } from 'node:crypto'
import { systemClock } from '../../src/logical/clock.ts'
import type { Clock } from '../../src/logical/clock.ts'
import { silentLogger } from '../../src/logical/log.ts'
import { MemoryStorage } from '../../src/logical/storage.ts'
import type { Storage } from '../../src/logical/storage.ts'
import { createHost } from '../../src/host/host.ts'
import type { Host } from '../../src/host/host.ts'
import { mcpFactory } from '../../src/mcp/backend.ts'
import { createVaultClient } from '../../src/vault-client/index.ts'
import type { VaultClient } from '../../src/vault-client/index.ts'

export interface Deployment {
  readonly host: Host
  readonly url: string
  readonly root: VaultClient
  close(): Promise<void>
}

/** The embedded host with the engine and KV mounted, on a free loopback port. */
export async function deploy(options: { storage?: Storage; clock?: Clock; mount?: boolean } = {}): Promise<Deployment> {
  const clock = options.clock ?? systemClock
  const host = await createHost({
    storage: options.storage ?? new MemoryStorage(),
    clock,
    random: (bytes) => randomBytes(bytes),
    logger: silentLogger,
    engines: { mcp: mcpFactory },
    devRootTokenId: 'root',
  })
  const { url } = await host.listen({ address: '127.0.0.1:0' })
  const root = createVaultClient({ address: url, token: 'root', clock: systemClock })
  if (options.mount !== false) {
    await root.write('sys/mounts/secret', { type: 'kv', options: { version: '2' } })
    await root.write('sys/mounts/mcp', { type: 'mcp' })
  }
  return {
    host,
    url,
    root,
    async close() {
      await root.close()
      await host.close()
    },
  }
}

/** One agent, ready to be issued tokens. */
export async function declare(root: VaultClient, agent: string, scopes = ['read:stripe:invoices']): Promise<void> {
  await root.write(`mcp/agents/${agent}`, { owner: 'platform-team', environment: 'production' })
  await root.write(`mcp/agents/${agent}/scopes`, { scopes })
}
