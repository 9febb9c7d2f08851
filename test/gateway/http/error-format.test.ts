/** How refusals of an upstream's calls are worded, for the clients of its API. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { errorBody, statusOf } from '../../../src/gateway/http/error-body.ts'
import { GatewayFailure } from '../../../src/gateway/error.ts'
import { openSession, tokenOf } from '../harness.ts'
import { bearer, sendRequest, startHttpHarness } from './harness.ts'
import type { HttpHarness } from './harness.ts'

let harness: HttpHarness
beforeEach(async () => {
  harness = await startHttpHarness()
})
afterEach(() => harness.stop())

const worded = async (error_format?: string) => {
  const settings = error_format === undefined ? {} : { error_format }
  harness.engine.upstream('stripe', { url: harness.upstreamUrl, allow_private_addresses: true, ...settings })
  await harness.flush()
  return sendRequest(harness.url, '/u/stripe/v1/nothing', { headers: bearer(tokenOf(openSession(harness))) })
}
const sentence = 'no tool of stripe covers GET /v1/nothing'

it('as an object, with the sentence where most clients look, by default', async () => {
  const { status, json, headers } = await worded()
  expect([status, headers['content-type']]).toEqual([403, 'application/json'])
  expect(json).toEqual({
    error: { type: 'insufficient_scope', code: 'no_tool', message: sentence },
    message: sentence,
    code: 'no_tool',
    request_id: headers['x-request-id'],
  })
})

it('as a text', async () => {
  const { status, json, headers } = await worded('text')
  expect(status).toBe(403)
  expect(json).toEqual({ error: sentence, code: 'no_tool', request_id: headers['x-request-id'] })
})

it('as nothing but the sentence', async () => {
  const { status, text, headers } = await worded('plain')
  expect([status, headers['content-type']]).toEqual([403, 'text/plain; charset=utf-8'])
  expect(text).toBe(`${sentence}\n`)
  expect(headers['x-content-type-options']).toBe('nosniff')
})

it('as XML', async () => {
  const { status, text, headers } = await worded('xml')
  expect([status, headers['content-type']]).toEqual([403, 'application/xml'])
  expect(text).toContain(`<Error><Code>no_tool</Code><Message>${sentence}</Message><RequestId>req_`)
  expect(headers['www-authenticate']).toContain('Bearer')
})

it('as Notion words its own, under a code that its client knows', async () => {
  const { status, json, headers } = await worded('notion')
  expect(status).toBe(403)
  expect(json).toEqual({
    object: 'error',
    status: 403,
    code: 'restricted_resource',
    message: sentence,
    error: { type: 'insufficient_scope', code: 'no_tool', message: sentence },
    request_id: headers['x-request-id'],
  })
})

it('as Elasticsearch words its own, whose client shows the causes alone', async () => {
  const { status, json } = await worded('elasticsearch')
  expect([status, (json as { status: number }).status]).toEqual([403, 403])
  expect(json).toMatchObject({
    error: { type: 'insufficient_scope', reason: sentence, root_cause: [{ type: 'no_tool', reason: sentence }] },
  })
})

it('as Slack words its own, under 200: its clients repeat a call that ends with another status', async () => {
  const { status, json, headers } = await worded('slack')
  expect(status).toBe(200)
  expect(json).toEqual({ ok: false, error: sentence, code: 'no_tool', request_id: headers['x-request-id'] })
  expect(headers['cache-control']).toBe('no-store')
})

it('for Slack under its own status where trying again helps', async () => {
  const failure = new GatewayFailure('unavailable', 'vault_unavailable', 'Vault is away')
  expect([statusOf('slack', failure), statusOf('object', failure)]).toEqual([503, 503])
  const limit = new GatewayFailure('unavailable', 'calls_limit', 'too many calls')
  expect(statusOf('slack', limit)).toBe(429)
  expect(statusOf('slack', new GatewayFailure('unavailable', 'mount_gone', 'the mount is gone'))).toBe(200)
})

it('of a caller that nobody knows as the document says, where it is at hand, and else as an object', async () => {
  const anonymous = () => sendRequest(harness.url, '/u/stripe/v1/nothing', {})
  expect((await anonymous()).json).toMatchObject({ error: { code: 'missing' } })
  await worded('text')
  expect((await anonymous()).json).toMatchObject({ code: 'missing' })
})

it('is of calls alone: the REST API keeps its own shape', async () => {
  await worded('xml')
  const { json, headers } = await sendRequest(harness.url, '/validate', { method: 'POST', body: '{}' })
  expect(json).toEqual({ error: expect.any(Object) as object, request_id: headers['x-request-id'] })
})

describe('XML', () => {
  it.each([
    ['<a>&"b"</a>', '&lt;a&gt;&amp;"b"&lt;/a&gt;'],
    ['a\0b\x1bc', 'a?b?c'],
    ['lone \ud800', 'lone ?'],
    ['🚀 ü', '🚀 ü'],
    [']]>', ']]&gt;'],
  ])('is well-formed whatever a message holds: %j', (message, expected) => {
    const error = new GatewayFailure('invalid_request', 'bad_request', message)
    expect(errorBody('xml', error, 'req_1').text).toContain(`<Message>${expected}</Message>`)
  })
})
