/** The gateway beside the embedded host, over real HTTP on loopback, with a real upstream: what no fake can promise. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway } from '../../src/gateway/gateway.ts'
import type { Gateway } from '../../src/gateway/gateway.ts'
import { createHost } from '../../src/host/host.ts'
import type { Host } from '../../src/host/host.ts'
import { systemClock } from '../../src/logical/clock.ts'
import { silentLogger } from '../../src/logical/log.ts'
import { MemoryStorage } from '../../src/logical/storage.ts'
import { mcpFactory } from '../../src/mcp/backend.ts'
import { mintToken, tokenDigest } from '../../src/scope/index.ts'
import { createVaultClient } from '../../src/vault-client/index.ts'
import type { VaultClient } from '../../src/vault-client/index.ts'
import { sendRequest, bearer, openStream, refusal } from './http/harness.ts'
import type { HttpResponse } from './http/harness.ts'

const SERVICE = 'gst_with_host'
const random = (bytes: number): Uint8Array => randomBytes(bytes)

let folder: string
let host: Host
let admin: VaultClient
let gateway: Gateway
let upstream: Server
let upstreamUrl: string
let streams: ServerResponse[]
const receivedKeys: (string | undefined)[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gateway-'))
  streams = []
  upstream = createServer((request, response) => {
    receivedKeys.push(request.headers.authorization)
    if (request.url === '/v1/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: first\n\n')
      streams.push(response)
      return
    }
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end('{"data":[{"id":"cus_1","email":"jane@example.com"}],"has_more":false}')
  })
  await new Promise<void>((resolve) => {
    upstream.listen(0, '127.0.0.1', resolve)
  })
  upstreamUrl = `http://127.0.0.1:${String((upstream.address() as AddressInfo).port)}`
  host = await createHost({
    storage: new MemoryStorage(),
    clock: systemClock,
    random,
    logger: silentLogger,
    engines: { mcp: mcpFactory },
    devRootTokenId: 'root',
  })
  const { url } = await host.listen({ address: '127.0.0.1:0' })
  admin = createVaultClient({ address: url, token: 'root', clock: systemClock })
  await admin.write('sys/audit/file', { type: 'file', options: { file_path: join(folder, 'vault-audit.jsonl') } })
  await admin.write('sys/mounts/secret', { type: 'kv', options: { version: '2' } })
  await admin.write('sys/mounts/mcp', { type: 'mcp' })
  await seed()
  gateway = await startGateway({
    vault: { address: url, token: await tokenFor('mcp-gateway'), mount: 'mcp' },
    httpAddress: '127.0.0.1:0',
    upstreamListeners: [{ upstream: 'stripe', address: '127.0.0.1:0' }],
    auditPath: join(folder, 'audit.jsonl'),
    serviceTokens: [
      { name: 'mcp-server', sha256: tokenDigest(SERVICE), agents: ['*'], vaultToken: await tokenFor('mcp-service') },
    ],
    clock: systemClock,
    random,
    logger: silentLogger,
  })
  await gateway.ready
})

afterAll(async () => {
  await gateway.close()
  await admin.close()
  await host.close()
  upstream.closeAllConnections()
  upstream.close()
  await rm(folder, { recursive: true })
})

async function tokenFor(policy: string): Promise<string> {
  await admin.write(`sys/policies/acl/${policy}`, {
    policy: await readFile(new URL(`../../vault-config/policies/${policy}.hcl`, import.meta.url), 'utf8'),
  })
  return (await admin.write('auth/token/create', { policies: [policy], period: '1h' })).auth!.client_token
}

async function seed(): Promise<void> {
  await admin.write('secret/data/mcp/stripe', { data: { api_key: 'sk_live_with_host' } })
  await admin.write('secret/metadata/mcp/stripe', { custom_metadata: { mcp_origins: upstreamUrl } })
  await admin.write('mcp/upstreams/stripe', { url: upstreamUrl, allow_private_addresses: true, sensitivity: 'high' })
  await admin.write('mcp/tools/stripe/invoices', {
    operations: ['GET /v1/invoices', 'GET /v1/invoices/{id}', 'GET /v1/events'],
    risk: 'low',
  })
  await admin.write('mcp/tools/stripe/customers/id-only', {
    operations: ['GET /v1/customers'],
    fields: ['data[].id', 'has_more'],
  })
}

const scopes = ['read:stripe:invoices', 'read:stripe:customers:id-only']
const post = (path: string, token: string, body?: object): Promise<HttpResponse> =>
  sendRequest(gateway.httpUrl, path, {
    method: 'POST',
    headers: { ...bearer(token), 'Content-Type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  })

interface Opened {
  readonly token: string
  readonly session_id: string
  readonly lease_id: string
  readonly token_id: string
}

/** An agent of its own for each test, so that none ends another's sessions. */
async function openFor(agentId: string, request: object = {}): Promise<Opened> {
  expect(
    (
      await post('/agents', 'root', {
        agent_id: agentId,
        owner: 'platform-team',
        environment: 'production',
        description: 'test',
      })
    ).status,
  ).toBe(200)
  expect((await post(`/agents/${agentId}/scopes`, 'root', { scopes, max_ttl_seconds: 900 })).status).toBe(200)
  const response = await post('/sessions', SERVICE, { agent_id: agentId, purpose: 'test', ...request })
  expect(response.status).toBe(200)
  return response.json as unknown as Opened
}

const validate = (token: string, required_scope = scopes[0]) => post('/validate', SERVICE, { token, required_scope })
const call = (token: string, path = '/u/stripe/v1/invoices') =>
  sendRequest(gateway.httpUrl, path, { headers: bearer(token) })

/** Asks until the response is as expected: a change reaches gateways a moment after it is acknowledged. */
async function eventually(request: () => Promise<unknown>, expected: unknown): Promise<void> {
  let response = await request()
  for (let tries = 0; tries < 500 && response !== expected; tries++) response = await request()
  expect(response).toBe(expected)
}

const records = async (): Promise<Record<string, unknown>[]> =>
  (await readFile(join(folder, 'audit.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

describe('the whole way', () => {
  it('goes from registration to a call with the real key, and ends with the lease', async () => {
    const { token, lease_id, session_id, token_id } = await openFor('whole-way')
    expect(token).toMatch(/^svt_prod_/)
    expect((await validate(token)).json).toMatchObject({
      active: true,
      scope_match: true,
      session_id,
      token_id,
      environment: 'production',
      scopes,
    })
    expect((await call(token)).json).toMatchObject({ data: [{ email: 'jane@example.com' }] })
    expect((await call(token, '/u/stripe/v1/customers')).json).toEqual({ data: [{ id: 'cus_1' }], has_more: false })
    expect(
      (await sendRequest(gateway.upstreamUrls.stripe!, '/v1/invoices/in_1', { headers: bearer(token) })).status,
    ).toBe(200)
    expect(refusal(await call(token, '/u/stripe/v1/refunds'))).toBe('403 insufficient_scope no_tool')
    expect((await sendRequest(gateway.httpUrl, '/agents', { headers: bearer('root') })).json.agents).toContain(
      'whole-way',
    )
    expect(
      (await sendRequest(gateway.httpUrl, '/agents/whole-way/scopes', { headers: bearer('root') })).json,
    ).toMatchObject({
      scopes,
      max_ttl_seconds: 900,
    })
    expect(new Set(receivedKeys)).toEqual(new Set(['Bearer sk_live_with_host']))
    await admin.write('sys/leases/revoke', { lease_id, sync: true })
    await eventually(async () => refusal(await call(token)), '401 invalid_token reuse_after_revocation')
    expect(refusal(await validate(token))).toBe('401 invalid_token reuse_after_revocation')
    expect((await records()).at(-1)).toMatchObject({
      type: 'decision',
      decision: 'deny',
      reason: 'reuse_after_revocation',
      validation_result: 'revoked',
      agent_id: 'whole-way',
      token_id,
    })
  })

  it('refreshes without ending the old token, and ends the session by DELETE', async () => {
    const { token, session_id } = await openFor('refreshing')
    const refreshed = await post(`/sessions/${session_id}/refresh`, SERVICE)
    expect(refreshed.status).toBe(200)
    expect(refreshed.json).toMatchObject({ session_id, ttl_seconds: 900 })
    const younger = refreshed.json.token as string
    expect([(await validate(token)).status, (await validate(younger)).status]).toEqual([200, 200])
    const third = (await post('/sessions/refresh', SERVICE, { token: younger })).json.token as string
    const responses = await Promise.all([token, younger, third].map((held) => validate(held)))
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(
      (await sendRequest(gateway.httpUrl, `/sessions/${session_id}`, { method: 'DELETE', headers: bearer(SERVICE) }))
        .status,
    ).toBe(204)
    expect([(await validate(younger)).status, (await validate(third)).status]).toEqual([401, 401])
    expect((await post(`/sessions/${session_id}/refresh`, SERVICE)).status).toBe(400)
  })

  it('ends what was delegated with its parent', async () => {
    const parent = await openFor('delegating')
    const child = (
      await post('/sessions', SERVICE, {
        agent_id: 'delegating',
        parent_token: parent.token,
        requested_scopes: ['read:stripe:invoices'],
      })
    ).json as unknown as Opened
    expect((await validate(child.token)).json.scope_match).toBe(true)
    await admin.delete(`mcp/sessions/${parent.session_id}`)
    await eventually(async () => refusal(await validate(child.token)), '401 invalid_token reuse_after_revocation')
  })
})

describe('a change takes effect on live sessions', () => {
  it.each<[string, string, (agent: string) => Promise<unknown>]>([
    [
      'scopes-cut',
      'scopes are cut',
      (agent) => admin.write(`mcp/agents/${agent}/scopes`, { scopes: ['read:stripe:customers:id-only'] }),
    ],
    ['scopes-empty', 'scopes are emptied', (agent) => admin.write(`mcp/agents/${agent}/scopes`, { scopes: [] })],
    ['scopes-gone', 'scopes are deleted', (agent) => admin.delete(`mcp/agents/${agent}/scopes`)],
    [
      'policy-denies',
      'a policy denies',
      async (agent) => {
        await admin.write('mcp/policies/no-invoices', {
          policy:
            'path "tools/stripe/customers/id-only" { capabilities = ["read"] }\npath "tools/stripe/invoices" { capabilities = ["deny"] }',
        })
        await admin.write(`mcp/agents/${agent}`, { policies: ['no-invoices'] })
      },
    ],
  ])('%s: when %s', async (agent, _case, change) => {
    const { token } = await openFor(agent)
    expect((await validate(token)).json.scope_match).toBe(true)
    expect((await call(token)).status).toBe(200)
    await change(agent)
    await eventually(async () => (await validate(token)).json.scope_match, false)
    expect((await call(token)).status).toBe(403)
  })

  it.each<[string, (agent: string) => Promise<unknown>]>([
    ['disabled', (agent) => admin.write(`mcp/agents/${agent}`, { disabled: true })],
    ['revoked', (agent) => admin.write(`mcp/agents/${agent}/revoke`)],
    ['deleted', (agent) => admin.delete(`mcp/agents/${agent}`)],
  ])('when the agent is %s', async (what, change) => {
    const { token } = await openFor(`agent-${what}`)
    expect((await call(token)).status).toBe(200)
    await change(`agent-${what}`)
    await eventually(async () => refusal(await call(token)), '401 invalid_token reuse_after_revocation')
  })

  it("but no key is ever used without its owner's consent", async () => {
    await admin.write('secret/data/mcp/other', { data: { api_key: 'sk_other' } })
    await admin.write('mcp/upstreams/other', { url: upstreamUrl, allow_private_addresses: true })
    await admin.write('mcp/tools/other/things', { operations: ['GET /v1/things'] })
    const { token } = await openFor('no-consent')
    await admin.write('mcp/agents/no-consent/scopes', { scopes: [...scopes, 'read:other:things'] })
    const wider = (await post('/sessions', SERVICE, { agent_id: 'no-consent' })).json as unknown as Opened
    await eventually(
      async () => refusal(await call(wider.token, '/u/other/v1/things')),
      '502 upstream_error key_consent_missing',
    )
    expect(refusal(await call(token, '/u/other/v1/things'))).toBe('403 insufficient_scope insufficient_scope')
    expect(receivedKeys).not.toContain('Bearer sk_other')
  })
})

describe('an open stream', () => {
  it.each<[string, (opened: Opened) => Promise<unknown>]>([
    ['its lease is revoked', ({ lease_id }) => admin.write('sys/leases/revoke', { lease_id, sync: true })],
    [
      'all leases of its agent are revoked',
      () => admin.write('sys/leases/revoke-prefix/mcp/creds/streaming-1', { sync: true }),
    ],
    [
      'its session is closed',
      ({ session_id }) =>
        sendRequest(gateway.httpUrl, `/sessions/${session_id}`, { method: 'DELETE', headers: bearer(SERVICE) }),
    ],
  ])("is reset, and the upstream's end closed, when %s", async (what, end) => {
    const opened = await openFor(what.includes('all leases') ? 'streaming-1' : `streaming-${String(what.length)}`)
    const response = await openStream(gateway.httpUrl, '/u/stripe/v1/events', bearer(opened.token))
    const [first] = (await once(response, 'data')) as [Buffer]
    expect(first.toString()).toBe('data: first\n\n')
    const broken = once(response, 'error')
    const closed = once(streams.at(-1)!, 'close')
    await end(opened)
    expect(((await broken) as [NodeJS.ErrnoException])[0].code).toBe('ECONNRESET')
    await closed
  })
})

it('keeps keys and tokens out of its records', async () => {
  const { token } = await openFor('recorded')
  await call(token)
  await call(token, `/u/stripe/v1/customers?email=jane@example.com&token=${token}`)
  const text = await readFile(join(folder, 'audit.jsonl'), 'utf8')
  for (const secret of ['sk_live_with_host', token, 'jane@example.com', SERVICE]) expect(text).not.toContain(secret)
  expect(
    (await records())
      .filter(({ type }) => type === 'decision')
      .every((record) => typeof record.time === 'string' && typeof record.request_id === 'string'),
  ).toBe(true)
})

const vaultLines = async () => (await readFile(join(folder, 'vault-audit.jsonl'), 'utf8')).trim().split('\n')

it("writes no line into Vault's audit log for tokens that somebody made up, and the check key into none", async () => {
  await openFor('honest')
  const lookUps = async () => (await vaultLines()).filter((line) => line.includes('"mcp/introspect"')).length
  const before = await lookUps()
  const madeUp = Array.from({ length: 20 }, () => mintToken({ prefix: 'svt', label: 'prod', random }))
  const responses = await Promise.all(madeUp.map((token) => validate(token)))
  expect(new Set(responses.map(refusal))).toEqual(new Set(['401 invalid_token unknown']))
  expect(await lookUps()).toBe(before)
  const { check_keys } = (await admin.read('mcp/feed', { query: { wait: 0 } }))!.data as { check_keys: string[] }
  expect(check_keys).toHaveLength(1)
  expect((await vaultLines()).join('\n')).not.toContain(check_keys[0])
  expect(await readFile(join(folder, 'audit.jsonl'), 'utf8')).not.toContain(check_keys[0])
})

it('answers 503 and never 401 once Vault is gone', async () => {
  const { token } = await openFor('outage')
  await host.close()
  expect((await validate(token)).status).toBe(503)
  expect((await call(token)).status).toBe(503)
  expect((await post('/sessions', SERVICE, { agent_id: 'outage' })).status).toBe(503)
  expect((await sendRequest(gateway.httpUrl, '/agents', { headers: bearer('root') })).status).toBe(503)
})
