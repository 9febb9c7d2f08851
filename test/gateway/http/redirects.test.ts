/** Redirects through the front door. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { outcomeRecord } from '../../../src/gateway/decision/record-fields.ts'
import { RecordLines } from '../../../src/gateway/decision/record-lines.ts'
import { openSession, tokenOf } from '../harness.ts'
import { bearer, refusal, sendRequest, startHttpHarness } from './harness.ts'
import type { HttpHarness } from './harness.ts'

let harness: HttpHarness
beforeEach(async () => {
  harness = await startHttpHarness()
})
afterEach(() => harness.stop())

const get = (path: string) => sendRequest(harness.url, path, { headers: bearer(tokenOf(openSession(harness))) })

it('to another host is a 403, which no client repeats, that names the host and who can allow it, and stands in the outcome', async () => {
  harness.respond((_request, response) => {
    response.writeHead(302, { location: 'https://files.example.com/a' }).end()
  })
  const response = await get('/u/stripe/v1/invoices')
  expect(refusal(response)).toBe('403 upstream_error redirect_refused')
  expect(response.text).toContain('redirects to files.example.com')
  expect(response.text).toContain('follow_redirects')
  await harness.flush()
  expect(harness.sink.records).toMatchObject([
    { type: 'decision', decision: 'allow' },
    { type: 'outcome', result: 'redirect_refused' },
  ])
})

it('within the upstream is handed on as the caller would ask for it', async () => {
  harness.respond((_request, response) => {
    response.writeHead(301, { location: '/v1/invoices/in_1' }).end()
  })
  const response = await get('/u/stripe/v1/invoices')
  expect([response.status, response.headers.location]).toEqual([301, `${harness.url}/u/stripe/v1/invoices/in_1`])
})

it('that was followed stands in the outcome with every host', () => {
  const outcome = {
    request_id: 'req_1',
    session: {},
    requested: {},
    status: 200,
    latency_ms: 1,
    upstream_ms: 1,
    bytes: 1,
    key_echoes: 0,
    result: 'complete',
    redirects: ['a.example', 'b.example'],
  }
  expect(outcomeRecord(outcome)).toMatchObject({ redirects: ['a.example', 'b.example'] })
  // What is rendered beforehand has no place for them.
  expect(new RecordLines({}).outcome(outcome)).toBeUndefined()
})
