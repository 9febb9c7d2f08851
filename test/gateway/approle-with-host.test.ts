/** A gateway that logs in with AppRole beside the embedded host, from its files to a call, through everything that ends its token. */
import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { vaultLogin } from '../../src/cli/gateway-login.ts'
import { startGateway } from '../../src/gateway/gateway.ts'
import type { Gateway } from '../../src/gateway/gateway.ts'
import { createHost } from '../../src/host/host.ts'
import type { Host } from '../../src/host/host.ts'
import { systemClock } from '../../src/logical/clock.ts'
import type { Logger } from '../../src/logical/log.ts'
import { silentLogger } from '../../src/logical/log.ts'
import { MemoryStorage } from '../../src/logical/storage.ts'
import { mcpFactory } from '../../src/mcp/backend.ts'
import { mintToken, tokenDigest } from '../../src/scope/index.ts'
import { createVaultClient } from '../../src/vault-client/index.ts'
import type { VaultClient } from '../../src/vault-client/index.ts'
import { freePorts } from '../survival/process.ts'
import { sendRequest, bearer, refusal } from './http/harness.ts'

const SERVICE = 'gst_approle'
const SCOPE = 'read:stripe:invoices'
const random = (bytes: number): Uint8Array => randomBytes(bytes)

const storage = new MemoryStorage()
let folder: string
let address: string
let host: Host
let admin: VaultClient
let gateway: Gateway
let logged = ''
const note = (fields: object, message: string): void => {
  logged += `${message} ${JSON.stringify(fields)}\n`
}
const logger: Logger = { debug: note, info: note, warn: note, error: note }

const startHost = async (): Promise<void> => {
  host = await createHost({
    storage,
    clock: systemClock,
    random,
    logger: silentLogger,
    engines: { mcp: mcpFactory },
    devRootTokenId: 'root',
  })
  await host.listen({ address: address.slice('http://'.length) })
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gateway-approle-'))
  const [port] = await freePorts(1)
  address = `http://127.0.0.1:${String(port)}`
  await startHost()
  admin = createVaultClient({ address, token: 'root', clock: systemClock })
  await admin.write('sys/mounts/mcp', { type: 'mcp' })
  await admin.write('sys/auth/approle', { type: 'approle' })
  await admin.write('mcp/upstreams/stripe', { url: 'https://api.stripe.com' })
  await admin.write('mcp/tools/stripe/invoices', { operations: ['GET /v1/invoices'] })
  await admin.write('mcp/agents/a', { owner: 'platform-team', environment: 'production' })
  await admin.write('mcp/agents/a/scopes', { scopes: [SCOPE] })
  await host.close()
  gateway = await startGateway({
    vault: { address, mount: 'mcp', login: await loginOf('mcp-gateway') },
    httpAddress: '127.0.0.1:0',
    auditPath: join(folder, 'audit.jsonl'),
    serviceTokens: [
      { name: 'mcp-server', sha256: tokenDigest(SERVICE), agents: ['*'], vaultLogin: await loginOf('mcp-service') },
    ],
    clock: systemClock,
    random,
    logger,
  })
})
afterEach(() => {
  for (const secret of secretsSeen) expect(logged).not.toContain(secret)
})
afterAll(async () => {
  await gateway.close()
  await admin.close()
  await host.close()
  await rm(folder, { recursive: true })
})

const secretsSeen: string[] = []
const fileOf = (name: string): string => join(folder, name)

/** The files of a role that is made later, and a login with them. */
async function loginOf(role: string) {
  for (const file of [`${role}.role-id`, `${role}.secret-id`])
    await writeFile(fileOf(file), 'to be written\n', { mode: 0o600 })
  const approle = {
    role_id_file: fileOf(`${role}.role-id`),
    secret_id_file: fileOf(`${role}.secret-id`),
    secret_id_wrapped: false,
    mount: 'approle',
  }
  return vaultLogin({ address, clock: systemClock }, { approle })
}

async function makeRole(role: string): Promise<void> {
  await admin.write(`sys/policies/acl/${role}`, {
    policy: await readFile(new URL(`../../vault-config/policies/${role}.hcl`, import.meta.url), 'utf8'),
  })
  await admin.write(`auth/approle/role/${role}`, { token_policies: [role], token_period: '1h' })
  await writeFile(
    fileOf(`${role}.role-id`),
    String((await admin.read(`auth/approle/role/${role}/role-id`))?.data?.role_id),
  )
  const secretId = String((await admin.write(`auth/approle/role/${role}/secret-id`)).data?.secret_id)
  secretsSeen.push(secretId)
  await writeFile(fileOf(`${role}.secret-id`), secretId)
}

const post = (path: string, body: object) =>
  sendRequest(gateway.httpUrl, path, {
    method: 'POST',
    headers: { ...bearer(SERVICE), 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
const validate = (token: string) => post('/validate', { token, required_scope: SCOPE })

/** Every status on the way to `wanted`, each once. */
async function statusesUntil(wanted: number, request: () => Promise<{ status: number }>): Promise<number[]> {
  const seen = new Set<number>()
  while (!seen.has(wanted)) {
    seen.add((await request()).status)
    await new Promise((resolve) => {
      setTimeout(resolve, 10)
    })
  }
  return [...seen]
}

const tokensOf = async (policy: string): Promise<string[]> => {
  const accessors = (await admin.list('auth/token/accessors'))?.data?.keys as string[]
  const views = await Promise.all(
    accessors.map(async (accessor) => (await admin.write('auth/token/lookup-accessor', { accessor })).data),
  )
  return views.filter((view) => (view?.policies as string[]).includes(policy)).map((view) => String(view?.accessor))
}

describe('the whole way', () => {
  it('begins without Vault: everything is unavailable, nobody is refused', async () => {
    expect(refusal(await validate(mintToken({ prefix: 'svt', label: 'prod', random })))).toMatch(/^503 unavailable /)
    expect((await post('/sessions', { agent_id: 'a' })).status).toBe(503)
    expect(gateway.state()).toMatchObject({ healthy: false, feed_age_ms: Infinity })
  })

  it('goes on once Vault is there and the files are written', async () => {
    await startHost()
    await makeRole('mcp-gateway')
    await makeRole('mcp-service')
    await gateway.ready
    // 403 where a login was tried with what the files held before.
    expect([200, 403, 503]).toEqual(
      expect.arrayContaining(await statusesUntil(200, () => post('/sessions', { agent_id: 'a' }))),
    )
    const token = String((await post('/sessions', { agent_id: 'a' })).json.token)
    expect((await validate(token)).json).toMatchObject({ active: true, scope_match: true })
    expect(await tokensOf('mcp-gateway')).toHaveLength(1)
  })

  it.each(['mcp-gateway', 'mcp-service'])('hardly notices that the token of %s is revoked', async (role) => {
    const [accessor] = await tokensOf(role)
    await admin.write('auth/token/revoke-accessor', { accessor })
    expect((await post('/sessions', { agent_id: 'a' })).status).toBe(200)
    const opened = String((await post('/sessions', { agent_id: 'a' })).json.token)
    expect([200, 503]).toEqual(expect.arrayContaining(await statusesUntil(200, () => validate(opened))))
    expect(await tokensOf(role)).toHaveLength(1)
  })

  it('outlives Vault being away, and never calls the token invalid', async () => {
    const alive = String((await post('/sessions', { agent_id: 'a' })).json.token)
    await host.close()
    expect((await post('/sessions', { agent_id: 'a' })).status).toBe(503)
    expect([200, 503]).toContain((await validate(alive)).status)
    const epoch = gateway.state().epoch
    await startHost()
    const seen = await statusesUntil(200, () => validate(alive))
    expect(seen.filter((status) => status !== 200 && status !== 503)).toEqual([])
    await statusesUntil(200, () => Promise.resolve({ status: gateway.state().epoch === epoch ? 0 : 200 }))
    expect((await validate(alive)).json).toMatchObject({ active: true })
  })
})

describe('files that are wrong at the start are reported by name', () => {
  const settings = (file: string) => ({
    approle: { role_id: 'r', secret_id_file: fileOf(file), secret_id_wrapped: false, mount: 'approle' },
  })

  it.each<[string, string, (path: string) => Promise<unknown>]>([
    [
      'open to others',
      'is open to other users (mode 640): chmod 600',
      (path) => writeFile(path, 'x').then(() => chmod(path, 0o640)),
    ],
    ['empty', 'is empty.', (path) => writeFile(path, '\n', { mode: 0o600 })],
    ['missing', 'cannot be read (ENOENT).', () => Promise.resolve()],
  ])('%s', async (what, words, make) => {
    const file = `wrong-${what.replaceAll(' ', '-')}`
    await make(fileOf(file))
    await expect(vaultLogin({ address, clock: systemClock }, settings(file))).rejects.toThrow(words)
    await expect(vaultLogin({ address, clock: systemClock }, settings(file))).rejects.toThrow(
      `The secret_id_file ${fileOf(file)} `,
    )
  })
})
