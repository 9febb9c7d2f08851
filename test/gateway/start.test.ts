import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startGateway } from '../../src/gateway/gateway.ts'
import type { GatewayConfig } from '../../src/gateway/gateway.ts'
import { hardenProcess } from '../../src/gateway/process.ts'
import { silentLogger } from '../../src/logical/log.ts'
import { FakeClock } from '../fakes/clock.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gateway-'))
})
afterEach(() => rm(folder, { recursive: true }))

const config = (settings: Partial<GatewayConfig> = {}): GatewayConfig => ({
  vault: { address: 'http://127.0.0.1:9', token: 'hvs.x', mount: 'mcp' },
  httpAddress: '127.0.0.1:0',
  auditPath: join(folder, 'audit.jsonl'),
  clock: new FakeClock(),
  random: (bytes) => new Uint8Array(bytes),
  logger: silentLogger,
  ...settings,
})
const service = { name: 'x', sha256: 'a'.repeat(64), agents: ['*'] }

describe('settings that are refused at start', () => {
  it.each<[string, Partial<GatewayConfig>, string]>([
    ['no Vault identity', { vault: { address: 'http://127.0.0.1:9', mount: 'mcp' } }, 'vault: give a token or a login'],
    [
      'a mount that is a path elsewhere',
      { vault: { address: 'http://127.0.0.1:9', token: 'x', mount: '../sys' } },
      'vault.mount',
    ],
    ['an address that is none', { httpAddress: '8251' }, 'address "8251"'],
    [
      'a service token in the clear',
      { serviceTokens: [{ ...service, sha256: 'gst_secret' }] },
      'serviceTokens[0].sha256',
    ],
    ['a service token for no agent', { serviceTokens: [{ ...service, agents: [] }] }, 'serviceTokens[0].agents'],
    ['a service token without name', { serviceTokens: [{ ...service, name: '' }] }, 'serviceTokens[0].name'],
    ['a staleness of nothing', { maxStaleness: { high: 0 } }, 'maxStaleness.high'],
    ['a staleness of hours', { maxStaleness: { low: 7200 } }, 'maxStaleness.low'],
  ])('%s', async (_case, settings, words) => {
    await expect(startGateway(config(settings))).rejects.toThrow(words)
  })

  it('never repeats a wrong hash: it may be the token itself', async () => {
    await expect(startGateway(config({ serviceTokens: [{ ...service, sha256: 'gst_secret' }] }))).rejects.toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('gst_secret') as string }) as Error,
    )
  })

  it('an audit log that cannot be written', async () => {
    await expect(startGateway(config({ auditPath: folder }))).rejects.toMatchObject({ kind: 'unavailable' })
  })

  it.each<[string, (address: string) => Partial<GatewayConfig>]>([
    ['an upstream listener', (address) => ({ upstreamListeners: [{ upstream: 'stripe', address }] })],
    ['gRPC', (grpcAddress) => ({ grpcAddress })],
  ])('a port of %s in use, without leaving the other listeners open', async (_case, settings) => {
    const taken = createServer()
    await new Promise<void>((resolve) => {
      taken.listen(0, '127.0.0.1', resolve)
    })
    const { port } = taken.address() as AddressInfo
    const address = `127.0.0.1:${String(port)}`
    await expect(startGateway(config(settings(address)))).rejects.toMatchObject({
      code: 'EADDRINUSE',
      port,
      message: `listen EADDRINUSE: address already in use ${address}`,
    })
    await new Promise((resolve) => {
      taken.close(resolve)
    })
  })
})

it('starts and stops without Vault, and says that it knows nothing', async () => {
  const gateway = await startGateway(config())
  expect(gateway.state()).toMatchObject({ healthy: false, feed_age_ms: Infinity, calls_open: 0 })
  await gateway.close()
})

it('takes over SIGUSR1 and clears what would print, reroute or lend a token', () => {
  const heard: string[] = []
  const env: Record<string, string | undefined> = {
    DEBUG: 'node-vault',
    VAULT_TOKEN: 'x',
    VAULT_ADDR: 'x',
    BAO_TOKEN: 'x',
    https_proxy: 'x',
    HTTP_PROXY: 'x',
    NO_PROXY: 'x',
    PATH: '/bin',
    HOME: '/root',
  }
  hardenProcess({ env, on: (event) => heard.push(event) })
  expect(heard).toEqual(['SIGUSR1'])
  expect(env).toEqual({ PATH: '/bin', HOME: '/root' })
})
