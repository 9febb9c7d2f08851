import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BOUND_TOKEN, SERVICE_TOKEN, openSession, tokenOf } from '../harness.ts'
import type { FakeSession } from '../../fakes/engine.ts'
import type { CheckSettings } from '../../../src/gateway/http/check.ts'
import { bearer, sendRequest, startHttpHarness } from './harness.ts'
import type { HttpHarness, HttpResponse } from './harness.ts'

let harness: HttpHarness
let session: FakeSession
let token: string
const start = async (check?: CheckSettings): Promise<void> => {
  harness = await startHttpHarness(check === undefined ? {} : { check })
  session = openSession(harness)
  token = tokenOf(session)
}
beforeEach(() => start())
afterEach(() => harness.stop())
const restart = async (check: CheckSettings): Promise<void> => {
  await harness.stop()
  await start(check)
}

const proxy = { 'X-Gateway-Token': SERVICE_TOKEN }
const invoices = '/check?scope=read:stripe:invoices'
const check = (
  path = invoices,
  headers: Record<string, string | string[]> = {},
  method = 'GET',
): Promise<HttpResponse> =>
  sendRequest(harness.url, path, { method, headers: { ...proxy, ...bearer(token), ...headers } })
const code = (response: HttpResponse): string =>
  `${String(response.status)} ${(response.json.error as { code: string }).code}`

describe('a proxy asks whether a token is good for a scope', () => {
  it('200 with nothing but who it is', async () => {
    const response = await check()
    expect(response).toMatchObject({
      status: 200,
      text: '',
      headers: {
        'x-agent-id': 'claude-billing-agent',
        'x-agent-session-id': session.session_id,
        'x-agent-environment': 'production',
        'cache-control': 'no-store',
      },
    })
    expect(JSON.stringify(response.headers)).not.toContain(token)
    expect(harness.sink.decisions).toMatchObject([{ decision: 'allow', session_id: session.session_id }])
  })

  it.each(['GET', 'POST', 'DELETE', 'PROPFIND', 'HEAD'])('by %s, which is the method of its client', async (method) => {
    expect((await check(invoices, {}, method)).status).toBe(200)
  })

  it('403 for a token without the scope', async () => {
    const response = await check('/check?scope=create:stripe:refunds')
    expect(response).toMatchObject({ status: 403, text: '' })
    expect(response.headers['www-authenticate']).toContain('error="insufficient_scope"')
    expect(harness.sink.decisions).toMatchObject([{ decision: 'deny', reason: 'insufficient_scope' }])
  })

  it.each([
    ['none', () => ({ Authorization: '' }), '401 missing'],
    ['noise', () => bearer('svt_noise'), '401 malformed'],
    ['basic credentials', () => ({ Authorization: 'Basic YTpi' }), '401 malformed'],
    [
      'a revoked one',
      () => {
        harness.engine.end(session)
        return bearer(token)
      },
      '401 reuse_after_revocation',
    ],
    ['an expired one', () => bearer(tokenOf(openSession(harness, { ttl: 0 }))), '401 expired'],
  ])('401 for %s', async (_what, headers, expected) => {
    const response = await check(invoices, headers())
    expect(code(response)).toBe(expected)
    expect(response.headers['www-authenticate']).toMatch(/^Bearer /)
  })

  it('503 while nothing can be told, never 401', async () => {
    harness.sink.broken = true
    expect((await check()).status).toBe(503)
  })
})

describe('deny: what is wrong with the proxy is 400, which no proxy takes for a yes or for a bad token', () => {
  it.each<[string, string, Record<string, string | string[]>, string]>([
    ['no credential of its own', invoices, { 'X-Gateway-Token': '' }, '400 caller_missing'],
    ['an unknown one', invoices, { 'X-Gateway-Token': 'gst_unknown' }, '400 caller_unknown'],
    ["its client's token as its own", invoices, { 'X-Gateway-Token': 'svt_prod_x' }, '400 caller_phantom_token'],
    ['one that is bound to other agents', invoices, { 'X-Gateway-Token': BOUND_TOKEN }, '400 caller_not_bound'],
    ['two of them', invoices, { 'X-Gateway-Token': [SERVICE_TOKEN, 'gst_x'] }, '400 bad_request'],
    ['no scope', '/check', {}, '400 bad_request'],
    ['an empty scope', '/check?scope=', {}, '400 bad_request'],
    ['two scopes', `${invoices}&scope=read:stripe:customers:id-only`, {}, '400 bad_request'],
    ['two scopes, one in another spelling', `${invoices}&%73cope=x`, {}, '400 bad_request'],
    ['no scope at all', '/check?scope=invoices', {}, '400 bad_request'],
    ['a wildcard', '/check?scope=read:*', {}, '400 bad_request'],
    ['a header that the listener does not name', '/check', { 'X-Scope': 'read:stripe:invoices' }, '400 bad_request'],
    ['two tokens', invoices, { Authorization: ['Bearer a', 'Bearer b'] }, '400 bad_request'],
  ])('%s', async (_what, path, headers, expected) => {
    expect(code(await check(path, headers))).toBe(expected)
  })

  it("a path of its client's alone names no scope", async () => {
    expect((await check('/check/v1/invoices?limit=3')).status).toBe(400)
    expect((await check('/checks?scope=read:stripe:invoices')).status).toBe(404)
  })
})

describe('where the listener names a header for the scope', () => {
  beforeEach(() => restart({ scopeHeader: 'X-Required-Scope' }))
  const named = (scope: string) => ({ 'X-Required-Scope': scope })

  it("it counts, with the client's path behind ours as Envoy writes it", async () => {
    expect((await check('/check/v1/invoices?limit=3', named('read:stripe:invoices'))).status).toBe(200)
    expect((await check('/check', named('create:stripe:refunds'))).status).toBe(403)
  })

  it("deny: header and query together, of which one may be a client's", async () => {
    expect(code(await check(invoices, named('read:stripe:invoices')))).toBe('400 bad_request')
    expect((await check(invoices)).status).toBe(200)
  })
})

describe('where the listener is open', () => {
  beforeEach(() => restart({ open: true }))

  it('a proxy needs no credential', async () => {
    const headers = bearer(token)
    expect((await sendRequest(harness.url, invoices, { headers })).status).toBe(200)
    expect((await sendRequest(harness.url, invoices, {})).status).toBe(401)
  })

  it('deny: one that is given must still be right, and nothing else is open', async () => {
    expect(code(await check(invoices, { 'X-Gateway-Token': 'gst_unknown' }))).toBe('400 caller_unknown')
    expect((await sendRequest(harness.url, '/validate', { method: 'POST', body: '{}' })).status).toBe(401)
  })
})
