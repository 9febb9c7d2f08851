import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { buildPlugin } from '../../scripts/build-plugin.mjs'
import { createCertificate } from '../../src/goplugin/certificate.ts'
import { systemClock } from '../../src/logical/clock.ts'
import { MemoryStorage } from '../../src/logical/storage.ts'
import { launchPlugin } from '../fakes/go-plugin-host.ts'
import type { GoPluginHost } from '../fakes/go-plugin-host.ts'
import { BackendCalls, HostedMount, cookie, kept } from '../fakes/plugin-backend-host.ts'

const folder = mkdtempSync(join(tmpdir(), 'mcp-plugin-process-'))
const hosts: GoPluginHost[] = []
let command: string

beforeAll(async () => {
  command = (await buildPlugin({ outDir: folder, version: '1.2.3' })).path
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})
afterEach(async () => {
  for (const host of hosts.splice(0)) await host.kill()
})

async function launch(): Promise<GoPluginHost> {
  const host = await launchPlugin({ command, args: [], cookie })
  hosts.push(host)
  return host
}

let lastId = 0

/** As a server mounts: set up, type, special paths, initialize. */
async function mountOn(host: GoPluginHost, mount = new HostedMount()): Promise<BackendCalls> {
  const calls = new BackendCalls(host.client, `mount${String(++lastId)}`)
  const { id } = await host.serveBroker(mount.services)
  await expect(
    calls.setup(id, { plugin_name: 'mcp', plugin_type: 'secret', plugin_version: 'v1.2.3' }),
  ).resolves.toEqual({ err: '' })
  await expect(calls.type()).resolves.toEqual({ type: 1 })
  await calls.specialPaths()
  await expect(calls.initialize()).resolves.toEqual({ err: null })
  return calls
}

async function declareAgent(calls: BackendCalls): Promise<void> {
  await calls.write('agents/a', { owner: 'o', environment: 'production' })
  await calls.write('agents/a/scopes', { scopes: ['read:stripe:invoices'] })
}

async function issue(calls: BackendCalls) {
  const outcome = await calls.write('creds/a', { purpose: 'x' })
  return { ...outcome, token: String(outcome.data?.token) }
}

const isLive = async (calls: BackendCalls, token: string) => (await calls.write('introspect', { token })).data?.active

describe('the built file, launched as a server launches it', () => {
  test('is registered with neither storage nor system view, tells its version, and is killed without a cleanup', async () => {
    const host = await launch()
    const mount = new HostedMount()
    mount.absent = true
    const calls = new BackendCalls(host.client, 'probe')
    const { id } = await host.serveBroker(mount.services)
    await expect(calls.setup(id, {}, '')).resolves.toEqual({ err: '' })
    expect(mount.calls.size).toBe(0)
    await expect(host.kill()).resolves.toBe(true)
  })

  test('may be set up before the server says where it listens', async () => {
    const host = await launch()
    const mount = new HostedMount()
    const server = await host.serveBroker(mount.services, { announce: false })
    const calls = new BackendCalls(host.client, 'early')
    const setup = calls.setup(server.id)
    // The call is on its way to the plugin before the announcement is.
    await host.ping()
    server.announce()
    await expect(setup).resolves.toEqual({ err: '' })
    await declareAgent(calls)
    await expect(issue(calls)).resolves.toMatchObject({ err: null })
  })

  test('says after five seconds that the server announced nothing, and can be set up again', async () => {
    const host = await launch()
    const calls = new BackendCalls(host.client, 'late')
    const { err } = await calls.setup(host.nextBrokerId())
    expect(err).toMatch(/did not announce .* within 5 seconds/)
    await expect(calls.type()).rejects.toMatchObject({ code: 9 })
    const { id } = await host.serveBroker(new HostedMount().services)
    await expect(calls.setup(id)).resolves.toEqual({ err: '' })
  })

  test('reaches the storage of a server with another certificate never', async () => {
    const host = await launch()
    const mount = new HostedMount()
    const { id } = await host.serveBroker(mount.services, { certificate: createCertificate(systemClock.now()) })
    const calls = new BackendCalls(host.client, 'impostor')
    await calls.setup(id)
    expect((await calls.read('agents/a')).err).toMatchObject({ err_type: 3, err_code: '503' })
    expect(mount.calls.size).toBe(0)
  })

  test('issues, renews and revokes; a year is exact in the bundle too', async () => {
    const host = await launch()
    const mount = new HostedMount()
    mount.view.maxTtlSeconds = 31_536_001
    const calls = await mountOn(host, mount)
    await calls.write('config/ttl-ceiling', { ttl_ceiling: '31536000' })
    await calls.write('config', { max_ttl: '31536000' })
    await calls.write('agents/a', { owner: 'o', environment: 'production' })
    await calls.write('agents/a/scopes', { scopes: ['read:stripe:invoices'], max_ttl_seconds: 31_536_000 })
    const { response, token } = await issue(calls)
    const secret = kept(response, { issuedUnix: Math.floor(systemClock.now() / 1000) - 1, ttlSeconds: 31_536_001 })
    expect(secret.lease_options!.TTL).toBe('31536001000000000')
    const renewed = await calls.request('renew', 'creds/a', null, { secret })
    expect(renewed.response?.secret?.internal_data).toBe(response!.secret!.internal_data)
    await expect(isLive(calls, token)).resolves.toBe(true)
    await expect(calls.request('revoke', 'creds/a', null, { secret })).resolves.toMatchObject({ err: null })
    await expect(isLive(calls, token)).resolves.toBe(false)
  })

  test('one put and nothing else issues a token over its own connection', async () => {
    const host = await launch()
    const mount = new HostedMount()
    const calls = await mountOn(host, mount)
    await declareAgent(calls)
    await issue(calls)
    expect(
      await mount.during(async () => {
        for (let count = 0; count < 5; count++) await issue(calls)
      }),
    ).toEqual({ 'Storage.Put': 5 })
  })

  test('two mounts share the process and nothing else; one cleaned up twice leaves the other', async () => {
    const host = await launch()
    const a = await mountOn(host)
    const b = await mountOn(host)
    await declareAgent(a)
    await declareAgent(b)
    const { token } = await issue(b)
    await expect(isLive(a, token)).resolves.toBe(false)
    await a.cleanup()
    await a.cleanup()
    await expect(a.read('agents/a')).rejects.toMatchObject({ code: 9 })
    await expect(isLive(b, token)).resolves.toBe(true)
  })

  test('a mount that is cleaned up and set up again on its storage keeps its sessions', async () => {
    const host = await launch()
    const storage = new MemoryStorage()
    const before = await mountOn(host, new HostedMount(storage))
    await declareAgent(before)
    const { token, response } = await issue(before)
    await before.cleanup()
    const after = await mountOn(host, new HostedMount(storage))
    await expect(isLive(after, token)).resolves.toBe(true)
    await expect(
      after.request('revoke', 'creds/a', null, {
        secret: kept(response, { issuedUnix: Math.floor(systemClock.now() / 1000) }),
      }),
    ).resolves.toMatchObject({ err: null })
    await expect(isLive(after, token)).resolves.toBe(false)
  })

  test('killed in the middle of issuing, it loses nothing that was answered and revives nothing that was revoked', async () => {
    const storage = new MemoryStorage()
    const host = await launch()
    const calls = await mountOn(host, new HostedMount(storage))
    await declareAgent(calls)
    const revoked = await issue(calls)
    await calls.request('revoke', 'creds/a', null, {
      secret: kept(revoked.response, { issuedUnix: Math.floor(systemClock.now() / 1000) }),
    })
    const acknowledged: string[] = []
    const failures: unknown[] = []
    const writers = Array.from({ length: 8 }, async () => {
      for (;;) {
        try {
          acknowledged.push((await issue(calls)).token)
        } catch (error) {
          failures.push(error)
          return
        }
        if (acknowledged.length === 40) host.process.child.kill('SIGKILL')
      }
    })
    await Promise.all(writers)
    expect(failures).toHaveLength(8)
    expect(failures[0]).toMatchObject({ code: 14 })
    const again = await mountOn(await launch(), new HostedMount(storage))
    expect(acknowledged.length).toBeGreaterThanOrEqual(40)
    for (const token of acknowledged) expect(await isLive(again, token)).toBe(true)
    await expect(isLive(again, revoked.token)).resolves.toBe(false)
  })

  test('six megabytes pass in a request, in a stored record and in a response', async () => {
    const host = await launch()
    const mount = new HostedMount()
    const calls = await mountOn(host, mount)
    const description = 'x'.repeat(6 * 1024 * 1024)
    const written = await calls.write('agents/large', { owner: 'o', environment: 'production', description })
    // Whatever the engine makes of it, the message arrived.
    expect(written.err).toBeNull()
    const policy = `# ${'y'.repeat(6 * 1024 * 1024)}\n`
    await mount.storage.put({
      key: 'pol/large',
      value: Buffer.from(JSON.stringify({ version: 1, values: { policy } })),
    })
    expect((await calls.read('policies/large')).data).toMatchObject({ policy })
  })

  test('hostile requests are answered one by one, and the process lives', async () => {
    const host = await launch()
    const calls = await mountOn(host)
    await declareAgent(calls)
    const hostile: [string, string, string][] = [
      ['update', 'agents/a', '{'],
      ['update', 'agents/a', '[1]'],
      ['update', 'agents/a', '{"__proto__":{"owner":"x"},"constructor":1}'],
      ['update', '../../x', '{}'],
      ['read', '/agents/a', '{}'],
      ['explode', 'agents/a', '{}'],
      ['update', 'agents/%00', '{}'],
      ['update', `agents/${'a'.repeat(100_000)}`, '{}'],
      ['renew', 'x', '{}'],
      ['revoke', '', 'null'],
      ['list', '//', '{}'],
      ['', '', ''],
      ['update', 'creds/a', `{"purpose":${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
      ['update', 'introspect', '{"token":{"toString":1}}'],
      ['update', 'agents/\ud800', '{}'],
    ]
    for (const [operation, path, data] of hostile) {
      const { err, error, response } = await calls.request(operation, path, null, { data })
      expect({ path, refused: Boolean(err ?? error) || response !== undefined }).toEqual({ path, refused: true })
      expect([operation, path.slice(0, 40), err?.err_type]).not.toEqual([operation, path.slice(0, 40), 2])
    }
    expect((await calls.read('agents/a')).data).toMatchObject({ owner: 'o' })
    // What went wrong within would be here.
    expect(host.logs.filter(({ level }) => level === 'error')).toEqual([])
  })

  test('a waiting poll holds neither a cleanup nor the exit up', async () => {
    const host = await launch()
    const calls = await mountOn(host)
    const { data } = await calls.read('feed')
    const poll = calls.request('read', 'feed', { epoch: data!.epoch, after: data!.sequence, wait: 2 })
    // On the same connection, so it arrives after the poll.
    await calls.cleanup()
    const response = await poll
    expect(response.data?.events).toEqual([])
    // One that was left alone is held for all of its two seconds.
    expect(Number(response.data?.held_ms)).toBeLessThan(2_000)
    await expect(host.kill()).resolves.toBe(true)
    expect((await host.process.exited).code).toBe(0)
  })

  test('nothing but the handshake line ever is on stdout', async () => {
    const host = await launch()
    const calls = await mountOn(host)
    await declareAgent(calls)
    await issue(calls)
    await calls.cleanup()
    await host.kill()
    expect(host.process.stdout).toHaveLength(1)
    expect(host.logs.filter(({ structured }) => !structured)).toEqual([])
  })
})
