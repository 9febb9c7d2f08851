/** The REST API exactly as the article uses it, then everything it must refuse. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mintToken } from '../../../src/scope/index.ts'
import { VaultError } from '../../../src/vault-client/index.ts'
import { settle } from '../../fakes/clock.ts'
import { SERVICE_TOKEN, BOUND_OPENER_TOKEN, BOUND_TOKEN, openSession, tokenOf } from '../harness.ts'
import { sendRequest, bearer, eventually, refusal, startHttpHarness } from './harness.ts'
import type { HttpResponse, HttpHarness } from './harness.ts'

let harness: HttpHarness
beforeEach(async () => {
  harness = await startHttpHarness()
  harness.vault.tokens.set('hvs.admin', { paths: ['*'] })
  harness.vault.tokens.set('hvs.opener', { paths: ['mcp/creds'] })
})
afterEach(() => harness.stop())

const post = (
  path: string,
  token: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<HttpResponse> =>
  sendRequest(harness.url, path, {
    method: 'POST',
    headers: { ...bearer(token), 'Content-Type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })

describe("the article's five steps", () => {
  it('registers an agent', async () => {
    const response = await post('/agents', 'hvs.admin', {
      agent_id: 'new-agent',
      owner: 'platform-team',
      environment: 'production',
      description: 'Handles Stripe billing queries via MCP',
    })
    expect(response.status).toBe(200)
    expect(response.json).toMatchObject({
      agent_id: 'new-agent',
      owner: 'platform-team',
      environment: 'production',
      description: 'Handles Stripe billing queries via MCP',
    })
    expect(
      harness.vault.requests.find(({ method, path }) => method === 'POST' && path === 'mcp/agents/new-agent'),
    ).toMatchObject({ token: 'hvs.admin' })
  })

  it('declares scopes', async () => {
    const response = await post('/agents/claude-billing-agent/scopes', 'hvs.admin', {
      scopes: ['read:stripe:invoices'],
      max_ttl_seconds: 900,
    })
    expect(response.status).toBe(200)
    expect(response.json).toMatchObject({ scopes: ['read:stripe:invoices'], max_ttl_seconds: 900 })
  })

  it("opens a session under the caller's own Vault identity", async () => {
    const response = await post('/sessions', 'hvs.opener', {
      agent_id: 'claude-billing-agent',
      purpose: 'quarterly-invoice-reconciliation',
      requested_scopes: ['read:stripe:invoices'],
    })
    expect(response.status).toBe(200)
    expect(response.json).toMatchObject({
      scopes: ['read:stripe:invoices'],
      issued_at: '2026-03-15T16:00:00Z',
      expires_at: '2026-03-15T16:15:00Z',
      ttl_seconds: 900,
    })
    expect(response.json.session_id).toMatch(/^sess_[0-9A-Z]{26}$/)
    expect(response.json.token).toMatch(/^svt_prod_/)
    expect(response.text).not.toContain('sk_live')
    expect(harness.vault.requests.find(({ path }) => path === 'mcp/creds/claude-billing-agent')).toMatchObject({
      token: 'hvs.opener',
      body: { purpose: 'quarterly-invoice-reconciliation' },
    })
  })

  it('validates with the service key', async () => {
    const session = openSession(harness)
    const response = await post('/validate', SERVICE_TOKEN, {
      token: tokenOf(session),
      required_scope: 'read:stripe:invoices',
      request_id: null,
    })
    expect(response.status).toBe(200)
    expect(response.json).toEqual({
      active: true,
      scope_match: true,
      required_scope: 'read:stripe:invoices',
      session_id: session.session_id,
      agent_id: 'claude-billing-agent',
      token_id: session.tokens[0]!.token_id,
      scopes: ['read:stripe:invoices', 'read:stripe:customers:id-only'],
      environment: 'production',
      expires_at: '2026-03-15T16:15:00Z',
      expires_at_unix: session.tokens[0]!.expires_at_unix,
      request_id: response.headers['x-request-id'],
    })
  })

  it('answers 200 with scope_match false where the scope is lacking', async () => {
    const response = await post('/validate', SERVICE_TOKEN, {
      token: tokenOf(openSession(harness)),
      required_scope: 'create:stripe:refunds',
    })
    expect([response.status, response.json.scope_match]).toEqual([200, false])
  })

  it.each<[string, (id: string) => { path: string; body?: object }]>([
    ['/sessions/:id/refresh', (id) => ({ path: `/sessions/${id}/refresh` })],
    ['/sessions/refresh', (id) => ({ path: '/sessions/refresh', body: { session_id: id } })],
  ])('refreshes at %s, an empty body counting as {}', async (_path, request) => {
    const session = openSession(harness)
    const { path, body } = request(session.session_id)
    const response = await post(path, 'hvs.opener', body)
    expect(response.status).toBe(200)
    expect(response.json).toMatchObject({
      session_id: session.session_id,
      expires_at_unix: session.tokens[1]!.expires_at_unix,
      token: session.tokens[1]!.token,
    })
  })

  it('refreshes nothing for a client that goes before the end of its body', async () => {
    const session = openSession(harness)
    const { host, port } = new URL(harness.url)
    const socket = connect(Number(port), '127.0.0.1')
    socket.write(
      `POST /sessions/${session.session_id}/refresh HTTP/1.1\r\nHost: ${host}\r\n` +
        'Authorization: Bearer hvs.opener\r\nContent-Length: 100\r\n\r\n{"ttl":',
    )
    // The timer that looks whether bodies come in fast enough.
    const before = harness.clock.waiting
    await eventually(() => harness.clock.waiting > before)
    socket.destroy()
    await once(socket, 'close')
    for (let turns = 0; turns < 200; turns++) await settle()
    expect(harness.vault.requests.filter(({ token }) => token === 'hvs.opener')).toEqual([])
  })

  it('refuses to refresh a session that holds eight live tokens, and says for how long', async () => {
    const session = openSession(harness)
    const path = `/sessions/${session.session_id}/refresh`
    const statuses = []
    for (let i = 0; i < 8; i++) statuses.push((await post(path, 'hvs.opener')).status)
    expect(statuses).toEqual([...(Array(7).fill(200) as number[]), 429])
    await harness.clock.advance(100_000)
    const response = await post(path, 'hvs.opener')
    expect([refusal(response), response.headers['retry-after']]).toEqual([
      '429 unavailable too_many_live_tokens',
      '800',
    ])
    const states = session.tokens.map(({ token }) => post('/validate', SERVICE_TOKEN, { token }))
    expect((await Promise.all(states)).map(({ status }) => status)).toEqual(Array(8).fill(200))
  })

  it("passes on a 429 of Vault's own as what it is", async () => {
    const session = openSession(harness)
    const error = new VaultError('rate_limited', 429, 'request path "mcp/creds": rate limit quota exceeded')
    harness.vault.refusal = { below: 'mcp/creds', error }
    const response = await post(`/sessions/${session.session_id}/refresh`, 'hvs.opener')
    expect(refusal(response)).toContain('429 unavailable rate_limited')
  })

  it("names the caller's fault where Vault refuses the login of a service token, and says nothing of retrying", async () => {
    harness.vault.tokens.delete('hvs.opener-service')
    const response = await post('/sessions', SERVICE_TOKEN, { agent_id: 'claude-billing-agent' })
    expect(refusal(response)).toBe('403 insufficient_scope caller_vault_refused')
    expect(response.text).toContain('service token test')
    expect([response.headers['retry-after'], response.text.includes('try again')]).toEqual([undefined, false])
  })

  it('names the fault of a caller whose own Vault token is dead', async () => {
    const session = openSession(harness)
    harness.vault.tokens.delete('hvs.opener')
    const response = await post(`/sessions/${session.session_id}/refresh`, 'hvs.opener')
    expect(refusal(response)).toBe('401 invalid_token caller_unknown')
  })

  it('calls an outage an outage, also where a caller opens a session', async () => {
    harness.vault.cutLine()
    const response = await post('/sessions', SERVICE_TOKEN, { agent_id: 'claude-billing-agent' })
    expect(response.status).toBe(503)
  })

  it('refreshes by token too', async () => {
    const session = openSession(harness)
    expect((await post('/sessions/refresh', 'hvs.opener', { token: tokenOf(session) })).json.session_id).toBe(
      session.session_id,
    )
  })

  it('ends a session: 204, and the very next validation is 401', async () => {
    const session = openSession(harness)
    await post('/validate', SERVICE_TOKEN, { token: tokenOf(session), required_scope: 'read:stripe:invoices' })
    // Even while the event is still under way.
    const feed = harness.vault.holdResponses('mcp/feed')
    await harness.clock.advance(1_000)
    const ended = await sendRequest(harness.url, `/sessions/${session.session_id}`, {
      method: 'DELETE',
      headers: bearer('hvs.opener'),
    })
    expect([ended.status, ended.text]).toEqual([204, ''])
    expect(
      refusal(
        await post('/validate', SERVICE_TOKEN, { token: tokenOf(session), required_scope: 'read:stripe:invoices' }),
      ),
    ).toBe('401 invalid_token reuse_after_revocation')
    feed.release()
    expect(
      (
        await sendRequest(harness.url, `/sessions/${session.session_id}`, {
          method: 'DELETE',
          headers: bearer('hvs.opener'),
        })
      ).status,
    ).toBe(204)
  })

  it('lets an operator end a session that is not its own', async () => {
    const session = openSession(harness)
    expect(
      (
        await sendRequest(harness.url, `/sessions/${session.session_id}`, {
          method: 'DELETE',
          headers: bearer('hvs.admin'),
        })
      ).status,
    ).toBe(204)
    expect(session.ended).toBeDefined()
  })

  it('refuses an expired token', async () => {
    const response = await post('/validate', SERVICE_TOKEN, {
      token: tokenOf(openSession(harness, { ttl: 0 })),
      required_scope: 'read:stripe:invoices',
    })
    expect(refusal(response)).toBe('401 invalid_token expired')
  })
})

describe('reading back', () => {
  it('lists agents, and shows one and its scopes', async () => {
    expect((await sendRequest(harness.url, '/agents', { headers: bearer('hvs.admin') })).json).toEqual({
      agents: ['claude-billing-agent'],
    })
    expect(
      (await sendRequest(harness.url, '/agents/claude-billing-agent', { headers: bearer('hvs.admin') })).json,
    ).toMatchObject({
      owner: 'platform-team',
    })
    expect(
      (await sendRequest(harness.url, '/agents/claude-billing-agent/scopes', { headers: bearer('hvs.admin') })).json,
    ).toMatchObject({ max_ttl_seconds: 900 })
  })

  it('answers 404 for an agent that is not there', async () => {
    expect(refusal(await sendRequest(harness.url, '/agents/ghost', { headers: bearer('hvs.admin') }))).toBe(
      '404 invalid_request not_found',
    )
  })
})

describe('who may', () => {
  const valid = () => ({ token: tokenOf(openSession(harness)), required_scope: 'read:stripe:invoices' })

  it.each([
    ['a caller without token', undefined, '401 invalid_token caller_missing'],
    ['an unknown service token', 'gst_unknown', '401 invalid_token caller_unknown'],
    ['a Vault token that is none', 'hvs.none', '401 invalid_token caller_unknown'],
    ['a Vault token without introspection', 'hvs.opener', '403 insufficient_scope caller_denied'],
    ['a JWT', 'eyJh.eyJz.c2ln', '401 invalid_token caller_jwt_not_configured'],
    ['a service token of other agents', BOUND_TOKEN, '403 insufficient_scope caller_not_bound'],
  ])('may not validate: %s', async (_case, token, expected) => {
    const response = await sendRequest(harness.url, '/validate', {
      method: 'POST',
      headers: token === undefined ? {} : bearer(token),
      body: JSON.stringify(valid()),
    })
    expect(refusal(response)).toBe(expected)
    expect(response.headers['www-authenticate']).toMatch(/^Bearer realm="mcp"/)
  })

  it('may not validate: the phantom token itself', async () => {
    const body = valid()
    expect(refusal(await post('/validate', body.token, body))).toBe('401 invalid_token caller_phantom_token')
  })

  it('may validate: a Vault token that may introspect', async () => {
    expect((await post('/validate', 'hvs.admin', valid())).status).toBe(200)
  })

  it.each([
    ['register an agent', 'POST', '/agents', { agent_id: 'x', owner: 'o', environment: 'production' }],
    ['declare scopes', 'POST', '/agents/claude-billing-agent/scopes', { scopes: [] }],
    ['list agents', 'GET', '/agents', undefined],
  ])('may not %s: a caller whose own Vault policies do not let it', async (_case, method, path, body) => {
    const response = await sendRequest(harness.url, path, {
      method,
      headers: bearer('hvs.opener'),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    expect(refusal(response)).toBe('403 insufficient_scope permission_denied')
  })

  it('may not open a session of another agent: a bound service token', async () => {
    expect(refusal(await post('/sessions', BOUND_TOKEN, { agent_id: 'claude-billing-agent' }))).toBe(
      '403 insufficient_scope caller_not_bound',
    )
  })

  it('may not open a session at all: a service token without a Vault login', async () => {
    expect(refusal(await post('/sessions', BOUND_TOKEN, { agent_id: 'other-agent' }))).toBe(
      '403 insufficient_scope caller_without_vault',
    )
  })
})

describe('delegation', () => {
  beforeEach(() => {
    harness.engine.agent('other-agent', { scopes: ['read:stripe:invoices'] })
  })
  const requests = () => harness.vault.requests.filter(({ path }) => path.startsWith('mcp/creds'))

  it('opens a child of the session the token belongs to', async () => {
    const parent_token = tokenOf(openSession(harness))
    expect((await post('/sessions', SERVICE_TOKEN, { agent_id: 'other-agent', parent_token })).json).toMatchObject({
      agent_id: 'other-agent',
    })
    expect(requests()).toMatchObject([{ path: 'mcp/creds/other-agent', body: { parent_token } }])
  })

  it('lets a bound service token delegate from a session of its own agent', async () => {
    const parent_token = tokenOf(harness.engine.open('other-agent', { scopes: ['read:stripe:invoices'] }))
    expect((await post('/sessions', BOUND_OPENER_TOKEN, { agent_id: 'other-agent', parent_token })).status).toBe(200)
  })

  it.each([
    [
      'the session of an agent it is not bound to',
      () => tokenOf(openSession(harness)),
      '403 insufficient_scope caller_not_bound',
    ],
    [
      'that session after its end',
      () => {
        const session = openSession(harness)
        harness.engine.end(session)
        return tokenOf(session)
      },
      '403 insufficient_scope caller_not_bound',
    ],
    [
      'a token nobody knows',
      () => mintToken({ prefix: 'svt', label: 'prod', random: (bytes) => new Uint8Array(bytes).fill(99) }),
      '401 invalid_token unknown',
    ],
    ['a mistyped token', () => 'svt_prod_x', '401 invalid_token malformed'],
    ['an empty token', () => '', '401 invalid_token malformed'],
    ['what is no text', () => 5, '401 invalid_token malformed'],
  ])('refuses a bound service token that spends %s', async (_case, parent, expected) => {
    expect(
      refusal(await post('/sessions', BOUND_OPENER_TOKEN, { agent_id: 'other-agent', parent_token: parent() })),
    ).toBe(expected)
    expect(requests()).toEqual([])
  })
})

describe("the caller's own token bounds what hangs on it", () => {
  it.each([
    [300, undefined, 300],
    [300, 200, 200],
    [300, 3_000, 300],
    [2_000, undefined, 900],
    [100_000, undefined, undefined],
    [0, 600, 600],
  ])('with %s s left and %s asked for, %s is asked of the engine', async (left, requested, sent) => {
    harness.vault.tokens.set('hvs.opener', { paths: ['mcp/creds'], ...(left === 0 ? {} : { ttl: left }) })
    await post('/sessions', 'hvs.opener', { agent_id: 'claude-billing-agent', ttl: requested ?? null })
    expect(harness.vault.requests.find(({ path }) => path === 'mcp/creds/claude-billing-agent')?.body?.ttl).toBe(sent)
  })

  it('refuses under a minute', async () => {
    harness.vault.tokens.set('hvs.opener', { paths: ['mcp/creds'], ttl: 59 })
    expect(refusal(await post('/sessions', 'hvs.opener', { agent_id: 'claude-billing-agent' }))).toBe(
      '400 invalid_request caller_expires_soon',
    )
    expect(refusal(await post(`/sessions/${openSession(harness).session_id}/refresh`, 'hvs.opener'))).toBe(
      '400 invalid_request caller_expires_soon',
    )
    expect(harness.vault.requests.filter(({ path }) => path.startsWith('mcp/creds'))).toEqual([])
  })
})

describe('bad input', () => {
  it.each([
    ['no token', '/validate', { required_scope: 'read:stripe:invoices' }, '401 invalid_token missing', 'missing token'],
    ['a null token', '/validate', { token: null }, '401 invalid_token missing', 'missing token'],
    [
      'a token that is no text',
      '/validate',
      { token: 5 },
      '400 invalid_request bad_request',
      'token: must be a string',
    ],
    ['noise for a token', '/validate', { token: 'svt_x' }, '401 invalid_token malformed', 'not a token'],
    [
      'a wildcard scope',
      '/validate',
      { token: 'T', required_scope: 'read:*' },
      '400 invalid_request bad_request',
      'required_scope: ',
    ],
    ['a body that is not JSON', '/validate', 'token=x', '400 invalid_request bad_request', 'not valid JSON'],
    ['a list', '/validate', '[]', '400 invalid_request bad_request', 'JSON object'],
    [
      'a body that is too long',
      '/validate',
      `{"token":"${'x'.repeat(300_000)}"}`,
      '413 invalid_request too_large',
      'the limit is 64 KiB',
    ],
    ['a session without agent', '/sessions', {}, '400 invalid_request bad_request', 'agent_id: '],
    ['an agent that climbs', '/sessions', { agent_id: '../sys' }, '400 invalid_request bad_request', 'agent_id: '],
    [
      'a ttl that is no number',
      '/sessions',
      { agent_id: 'claude-billing-agent', ttl: 'soon' },
      '400 invalid_request bad_request',
      'ttl: ',
    ],
    [
      'an unregistered agent',
      '/sessions',
      { agent_id: 'ghost' },
      '400 invalid_request bad_request',
      'agent "ghost" is not registered.',
    ],
    ['refresh of nothing', '/sessions/refresh', {}, '400 invalid_request bad_request', 'either session_id or token'],
    [
      'refresh of a malformed id',
      '/sessions/refresh',
      { session_id: 'sess_1' },
      '400 invalid_request bad_request',
      'session_id: ',
    ],
    [
      'refresh of an unknown session',
      '/sessions/sess_01JNKQ8X4F2MVBP7RD3WCZH9GT/refresh',
      {},
      '404 invalid_request session_unknown',
      'no such session',
    ],
    ['an agent without id', '/agents', { owner: 'x' }, '400 invalid_request bad_request', 'agent_id: '],
  ])('refuses %s with a sentence', async (_case, path, body, expected, words) => {
    const response = await post(path, 'hvs.admin', body)
    expect(refusal(response)).toBe(expected)
    expect((response.json.error as { message: string }).message).toContain(words)
    expect(response.json.request_id).toBe(response.headers['x-request-id'])
  })

  it('refuses to refresh a session that is over', async () => {
    const session = openSession(harness)
    harness.engine.end(session)
    const response = await post(`/sessions/${session.session_id}/refresh`, 'hvs.opener')
    expect(refusal(response)).toBe('400 invalid_request bad_request')
    expect((response.json.error as { message: string }).message).toBe('session is over, open a new one')
  })
})

describe('outages', () => {
  it.each([
    [
      '/validate',
      () => ({ token: tokenOf(openSession(harness)), required_scope: 'read:stripe:invoices' }),
      SERVICE_TOKEN,
    ],
    ['/sessions', () => ({ agent_id: 'claude-billing-agent' }), 'hvs.opener'],
    ['/agents', () => ({ agent_id: 'x', owner: 'o', environment: 'production' }), 'hvs.admin'],
  ])('answers 503 at %s, never 401', async (path, body, token) => {
    const sent = body()
    harness.vault.cutLine()
    const response = await post(path, token, sent)
    expect(response.status).toBe(503)
    expect(response.json.error).toMatchObject({ type: 'unavailable' })
    expect(response.headers['retry-after']).toBe('1')
  })

  it.each([
    ['POST', '/sessions', { agent_id: 'claude-billing-agent' }],
    ['POST', '/agents', { agent_id: 'new-agent', owner: 'x', environment: 'production' }],
    ['GET', '/agents/claude-billing-agent', undefined],
  ])('answers 503 to %s %s while Vault has no engine at the mount', async (method, path, body) => {
    harness.vault.down = new VaultError('unsupported_path', 404, 'no handler for route "mcp/x". route entry not found.')
    const response = await sendRequest(harness.url, path, {
      method,
      headers: { ...bearer('hvs.admin'), 'Content-Type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    })
    expect(refusal(response)).toBe('503 unavailable vault_unavailable')
  })

  it('answers 503 when the audit log is broken', async () => {
    const token = tokenOf(openSession(harness))
    harness.sink.broken = true
    expect(refusal(await post('/validate', SERVICE_TOKEN, { token, required_scope: 'read:stripe:invoices' }))).toBe(
      '503 unavailable audit_unavailable',
    )
  })

  it('tells health checks', async () => {
    expect(await sendRequest(harness.url, '/healthz')).toMatchObject({ status: 200, json: { status: 'ok' } })
    harness.vault.cutLine()
    await harness.clock.advance(10_000)
    expect(await sendRequest(harness.url, '/healthz')).toMatchObject({ status: 503, json: { status: 'unavailable' } })
  })
})

describe('paths and methods', () => {
  it.each([
    ['GET', '/nowhere'],
    ['GET', '/'],
    ['POST', '/agents/'],
    ['POST', '/agents/a%2Fb/scopes'],
    ['POST', '//validate'],
    ['DELETE', '/sessions/x/y/z'],
  ])('answers 404 for %s %s', async (method, path) => {
    expect(refusal(await sendRequest(harness.url, path, { method }))).toBe('404 invalid_request not_found')
  })

  it.each([
    ['GET', '/validate', 'POST'],
    ['PUT', '/agents', 'GET, POST'],
    ['GET', '/sessions/refresh', 'POST'],
    ['POST', '/sessions/sess_01JNKQ8X4F2MVBP7RD3WCZH9GT', 'DELETE'],
  ])('answers 405 for %s %s with Allow: %s', async (method, path, allow) => {
    const response = await sendRequest(harness.url, path, { method })
    expect(refusal(response)).toBe('405 invalid_request method_not_allowed')
    expect(response.headers.allow).toBe(allow)
  })
})

describe('the request id', () => {
  const validId = async (headers: Record<string, string>, request_id?: unknown) =>
    (
      await post(
        '/validate',
        SERVICE_TOKEN,
        { token: tokenOf(openSession(harness)), required_scope: 'read:stripe:invoices', request_id },
        headers,
      )
    ).json.request_id

  const ours = expect.stringMatching(/^req_[0-9a-f]{32}$/) as string

  it("is ours; the caller's, from the header or the body, stands beside it in the record", async () => {
    expect(await validId({ 'X-Request-Id': 'abc-1' })).toEqual(ours)
    expect(harness.sink.last).toMatchObject({ request_id: ours, caller_request_id: 'abc-1' })
    await validId({ 'X-Request-Id': 'abc-1' }, 'abc-2')
    expect(harness.sink.last).toMatchObject({ request_id: ours, caller_request_id: 'abc-2' })
  })

  it('given in the body of a validation comes back there, and never stands for ours', async () => {
    const { headers, json } = await post('/validate', SERVICE_TOKEN, {
      token: tokenOf(openSession(harness)),
      request_id: 'abc-2',
    })
    expect(json.request_id).toBe('abc-2')
    expect(harness.sink.last).toMatchObject({ request_id: headers['x-request-id'], caller_request_id: 'abc-2' })
    expect(headers['x-request-id']).toEqual(ours)
  })

  it('names a refusal by ours, in the header, the body and the record', async () => {
    const { headers, json } = await post(
      '/validate',
      SERVICE_TOKEN,
      { token: 'svt_prod_nonsense', request_id: 'abc-2' },
      { 'X-Request-Id': 'abc-1' },
    )
    expect(json.request_id).toEqual(ours)
    expect(headers['x-request-id']).toBe(json.request_id)
    expect(harness.sink.last).toMatchObject({
      request_id: json.request_id,
      decision: 'deny',
      caller_request_id: 'abc-2',
    })
  })

  it.each(['with space', 'x'.repeat(200), 'quote"'])('leaves out a caller\'s that is "%s"', async (id) => {
    expect(await validId({ 'X-Request-Id': id })).toEqual(ours)
    expect(await validId({}, id)).toEqual(ours)
    expect(harness.sink.last).not.toHaveProperty('caller_request_id')
  })
})
