/** Register, scope, issue, validate, expire: the REST API in front of the real engine, as a script with nothing but HTTP uses it. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway } from '../../src/gateway/gateway.ts'
import type { Gateway } from '../../src/gateway/gateway.ts'
import { systemClock } from '../../src/logical/clock.ts'
import type { Clock } from '../../src/logical/clock.ts'
import { silentLogger } from '../../src/logical/log.ts'
import { tokenDigest } from '../../src/scope/index.ts'
import { deploy } from './deployment.ts'
import type { Deployment } from './deployment.ts'

const SERVICE = 'gst_article_0123456789'
const INVOICES = 'read:stripe:invoices'
const CUSTOMER_IDS = 'read:stripe:customers:id-only'
const KEYS = { stripe: 'sk_live_article', github: 'ghp_article' }

/** The machine's clock, which can be set forward. Timers go by the machine's. */
class LeapingClock implements Clock {
  #leaptMs = 0
  now(): number {
    return systemClock.now() + this.#leaptMs
  }
  monotonic(): number {
    return systemClock.monotonic() + this.#leaptMs
  }
  after(ms: number, callback: () => void): () => void {
    return systemClock.after(ms, callback)
  }
  leapTo(unixMs: number): void {
    this.#leaptMs += Math.max(0, unixMs - this.now())
  }
}

const clock = new LeapingClock()
const upstreamCalls: { readonly call: string; readonly authorization: string | undefined }[] = []
const upstream = createServer((request, response) => {
  upstreamCalls.push({
    call: `${request.method ?? ''} ${request.url ?? ''}`,
    authorization: request.headers.authorization,
  })
  response
    .writeHead(200, { 'content-type': 'application/json' })
    .end('{"data":[{"id":"cus_1","email":"jane@example.com"}],"has_more":false}')
})
let folder: string
let vault: Deployment
let gateway: Gateway

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'article-'))
  await new Promise<void>((resolve) => {
    upstream.listen(0, '127.0.0.1', resolve)
  })
  vault = await deploy({ clock })
  await provision(`http://127.0.0.1:${String((upstream.address() as AddressInfo).port)}`)
  gateway = await startGateway({
    vault: { address: vault.url, token: await tokenFor('mcp-gateway'), mount: 'mcp' },
    httpAddress: '127.0.0.1:0',
    auditPath: join(folder, 'audit.jsonl'),
    serviceTokens: [
      { name: 'mcp-server', sha256: tokenDigest(SERVICE), agents: ['*'], vaultToken: await tokenFor('mcp-service') },
    ],
    clock,
    random: (bytes) => randomBytes(bytes),
    logger: silentLogger,
  })
  await gateway.ready
})

afterAll(async () => {
  await gateway.close()
  await vault.close()
  upstream.closeAllConnections()
  upstream.close()
  await rm(folder, { recursive: true })
})

async function provision(url: string): Promise<void> {
  const { root } = vault
  for (const [name, key] of Object.entries(KEYS)) {
    await root.write(`secret/data/mcp/${name}`, { data: { api_key: key } })
    await root.write(`secret/metadata/mcp/${name}`, { custom_metadata: { mcp_origins: url } })
    await root.write(`mcp/upstreams/${name}`, { url, allow_private_addresses: true })
  }
  await root.write('mcp/tools/stripe/invoices', { operations: ['GET /v1/invoices'] })
  await root.write('mcp/tools/stripe/customers/id-only', {
    operations: ['GET /v1/customers'],
    fields: ['data[].id', 'has_more'],
  })
  await root.write('mcp/tools/stripe/subscriptions', {
    operations: ['GET /v1/subscriptions', 'POST /v1/subscriptions/{id}'],
  })
  await root.write('mcp/tools/stripe/refunds', { operations: ['POST /v1/refunds'] })
  await root.write('mcp/tools/stripe/payouts', { operations: ['POST /v1/payouts'] })
  await root.write('mcp/tools/github/prs/status', { operations: ['GET /repos/{owner}/{repo}/pulls/{number}'] })
}

async function tokenFor(policy: string): Promise<string> {
  await vault.root.write(`sys/policies/acl/${policy}`, {
    policy: await readFile(new URL(`../../vault-config/policies/${policy}.hcl`, import.meta.url), 'utf8'),
  })
  return (await vault.root.write('auth/token/create', { policies: [policy] })).auth!.client_token
}

interface Reply {
  readonly status: number
  readonly json: Record<string, unknown>
}

async function sendRequest(method: string, path: string, bearer: string | undefined, body?: object): Promise<Reply> {
  const response = await fetch(`${gateway.httpUrl}${path}`, {
    method,
    ...(body && { body: JSON.stringify(body) }),
    headers: {
      ...(bearer !== undefined && { Authorization: `Bearer ${bearer}` }),
      ...(body && { 'Content-Type': 'application/json' }),
    },
  })
  const text = await response.text()
  return { status: response.status, json: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) }
}

const post = (path: string, bearer: string | undefined, body?: object): Promise<Reply> =>
  sendRequest('POST', path, bearer, body)

interface Session {
  readonly session_id: string
  readonly token: string
  readonly token_id: string
  readonly expires_at_unix: number
  readonly scopes: readonly string[]
}

async function declare(agent_id: string, scopes: readonly string[], max_ttl_seconds = 900): Promise<void> {
  expect((await post('/agents', 'root', { agent_id, owner: 'platform-team', environment: 'production' })).status).toBe(
    200,
  )
  expect((await post(`/agents/${agent_id}/scopes`, 'root', { scopes, max_ttl_seconds })).status).toBe(200)
}

async function open(agent_id: string, more: object = {}): Promise<Session> {
  const { status, json } = await post('/sessions', SERVICE, {
    agent_id,
    purpose: 'quarterly-invoice-reconciliation',
    ...more,
  })
  expect([status, json.error]).toEqual([200, undefined])
  return json as unknown as Session
}

/** Sets everybody's clock forward; done when the gateway has heard from the engine since. */
async function leapTo(unixSeconds: number): Promise<void> {
  clock.leapTo(unixSeconds * 1000)
  // Each write ends the request the gateway has under way, so that it asks a new one.
  for (let tries = 0; tries < 200 && (await sendRequest('GET', '/healthz', undefined)).status !== 200; tries++)
    await vault.root.write('mcp/tools/github/tick', { operations: ['GET /tick'] })
}

/** The handler's guard as the article has it: every response but 200 is one refusal, and the result stays with the request. */
async function guarded(
  headers: Readonly<Record<string, string>>,
  requiredScope: string,
): Promise<{ answer: string; validation?: Record<string, unknown> }> {
  const token = headers['X-Session-Token']
  if (token === undefined) return { answer: '401 missing token' }
  const { status, json } = await post('/validate', SERVICE, {
    token,
    required_scope: requiredScope,
    request_id: headers['X-Request-Id'] ?? null,
  })
  if (status !== 200) return { answer: '401 invalid or expired token' }
  return json.scope_match === true ? { answer: '200', validation: json } : { answer: '403 insufficient scope' }
}
const answerTo = async (token: string, scope = INVOICES): Promise<string> =>
  (await guarded({ 'X-Session-Token': token }, scope)).answer

/** Rotation as the article's agent does it. */
class TokenManager {
  readonly sessionId: string
  readonly token: string
  readonly expiresAt: number
  constructor({ session_id, token, expires_at_unix }: Pick<Session, 'session_id' | 'token' | 'expires_at_unix'>) {
    this.sessionId = session_id
    this.token = token
    this.expiresAt = expires_at_unix
  }
  needsRefresh(): boolean {
    return this.expiresAt - clock.now() / 1000 < 180
  }
  async refresh(): Promise<TokenManager> {
    const { status, json } = await post(`/sessions/${this.sessionId}/refresh`, SERVICE)
    expect(status).toBe(200)
    return new TokenManager({
      session_id: this.sessionId,
      token: json.token as string,
      expires_at_unix: json.expires_at_unix as number,
    })
  }
}

type AuditLine = Record<string, unknown>
const auditOf = async (agent: string): Promise<AuditLine[]> =>
  (await readFile(join(folder, 'audit.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditLine)
    .filter(({ agent_id }) => agent_id === agent)

describe('register and scope', () => {
  const billing = {
    agent_id: 'claude-billing-agent',
    owner: 'platform-team',
    environment: 'production',
    description: 'Handles Stripe billing queries via MCP',
  }

  it('takes the agent as written, and nothing before there is one', async () => {
    expect((await post('/sessions', SERVICE, { agent_id: 'nobody', purpose: 'x' })).json).toMatchObject({
      error: {
        type: 'invalid_request',
        message: expect.stringContaining('agent "nobody" is not registered') as string,
      },
    })
    const registered = await post('/agents', 'root', billing)
    expect([registered.status, registered.json]).toMatchObject([200, billing])
    expect((await post('/sessions', SERVICE, { agent_id: billing.agent_id, purpose: 'x' })).json).toMatchObject({
      error: { message: expect.stringContaining('declared no scopes') as string },
    })
  })

  it.each([
    ['read:*', 'covers every upstream'],
    ['read:stripe:*', 'read:stripe'],
    ['read', 'read:stripe:invoices'],
  ])('refuses the scope %s with an example', async (scope, words) => {
    await post('/agents', 'root', billing)
    const { status, json } = await post('/agents/claude-billing-agent/scopes', 'root', {
      scopes: [scope],
      max_ttl_seconds: 900,
    })
    expect([status, (json.error as { message: string }).message]).toEqual([400, expect.stringContaining(words)])
  })

  it('lets a service token neither register nor widen', async () => {
    await declare('claude-narrow-agent', [INVOICES])
    expect((await post('/agents', SERVICE, { ...billing, agent_id: 'claude-own-agent' })).json).toMatchObject({
      error: { type: 'insufficient_scope', code: 'permission_denied', message: 'permission denied' },
    })
    expect(
      (await post('/agents/claude-narrow-agent/scopes', SERVICE, { scopes: [INVOICES, CUSTOMER_IDS] })).status,
    ).toBe(403)
    expect((await open('claude-narrow-agent')).scopes).toEqual([INVOICES])
  })
})

describe('issue', () => {
  it('answers with a session, a phantom token and both spellings of its end', async () => {
    await declare('claude-issue-agent', [INVOICES, CUSTOMER_IDS])
    const { json } = await post('/sessions', SERVICE, {
      agent_id: 'claude-issue-agent',
      purpose: 'quarterly-invoice-reconciliation',
      requested_scopes: [INVOICES],
    })
    expect(json).toMatchObject({
      session_id: expect.stringMatching(/^sess_[0-9A-HJKMNP-TV-Z]{26}$/) as string,
      token: expect.stringMatching(/^svt_prod_[0-9A-Za-z]{49}$/) as string,
      scopes: [INVOICES],
      ttl_seconds: 900,
      issued_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string,
      expires_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as string,
    })
    expect(Date.parse(json.expires_at as string)).toBe((json.expires_at_unix as number) * 1000)
    expect(Date.parse(json.expires_at as string) - Date.parse(json.issued_at as string)).toBe(900_000)
    expect(JSON.stringify(json)).not.toContain(KEYS.stripe)
  })

  it('gives no more than was declared, in scope or in time', async () => {
    await declare('claude-capped-agent', [INVOICES], 60)
    expect(
      await post('/sessions', SERVICE, { agent_id: 'claude-capped-agent', requested_scopes: [INVOICES, CUSTOMER_IDS] }),
    ).toMatchObject({ status: 400, json: { error: { message: expect.stringContaining(CUSTOMER_IDS) as string } } })
    const { json } = await post('/sessions', SERVICE, { agent_id: 'claude-capped-agent', ttl: 86_400 })
    expect(json.ttl_seconds).toBe(60)
  })

  it('keeps environments apart', async () => {
    await declare('claude-two-places', [INVOICES])
    expect((await post('/sessions', SERVICE, { agent_id: 'claude-two-places', environment: 'staging' })).status).toBe(
      400,
    )
    await post('/agents/claude-two-places/scopes/staging', 'root', { scopes: [CUSTOMER_IDS] })
    const { token, scopes } = await open('claude-two-places', { environment: 'staging' })
    expect(token).toMatch(/^svt_staging_/)
    expect(scopes).toEqual([CUSTOMER_IDS])
    expect([await answerTo(token), await answerTo(token, CUSTOMER_IDS)]).toEqual(['403 insufficient scope', '200'])
  })
})

describe('validate', () => {
  it('guards a handler, and leaves a line for each request that was answered', async () => {
    await declare('claude-guarded', [INVOICES, CUSTOMER_IDS])
    const { token, token_id, session_id } = await open('claude-guarded', { requested_scopes: [INVOICES] })
    expect(await guarded({}, INVOICES)).toEqual({ answer: '401 missing token' })
    const passed = await guarded({ 'X-Session-Token': token, 'X-Request-Id': 'req-7' }, INVOICES)
    expect(passed).toMatchObject({
      answer: '200',
      validation: { scope_match: true, agent_id: 'claude-guarded', session_id, token_id, request_id: 'req-7' },
    })
    expect(await answerTo(token, CUSTOMER_IDS)).toBe('403 insufficient scope')
    expect(await answerTo(token.slice(0, -1))).toBe('401 invalid or expired token')
    expect(await answerTo(KEYS.stripe)).toBe('401 invalid or expired token')
    const common = { type: 'decision', agent_id: 'claude-guarded', token_id, session_id, owner: 'platform-team' }
    expect(await auditOf('claude-guarded')).toMatchObject([
      {
        ...common,
        caller_request_id: 'req-7',
        required_scope: INVOICES,
        decision: 'allow',
        validation_result: 'valid',
      },
      { ...common, required_scope: CUSTOMER_IDS, decision: 'deny', validation_result: 'insufficient_scope' },
    ])
  })

  it('is for callers with a credential of their own', async () => {
    await declare('claude-caller', [INVOICES])
    const { token } = await open('claude-caller')
    const body = { token, required_scope: INVOICES }
    const refusals = await Promise.all(
      [undefined, token, 'gst_wrong', 'hvs.wrong'].map((bearer) => post('/validate', bearer, body)),
    )
    expect(refusals.map(({ status, json }) => [status === 200, json.scope_match])).toEqual(
      Array(4).fill([false, undefined]),
    )
  })
})

describe('expire and rotate', () => {
  it('rotates at four fifths of its life without a request lost, and ends each token at its own second', async () => {
    await declare('claude-rotating', [INVOICES])
    const first = new TokenManager(await open('claude-rotating'))
    expect(first.needsRefresh()).toBe(false)
    await leapTo(first.expiresAt - 179)
    expect(first.needsRefresh()).toBe(true)
    const second = await first.refresh()
    expect(second.needsRefresh()).toBe(false)
    expect([await answerTo(first.token), await answerTo(second.token)]).toEqual(['200', '200'])
    await leapTo(first.expiresAt)
    expect([await answerTo(first.token), await answerTo(second.token)]).toEqual(['401 invalid or expired token', '200'])
    const third = (await post('/sessions/refresh', SERVICE, { session_id: second.sessionId })).json
    expect(third).toMatchObject({ session_id: first.sessionId, ttl_seconds: 900, scopes: [INVOICES] })
    await leapTo(third.expires_at_unix as number)
    expect(await answerTo(third.token as string)).toBe('401 invalid or expired token')
    // Nothing is refreshed on the server's side, and nothing can be refreshed once all is over.
    expect(await post(`/sessions/${first.sessionId}/refresh`, SERVICE)).toMatchObject({
      status: 400,
      json: { error: { message: 'session is over, open a new one' } },
    })
  })

  it('lets the monitoring query find a token used after its expiry', async () => {
    await declare('claude-replayed', [INVOICES])
    const replayed = await open('claude-replayed')
    const rested = await open('claude-replayed')
    expect([await answerTo(replayed.token), await answerTo(rested.token)]).toEqual(['200', '200'])
    await leapTo(rested.expires_at_unix)
    expect(await answerTo(replayed.token)).toBe('401 invalid or expired token')
    const lines = await auditOf('claude-replayed')
    const recentlyValid = new Set(
      lines.filter(({ validation_result }) => validation_result === 'valid').map(({ token_id }) => token_id),
    )
    const alerts = lines.filter(
      ({ validation_result, token_id }) => validation_result === 'expired' && recentlyValid.has(token_id),
    )
    expect(recentlyValid).toEqual(new Set([replayed.token_id, rested.token_id]))
    expect(alerts).toMatchObject([
      { token_id: replayed.token_id, session_id: replayed.session_id, reason: 'expired', decision: 'deny' },
    ])
  })

  it('ends a session and every token of it at once, and no other', async () => {
    await declare('claude-ended', [INVOICES])
    const ended = new TokenManager(await open('claude-ended'))
    const younger = await ended.refresh()
    const other = await open('claude-ended')
    expect((await sendRequest('DELETE', `/sessions/${ended.sessionId}`, SERVICE)).status).toBe(204)
    expect([await answerTo(ended.token), await answerTo(younger.token), await answerTo(other.token)]).toEqual([
      '401 invalid or expired token',
      '401 invalid or expired token',
      '200',
    ])
    expect((await auditOf('claude-ended')).slice(0, 2)).toMatchObject([
      { validation_result: 'revoked', reason: 'reuse_after_revocation' },
      { validation_result: 'revoked' },
    ])
  })
})

describe('the worked deployment', () => {
  const STRIPE = [INVOICES, 'read:stripe:subscriptions']
  const GITHUB = ['read:github:prs:status']
  const reads = {
    invoices: 'GET /u/stripe/v1/invoices',
    subscriptions: 'GET /u/stripe/v1/subscriptions',
    pull: 'GET /u/github/repos/acme/billing/pulls/7',
  }
  const writes = [
    'POST /u/stripe/v1/refunds',
    'POST /u/stripe/v1/subscriptions/sub_1',
    'POST /u/stripe/v1/payouts',
    'DELETE /u/stripe/v1/invoices',
    'GET /u/stripe/v1/balance',
  ]

  it.each([
    [
      'one agent for each upstream, here Stripe',
      'claude-stripe-agent',
      STRIPE,
      [200, 200, 403],
      [KEYS.stripe, KEYS.stripe],
    ],
    ['one agent for each upstream, here GitHub', 'claude-github-agent', GITHUB, [403, 403, 200], [KEYS.github]],
    [
      'one agent with two groups of scopes',
      'claude-both-agent',
      [...STRIPE, ...GITHUB],
      [200, 200, 200],
      [KEYS.stripe, KEYS.stripe, KEYS.github],
    ],
  ])('%s', async (_layout, agent, scopes, statuses, keys) => {
    await declare(agent, scopes)
    const { token } = await open(agent)
    const before = upstreamCalls.length
    const reached: number[] = []
    for (const call of Object.values(reads))
      reached.push((await sendRequest(...(call.split(' ') as [string, string]), token)).status)
    expect(reached).toEqual(statuses)
    for (const call of writes)
      expect([call, (await sendRequest(...(call.split(' ') as [string, string]), token)).status]).toEqual([call, 403])
    const calls = upstreamCalls.slice(before)
    expect(calls.map(({ authorization }) => authorization)).toEqual(keys.map((key) => `Bearer ${key}`))
    expect(JSON.stringify(calls)).not.toContain(token)
  })

  it('shows of a customer what the qualifier says', async () => {
    await declare('claude-ids-agent', [CUSTOMER_IDS])
    expect((await sendRequest('GET', '/u/stripe/v1/customers', (await open('claude-ids-agent')).token)).json).toEqual({
      data: [{ id: 'cus_1' }],
      has_more: false,
    })
  })

  it('leaves no key and no token in the audit log', async () => {
    await declare('claude-quiet-agent', STRIPE)
    const { token } = await open('claude-quiet-agent')
    await sendRequest('GET', `/u/stripe/v1/invoices?token=${token}`, token)
    const log = await readFile(join(folder, 'audit.jsonl'), 'utf8')
    expect((await auditOf('claude-quiet-agent')).length).toBeGreaterThan(0)
    for (const secret of [...Object.values(KEYS), token, SERVICE]) expect(log).not.toContain(secret)
  })
})
