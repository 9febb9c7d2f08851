import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mintToken } from '../../../src/scope/index.ts'
import { openSession, tokenOf } from '../harness.ts'
import type { FakeSession } from '../../fakes/engine.ts'
import { sendRequest, bearer, eventually, openStream, refusal, startHttpHarness } from './harness.ts'
import type { HttpHarness } from './harness.ts'

let harness: HttpHarness
let session: FakeSession
let token: string
beforeEach(async () => {
  harness = await startHttpHarness()
  session = openSession(harness)
  token = tokenOf(session)
})
afterEach(() => harness.stop())

const get = (path: string, headers: Record<string, string> = bearer(token)) =>
  sendRequest(harness.url, path, { headers })
const endSession = (): void => {
  harness.engine.end(session)
}
/** Well-formed, and not known to anybody. */
const unknownToken = mintToken({ prefix: 'svt', label: 'prod', random: (bytes) => new Uint8Array(bytes).fill(99) })
const upstreamWith = async (settings: Record<string, unknown>) => {
  harness.engine.upstream('stripe', { url: harness.upstreamUrl, allow_private_addresses: true, ...settings })
  await harness.flush()
}

describe('an allowed call', () => {
  it("reaches the upstream with the real key in the token's place, and the token nowhere", async () => {
    const response = await get('/u/stripe/v1/invoices?limit=3')
    expect(response.status).toBe(200)
    expect(harness.received).toMatchObject([
      { method: 'GET', url: '/v1/invoices?limit=3', headers: { authorization: 'Bearer sk_live_secret' } },
    ])
    expect(JSON.stringify(harness.received)).not.toContain(token)
    expect(response.text + JSON.stringify(response.headers)).not.toContain('sk_live_secret')
    expect(response.headers['set-cookie']).toBeUndefined()
  })

  it('passes only the fields its tool names', async () => {
    expect((await get('/u/stripe/v1/customers')).json).toEqual({ data: [{ id: 'cus_1' }], has_more: false })
  })

  it("works at the root of an upstream's own listener", async () => {
    expect((await sendRequest(harness.stripeUrl, '/v1/invoices', { headers: bearer(token) })).status).toBe(200)
    expect(refusal(await sendRequest(harness.stripeUrl, '/u/stripe/v1/invoices', { headers: bearer(token) }))).toBe(
      '403 insufficient_scope no_tool',
    )
  })

  it('leaves a decision before and an outcome after, joined by the request id', async () => {
    const { headers } = await get('/u/stripe/v1/invoices/in_42', { ...bearer(token), 'X-Request-Id': 'job-7' })
    await harness.flush()
    const request_id = headers['x-request-id']
    expect(request_id).toMatch(/^req_[0-9a-f]{32}$/)
    expect(harness.sink.records).toMatchObject([
      {
        type: 'decision',
        request_id,
        caller_request_id: 'job-7',
        decision: 'allow',
        session_id: session.session_id,
        upstream: 'stripe',
        platform: 'stripe',
        method: 'GET',
        endpoint: '/v1/invoices/{id}',
        risk: 'low',
      },
      {
        type: 'outcome',
        request_id,
        caller_request_id: 'job-7',
        status: 200,
        result: 'complete',
        session_id: session.session_id,
        endpoint: '/v1/invoices/{id}',
        method: 'GET',
        platform: 'stripe',
        risk: 'low',
      },
    ])
  })

  it('joins each pair by an id of its own, however often a caller repeats its own', async () => {
    for (const path of ['/u/stripe/v1/invoices/in_1', '/u/stripe/v1/refunds', '/u/stripe/v1/invoices'])
      await get(path, { ...bearer(token), 'X-Request-Id': 'job-7' })
    await harness.flush()
    const records = harness.sink.records as { type: string; decision?: string; request_id: string }[]
    const idsOf = (type: string) => records.filter((record) => record.type === type).map(({ request_id }) => request_id)
    expect(harness.sink.records.every((record) => record.caller_request_id === 'job-7')).toBe(true)
    expect(new Set(idsOf('decision')).size).toBe(3)
    expect(new Set(idsOf('outcome')).size).toBe(2)
    expect(idsOf('outcome').filter((id) => !idsOf('decision').includes(id))).toEqual([])
  })

  it("passes an upstream's own errors through", async () => {
    harness.respond((_request, response) => {
      response.writeHead(429, { 'retry-after': '7' }).end('slow down')
    })
    expect(await get('/u/stripe/v1/invoices')).toMatchObject({ status: 429, text: 'slow down' })
  })

  it('sends a request body on', async () => {
    harness.engine.agent('claude-billing-agent', { scopes: ['create:stripe:refunds'] })
    await harness.flush()
    const own = tokenOf(openSession(harness, { scopes: ['create:stripe:refunds'] }))
    const response = await sendRequest(harness.url, '/u/stripe/v1/refunds', {
      method: 'POST',
      headers: { ...bearer(own), 'Content-Type': 'application/x-www-form-urlencoded' },
      body: 'charge=ch_1',
    })
    expect(response.status).toBe(200)
    expect(harness.received).toMatchObject([{ method: 'POST', body: 'charge=ch_1' }])
  })
})

describe('where the token may stand', () => {
  const basic = (text: string) => ({ Authorization: `Basic ${Buffer.from(text).toString('base64')}` })

  it.each([
    ['Bearer', 'bearer', () => ({ Authorization: `Bearer ${token}` }), ''],
    ['token, as GitHub writes it', 'bearer', () => ({ Authorization: `token ${token}` }), ''],
    ['lower-case bearer', 'bearer', () => ({ Authorization: `bearer ${token}` }), ''],
    ['the basic user', 'basic', () => basic(`${token}:`), ''],
    ['the basic password', 'basic', () => basic(`x:${token}`), ''],
    ["the upstream's own header", 'header:X-Api-Key', () => ({ 'x-api-key': token }), ''],
    ["the upstream's own query name", 'query:key', () => ({}), () => `?key=${token}`],
    ['Bearer, whatever the upstream takes', 'header:X-Api-Key', () => ({ Authorization: `Bearer ${token}` }), ''],
  ])('%s', async (_case, auth, headers, query) => {
    await upstreamWith({ auth })
    const response = await get(`/u/stripe/v1/invoices${typeof query === 'function' ? query() : query}`, headers())
    expect(response.status).toBe(200)
    expect(JSON.stringify(harness.received)).not.toContain(token)
  })

  it.each([
    ['nowhere', 'bearer', () => ({})],
    ["in a header that is not the upstream's", 'bearer', () => ({ 'X-Api-Key': token })],
    ['in the user where the upstream takes a bearer', 'bearer', () => basic(`${token}:`)],
  ])('not %s', async (_case, auth, headers) => {
    await upstreamWith({ auth })
    expect(refusal(await get('/u/stripe/v1/invoices', headers()))).toBe('401 invalid_token missing')
    expect(harness.received).toEqual([])
  })

  it.each([
    ['an expired token', 'expired', () => tokenOf(openSession(harness, { ttl: 0 }))],
    ['an unknown token', 'unknown', () => unknownToken],
  ])("%s is told as such in the upstream's own place, too", async (_case, code, given) => {
    await upstreamWith({ auth: 'header:X-Api-Key' })
    expect(refusal(await get('/u/stripe/v1/invoices', { 'X-Api-Key': given() }))).toBe(`401 invalid_token ${code}`)
  })

  it('not twice with different ones', async () => {
    await upstreamWith({ auth: 'header:X-Api-Key' })
    const other = tokenOf(openSession(harness))
    expect(refusal(await get('/u/stripe/v1/invoices', { ...bearer(token), 'X-Api-Key': other }))).toBe(
      '400 invalid_request bad_request',
    )
  })
})

describe("a body under a policy's parameter rule", () => {
  const json = 'application/json'
  const form = 'application/x-www-form-urlencoded'
  // JSON without "amount" to one reader, a form with it to another.
  const twofold = '{"x":"&amount=1000000&"}'
  const send = async (headers: Record<string, string | string[]>, body: string) => {
    harness.engine.put('policies/p', {
      name: 'p',
      policy: 'path "tools/stripe/refunds" { capabilities = ["create"]\n denied_parameters = { "amount" = [] } }',
    })
    harness.engine.agent('claude-billing-agent', { policies: ['p'], scopes: ['create:stripe:refunds'] })
    await harness.flush()
    const own = tokenOf(openSession(harness, { scopes: ['create:stripe:refunds'] }))
    return sendRequest(harness.url, '/u/stripe/v1/refunds', {
      method: 'POST',
      headers: { ...bearer(own), ...headers },
      body,
    })
  }

  it.each([
    [json, '{"charge":"ch_1"}'],
    [`${json}; charset=utf-8`, twofold],
    [form, 'charge=ch_1&reason=x%3By'],
  ])('is judged as %s: %s', async (type, body) => {
    expect((await send({ 'Content-Type': type }, body)).status).toBe(200)
    expect(harness.received).toMatchObject([{ body, headers: { 'content-type': type } }])
  })

  it.each<[string, Record<string, string | string[]>, string]>([
    ['holds the denied parameter', { 'Content-Type': json }, '{"amount":1}'],
    ['comes with two content types', { 'Content-Type': [json, form] }, twofold],
    [
      'comes with a content type that is not passed on',
      { 'Content-Type': json, Connection: 'close, content-type' },
      twofold,
    ],
    ['parts its pairs as only some servers read', { 'Content-Type': form }, 'charge=ch_1;amount=1'],
    ['hides a pair in a value', { 'Content-Type': form }, 'charge=ch_1&reason=x%3Bamount=1'],
    ['holds a name that ends early for some servers', { 'Content-Type': form }, 'amount%00=1'],
    ['is of no known type', {}, twofold],
  ])('is refused when it %s', async (_case, headers, body) => {
    expect(refusal(await send(headers, body))).toMatch(/^403 insufficient_scope /)
    expect(harness.received).toEqual([])
  })

  it.each([
    [json, '{"charge":"ch_1","_method":"DELETE"}'],
    [form, 'charge=ch_1&_method=DELETE'],
  ])('of %s is refused, and never recorded as allowed, when it names a method: %s', async (type, body) => {
    expect(refusal(await send({ 'Content-Type': type }, body))).toBe('400 invalid_request bad_request')
    expect(harness.received).toEqual([])
    expect(harness.sink.records).toMatchObject([{ type: 'decision', decision: 'deny', reason: 'bad_request' }])
  })

  it("is judged by the content type the upstream's document gives it, and refused with another", async () => {
    await upstreamWith({ headers: { 'Content-Type': form } })
    expect(refusal(await send({}, twofold))).toMatch(/^403 insufficient_scope /)
    expect(refusal(await send({ 'Content-Type': json }, twofold))).toBe('400 invalid_request header_not_allowed')
    expect(harness.received).toEqual([])
  })
})

describe('a refused call never reaches the upstream', () => {
  it.each([
    ['an operation without tool', '/u/stripe/v1/payouts', '403 insufficient_scope no_tool'],
    ['an unknown upstream', '/u/github/user', '403 insufficient_scope no_tool'],
    ['a climbing path', '/u/stripe/v1/../v1/invoices', '400 invalid_request bad_request'],
    ['an encoded slash', '/u/stripe/v1%2Finvoices', '400 invalid_request bad_request'],
    ['a double slash', '/u/stripe//v1/invoices', '400 invalid_request bad_request'],
    ['no upstream', '/u/', '400 invalid_request bad_request'],
  ])('%s', async (_case, path, expected) => {
    expect(refusal(await get(path))).toBe(expected)
    expect(harness.received).toEqual([])
  })

  it.each([
    ['noise', () => 'noise', '401 invalid_token malformed'],
    ['a Vault token', () => 'hvs.gateway', '401 invalid_token malformed'],
    [
      'a revoked token',
      () => {
        harness.engine.end(session)
        return token
      },
      '401 invalid_token reuse_after_revocation',
    ],
    ['an expired token', () => tokenOf(openSession(harness, { ttl: 0 })), '401 invalid_token expired'],
  ])('%s', async (_case, given, expected) => {
    const response = await get('/u/stripe/v1/invoices', bearer(given()))
    expect(refusal(response)).toBe(expected)
    expect(response.headers['www-authenticate']).toContain('error="invalid_token"')
    expect(harness.received).toEqual([])
  })

  it('an ungranted tool, naming the scope that would help', async () => {
    const response = await sendRequest(harness.url, '/u/stripe/v1/refunds', { method: 'POST', headers: bearer(token) })
    expect(refusal(response)).toBe('403 insufficient_scope insufficient_scope')
    expect(response.headers['www-authenticate']).toContain('scope="create:stripe:refunds"')
  })

  it.each<[string, string, Record<string, string>]>([
    ['_method in the query', '/u/stripe/v1/invoices?_method=DELETE', {}],
    ['_HttpMethod, which Salesforce reads', '/u/stripe/v1/invoices?_HttpMethod=DELETE', {}],
    ['headers in the query, which Google reads', '/u/stripe/v1/invoices?$httpHeaders=X-Goog-User-Project:other', {}],
    ['_method behind a ;', '/u/stripe/v1/invoices?x=1;_method=DELETE', {}],
    ['a method override header', '/u/stripe/v1/invoices', { 'X-HTTP-Method-Override': 'DELETE' }],
    ['another URL in a header', '/u/stripe/v1/invoices', { 'X-Original-URL': '/v1/admin' }],
  ])('that names another operation by %s', async (_what, path, headers) => {
    expect((await get(path, { ...bearer(token), ...headers })).status).toBe(400)
    expect(harness.received).toEqual([])
  })

  it('whose upstream sends a body with 205, which nothing would project', async () => {
    harness.respond((_request, response) => {
      response.socket!.end('HTTP/1.1 205 Reset Content\r\nContent-Length: 5\r\n\r\nhello')
    })
    expect(refusal(await get('/u/stripe/v1/customers'))).toBe('502 upstream_error upstream_invalid_response')
  })

  it("without the key owner's consent", async () => {
    harness.vault.putKey('mcp/stripe', { api_key: 'sk_live_secret' })
    expect(refusal(await get('/u/stripe/v1/invoices'))).toBe('502 upstream_error key_consent_missing')
    await harness.flush()
    expect(harness.sink.outcomes).toMatchObject([{ result: 'key_consent_missing', status: 502 }])
  })

  it('whose tool is removed while the key is being read', async () => {
    const key = harness.vault.holdResponses('secret/data')
    const pending = get('/u/stripe/v1/invoices')
    await eventually(() => key.waiting === 1)
    const judged = harness.vault.holdResponses('mcp/tools')
    harness.engine.remove('tools/stripe/invoices')
    await eventually(() => judged.waiting === 1)
    key.release()
    await harness.flush()
    judged.release()
    expect(refusal(await pending)).toBe('403 insufficient_scope no_tool')
    expect(harness.received).toEqual([])
  })

  it('while Vault cannot be asked', async () => {
    harness.vault.cutLine()
    expect((await get('/u/stripe/v1/invoices')).status).toBe(503)
  })

  it('while the decision cannot be recorded', async () => {
    harness.sink.broken = true
    expect(refusal(await get('/u/stripe/v1/invoices'))).toBe('503 unavailable audit_unavailable')
    expect(harness.received).toEqual([])
  })
})

it.each([
  ['without token', () => ({})],
  ['with noise', () => bearer('noise')],
  ['with a token of its own making', () => bearer(unknownToken)],
  [
    'with one that is over',
    () => {
      harness.engine.end(session)
      return bearer(token)
    },
  ],
])('an unauthenticated caller %s makes the gateway read no document', async (_case, headers) => {
  for (const name of ['stripe', 'a', 'b']) expect((await get(`/u/${name}/v1/invoices`, headers())).status).toBe(401)
  expect(harness.vault.requests.filter(({ path }) => path.startsWith('mcp/upstreams'))).toEqual([])
})

it("answers 502 when the upstream refuses the real key, and 401 stays the token's own", async () => {
  harness.respond((_request, response) => {
    response.writeHead(401).end()
  })
  expect(refusal(await get('/u/stripe/v1/invoices'))).toBe('502 upstream_error upstream_unauthorized')
})

it('says in every decision that consent was not required, where it is not', async () => {
  await harness.stop()
  harness = await startHttpHarness({ keyConsent: 'not_required' })
  harness.vault.putKey('mcp/stripe', { api_key: 'sk_live_secret' })
  await get('/u/stripe/v1/invoices', bearer(tokenOf(openSession(harness))))
  expect(harness.sink.last).toMatchObject({ decision: 'allow', key_consent: 'not_required' })
})

describe('a stream', () => {
  /** An upstream that has sent its head and one event and goes on for as long as it is let. */
  const streaming = () =>
    new Promise<ServerResponse>((resolve) => {
      harness.respond((_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write('data: 1\n\n')
        resolve(response)
      })
    })
  beforeEach(() => {
    session = openSession(harness, { ttl: 200 })
    token = tokenOf(session)
  })
  const firstChunk = async (response: NodeJS.ReadableStream) => String(((await once(response, 'data')) as [Buffer])[0])

  it('hands on each piece as it comes', async () => {
    const upstream = streaming()
    const response = await openStream(harness.url, '/u/stripe/v1/invoices', bearer(token))
    expect(await firstChunk(response)).toBe('data: 1\n\n')
    const ended = once(response, 'end')
    const second = firstChunk(response)
    ;(await upstream).end('data: 2\n\n')
    expect(await second).toBe('data: 2\n\n')
    await ended
    await harness.flush()
    expect(harness.sink.outcomes).toMatchObject([{ status: 200, result: 'complete', bytes: 18 }])
  })

  it.each([
    ['its session is revoked', endSession, 'revoked'],
    [
      'its scope is taken away',
      () => {
        harness.engine.agent('claude-billing-agent', { scopes: [] })
      },
      'insufficient_scope',
    ],
    ['it expires', () => harness.clock.advance(200_000), 'expired'],
  ])('is broken off, upstream and all, when %s', async (_case, end, result) => {
    const upstream = streaming()
    const response = await openStream(harness.url, '/u/stripe/v1/invoices', bearer(token))
    await firstChunk(response)
    const broken = once(response, 'error')
    const upstreamClosed = once(await upstream, 'close')
    await end()
    expect(((await broken) as [NodeJS.ErrnoException])[0].code).toBe('ECONNRESET')
    await upstreamClosed
    await harness.flush()
    expect(harness.sink.outcomes).toMatchObject([{ result }])
    expect(harness.core.openCalls.size).toBe(0)
  })

  it('ends at the upstream when the client goes away', async () => {
    const upstream = streaming()
    const response = await openStream(harness.url, '/u/stripe/v1/invoices', bearer(token))
    await firstChunk(response)
    const upstreamClosed = once(await upstream, 'close')
    response.destroy()
    await upstreamClosed
    await harness.flush()
    expect(harness.sink.outcomes).toMatchObject([{ result: 'caller_gone' }])
  })
})

it('hands nothing on of a response while it is being judged again whether that may pass', async () => {
  const reached = new Promise<ServerResponse>((resolve) => {
    harness.respond((_request, response) => {
      resolve(response)
    })
  })
  const pending = get('/u/stripe/v1/invoices')
  const response = await reached
  const judged = harness.vault.holdResponses('mcp/tools')
  harness.engine.tool('stripe', 'invoices', ['GET /v1/invoices'], { fields: ['data[].id'] })
  await eventually(() => judged.waiting === 1)
  response.end('{"email":"jane@example.com"}')
  await harness.flush()
  judged.release()
  expect(refusal(await pending)).toBe('503 unavailable grant_changed')
})

it('resets a connection whose client reads slowly, and drops what is queued for it', async () => {
  let sent = 0
  harness.respond((_request, response) => {
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(256 * 1024, 'x'))) sent++
    }
    response.on('drain', () => {
      sent++
      more()
    })
    more()
  })
  const response = await openStream(harness.url, '/u/stripe/v1/invoices', bearer(token))
  response.pause()
  // Until nothing moves any more: every buffer on the way is full.
  let [seen, still] = [-1, 0]
  await eventually(() => {
    still = sent === seen ? still + 1 : 0
    seen = sent
    return still > 2_000
  })
  harness.engine.end(session)
  await eventually(() => harness.sink.outcomes.length === 1)
  expect(harness.sink.outcomes).toMatchObject([{ result: 'revoked' }])
  // The client, which reads nothing, finds out by writing the first byte of another request: nobody is there any more.
  response.on('error', () => undefined)
  response.socket.write('G')
  await eventually(() => response.socket.destroyed)
})

it('answers with the reason when a call is cut before anything was handed on', async () => {
  const reached = new Promise((resolve) => {
    harness.respond(resolve)
  })
  const pending = get('/u/stripe/v1/invoices')
  await reached
  harness.engine.end(session)
  expect(refusal(await pending)).toBe('401 invalid_token revoked')
})

describe('a response that has been read to its end and waits for a slow client', () => {
  /** From the first request on, nothing written to the gateway's side of the client's connection leaves before `flow`. */
  function stallWrites() {
    const held: (() => void)[] = []
    const port = Number(new URL(harness.url).port)
    const stall = (message: unknown) => {
      const { socket } = message as { socket: Socket }
      if (socket.localPort !== port) return
      const write = socket._write.bind(socket)
      Object.assign(socket, { _writev: null })
      socket._write = (chunk, encoding, callback) => {
        held.push(() => {
          write(chunk, encoding, callback)
        })
      }
    }
    subscribe('net.server.socket', stall)
    return {
      answered: () => held.length > 0,
      flow: () => {
        for (const next of held.splice(0)) next()
      },
      stop: () => {
        unsubscribe('net.server.socket', stall)
      },
    }
  }

  let client: ReturnType<typeof stallWrites>
  let pending: Promise<unknown>
  beforeEach(async () => {
    client = stallWrites()
    pending = get('/u/stripe/v1/invoices').catch((error: unknown) => error)
    await eventually(() => client.answered())
    await harness.flush()
  })
  afterEach(() => {
    client.stop()
  })

  it('is still watched, and has no outcome yet', () => {
    expect(harness.core.openCalls.size).toBe(1)
    expect(harness.sink.outcomes).toEqual([])
  })

  it.each([
    ['its session is revoked', endSession, 'revoked'],
    [
      'this gateway loses contact with Vault',
      async () => {
        harness.vault.cutLine()
        await harness.clock.advance(7_000)
      },
      'stale',
    ],
  ])('never arrives when %s', async (_case, end, result) => {
    await end()
    await eventually(() => harness.sink.outcomes.length === 1)
    expect(harness.sink.outcomes).toMatchObject([{ result, status: 200 }])
    client.flow()
    expect(await pending).toMatchObject({ code: 'ECONNRESET' })
  })
})

describe('request ids', () => {
  const ours = expect.stringMatching(/^x-request-id: req_[0-9a-f]{32}$/) as string
  const idsOf = async (headers: Record<string, string>) => {
    harness.respond((_request, response) => {
      response.writeHead(200, headers).end()
    })
    const { rawHeaders } = await openStream(harness.url, '/u/stripe/v1/invoices', {
      ...bearer(token),
      'X-Request-Id': 'job-7',
    })
    return rawHeaders.flatMap((name, index) =>
      index % 2 === 0 && name.endsWith('request-id') ? [`${name}: ${rawHeaders[index + 1] ?? ''}`] : [],
    )
  }

  it("ours is x-request-id, once; the upstream's keeps its own name, and has another where it is the same", async () => {
    expect(await idsOf({ 'request-id': 'req_stripe' })).toEqual(['request-id: req_stripe', ours])
    expect(await idsOf({ 'x-request-id': 'up-1' })).toEqual(['x-upstream-request-id: up-1', ours])
  })
})

it.each([
  ['sk_live_secret', 1],
  ['nothing secret', 0],
])('says in the outcome how often the upstream echoed its key (%s)', async (text, key_echoes) => {
  harness.respond((_request, response) => {
    response.end(text)
  })
  expect((await get('/u/stripe/v1/invoices')).text).not.toContain('sk_live')
  await eventually(() => harness.sink.outcomes.length === 1)
  expect(harness.sink.outcomes).toMatchObject([{ key_echoes }])
})

describe('a Location or Link of the same upstream', () => {
  const pointing = (headers: Record<string, string>) => {
    const { upstreamUrl } = harness
    harness.respond((_request, response) => {
      response
        .writeHead(200, { location: '/v1/invoices/in_1', link: `<${upstreamUrl}/v1/invoices?page=2>; rel="next"` })
        .end()
    })
    return get('/u/stripe/v1/invoices', { ...bearer(token), ...headers })
  }

  it.each([
    ['as this client reaches us', {}, undefined],
    ['under the name it asked for', { Host: 'gateway.internal' }, 'http://gateway.internal'],
    [
      'in TLS where a proxy in front speaks it',
      { Host: 'gateway.internal', 'X-Forwarded-Proto': 'https' },
      'https://gateway.internal',
    ],
  ])('is absolute, %s', async (_case, headers, named) => {
    const base = `${named ?? harness.url}/u/stripe`
    expect((await pointing(headers)).headers).toMatchObject({
      location: `${base}/v1/invoices/in_1`,
      link: `<${base}/v1/invoices?page=2>; rel="next"`,
    })
  })
})
