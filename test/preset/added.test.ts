/** An API that was added from its preset, called through a gateway: what agents may do there, and where the key goes. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startDevServer } from '../../src/demo/dev-server.ts'
import type { DevServer } from '../../src/demo/dev-server.ts'
import { systemClock } from '../../src/logical/clock.ts'
import { silentLogger } from '../../src/logical/log.ts'
import { shellAt } from '../cli/terminal.ts'
import type { Outcome } from '../cli/terminal.ts'
import { bearer, refusal, sendRequest } from '../gateway/http/harness.ts'

/** An API that takes one key. */
interface FakeApi {
  readonly url: string
  readonly key: string
  /** `Authorization` of every request. */
  readonly received: (string | undefined)[]
  readonly server: Server
}

async function startApi(): Promise<FakeApi> {
  const key = `github_pat_${randomBytes(16).toString('hex')}`
  const received: (string | undefined)[] = []
  const server = createServer((request, response) => {
    received.push(request.headers.authorization)
    const isRight = request.headers.authorization === `Bearer ${key}`
    response.writeHead(isRight ? 200 : 401, { 'content-type': 'application/json', 'x-github-sso': 'required' })
    response.end(JSON.stringify(isRight ? { login: 'acme-bot', echoed: key } : { message: 'Bad credentials' }))
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return { url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, key, received, server }
}

let folder: string
let server: DevServer
let api: FakeApi
let other: FakeApi
/** An upstream of its own for each test. */
let name: string
let made = 0

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'preset-'))
  server = await startDevServer({
    listenAddress: '127.0.0.1:0',
    grpcAddress: '127.0.0.1:0',
    httpAddress: '127.0.0.1:0',
    upstreamListeners: [],
    auditPath: join(folder, 'audit.jsonl'),
    clock: systemClock,
    random: (bytes) => randomBytes(bytes),
    logger: silentLogger,
  })
})
beforeEach(async () => {
  api = await startApi()
  other = await startApi()
  name = `github-${String((made += 1))}`
  return () => {
    for (const { server: fake } of [api, other]) {
      fake.closeAllConnections()
      fake.close()
    }
  }
})
afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

async function mcpVault(stdin: string, ...words: string[]): Promise<Outcome> {
  return (await shellAt(server.vaultAddress, { env: { VAULT_TOKEN: server.rootToken }, stdin })).mcpVault(...words)
}

async function added({ url, key }: FakeApi, ...words: string[]): Promise<void> {
  const place = [`-name=${name}`, `-url=${url}`, '-allow-private-addresses', '-yes', '-']
  expect(await mcpVault(key, 'add', 'github', ...place, ...words)).toMatchObject({ code: 0 })
}

/** A token of an agent with these scopes, `read:user` for `read:<upstream>:user`. */
async function tokenFor(...scopes: string[]): Promise<string> {
  const agent = `agent-${name}`
  await server.admin.write(`mcp/agents/${agent}`, { owner: 'o', environment: 'production' })
  await server.admin.write(`mcp/agents/${agent}/scopes`, {
    scopes: scopes.map((scope) => scope.replace(':', `:${name}:`)),
  })
  return String((await server.admin.write(`mcp/creds/${agent}`, { purpose: 'test' })).data?.token)
}

const call = (token: string, path = '/user', method = 'GET') =>
  sendRequest(server.gateway.httpUrl, `/u/${name}${path}`, { method, headers: bearer(token) })

describe('an agent', () => {
  it('calls it with the key that was given, and never sees that', async () => {
    await added(api)
    const { status, text, headers } = await call(await tokenFor('read:user'))
    expect([status, headers['x-github-sso'], api.received]).toEqual([200, 'required', [`Bearer ${api.key}`]])
    expect(text).toContain('acme-bot')
    expect(text).not.toContain(api.key)
  })

  it('may do what its scopes say, in the words of the preset', async () => {
    await added(api)
    const token = await tokenFor('read:issues', 'create:issues:write')
    const issues = '/repos/acme/shop/issues'
    const statuses = [
      await call(token, issues),
      await call(token, `${issues}/7`),
      await call(token, issues, 'POST'),
    ].map(({ status }) => status)
    expect(statuses).toEqual([200, 200, 200])
    const refused = [
      await call(token),
      await call(token, `${issues}/7`, 'PATCH'),
      await call(token, `${issues}/7`, 'DELETE'),
      await call(token, '/repos/acme/shop/pulls/7/merge', 'PUT'),
    ].map(refusal)
    expect(refused.map((text) => text.slice(0, 22))).toEqual(Array(4).fill('403 insufficient_scope'))
    expect(api.received).toHaveLength(3)
  })

  it('has nothing of what was left out', async () => {
    await added(api, '-read-only', '-tools=issues,issues/write,user')
    const token = await tokenFor('read:issues', 'create:issues:write', 'read:repos')
    expect((await call(token, '/repos/acme/shop/issues')).status).toBe(200)
    for (const refused of [await call(token, '/repos/acme/shop/issues', 'POST'), await call(token, '/repos/acme/shop')])
      expect(refused.status).toBe(403)
  })
})

describe('the key', () => {
  it('is used for nothing until the consent is there, which is written last', async () => {
    const { admin } = server
    await admin.write('sys/policies/acl/no-consent', {
      policy: `path "mcp/*" { capabilities = ["create", "read", "update", "list"] }
path "secret/data/*" { capabilities = ["create", "update", "patch"] }
path "secret/metadata/*" { capabilities = ["read"] }
path "sys/capabilities-self" { capabilities = ["deny"] }`,
    })
    const token = (await admin.write('auth/token/create', { policies: ['no-consent'] })).auth!.client_token
    const shell = await shellAt(server.vaultAddress, { env: { VAULT_TOKEN: token }, stdin: api.key })
    const words = [`-name=${name}`, `-url=${api.url}`, '-allow-private-addresses', '-yes', '-']
    const { code, err } = await shell.mcpVault('add', 'github', ...words)
    expect([code, err]).toEqual([2, expect.stringContaining(`Not written: secret/metadata/mcp/${name}.`)])
    const phantom = await tokenFor('read:user')
    expect(refusal(await call(phantom))).toContain('key_consent_missing')
    expect(api.received).toEqual([])
    await added(api)
    expect((await call(phantom)).status).toBe(200)
  })

  it('of another server goes there alone, and the old one nowhere else', async () => {
    await added(api)
    const token = await tokenFor('read:user')
    expect((await call(token)).status).toBe(200)
    await added(other)
    // The gateway hears of the document at once, and reads the key again for it.
    expect((await call(token)).status).toBe(200)
    expect(new Set(api.received)).toEqual(new Set([`Bearer ${api.key}`]))
    expect(new Set(other.received)).toEqual(new Set([`Bearer ${other.key}`]))
  })

  it('that stays is not used for another server before its owner says so', async () => {
    await added(api)
    await server.admin.write(`mcp/upstreams/${name}`, { url: other.url })
    const token = await tokenFor('read:user')
    expect(refusal(await call(token))).toContain('key_consent_missing')
    expect(other.received).toEqual([])
  })
})
