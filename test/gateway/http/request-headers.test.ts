/** Request headers through the front door: what goes upstream, what is refused, and what policies see of it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openSession, tokenOf } from '../harness.ts'
import { bearer, refusal, sendRequest, startHttpHarness } from './harness.ts'
import type { HttpHarness } from './harness.ts'

let harness: HttpHarness
let token: string
beforeEach(async () => {
  harness = await startHttpHarness()
  token = tokenOf(openSession(harness))
})
afterEach(() => harness.stop())

const get = (headers: Record<string, string | string[]>, path = '/v1/invoices') =>
  sendRequest(harness.url, `/u/stripe${path}`, { headers: { ...bearer(token), ...headers } })

const upstreamWith = async (settings: Record<string, unknown>) => {
  harness.engine.upstream('stripe', { url: harness.upstreamUrl, allow_private_addresses: true, ...settings })
  await harness.flush()
}

/** The agent's grant comes from this policy alone. */
const policyWith = async (rules: string) => {
  const policy = `path "tools/stripe/invoices" {\n capabilities = ["read"]\n ${rules}\n}`
  harness.engine.put('policies/p', { name: 'p', policy })
  harness.engine.agent('claude-billing-agent', { scopes: null, policies: ['p'] })
  await harness.flush()
  token = tokenOf(openSession(harness, { scopes: null }))
}

it('a header that chooses whose account is acted on is a 400 that names it, and no call', async () => {
  const response = await get({ 'Stripe-Account': 'acct_1' })
  expect(refusal(response)).toBe('400 invalid_request header_not_allowed')
  expect(response.text).toContain('stripe-account')
  expect(response.text).toContain('request_headers')
  expect(harness.received).toEqual([])
  expect(harness.sink.records).toMatchObject([{ type: 'decision', decision: 'deny', reason: 'header_not_allowed' }])
})

it('and goes upstream where the document lists its value', async () => {
  await upstreamWith({ request_headers: { 'Stripe-Account': ['acct_1'] } })
  expect((await get({ 'Stripe-Account': 'acct_1' })).status).toBe(200)
  expect(harness.received).toMatchObject([{ headers: { 'stripe-account': 'acct_1' } }])
  expect(refusal(await get({ 'Stripe-Account': 'acct_2' }))).toBe('400 invalid_request header_not_allowed')
  expect(harness.received).toHaveLength(1)
})

it('what SDKs say about themselves is left out without a word', async () => {
  expect((await get({ 'X-Stainless-Lang': 'js', 'Sentry-Trace': '1', Cookie: 'a=b' })).status).toBe(200)
  expect(Object.keys(harness.received[0]!.headers)).not.toEqual(
    expect.arrayContaining([expect.stringMatching(/stainless|sentry|cookie/)]),
  )
})

it('an upgrade is refused, and never sent on as a plain request with the key', async () => {
  const response = await get({ Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' })
  expect(refusal(response)).toBe('400 invalid_request header_not_allowed')
  expect(harness.received).toEqual([])
})

describe('a policy that judges a listed header', () => {
  beforeEach(() => upstreamWith({ request_headers: { 'Stripe-Account': ['*'] } }))

  it.each([
    ['denied_parameters = { "header:Stripe-Account" = ["acct_2"] }', 'acct_2'],
    ['denied_parameters = { "header:Stripe-Account" = ["acct_2"] }', 'acct_1, acct_2'],
    ['denied_parameters = { "header:Stripe-Account" = [] }', 'acct_1'],
    ['denied_parameters = { "*" = [] }', 'acct_1'],
    ['allowed_parameters = { "header:Stripe-Account" = ["acct_1"] }', 'acct_2'],
    ['allowed_parameters = { "limit" = [] }', 'acct_1'],
    ['allowed_parameters = { "header:stripe-account" = ["acct_1"], "*" = [] }', 'acct_2'],
  ])('refuses by %s', async (rules, account) => {
    await policyWith(rules)
    expect(refusal(await get({ 'Stripe-Account': account }))).toBe('403 insufficient_scope parameter_refused')
    expect(harness.received).toEqual([])
  })

  it.each([
    ['denied_parameters = { "header:Stripe-Account" = ["acct_2"] }', 'acct_1'],
    ['allowed_parameters = { "header:Stripe-Account" = ["acct_1"] }', 'acct_1'],
    ['required_parameters = ["header:Stripe-Account"]', 'acct_1'],
  ])('allows by %s', async (rules, account) => {
    await policyWith(rules)
    expect((await get({ 'Stripe-Account': account })).status).toBe(200)
  })

  it('refuses a call without the header that it requires, also where a parameter poses as one', async () => {
    await policyWith('required_parameters = ["header:Stripe-Account"]')
    const refused = '403 insufficient_scope parameter_refused'
    expect(refusal(await get({}))).toBe(refused)
    expect(refusal(await get({}, '/v1/invoices?header:Stripe-Account=acct_1'))).toBe(refused)
    expect(refusal(await get({}, '/v1/invoices?header%3Astripe-account=acct_1'))).toBe(refused)
    expect(harness.received).toEqual([])
  })
})

describe('Range', () => {
  beforeEach(() => {
    harness.respond((request, response) => {
      const part = request.headers.range !== undefined
      const headers = { 'content-type': 'text/plain', 'accept-ranges': 'bytes', etag: '"1"' }
      response.writeHead(part ? 206 : 200, part ? { ...headers, 'content-range': 'bytes 4-9/10' } : headers)
      response.end(part ? '456789' : '0123456789')
    })
  })

  it('is ignored by default: the whole comes, and nothing invites to ask for parts', async () => {
    const response = await get({ Range: 'bytes=4-' })
    expect([response.status, response.text]).toEqual([200, '0123456789'])
    expect(response.headers['accept-ranges']).toBeUndefined()
  })

  it('is passed on where the document says so', async () => {
    await upstreamWith({ allow_range: true })
    const response = await get({ Range: 'bytes=4-' })
    expect([response.status, response.text]).toEqual([206, '456789'])
    expect(refusal(await get({ Range: 'bytes=4-5' }))).toBe('416 invalid_request range_not_allowed')
  })

  it('is ignored where only fields of a response pass', async () => {
    await upstreamWith({ allow_range: true })
    await get({ Range: 'bytes=4-' }, '/v1/customers')
    expect(harness.received[0]!.headers.range).toBeUndefined()
  })

  it('that nobody asked for is no response', async () => {
    harness.respond((_request, response) => {
      response.writeHead(206, { 'content-range': 'bytes 4-9/10' }).end('456789')
    })
    expect(refusal(await get({}))).toBe('502 upstream_error upstream_invalid_response')
  })
})

it('the tag of a response whose fields alone pass works in If-Match as the upstream wrote it', async () => {
  harness.respond((request, response) => {
    const stale = request.headers['if-match'] !== undefined && request.headers['if-match'] !== '"v1"'
    response.writeHead(stale ? 412 : 200, { 'content-type': 'application/json', etag: '"v1"' }).end('{"data":[]}')
  })
  const first = await get({}, '/v1/customers')
  expect(first.headers.etag).toBe('W/"v1~mcp"')
  expect((await get({ 'If-Match': first.headers.etag! })).status).toBe(200)
  expect((await get({ 'If-None-Match': first.headers.etag! })).status).toBe(200)
  expect(harness.received.map(({ headers }) => headers['if-match'] ?? headers['if-none-match'])).toEqual([
    undefined,
    '"v1"',
    '"v1"',
  ])
})

it.each([
  ['Latin-1', 'caf\xe9'],
  ['UTF-8', Buffer.from('café €').toString('latin1')],
])('bytes beyond ASCII in headers are the same behind the gateway, both ways: %s', async (_name, value) => {
  harness.respond((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain', 'content-language': value }).end('ok')
  })
  const response = await get({ 'Accept-Language': value })
  expect([harness.received[0]!.headers['accept-language'], response.headers['content-language']]).toEqual([
    value,
    value,
  ])
})
