import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { startDevServer } from '../../src/demo/dev-server.ts'
import type { DevServerOptions } from '../../src/demo/dev-server.ts'
import { systemClock } from '../../src/logical/clock.ts'
import { silentLogger } from '../../src/logical/log.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mcp-dev-server-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const free = '127.0.0.1:0'
const start = (provision: NonNullable<DevServerOptions['provision']>) =>
  startDevServer({
    listenAddress: free,
    grpcAddress: free,
    httpAddress: free,
    upstreamListeners: [],
    auditPath: join(folder, 'audit.jsonl'),
    clock: systemClock,
    random: (bytes) => randomBytes(bytes),
    logger: silentLogger,
    provision,
  })
const health = async (vaultAddress: string): Promise<number> => (await fetch(`${vaultAddress}/v1/sys/health`)).status

describe('the dev server', () => {
  test('says that it is healthy only when everything is provisioned', async () => {
    const seen: number[] = []
    const server = await start(async ({ vaultAddress, admin }) => {
      seen.push(await health(vaultAddress))
      await admin.write('mcp/agents/early', { owner: 'platform-team', environment: 'test' })
      seen.push(await health(vaultAddress))
    })
    seen.push(await health(server.vaultAddress))
    await server.close()
    expect(seen.slice(0, 2)).not.toContain(200)
    expect(seen[2]).toBe(200)
  })

  test('leaves nothing open when provisioning fails', async () => {
    const addresses: string[] = []
    await expect(
      start(({ vaultAddress, gateway }) => {
        addresses.push(vaultAddress, gateway.httpUrl)
        return Promise.reject(new Error('out of luck'))
      }),
    ).rejects.toThrow('out of luck')
    expect(addresses).toHaveLength(2)
    for (const address of addresses) await expect(fetch(address)).rejects.toThrow('fetch failed')
  })
})
