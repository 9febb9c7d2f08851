/** The embedded host with a gateway beside it, over HTTP on loopback, and APIs added to it by their presets. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGateway } from '../../src/gateway/gateway.ts'
import { createHost } from '../../src/host/host.ts'
import { systemClock } from '../../src/logical/clock.ts'
import { silentLogger } from '../../src/logical/log.ts'
import { MemoryStorage } from '../../src/logical/storage.ts'
import { mcpFactory } from '../../src/mcp/backend.ts'
import { createVaultClient } from '../../src/vault-client/index.ts'
import type { VaultClient } from '../../src/vault-client/index.ts'

export interface PresetHarness {
  readonly admin: VaultClient
  /** Of the host. */
  readonly address: string
  /** Of the gateway. */
  readonly url: string
  /** A phantom token of an agent of its own, with these scopes and no others. */
  tokenFor(scopes: readonly string[]): Promise<string>
  stop(): Promise<void>
}

const random = (bytes: number): Uint8Array => randomBytes(bytes)

export async function startPresetHarness(): Promise<PresetHarness> {
  const folder = await mkdtemp(join(tmpdir(), 'presets-'))
  const host = await createHost({
    storage: new MemoryStorage(),
    clock: systemClock,
    random,
    logger: silentLogger,
    engines: { mcp: mcpFactory },
    devRootTokenId: 'root',
  })
  const { url: address } = await host.listen({ address: '127.0.0.1:0' })
  const admin = createVaultClient({ address, token: 'root', clock: systemClock })
  await admin.write('sys/audit/file', { type: 'file', options: { file_path: join(folder, 'vault-audit.jsonl') } })
  await admin.write('sys/mounts/secret', { type: 'kv', options: { version: '2' } })
  await admin.write('sys/mounts/mcp', { type: 'mcp' })
  const gateway = await startGateway({
    vault: { address, token: await gatewayToken(admin), mount: 'mcp' },
    httpAddress: '127.0.0.1:0',
    auditPath: join(folder, 'audit.jsonl'),
    clock: systemClock,
    random,
    logger: silentLogger,
  })
  await gateway.ready
  let agents = 0
  return {
    admin,
    address,
    url: gateway.httpUrl,
    async tokenFor(scopes) {
      const agent = `agent-${String((agents += 1))}`
      await admin.write(`mcp/agents/${agent}`, { owner: 'platform-team', environment: 'production' })
      await admin.write(`mcp/agents/${agent}/scopes`, { scopes })
      return (await admin.write(`mcp/creds/${agent}`, { purpose: 'presets' })).data!.token as string
    },
    async stop() {
      await gateway.close()
      await admin.close()
      await host.close()
      await rm(folder, { recursive: true })
    },
  }
}

async function gatewayToken(admin: VaultClient): Promise<string> {
  const file = new URL('../../vault-config/policies/mcp-gateway.hcl', import.meta.url)
  await admin.write('sys/policies/acl/mcp-gateway', { policy: await readFile(file, 'utf8') })
  return (await admin.write('auth/token/create', { policies: ['mcp-gateway'], period: '1h' })).auth!.client_token
}
