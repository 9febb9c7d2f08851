import type { ServerResponse } from 'node:http'
import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { openSession, tokenOf } from '../harness.ts'
import type { GatewayHarness } from '../harness.ts'
import { KEY, behind, until } from './upstream.ts'
import type { Followed } from './harness.ts'

const scopes = ['read:stripe:invoices', 'read:stripe:customers:id-only', 'create:stripe:refunds']
const newToken = (harness: GatewayHarness): string => tokenOf(openSession(harness, { scopes }))
const invoices = (token: string, changes: object = {}) => ({
  token,
  upstream: 'stripe',
  method: 'GET',
  path: '/v1/invoices',
  ...changes,
})
const json = (response: ServerResponse, body: unknown, code = 200) =>
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body))
const headers = (response: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries((response.headers as { name: string; value: string }[]).map(({ name, value }) => [name, value]))
const bodyOf = (stream: Followed): string =>
  Buffer.concat(stream.messages.flatMap(({ body }) => (body ? [body as Buffer] : []))).toString('utf8')

const ours = expect.stringMatching(/^req_[0-9a-f]{32}$/) as string

describe('Upstreams.Call', () => {
  it('calls with the real key and answers with status, headers and body', async () => {
    const { grpc, harness, requests } = await behind((_request, response) => {
      json(response, { data: [{ id: 'in_1' }] })
    })
    const result = await grpc.call(
      'Upstreams.Call',
      invoices(newToken(harness), {
        path: '/v1/invoices?limit=3',
        headers: [{ name: 'Stripe-Version', value: '2026-01-01' }],
        request_id: 'req-1',
      }),
    )
    expect(result).toMatchObject({ status: 200, request_id: ours })
    expect(String(result.body)).toBe('{"data":[{"id":"in_1"}]}')
    expect(headers(result)).toMatchObject({ 'content-type': 'application/json' })
    expect(requests).toMatchObject([
      {
        method: 'GET',
        url: '/v1/invoices?limit=3',
        headers: { authorization: `Bearer ${KEY}`, 'stripe-version': '2026-01-01' },
      },
    ])
    await until(() => harness.sink.outcomes.length > 0)
    expect(harness.sink.outcomes).toMatchObject([
      { request_id: result.request_id, caller_request_id: 'req-1', status: 200, result: 'complete', bytes: 24 },
    ])
  })

  it('hands on a whole body and a response that is not 2xx', async () => {
    const { grpc, harness, requests } = await behind((_request, response) => {
      json(response, { error: 'declined' }, 402)
    })
    const result = await grpc.call('Upstreams.Call', {
      token: newToken(harness),
      upstream: 'stripe',
      method: 'POST',
      path: '/v1/refunds',
      headers: [{ name: 'content-type', value: 'application/json' }],
      body: Buffer.from('{"charge":"ch_1"}'),
    })
    expect(result).toMatchObject({ status: 402 })
    expect(requests).toMatchObject([{ method: 'POST', body: '{"charge":"ch_1"}', headers: { 'content-length': '17' } }])
  })

  it('projects where the tool says so, and never hands on credentials of the caller', async () => {
    const { grpc, harness, requests } = await behind((_request, response) => {
      json(response, { data: [{ id: 'cus_1', email: 'a@b.c' }], has_more: false, key: KEY })
    })
    const result = await grpc.call(
      'Upstreams.Call',
      invoices(newToken(harness), {
        path: '/v1/customers',
        headers: [
          { name: 'Authorization', value: 'Bearer other' },
          { name: 'Cookie', value: 'a=b' },
        ],
      }),
    )
    expect(String(result.body)).toBe('{"data":[{"id":"cus_1"}],"has_more":false}')
    expect(requests[0]!.headers).toMatchObject({ authorization: `Bearer ${KEY}` })
    expect(requests[0]!.headers).not.toHaveProperty('cookie')
  })

  it('words locations as paths that can be asked for here', async () => {
    const { grpc, harness } = await behind((request, response) => {
      response.writeHead(201, { location: `http://${request.headers.host!}/v1/invoices/in_2` }).end()
    })
    expect(headers(await grpc.call('Upstreams.Call', invoices(newToken(harness))))).toMatchObject({
      location: '/v1/invoices/in_2',
    })
  })

  it.each([
    ['no tool covers it', { path: '/v1/charges' }, status.PERMISSION_DENIED, 'no_tool'],
    ['an upstream nobody knows', { upstream: 'nobody' }, status.PERMISSION_DENIED, 'no_tool'],
    ['no token', { token: '' }, status.UNAUTHENTICATED, 'missing'],
    ['a mistyped token', { token: 'svt_prod_x' }, status.UNAUTHENTICATED, 'malformed'],
    ['no upstream', { upstream: '' }, status.INVALID_ARGUMENT, 'bad_request'],
    ['a path for another upstream', { upstream: 'stripe/../x' }, status.INVALID_ARGUMENT, 'bad_request'],
    ['a method in small letters', { method: 'get' }, status.INVALID_ARGUMENT, 'bad_request'],
    ['no path', { path: '' }, status.INVALID_ARGUMENT, 'bad_request'],
    ['an absolute target', { path: 'http://evil.test/v1/invoices' }, status.INVALID_ARGUMENT, 'bad_request'],
    ['dot segments', { path: '/v1/refunds/../invoices' }, status.INVALID_ARGUMENT, 'bad_request'],
    ['encoded slashes', { path: '/v1%2finvoices' }, status.INVALID_ARGUMENT, 'bad_request'],
    ['a body with GET', { body: Buffer.from('x') }, status.INVALID_ARGUMENT, 'bad_request'],
    [
      'a header that breaks out',
      { headers: [{ name: 'accept', value: 'a\r\nx: y' }] },
      status.INVALID_ARGUMENT,
      'bad_request',
    ],
  ])('%s: refused, and the upstream hears nothing', async (_what, changes, code, error) => {
    const { grpc, harness, requests } = await behind((_request, response) => {
      json(response, {})
    })
    expect(await grpc.call('Upstreams.Call', invoices(newToken(harness), changes))).toMatchObject({ code, error })
    expect(requests).toEqual([])
  })

  it('a scope the session was not given is PERMISSION_DENIED and recorded', async () => {
    const { grpc, harness, requests } = await behind((_request, response) => {
      json(response, {})
    })
    const token = tokenOf(openSession(harness, { scopes: ['read:stripe:invoices'] }))
    expect(
      await grpc.call('Upstreams.Call', { token, upstream: 'stripe', method: 'POST', path: '/v1/refunds' }),
    ).toMatchObject({ code: status.PERMISSION_DENIED, type: 'insufficient_scope' })
    expect(requests).toEqual([])
    expect(harness.sink.last).toMatchObject({ decision: 'deny', validation_result: 'insufficient_scope' })
  })

  it('a caller that may not introspect may not call', async () => {
    const { grpc, harness, requests } = await behind((_request, response) => {
      json(response, {})
    })
    harness.vault.tokens.set('hvs.nobody', { paths: ['secret'] })
    expect(
      await grpc.call('Upstreams.Call', invoices(newToken(harness)), { authorization: 'Bearer hvs.nobody' }),
    ).toMatchObject({ code: status.PERMISSION_DENIED, error: 'caller_denied' })
    expect(requests).toEqual([])
  })

  it('what the upstream did wrong is not a status that clients retry by themselves', async () => {
    const { grpc, harness } = await behind((_request, response) => {
      response.writeHead(401).end()
    })
    expect(await grpc.call('Upstreams.Call', invoices(newToken(harness)))).toMatchObject({
      code: status.FAILED_PRECONDITION,
      type: 'upstream_error',
      error: 'upstream_unauthorized',
    })
  })

  it('an outage of Vault before the upstream was asked is UNAVAILABLE', async () => {
    const { grpc, harness, requests } = await behind((_request, response) => {
      json(response, {})
    })
    const token = newToken(harness)
    harness.vault.cutLine()
    expect(await grpc.call('Upstreams.Call', invoices(token))).toMatchObject({
      code: status.UNAVAILABLE,
      type: 'unavailable',
    })
    expect(requests).toEqual([])
  })

  it('a session that ends while the upstream works is ABORTED with the reason, and the upstream is dropped', async () => {
    const state = await behind(() => undefined)
    const session = openSession(state.harness, { scopes })
    const response = state.grpc.call('Upstreams.Call', {
      token: tokenOf(session),
      upstream: 'stripe',
      method: 'POST',
      path: '/v1/refunds',
      request_id: 'req-cut',
    })
    await until(() => state.requests.length === 1)
    state.harness.engine.end(session)
    expect(await response).toMatchObject({
      code: status.ABORTED,
      type: 'invalid_token',
      error: 'revoked',
      request_id: ours,
    })
    await until(() => state.broken === 1)
    expect(state.requests).toHaveLength(1)
  })

  it('a deadline that passes takes the upstream call with it', async () => {
    const state = await behind(() => undefined)
    const response = state.grpc.call('Upstreams.Call', invoices(newToken(state.harness)), undefined, 100)
    expect(await response).toMatchObject({ code: status.DEADLINE_EXCEEDED })
    await until(() => state.broken === state.requests.length)
    await until(() => state.harness.core.openCalls.size === 0)
    expect(state.harness.core.openCalls.size).toBe(0)
  })

  it('a response longer than a message is refused with the way out', async () => {
    const { grpc, harness } = await behind((_request, response) => {
      response.end(Buffer.alloc(5 * 1024 * 1024))
    })
    const failure = await grpc.call('Upstreams.Call', invoices(newToken(harness)))
    expect(failure).toMatchObject({ code: status.RESOURCE_EXHAUSTED, error: 'response_too_large' })
    expect(failure.details).toContain('use Stream')
  })

  it('a body of the default max_request_bytes goes up in one message', async () => {
    const { grpc, harness, requests } = await behind((_request, response) => {
      json(response, {})
    })
    const body = Buffer.alloc(10 * 1024 * 1024, 'a')
    const call = { token: newToken(harness), upstream: 'stripe', method: 'POST', path: '/v1/refunds', body }
    expect(await grpc.call('Upstreams.Call', call)).toMatchObject({ status: 200 })
    expect(requests.map((one) => one.body.length)).toEqual([body.length])
  })

  it('a message longer than the limit is refused before anything is judged', async () => {
    const { grpc, harness, requests } = await behind((_request, response) => {
      json(response, {})
    })
    const before = harness.sink.records.length
    expect(
      await grpc.call('Upstreams.Call', {
        token: newToken(harness),
        upstream: 'stripe',
        method: 'POST',
        path: '/v1/refunds',
        body: Buffer.alloc(11 * 1024 * 1024),
      }),
    ).toMatchObject({ code: status.RESOURCE_EXHAUSTED })
    expect(requests).toEqual([])
    expect(harness.sink.records).toHaveLength(before)
  })
})

describe('Upstreams.Stream', () => {
  it('sends the head first, then the body in parts, and ends', async () => {
    const { grpc, harness } = await behind((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' }).end('x'.repeat(300_000))
    })
    const stream = grpc.open('Upstreams.Stream')
    stream.write({ head: invoices(newToken(harness), { request_id: 'req-2' }) })
    stream.end()
    expect(await stream.ended).toBeUndefined()
    expect(stream.messages[0]).toMatchObject({ part: 'head', head: { status: 200, request_id: ours } })
    expect(stream.messages.slice(1).every(({ part }) => part === 'body')).toBe(true)
    expect(bodyOf(stream)).toBe('x'.repeat(300_000))
    await until(() => harness.sink.outcomes.length > 0)
    expect(harness.sink.outcomes).toMatchObject([{ caller_request_id: 'req-2', result: 'complete', bytes: 300_000 }])
  })

  it('passes the request body on as it comes', async () => {
    const { grpc, harness, requests } = await behind((_request, response, { body }) => {
      response.end(`got ${body}`)
    })
    const stream = grpc.open('Upstreams.Stream')
    stream.write({ head: { token: newToken(harness), upstream: 'stripe', method: 'POST', path: '/v1/refunds' } })
    stream.write({ body: Buffer.from('one ') })
    await until(() => requests[0]?.body === 'one ')
    stream.write({ body: Buffer.from('two') })
    stream.end()
    expect(await stream.ended).toBeUndefined()
    expect(bodyOf(stream)).toBe('got one two')
  })

  it('a declared length goes upstream', async () => {
    const { grpc, harness, requests } = await behind((_request, response) => {
      response.end()
    })
    const stream = grpc.open('Upstreams.Stream')
    stream.write({
      head: {
        token: newToken(harness),
        upstream: 'stripe',
        method: 'POST',
        path: '/v1/refunds',
        headers: [{ name: 'content-length', value: '3' }],
      },
    })
    stream.write({ body: Buffer.from('abc') })
    stream.end()
    expect(await stream.ended).toBeUndefined()
    expect(requests[0]!.headers).toMatchObject({ 'content-length': '3' })
  })

  it.each([
    ['nothing at all', [], 'ended without a head'],
    ['a body first', [{ body: Buffer.from('x') }], 'must be a head'],
    ['an empty message first', [{}], 'must be a head'],
    [
      'two heads',
      [{ head: { method: 'POST', path: '/v1/refunds' } }, { head: { method: 'POST', path: '/v1/refunds' } }],
      'only the first message may be a head',
    ],
    [
      'less than was declared',
      [
        { head: { method: 'POST', path: '/v1/refunds', headers: [{ name: 'Content-Length', value: '9' }] } },
        { body: Buffer.from('abc') },
      ],
      'says 9 bytes, but the body has 3',
    ],
    [
      'more than was declared',
      [
        { head: { method: 'POST', path: '/v1/refunds', headers: [{ name: 'Content-Length', value: '2' }] } },
        { body: Buffer.from('abc') },
      ],
      'says 2 bytes, but the body has more',
    ],
    [
      'a length that is none',
      [{ head: { method: 'POST', path: '/v1/refunds', headers: [{ name: 'Content-Length', value: '-1' }] } }],
      'is not a number of bytes',
    ],
  ])('%s is INVALID_ARGUMENT, and no whole request reaches the upstream', async (_what, messages, sentence) => {
    let whole = 0
    const { grpc, harness } = await behind(() => {
      whole++
    })
    const stream = grpc.open('Upstreams.Stream')
    for (const message of messages as { head?: object }[])
      stream.write(message.head ? { head: { token: newToken(harness), upstream: 'stripe', ...message.head } } : message)
    stream.end()
    const failure = await stream.ended
    expect(failure).toMatchObject({ code: status.INVALID_ARGUMENT, type: 'invalid_request' })
    expect(failure!.details).toContain(sentence)
    expect(whole).toBe(0)
  })

  it('a body with GET is INVALID_ARGUMENT, and the upstream call is given up', async () => {
    const state = await behind(() => undefined)
    const stream = state.grpc.open('Upstreams.Stream')
    stream.write({ head: invoices(newToken(state.harness)) })
    await until(() => state.requests.length === 1)
    stream.write({ body: Buffer.from('x') })
    expect(await stream.ended).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: 'a GET request takes no body unless content-length announces it; end the stream after the head',
    })
    await until(() => state.broken === 1)
    expect(state.broken).toBe(1)
  })

  it('a body with GET goes upstream where its length is announced and its operation takes one', async () => {
    const { grpc, harness, requests } = await behind((_request, response, { body }) => {
      response.end(`got ${body}`)
    })
    harness.engine.tool('stripe', 'invoices', [{ method: 'GET', path: '/v1/invoices', body: true }])
    await harness.flush()
    const stream = grpc.open('Upstreams.Stream')
    stream.write({
      head: invoices(newToken(harness), { headers: [{ name: 'content-length', value: '7' }] }),
    })
    stream.write({ body: Buffer.from('{"a":1}') })
    stream.end()
    expect(await stream.ended).toBeUndefined()
    expect(bodyOf(stream)).toBe('got {"a":1}')
    expect(requests).toMatchObject([{ method: 'GET', url: '/v1/invoices' }])
  })

  it('an unknown caller is refused before a message is read', async () => {
    const { grpc } = await behind(() => undefined)
    expect(await grpc.open('Upstreams.Stream', undefined, {}).ended).toMatchObject({
      code: status.UNAUTHENTICATED,
      error: 'caller_missing',
    })
  })

  it('a caller that goes away takes the upstream call with it', async () => {
    const state = await behind((_request, response) => {
      response.writeHead(200).write('first')
    })
    const stream = state.grpc.open('Upstreams.Stream')
    stream.write({ head: invoices(newToken(state.harness)) })
    await stream.seen(2)
    stream.cancel()
    await until(() => state.broken === 1)
    await until(() => state.harness.sink.outcomes.length > 0)
    expect(state.harness.sink.outcomes).toMatchObject([{ result: 'caller_gone', bytes: 5 }])
  })

  it('an upstream that breaks off is a failure that is not retried', async () => {
    const { grpc, harness } = await behind((_request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('part', () => {
        response.destroy()
      })
    })
    const stream = grpc.open('Upstreams.Stream')
    stream.write({ head: invoices(newToken(harness)) })
    stream.end()
    expect(await stream.ended).toMatchObject({
      code: status.FAILED_PRECONDITION,
      type: 'upstream_error',
      error: 'upstream_invalid_response',
    })
  })
})
