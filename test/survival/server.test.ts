/** `mcp-vault server -config`: what a store of its own promises, with real processes. */
import { readFile, rm, stat } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/logical/clock.ts'
import { createVaultClient } from '../../src/vault-client/index.ts'
import type { VaultClient } from '../../src/vault-client/index.ts'
import { compileCli, freePorts, openWorkshop } from './process.ts'
import type { Workshop } from './process.ts'

let compiled: { directory: string; script: string }
let workshop: Workshop
let address: string
const clients: VaultClient[] = []

beforeAll(async () => { compiled = await compileCli() })
afterAll(() => rm(compiled.directory, { recursive: true }))

beforeEach(async () => {
  workshop = await openWorkshop(compiled.script)
  address = `127.0.0.1:${String((await freePorts(1))[0])}`
  await workshop.write('server.hcl', configuration())
})
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  await workshop.close()
})

const configuration = (listener = `address = "${address}"`): string => `
storage "level" {
  path     = "data"
  key_file = "store.key"
}
listener "tcp" { ${listener} }
`

const rootToken = async (): Promise<string> => (await readFile(workshop.path('data/root-token'), 'utf8')).trim()

async function asRoot(): Promise<VaultClient> {
  const client = createVaultClient({ address: `http://${address}`, token: await rootToken(), clock: systemClock })
  clients.push(client)
  return client
}

describe('a server with a store of its own', () => {
  it('makes its key and root token on the first start, readable by their owner alone, and prints neither', async () => {
    const server = await workshop.start(['server', '-config=server.hcl'])
    for (const file of ['store.key', 'data/root-token', 'data/audit.jsonl']) expect((await stat(workshop.path(file))).mode & 0o777).toBe(0o600)
    expect((await stat(workshop.path('data'))).mode & 0o777).toBe(0o700)
    expect(server.banner).toContain(`Vault API     http://${address}\n`)
    expect(server.banner).toContain(workshop.path('data/root-token'))
    expect(server.banner + server.log()).not.toContain(await rootToken())
    expect((await (await asRoot()).read('auth/token/lookup-self'))?.data).toMatchObject({ policies: ['root'], ttl: 0 })
    expect((await (await asRoot()).read('sys/mounts'))?.data).not.toHaveProperty('mcp/')
  })

  it('keeps what was written over an orderly restart', async () => {
    const server = await workshop.start(['server', '-config=server.hcl'])
    const vault = await asRoot()
    await vault.write('sys/mounts/mcp', { type: 'mcp' })
    await vault.write('mcp/agents/a', { owner: 'o', environment: 'production' })
    expect(await server.stop('SIGTERM')).toEqual([0, null])
    const again = await workshop.start(['server', '-config=server.hcl'])
    expect(again.banner).not.toContain('Root token')
    expect((await vault.read('mcp/agents/a'))?.data).toMatchObject({ agent_id: 'a', owner: 'o' })
  })

  it('does not bring a revoked root token back', async () => {
    const server = await workshop.start(['server', '-config=server.hcl'])
    const vault = await asRoot()
    await vault.write('auth/token/revoke-self')
    await server.stop('SIGKILL')
    await workshop.start(['server', '-config=server.hcl'])
    await expect(vault.read('auth/token/lookup-self')).rejects.toMatchObject({ kind: 'permission_denied' })
  })
})
