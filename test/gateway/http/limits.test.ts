/** A caller that takes too much is told 429 and when to come again; anyone who does not is served all the while. */
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { LimitSettings } from '../../../src/gateway/limits/index.ts'
import { mintToken } from '../../../src/scope/index.ts'
import { settle } from '../../fakes/clock.ts'
import { openSession, SERVICE_TOKEN, tokenOf } from '../harness.ts'
import { sendRequest, bearer, eventually, openStream, refusal, startHttpHarness } from './harness.ts'
import type { HttpResponse, HttpHarness } from './harness.ts'

const rigs: HttpHarness[] = []
afterEach(async () => {
  await Promise.all(rigs.splice(0).map((harness) => harness.stop()))
})

async function rigWith(limits: Partial<LimitSettings>): Promise<HttpHarness> {
  const harness = await startHttpHarness({ limits })
  rigs.push(harness)
  return harness
}

// Apart from those the fake engine mints, which counts from 1.
let minted = 100
const madeUp = () =>
  mintToken({ prefix: 'svt', label: 'prod', random: (bytes) => new Uint8Array(bytes).fill((minted += 1)) })
const call = (harness: HttpHarness, token: string, path = '/u/stripe/v1/invoices') =>
  sendRequest(harness.url, path, { headers: bearer(token) })
/** Status, code, and `Retry-After` where there is one. */
const told = (response: HttpResponse) =>
  response.status === 200
    ? '200'
    : [refusal(response), response.headers['retry-after']].filter(Boolean).join(', retry ')

/** Lets what is under way go on for as long as no time has to pass. */
const pass = async (): Promise<string> => {
  for (let turns = 0; turns < 200; turns++) await settle()
  return 'nothing yet'
}

describe('tokens nobody knows', () => {
  it('deny: past the rate of an address, 429 with Retry-After; allow: known tokens all the while', async () => {
    // An unknown token is asked for twice: for its place in the request, and for the decision.
    const harness = await rigWith({ unknown_tokens_per_second: 4 })
    const known = tokenOf(openSession(harness))
    expect(told(await call(harness, known))).toBe('200')
    const responses = [
      told(await call(harness, madeUp())),
      told(await call(harness, madeUp())),
      told(await call(harness, madeUp())),
    ]
    expect(responses).toEqual([
      '401 invalid_token unknown',
      '401 invalid_token unknown',
      '429 unavailable lookups_limit, retry 1',
    ])
    expect(told(await call(harness, known))).toBe('200')
  })

  it('allow: again after as long as Retry-After says, and until then no look-up reaches Vault', async () => {
    const harness = await rigWith({ unknown_tokens_per_second: 1 })
    const fresh = tokenOf(openSession(harness))
    await call(harness, madeUp())
    const before = harness.vault.requests.length
    expect(told(await call(harness, fresh))).toBe('429 unavailable lookups_limit, retry 1')
    expect(harness.vault.requests.slice(before).filter(({ path }) => path === 'mcp/introspect')).toEqual([])
    await harness.clock.advance(1_000)
    expect(told(await call(harness, fresh))).toBe('200')
  })

  it('deny: sessions that are closed by guessed ids count alike, for an authenticated caller ten times as many', async () => {
    const harness = await rigWith({ unknown_tokens_per_second: 1 })
    const close = (id: number) =>
      sendRequest(harness.url, `/sessions/sess_01JD5WZ5C00000000000000${String(100 + id)}`, {
        method: 'DELETE',
        headers: bearer(SERVICE_TOKEN),
      })
    const responses: string[] = []
    for (let id = 0; id < 11; id++) responses.push(told(await close(id)))
    expect(new Set(responses.slice(0, 10))).toEqual(new Set(['404 invalid_request session_unknown']))
    expect(responses[10]).toBe('429 unavailable lookups_limit, retry 1')
  })
})

describe('callers that bring nothing', () => {
  const strangers: [string, (harness: HttpHarness) => Promise<HttpResponse>, string][] = [
    ['a malformed token', (harness) => call(harness, 'svt_prod_nope'), '401 invalid_token malformed'],
    ['no token', (harness) => sendRequest(harness.url, '/u/stripe/v1/invoices'), '401 invalid_token missing'],
    ['a token nobody knows', (harness) => call(harness, madeUp()), '401 invalid_token unknown'],
    [
      'a service token nobody knows',
      (harness) =>
        sendRequest(harness.url, '/validate', { method: 'POST', headers: bearer('gst_wrong'), body: '{"token":"x"}' }),
      '401 invalid_token caller_unknown',
    ],
  ]

  it.each(strangers)(
    'deny: with %s, past what one address is told in a second: 429, and only when the second is over',
    async (_what, request, refused) => {
      const harness = await rigWith({ refusals_per_second: 2 })
      const known = tokenOf(openSession(harness))
      expect([told(await request(harness)), told(await request(harness))]).toEqual([refused, refused])
      const late = [request(harness), request(harness), request(harness)]
      const first = await Promise.race([...late.map((response) => response.then(told)), pass()])
      expect(first).toBe('nothing yet')
      expect(told(await call(harness, known))).toBe('200')
      await harness.clock.advance(1_000)
      for (const response of late) expect(told(await response)).toBe('429 unavailable refusals_limit, retry 1')
      expect(told(await request(harness))).toBe(refused)
    },
  )

  it('stand in one record for each second, however many they are, and none is written in full', async () => {
    const harness = await rigWith({ refusals_per_second: 1 })
    const requests = Array.from({ length: 8 }, () => call(harness, 'svt_prod_nope'))
    await eventually(() => harness.core.records.counters.unauthenticated === 8)
    await harness.clock.advance(1_000)
    await Promise.all(requests)
    expect(harness.sink.records).toMatchObject([
      { type: 'refusals', reason: 'refusals_limit', count: 7, caller: 'unauthenticated', session_id: null },
    ])
  })

  it('allow: an authenticated caller, whose callers bring such tokens', async () => {
    const harness = await rigWith({ refusals_per_second: 1 })
    const validate = () =>
      sendRequest(harness.url, '/validate', {
        method: 'POST',
        headers: bearer(SERVICE_TOKEN),
        body: JSON.stringify({ token: 'svt_prod_nope' }),
      })
    expect(told(await validate())).toBe('401 invalid_token malformed')
  })

  it('deny: an authenticated caller past its limit is told that it is the one, not a session of somebody', async () => {
    const harness = await rigWith({ refusals_per_second: 1 })
    const validate = () =>
      sendRequest(harness.url, '/validate', {
        method: 'POST',
        headers: bearer(SERVICE_TOKEN),
        body: JSON.stringify({ token: 'svt_prod_nope' }),
      })
    await validate()
    const late = validate()
    await pass()
    await harness.clock.advance(1_000)
    expect((await late).json.error).toMatchObject({
      code: 'refusals_limit',
      message: expect.stringMatching(/^too many requests of this caller were refused/) as string,
    })
  })

  it('that have gone before they were refused are not waited for at all', async () => {
    const harness = await rigWith({ refusals_per_second: 1 })
    await call(harness, 'svt_prod_nope')
    const looking = harness.vault.holdResponses('mcp/introspect')
    const before = harness.clock.waiting
    const socket = connect(Number(new URL(harness.url).port), '127.0.0.1')
    const { host } = new URL(harness.url)
    socket.write(`GET /u/stripe/v1/invoices HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${madeUp()}\r\n\r\n`)
    await eventually(() => looking.waiting === 1)
    socket.destroy()
    await pass()
    looking.release()
    await eventually(() => harness.core.records.counters.unauthenticated === 2)
    await pass()
    // The summary of what was refused in this second, and no response that waits for a client that has gone.
    expect(harness.clock.waiting).toBe(before + 1)
  })

  it('that have gone wait no longer', async () => {
    const harness = await rigWith({ refusals_per_second: 1 })
    await call(harness, 'svt_prod_nope')
    const before = harness.clock.waiting
    const stream = openStream(harness.url, '/u/stripe/v1/invoices', bearer('svt_prod_nope'))
    stream.catch(() => undefined)
    await eventually(() => harness.clock.waiting > before)
    await harness.clock.advance(1_000)
    expect((await stream).statusCode).toBe(429)
    await eventually(() => harness.clock.waiting === before)
  })
})

describe('calls', () => {
  it('deny: more of a session under way than it may have; allow: another session, and the same when one ends', async () => {
    const harness = await rigWith({ calls_per_session: 2 })
    harness.respond((request, response) => {
      if (request.url === '/v1/invoices/open') response.writeHead(200).write('first')
      else response.writeHead(200).end('{}')
    })
    const [greedy, honest] = [tokenOf(openSession(harness)), tokenOf(openSession(harness))]
    const open = () => openStream(harness.url, '/u/stripe/v1/invoices/open', bearer(greedy))
    const [first] = [await open(), await open()]
    expect(told(await call(harness, greedy))).toBe('429 unavailable calls_limit, retry 1')
    expect(told(await call(harness, honest))).toBe('200')
    first.destroy()
    await expect.poll(async () => told(await call(harness, greedy))).toBe('200')
  })

  it('deny: refusals past those recorded one by one; allow: what the session may, and a second later', async () => {
    const harness = await rigWith({ refusals_per_second: 2 })
    const token = tokenOf(openSession(harness))
    const refused = () => call(harness, token, '/u/stripe/v1/refunds')
    const responses = [told(await refused()), told(await refused())]
    expect(responses).toEqual(['403 insufficient_scope no_tool', '403 insufficient_scope no_tool'])
    const late = refused()
    expect(await Promise.race([late.then(told), pass()])).toBe('nothing yet')
    expect(told(await call(harness, token))).toBe('200')
    await harness.clock.advance(1_000)
    expect(told(await late)).toBe('429 unavailable refusals_limit, retry 1')
    expect(told(await refused())).toBe('403 insufficient_scope no_tool')
  })

  it('deny: more than a part of the limit where several gateways follow the feed', async () => {
    const harness = await rigWith({ refusals_per_second: 4 })
    harness.engine.pollers = 4
    harness.engine.upstream('github')
    await harness.flush()
    const token = tokenOf(openSession(harness))
    const refused = () => call(harness, token, '/u/stripe/v1/refunds')
    expect(told(await refused())).toBe('403 insufficient_scope no_tool')
    const late = refused()
    await pass()
    await harness.clock.advance(1_000)
    expect(told(await late)).toBe('429 unavailable refusals_limit, retry 1')
  })
})
