/** Documents that an engine of another version, or a hand in its storage, left behind: nothing is judged by them, and the operator is named what. */
import { afterEach, beforeEach, expect, it } from 'vitest'
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

const call = () => sendRequest(harness.url, '/u/stripe/v1/invoices', { headers: bearer(token) })

it('a call passes while every document reads', async () => {
  expect((await call()).status).toBe(200)
})

it.each<[string, Record<string, unknown>, string]>([
  ['a sensitivity', { sensitivity: 'extreme' }, 'mcp/upstreams/stripe: sensitivity must be one of high, standard, low'],
  ['a timeout', { timeout: '60' }, 'mcp/upstreams/stripe: timeout must be a whole number of seconds'],
  ['an address', { url: 'https://a.example?x=1' }, 'upstream stripe: url must not have a query or fragment'],
])('an upstream with %s that is none is not called', async (_what, settings, message) => {
  harness.engine.upstream('stripe', { url: harness.upstreamUrl, allow_private_addresses: true, ...settings })
  await harness.flush()
  const response = await call()
  expect(refusal(response)).toBe('502 upstream_error upstream_misconfigured')
  expect(response.text).toContain(message)
  expect(harness.received).toEqual([])
})

it('a tool that cannot be read might be denied, so none of its upstream is called', async () => {
  harness.engine.tool('stripe', 'odd', ['GET /v1/../odd'])
  await harness.flush()
  const response = await call()
  expect(refusal(response)).toBe('503 unavailable document_unreadable')
  expect(response.text).toContain('mcp/tools/stripe/odd: operations[0]: operation path')
  expect(response.headers['retry-after']).toBeUndefined()
  expect(harness.received).toEqual([])
})

it.each<[string, Record<string, unknown>, string]>([
  ['scopes', { scopes: ['read:Stripe:invoices'] }, 'agents/claude-billing-agent/scopes: scopes[0]:'],
  ['a cap on tokens', { scopes: [], max_ttl_seconds: -1 }, 'agents/claude-billing-agent/scopes: max_ttl_seconds'],
])('%s that cannot be read grant nothing and deny nothing', async (_what, settings, message) => {
  harness.engine.put('agents/claude-billing-agent/scopes', { max_ttl_seconds: 900, ...settings })
  await harness.flush()
  const response = await call()
  expect(refusal(response)).toBe('503 unavailable document_unreadable')
  expect(response.text).toContain(message)
  expect(harness.received).toEqual([])
})
