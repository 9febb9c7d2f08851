/** From an empty mount to a closed session, as an operator and an agent go through it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expected } from './differences.ts'
import { Engine, SCOPES, issued, keysOf } from './engine.ts'
import type { Issued } from './engine.ts'
import { startTarget } from './target/index.ts'
import type { ApiResponse, Server } from './target/index.ts'

let server: Server
let engine: Engine
beforeAll(async () => {
  server = await startTarget()
  engine = await Engine.at(server)
})
afterAll(() => server.stop())

const credsKeys = [
  'agent_id',
  'environment',
  'expires_at',
  'expires_at_unix',
  'issued_at',
  'purpose',
  'refresh_after_unix',
  'scopes',
  'session_id',
  'token',
  'token_id',
  'ttl_seconds',
]
const data = ({ body }: ApiResponse): Record<string, unknown> => (body as { data: Record<string, unknown> }).data

describe('operator flow', () => {
  it('config: defaults, a merge, a reset', async () => {
    const defaults = {
      default_ttl: 900,
      max_ttl: 3600,
      ttl_ceiling: 86_400,
      session_max_life: 28_800,
      allow_wildcards: false,
      token_prefix: 'svt',
      environment_labels: {},
      reuse_window: 86_400,
    }
    expect(await engine.read('config')).toMatchObject({ status: 200, body: { data: defaults } })
    expect(
      await engine.write('config', { default_ttl: '10m', environment_labels: { 'production-eu': 'prodeu' } }),
    ).toMatchObject({ status: 204, body: undefined })
    expect(data(await engine.read('config'))).toEqual({
      ...defaults,
      default_ttl: 600,
      environment_labels: { 'production-eu': 'prodeu' },
    })
    expect((await engine.delete('config')).status).toBe(204)
    expect(data(await engine.read('config'))).toEqual(defaults)
  })

  it('an upstream, before its tools', async () => {
    expect(
      await engine.write('upstreams/stripe', { url: 'https://api.stripe.com', sensitivity: 'high' }),
    ).toMatchObject({ status: 204 })
    const read = await engine.read('upstreams/stripe')
    expect([read.status, data(read)]).toEqual([
      200,
      {
        name: 'stripe',
        url: 'https://api.stripe.com',
        kv_mount: 'secret',
        kv_path: 'mcp/stripe',
        kv_field: 'api_key',
        auth: 'bearer',
        token_alias: null,
        headers: {},
        request_headers: {},
        response_headers: [],
        allow_range: false,
        follow_redirects: [],
        encoded_slash: 'refuse',
        error_format: 'object',
        sensitivity: 'high',
        allow_private_addresses: false,
        connect_timeout: 5,
        timeout: 60,
        idle_timeout: 300,
        max_request_bytes: 10_485_760,
        max_response_bytes: 10_485_760,
        version: expect.any(Number),
      },
    ])
  })

  it('tools, in both spellings of an operation', async () => {
    expect((await engine.write('tools/stripe/invoices', { operations: 'GET /v1/invoices', risk: 'low' })).status).toBe(
      204,
    )
    expect(
      (
        await engine.write('tools/stripe/customers/id-only', {
          operations: [{ capability: 'read', method: 'GET', path: '/v1/customers', parameters: ['limit'] }],
          fields: 'data[].id,has_more',
        })
      ).status,
    ).toBe(204)
    expect(data(await engine.read('tools/stripe/customers/id-only'))).toEqual({
      upstream: 'stripe',
      name: 'customers/id-only',
      operations: [{ capability: 'read', method: 'GET', path: '/v1/customers', parameters: ['limit'] }],
      fields: ['data[].id', 'has_more'],
      mcp_tools: [],
      risk: null,
      version: expect.any(Number),
    })
  })

  it('a tool policy, answered as it was written', async () => {
    const policy =
      '# reads\npath "tools/stripe/+" { capabilities = ["read"] }\npath "tools/stripe/customers/*" {\n  capabilities = ["read"]\n}\n'
    await engine.write('config', { allow_wildcards: true })
    expect(await engine.write('policies/billing-read', { policy })).toMatchObject({
      status: 200,
      body: { data: null, warnings: [expect.stringContaining('covers more than one resource of stripe')] },
    })
    expect(data(await engine.read('policies/billing-read'))).toEqual({
      name: 'billing-read',
      policy,
      version: expect.any(Number),
    })
    await engine.delete('config')
  })

  it('an agent, its scopes, and scopes of another environment', async () => {
    expect(
      (
        await engine.write('agents/billing', {
          owner: 'platform-team',
          environment: 'production',
          description: 'Stripe queries',
        })
      ).status,
    ).toBe(204)
    expect(data(await engine.read('agents/billing'))).toEqual({
      agent_id: 'billing',
      owner: 'platform-team',
      environment: 'production',
      description: 'Stripe queries',
      policies: null,
      disabled: false,
      generation: 0,
      version: expect.any(Number),
    })
    expect(
      (await engine.write('agents/billing/scopes', { scopes: SCOPES.join(','), max_ttl_seconds: '30m' })).status,
    ).toBe(204)
    expect((await engine.write('agents/billing/scopes/staging', { scopes: ['read:stripe:invoices'] })).status).toBe(204)
    expect(data(await engine.read('agents/billing/scopes'))).toEqual({
      agent_id: 'billing',
      environment: 'production',
      scopes: SCOPES,
      max_ttl_seconds: 1800,
      version: expect.any(Number),
    })
    expect(data(await engine.list('agents/billing/scopes'))).toEqual({ keys: ['production', 'staging'] })
  })

  it("creds: an ordinary leased secret with all the token's facts", async () => {
    const response = await engine.write('creds/billing', {
      purpose: 'quarterly-invoice-reconciliation',
      requested_scopes: ['read:stripe:invoices'],
      ttl: '10m',
    })
    expect(response.status).toBe(200)
    expect(keysOf(response)).toEqual(credsKeys)
    expect(Object.keys(response.body as object).sort()).toEqual(expected('envelope', server))
    expect(response.body).toMatchObject({
      lease_id: expect.stringMatching(new RegExp(`^${engine.mount}/creds/billing/[0-9A-Za-z]{24}$`)),
      lease_duration: 600,
      renewable: true,
      auth: null,
      wrap_info: null,
      warnings: null,
      data: {
        agent_id: 'billing',
        environment: 'production',
        purpose: 'quarterly-invoice-reconciliation',
        scopes: ['read:stripe:invoices'],
        ttl_seconds: 600,
        session_id: expect.stringMatching(/^sess_[0-9A-HJKMNP-TV-Z]{26}$/),
        token: expect.stringMatching(/^svt_prod_[0-9A-Za-z]{49}$/),
        token_id: expect.stringMatching(/^tok_[0-9A-HJKMNP-TV-Z]{26}$/),
        issued_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      },
    })
    const { issued_at, expires_at, expires_at_unix, refresh_after_unix } = data(response) as {
      issued_at: string
      expires_at: string
      expires_at_unix: number
      refresh_after_unix: number
    }
    expect([
      Date.parse(expires_at),
      Date.parse(expires_at) - Date.parse(issued_at),
      expires_at_unix - refresh_after_unix,
    ]).toEqual([expires_at_unix * 1000, 600_000, 120])
  })

  it('creds by reading, for clients that can only read', async () => {
    const response = await engine.read('creds/billing')
    expect([response.status, keysOf(response), data(response).ttl_seconds, data(response).scopes]).toEqual([
      200,
      credsKeys,
      900,
      SCOPES,
    ])
  })

  it('a ttl above the cap is cut, with a warning that the response carries', async () => {
    const response = await engine.write('creds/billing', { ttl: '2h' })
    expect(response).toMatchObject({
      status: 200,
      body: {
        lease_duration: 1800,
        renewable: false,
        warnings: ['ttl of 2h is cut to 30m by max_ttl_seconds of the scopes of agent billing.'],
        data: { ttl_seconds: 1800 },
      },
    })
  })

  it('introspection of the token, its digest and its session', async () => {
    const token = await engine.issue('billing', { purpose: 'p' })
    const byToken = await engine.write('introspect', { token: token.token, required_scope: 'read:stripe:invoices' })
    expect(keysOf(byToken)).toEqual([
      'active',
      'agent_id',
      'chain',
      'client_id',
      'documents',
      'environment',
      'epoch',
      'exp',
      'expires_at',
      'expires_at_unix',
      'granted_scopes',
      'iat',
      'jti',
      'mount_generation',
      'owner',
      'purpose',
      'refresh_possible_unix',
      'required_scope',
      'scope',
      'scope_match',
      'scopes',
      'sequence',
      'server_time_unix_ms',
      'session_expires_at_unix',
      'session_id',
      'sub',
      'token_id',
      'token_type',
    ])
    expect(data(byToken)).toMatchObject({
      active: true,
      scope_match: true,
      agent_id: 'billing',
      owner: 'platform-team',
      session_id: token.session_id,
      token_id: token.token_id,
      scope: SCOPES.join(' '),
      exp: expect.any(Number),
    })
    const digest = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(token.token))).toString('hex')
    expect(
      data(await engine.write('introspect', { token_sha256: digest, required_scope: 'create:stripe:invoices' })),
    ).toMatchObject({ active: true, scope_match: false, token_id: token.token_id })
    const bySession = data(await engine.write('introspect', { session_id: token.session_id }))
    expect([bySession.active, bySession.session_id, bySession.token_id]).toEqual([true, token.session_id, undefined])
    const unknown = await engine.write('introspect', { token: 'svt_prod_nonsense' })
    expect([keysOf(unknown), data(unknown)]).toMatchObject([
      ['active', 'epoch', 'reason', 'sequence', 'server_time_unix_ms'],
      { active: false, reason: 'malformed' },
    ])
  })

  it('refresh: another token in the same session, up to eight live ones; then 429, and none ends', async () => {
    const first = await engine.issue('billing')
    const response = await engine.write(`creds/billing/${first.session_id}`)
    const second = issued(response)
    expect([response.status, keysOf(response), second.session_id]).toEqual([200, credsKeys, first.session_id])
    expect(second.lease_id).toMatch(new RegExp(`^${engine.mount}/creds/billing/${first.session_id}/[0-9A-Za-z]{24}$`))
    expect([await engine.state(first), await engine.state(second)]).toEqual(['active', 'active'])
    const others = []
    while (others.length < 6) others.push(await engine.issue(`billing/${first.session_id}`))
    const refused = await engine.write(`creds/billing/${first.session_id}`)
    expect(refused.status).toBe(429)
    expect(JSON.stringify(refused)).toContain('too_many_live_tokens: ')
    expect(await states(first, second, ...others)).toEqual(Array(8).fill('active'))
  })

  it('a session as operators see it, never with a token', async () => {
    const token = await engine.issue('billing', { purpose: 'looked at' })
    const response = await engine.read(`sessions/${token.session_id}`)
    expect(keysOf(response)).toEqual([
      'agent_id',
      'ancestors',
      'ended_at',
      'environment',
      'granted_scopes',
      'opened_at',
      'owner',
      'policies',
      'purpose',
      'scopes',
      'session_expires_at',
      'session_id',
      'state',
      'state_reason',
      'tokens',
    ])
    expect(data(response)).toMatchObject({
      state: 'live',
      state_reason: null,
      ended_at: null,
      ancestors: [],
      tokens: [{ token_id: token.token_id, live: true }],
    })
    expect(JSON.stringify(response.body)).not.toContain(token.token)
  })

  it('close: by the opener, with all that grew from it', async () => {
    const parent = await engine.issue('billing')
    const child = await engine.issue('billing', { parent_token: parent.token })
    const refreshed = await engine.issue(`billing/${parent.session_id}`)
    expect((await engine.delete(`creds/billing/${parent.session_id}`)).status).toBe(204)
    expect(await states(parent, child, refreshed)).toEqual(['revoked', 'revoked', 'revoked'])
    expect(data(await engine.read(`sessions/${parent.session_id}`))).toMatchObject({
      state: 'revoked',
      state_reason: 'closed',
    })
    expect((await engine.delete(`creds/billing/${parent.session_id}`)).status).toBe(204)
    expect(await engine.write(`creds/billing/${parent.session_id}`)).toMatchObject({
      status: 400,
      body: { errors: ['session is over, open a new one'] },
    })
  })

  it.each<[string, (engine: Engine, token: Issued) => Promise<ApiResponse>, number]>([
    ['an operator deletes it', (own, { session_id }) => own.delete(`sessions/${session_id}`), 204],
    ['the agent is disabled', (own) => own.write('agents/worker', { disabled: true }), 204],
    ['the agent is revoked', (own) => own.write('agents/worker/revoke'), 204],
    ['the agent is deleted', (own) => own.delete('agents/worker'), 204],
    ['all are revoked', (own) => own.write('sessions/revoke-all'), 200],
  ])('a session is over when %s', async (_how, end, status) => {
    const own = await Engine.at(server)
    await own.declare('worker')
    const token = await own.issue('worker')
    expect((await end(own, token)).status).toBe(status)
    expect(await own.state(token)).toBe('revoked')
  })

  it('tidy sweeps and says so', async () => {
    const response = await engine.write('tidy')
    expect([response.status, keysOf(response), data(response)]).toMatchObject([
      200,
      ['done', 'last_finished', 'last_started', 'markers_removed', 'sessions_removed', 'state', 'tokens_removed'],
      { done: true, state: 'idle' },
    ])
    expect(keysOf(await engine.read('tidy/status'))).toEqual([
      'last_finished',
      'last_started',
      'markers_removed',
      'sessions_removed',
      'state',
      'tokens_removed',
    ])
  })

  it('the feed tells what ended, and answers a waiting question when it happens', async () => {
    const token = await engine.issue('billing')
    const start = await engine.read('feed?wait=0')
    expect([start.status, keysOf(start)]).toEqual([
      200,
      [
        'check_enforced_from_unix',
        'check_keys',
        'epoch',
        'events',
        'held_ms',
        'introspection_batch',
        'more',
        'pollers',
        'removed',
        'reset',
        'sequence',
        'server_time_unix_ms',
      ],
    ])
    const { epoch, sequence } = data(start) as { epoch: string; sequence: number }
    const waiting = engine.read(`feed?epoch=${epoch}&after=${sequence}&wait=2`)
    await engine.delete(`sessions/${token.session_id}`)
    expect(data(await waiting)).toMatchObject({
      epoch,
      reset: false,
      events: [{ type: 'session_ended', session_id: token.session_id }],
    })
  })
})

const states = (...tokens: Issued[]): Promise<string[]> => Promise.all(tokens.map((token) => engine.state(token)))
