/** `mcp-vault server -config`: what a store of its own promises, with real processes. */
import { chmod, readFile, rename, rm, stat } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/logical/clock.ts'
import { createVaultClient } from '../../src/vault-client/index.ts'
import type { VaultClient } from '../../src/vault-client/index.ts'
import { throwAwayCertificate } from '../fakes/certificate.ts'
import { compileCli } from './process.ts'
import { startSurvivalHarness } from './harness.ts'
import type { SurvivalHarness } from './harness.ts'

let compiled: { directory: string; script: string }
let harness: SurvivalHarness
beforeAll(async () => {
  compiled = await compileCli()
}, 60_000)
afterAll(() => rm(compiled.directory, { recursive: true }))
beforeEach(async () => {
  harness = await startSurvivalHarness(compiled.script)
})
afterEach(() => harness.close())

const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms)
  })

const exists = (vault: VaultClient, lease_id: string): Promise<boolean> =>
  vault.write('sys/leases/lookup', { lease_id }).then(
    () => true,
    () => false,
  )

async function reasonOf(vault: VaultClient, session_id: unknown): Promise<unknown> {
  const { data } = await vault.write('mcp/introspect', { session_id })
  return data?.active === true ? 'active' : data?.reason
}

async function mountEngine(vault: VaultClient): Promise<void> {
  await vault.write('sys/mounts/mcp', { type: 'mcp' })
  await vault.write('mcp/agents/a', { owner: 'o', environment: 'production' })
  await vault.write('mcp/agents/a/scopes', { scopes: ['read:stripe:invoices'] })
}

describe('a server with a store of its own', () => {
  it('names that store as its storage', async () => {
    await harness.startServer()
    const vault = await harness.asRoot()
    expect((await vault.request('GET', 'sys/seal-status')).raw).toMatchObject({ storage_type: 'level' })
  })

  it('makes its key and root token on the first start, for their owner alone, and prints neither', async () => {
    const server = await harness.startServer()
    const { workshop } = harness
    for (const file of ['store.key', 'data/root-token', 'data/audit.jsonl'])
      expect((await stat(workshop.path(file))).mode & 0o777).toBe(0o600)
    expect((await stat(workshop.path('data'))).mode & 0o777).toBe(0o700)
    expect(server.banner).toContain(`Vault API     ${harness.address}\n`)
    expect(server.banner).toContain(workshop.path('data/root-token'))
    for (const file of ['store.key', 'data/root-token'])
      expect(server.banner + server.log()).not.toContain((await readFile(workshop.path(file), 'utf8')).trim())
    const vault = await harness.asRoot()
    expect((await vault.read('auth/token/lookup-self'))?.data).toMatchObject({ policies: ['root'], ttl: 0 })
    expect((await vault.read('sys/mounts'))?.data).not.toHaveProperty('mcp/')
    expect(Object.keys((await vault.read('sys/audit'))?.data ?? {})).toEqual(['file/'])
  })

  it('keeps what was written over an orderly restart, and a revoked root token revoked', async () => {
    const server = await harness.startServer()
    const vault = await harness.asRoot()
    await mountEngine(vault)
    const issued = await vault.write('mcp/creds/a', { purpose: 'p' })
    const { auth } = await vault.write('auth/token/create', { policies: ['root'], no_parent: true })
    await vault.write('auth/token/revoke-self')
    expect(await server.stop('SIGTERM')).toEqual([0, null])

    const again = await harness.startServer()
    expect(again.banner).not.toContain('Root token')
    await expect(vault.read('auth/token/lookup-self')).rejects.toMatchObject({ kind: 'permission_denied' })
    const other = harness.client(String(auth?.client_token))
    expect((await other.read('mcp/agents/a'))?.data).toMatchObject({ agent_id: 'a', owner: 'o' })
    // The lease was of the root token, and went with it.
    expect(await reasonOf(other, issued.data?.session_id)).toBe('revoked')
  })

  it('revokes, when it starts, what ran out while it was down, and keeps the rest', async () => {
    const server = await harness.startServer()
    const vault = await harness.asRoot()
    await mountEngine(vault)
    const short = await vault.write('mcp/creds/a', { ttl: 1 })
    const long = await vault.write('mcp/creds/a', { ttl: 600 })
    const shortLived = harness.client(
      String((await vault.write('auth/token/create', { policies: ['root'], ttl: '1s' })).auth?.client_token),
    )
    const orphaned = await shortLived.write('mcp/creds/a', { ttl: 600 })
    const longLived = harness.client(
      String((await vault.write('auth/token/create', { policies: ['root'], ttl: '1h' })).auth?.client_token),
    )
    await server.stop('SIGKILL')
    await pause(1_100)

    await harness.startServer()
    while ((await exists(vault, short.lease_id ?? '')) || (await exists(vault, orphaned.lease_id ?? '')))
      await pause(20)
    expect(await reasonOf(vault, short.data?.session_id)).toBe('expired')
    expect(await reasonOf(vault, orphaned.data?.session_id)).toBe('revoked')
    await expect(shortLived.read('auth/token/lookup-self')).rejects.toMatchObject({ kind: 'permission_denied' })
    expect((await longLived.read('auth/token/lookup-self'))?.data).toMatchObject({ policies: ['root'] })
    expect([await exists(vault, long.lease_id ?? ''), await reasonOf(vault, long.data?.session_id)]).toEqual([
      true,
      'active',
    ])
  })

  it('begins a new epoch of the feed with every start, so that followers drop what they knew', async () => {
    const server = await harness.startServer()
    const vault = await harness.asRoot()
    await mountEngine(vault)
    const before = (await vault.read('mcp/feed'))?.data
    await server.stop('SIGKILL')
    await harness.startServer()
    const after = (
      await vault.read('mcp/feed', { query: { epoch: String(before?.epoch), after: Number(before?.sequence) } })
    )?.data
    expect(after).toMatchObject({ reset: true, events: [] })
    expect(after?.epoch).not.toBe(before?.epoch)
  })

  it('opens its audit log again when told that it was rotated', async () => {
    const server = await harness.startServer()
    const vault = await harness.asRoot()
    const path = harness.workshop.path('data/audit.jsonl')
    await rename(path, `${path}.1`)
    server.signal('SIGHUP')
    while (
      !(await stat(path).then(
        () => true,
        () => false,
      ))
    )
      await pause(10)
    await vault.read('sys/auth')
    expect(await readFile(path, 'utf8')).toContain('"path":"sys/auth"')
  })

  it('speaks TLS to its clients, every verb of them', async () => {
    const { certificate, key } = throwAwayCertificate()
    const certFile = await harness.workshop.write('tls.crt', certificate)
    await harness.workshop.write('tls.key', key)
    await harness.configure({ listener: 'tls_cert_file = "tls.crt" tls_key_file = "tls.key"' })
    const server = await harness.startServer()
    const address = harness.address.replace('http:', 'https:')
    expect(server.banner).toContain(`Vault API     ${address}\n`)
    const vault = createVaultClient({
      address,
      caFile: certFile,
      token: (await readFile(harness.workshop.path('data/root-token'), 'utf8')).trim(),
      clock: systemClock,
    })
    await mountEngine(vault)
    expect((await vault.request('LIST', 'mcp/agents')).data).toMatchObject({ keys: ['a'] })
    await vault.close()
    await expect((await harness.asRoot()).read('sys/mounts')).rejects.toMatchObject({ kind: 'unavailable' })
  })
})

describe('a start that cannot be', () => {
  /** The one line it says, and that it ends at once. */
  async function complaint(...argv: string[]): Promise<string> {
    const { code, out, err } = await harness.workshop.run(argv.length > 0 ? argv : ['server', '-config=server.hcl'])
    expect({ code, out }).toEqual({ code: 1, out: '' })
    return err.trimEnd()
  }

  it('says that another process holds the store, or the address', async () => {
    await harness.startServer()
    expect(await complaint()).toBe(
      `Error: the store in ${harness.workshop.path('data/store')} is in use by another process; stop that process or choose another directory`,
    )
    await harness.configure({ path: 'other' })
    // The key file belongs to the first store, which no longer matters here: the second is new.
    expect(await complaint()).toBe(
      `The server cannot listen on ${harness.address.slice('http://'.length)}: the address is in use; is another server running? (${harness.address.slice('http://'.length)})`,
    )
  })

  it('says what is wrong with the key, and makes none for a store that has one', async () => {
    await (await harness.startServer()).stop('SIGTERM')
    const key = harness.workshop.path('store.key')
    await chmod(key, 0o644)
    expect(await complaint()).toBe(
      `Error: the store key file ${key} is open to other users (mode 644): chmod 600 ${key}`,
    )
    await rename(key, `${key}.away`)
    expect(await complaint()).toBe(`Error: the store key file ${key} does not exist`)
    await harness.workshop.write('store.key', Buffer.alloc(32, 1).toString('base64'))
    expect(await complaint()).toBe('Error: the store key does not fit this store: it was written under another key')
  })

  it('leaves a root token file alone that is not its own', async () => {
    await harness.workshop.write('root', 'hvs.of-another-server')
    await harness.configure({ settings: 'root_token_file = "root"' })
    expect(await complaint()).toBe(
      `The root token file ${harness.workshop.path('root')} exists already and is not of this store; move it away, or name another one with root_token_file.`,
    )
    expect(await readFile(harness.workshop.path('root'), 'utf8')).toBe('hvs.of-another-server')
    await rm(harness.workshop.path('root'))
    await harness.startServer()
    expect(await readFile(harness.workshop.path('root'), 'utf8')).toMatch(/^hvs\.\w{24}\n$/)
  })

  it("says which of the gateway's files is wrong", async () => {
    const { workshop } = harness
    const gateway = (settings = ''): Promise<string> =>
      workshop.write(
        'gateway.hcl',
        `vault { address = "${harness.address}" token_file = "gateway.token" }\naudit_path = "audit/a.jsonl"\n${settings}`,
      )
    await gateway()
    expect(await complaint('gateway', '-config=gateway.hcl')).toBe(
      'The Vault token file gateway.token cannot be read (ENOENT).',
    )
    await workshop.write('gateway.token', 'hvs.x')
    await chmod(workshop.path('gateway.token'), 0o640)
    expect(await complaint('gateway', '-config=gateway.hcl')).toBe(
      'The Vault token file gateway.token is open to other users (mode 640): chmod 600 gateway.token',
    )
    await chmod(workshop.path('gateway.token'), 0o600)
    await workshop.write('audit', 'a file where a directory should be')
    expect(await complaint('gateway', '-config=gateway.hcl')).toMatch(
      /^Error: the audit log \S+\/audit\/a\.jsonl cannot be written: /,
    )
  })
})
