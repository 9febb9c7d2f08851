import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { connect, ERROR_META, GatewayError, TIMING_META } from '../../src/client/index.ts'
import type { GatewayClient, ToolExtra, ToolResult } from '../../src/client/index.ts'
import { startFakeGateway } from '../../src/client/testing.ts'
import type { FakeGateway } from '../../src/client/testing.ts'
import { FakeClock, settle } from '../fakes/clock.ts'
import { until } from './until.ts'

let fake: FakeGateway
let clock: FakeClock
let gateway: GatewayClient
let upstreamSaw: { url: string; authorization: string | null }[]

beforeEach(async () => {
  upstreamSaw = []
  fake = await startFakeGateway({
    upstreams: {
      stripe: (request) => {
        upstreamSaw.push({ url: new URL(request.url).pathname, authorization: request.headers.get('authorization') })
        return Response.json({ data: [{ id: 'in_1' }], has_more: false })
      },
      ticker: () =>
        new Response(
          new ReadableStream({
            start(controller) {
              controller.enqueue(new TextEncoder().encode('tick 1\n'))
            },
          }),
        ),
    },
  })
  clock = new FakeClock()
  gateway = connect({ address: fake.address, token: fake.token, clock, sessionToken: () => undefined })
})

afterEach(async () => {
  gateway.close()
  await fake.close()
})

const text = (value: string): ToolResult => ({ content: [{ type: 'text', text: value }] })
const said = (result: ToolResult): unknown => result.content[0]
const bearing = (token: string): ToolExtra => ({ authInfo: { token } })
const askedOf = (method: string) => fake.calls.filter((call) => call.method === method)

const listInvoices = () =>
  gateway.requireScope('read:stripe:invoices', async (_args, { upstream }) =>
    text(await (await upstream('stripe').fetch('/v1/invoices?limit=3')).text()),
  )

describe('a guarded tool', () => {
  test('answers with what the upstream answered, and never sends the session token as its own credential', async () => {
    const { token } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    const result = await listInvoices()({}, bearing(token))
    expect(said(result)).toEqual({ type: 'text', text: '{"data":[{"id":"in_1"}],"has_more":false}' })
    expect(result.isError).toBeUndefined()
    expect(upstreamSaw).toEqual([{ url: '/v1/invoices', authorization: null }])
  })

  test('tells how long gateway and upstream took', async () => {
    const { token } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    const result = await listInvoices()({}, bearing(token))
    expect(result._meta?.[TIMING_META]).toEqual({ gateway_ms: 0, upstream_ms: 1 })
  })

  test('asks the gateway on every call', async () => {
    const { token } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    const tool = listInvoices()
    await tool({}, bearing(token))
    await tool({}, bearing(token))
    expect(askedOf('Validate')).toHaveLength(2)
  })

  test('takes the extra alone, as tools without input schema are called', async () => {
    const { token } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    expect((await listInvoices()(bearing(token))).isError).toBeUndefined()
  })

  test('passes arguments, session and request id on', async () => {
    const { token, session_id } = fake.openSession({
      scopes: ['read:stripe:invoices'],
      agent_id: 'claude-billing-agent',
    })
    const tool = gateway.requireScope<{ limit: number }>('read:stripe:invoices', ({ limit }, { session, request_id }) =>
      text(`${String(limit)} ${session.session_id} ${session.agent_id} ${request_id}`),
    )
    const result = await tool(
      { limit: 3 },
      { authInfo: { token }, requestInfo: { headers: { 'x-request-id': 'r-17' } } },
    )
    expect(said(result)).toEqual({ type: 'text', text: `3 ${session_id} claude-billing-agent r-17` })
  })

  test('numbers the upstream calls under its request id', async () => {
    const { token } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    const tool = gateway.requireScope('read:stripe:invoices', async (_args, { upstream }) => {
      await upstream('stripe').fetch('/v1/invoices')
      await upstream('stripe').fetch('/v1/invoices')
      return text('done')
    })
    await tool({}, { authInfo: { token }, requestInfo: { headers: { 'x-request-id': 'r-17' } } })
    expect(askedOf('Stream').map(({ request }) => request.request_id)).toEqual(['r-17.1', 'r-17.2'])
  })

  test('lets errors of the handler pass as they are', async () => {
    const { token } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    const tool = gateway.requireScope('read:stripe:invoices', () => {
      throw new TypeError('no such month')
    })
    await expect(tool({}, bearing(token))).rejects.toThrow(new TypeError('no such month'))
  })

  test('is refused at registration when its scope is malformed', () => {
    expect(() => gateway.requireScope('read:*', () => text(''))).toThrow(/covers every upstream/)
    expect(() => gateway.requireScope('invoices', () => text(''))).toThrow()
  })
})

describe('a refusal is a tool result with one sentence', () => {
  const never = () =>
    gateway.requireScope('create:stripe:refunds', () => {
      throw new Error('the handler ran')
    })

  test('when the session lacks the scope: both scopes are named', async () => {
    const { token } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    const result = await never()({}, bearing(token))
    expect(result.isError).toBe(true)
    expect(said(result)).toEqual({
      type: 'text',
      text: '403 insufficient_scope: needs create:stripe:refunds; the session has read:stripe:invoices',
    })
    expect(result._meta?.[ERROR_META]).toMatchObject({ type: 'insufficient_scope', code: 'insufficient_scope' })
  })

  test('when the session has no scope at all', async () => {
    const result = await never()({}, bearing(fake.openSession().token))
    expect(said(result)).toEqual({
      type: 'text',
      text: '403 insufficient_scope: needs create:stripe:refunds; the session has no scopes',
    })
  })

  test('when the session was revoked', async () => {
    const { token, session_id } = fake.openSession({ scopes: ['create:stripe:refunds'] })
    fake.endSession(session_id)
    const result = await never()({}, bearing(token))
    expect(said(result)).toEqual({ type: 'text', text: '401 invalid_token: session is over, open a new one' })
    expect(result._meta?.[ERROR_META]).toMatchObject({ type: 'invalid_token', code: 'revoked' })
  })

  test('when there is no token', async () => {
    const result = await never()({}, { requestInfo: { headers: {} } })
    expect(said(result)).toEqual({ type: 'text', text: '401 invalid_token: the request carries no session token' })
  })

  test('when the credential is not one of ours, which is then sent nowhere', async () => {
    const result = await never()({}, bearing('eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl'))
    expect(said(result)).toEqual({ type: 'text', text: '401 invalid_token: the credential is not a session token' })
    expect(fake.calls).toEqual([])
  })

  test('when two different session tokens are brought', async () => {
    const [a, b] = [fake.openSession(), fake.openSession()]
    const result = await never()(
      {},
      { authInfo: { token: a.token }, requestInfo: { headers: { 'x-session-token': b.token } } },
    )
    expect(said(result)).toEqual({
      type: 'text',
      text: '400 invalid_request: the request carries two different session tokens',
    })
  })

  test('when the gateway is down: the token is to be kept', async () => {
    const { token } = fake.openSession({ scopes: ['create:stripe:refunds'] })
    await fake.close()
    const result = await never()({}, bearing(token))
    expect(said(result)).toEqual({
      type: 'text',
      text: '503 unavailable: the gateway cannot be reached; keep the token and retry',
    })
  })

  test("when the server's own credential is refused: the agent's token is not called invalid", async () => {
    const { token } = fake.openSession({ scopes: ['create:stripe:refunds'] })
    const unauthenticated = connect({ address: fake.address, token: 'gst_wrong', clock })
    const result = await unauthenticated.requireScope('create:stripe:refunds', () => text('ran'))({}, bearing(token))
    unauthenticated.close()
    expect(said(result)).toEqual({
      type: 'text',
      text: "403 caller_unknown: the service token is not known to this gateway; that is the MCP server's own credential, so its operator must act: the session token is not at fault",
    })
    expect(result._meta?.[ERROR_META]).toMatchObject({ type: 'insufficient_scope', code: 'caller_unknown' })
  })

  test('when an upstream call inside the handler is refused', async () => {
    const { token } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    const tool = gateway.requireScope('read:stripe:invoices', async (_args, { upstream }) =>
      text(await (await upstream('github').fetch('/user')).text()),
    )
    expect(said(await tool({}, bearing(token)))).toEqual({
      type: 'text',
      text: '403 insufficient_scope: no tool of github covers GET /user',
    })
  })
})

describe('where the token comes from', () => {
  test.each<[string, (token: string) => ToolExtra]>([
    ['the bearer middleware of SDK 1.x', (token) => ({ authInfo: { token } })],
    ['X-Session-Token', (token) => ({ requestInfo: { headers: { 'x-session-token': token } } })],
    ['Authorization', (token) => ({ requestInfo: { headers: { authorization: `Bearer ${token}` } } })],
    [
      "X-Session-Token, beside a user's JWT",
      (token) => ({ authInfo: { token: 'eyJ.eyJ.sig' }, requestInfo: { headers: { 'x-session-token': token } } }),
    ],
    ['the context of SDK 2.x', (token) => ({ http: { authInfo: { token } } })],
    ['headers of SDK 2.x', (token) => ({ http: { req: { headers: new Headers({ 'X-Session-Token': token }) } } })],
  ])('%s', async (_, extra) => {
    const { token } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    expect((await listInvoices()({}, extra(token))).isError).toBeUndefined()
  })

  test('a stdio server uses the token of its process', async () => {
    const { token } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    const stdio = connect({ address: fake.address, token: fake.token, clock, sessionToken: () => token })
    const result = await stdio.requireScope('read:stripe:invoices', () => text('ok'))({}, {})
    stdio.close()
    expect(said(result)).toEqual({ type: 'text', text: 'ok' })
  })

  test('a caller over HTTP who brings none does not get the token of the process', async () => {
    const { token } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    const mixed = connect({ address: fake.address, token: fake.token, clock, sessionToken: () => token })
    const result = await mixed.requireScope('read:stripe:invoices', () => text('ok'))(
      {},
      { requestInfo: { headers: {} } },
    )
    mixed.close()
    expect(said(result)).toEqual({ type: 'text', text: '401 invalid_token: the request carries no session token' })
  })
})

describe('the cut', () => {
  const vouchingFor = async (vouchedMs: number) => {
    gateway.close()
    await fake.close()
    fake = await startFakeGateway({ vouchedMs })
    gateway = connect({ address: fake.address, token: fake.token, clock, sessionToken: () => undefined })
  }

  test('a session that ends while the handler works: the signal aborts, and its result is not handed out', async () => {
    const { token, session_id } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    let reason: unknown
    const tool = gateway.requireScope('read:stripe:invoices', async (_args, { signal }) => {
      await until(() => askedOf('Watch').length === 1)
      fake.endSession(session_id)
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          resolve()
        })
      })
      reason = signal.reason
      return text('done after all')
    })
    const result = await tool({}, bearing(token))
    expect(said(result)).toEqual({
      type: 'text',
      text: '401 invalid_token: the session is over (revoked); open a new one',
    })
    expect(reason).toBeInstanceOf(GatewayError)
  })

  test('does not wait for a handler that ignores it', async () => {
    const { token, session_id } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    const tool = gateway.requireScope('read:stripe:invoices', () => {
      fake.endSession(session_id)
      return new Promise<ToolResult>(() => undefined)
    })
    expect((await tool({}, bearing(token))).isError).toBe(true)
  })

  test('a session that ends between check and watch is noticed before the result is handed out', async () => {
    const { token, session_id } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    const tool = gateway.requireScope('read:stripe:invoices', () => {
      fake.endSession(session_id)
      return text('fast')
    })
    expect((await tool({}, bearing(token))).isError).toBe(true)
  })

  test('reading a stream ends with the reason', async () => {
    const { token, session_id } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    let thrown: unknown
    const tool = gateway.requireScope('read:stripe:invoices', async (_args, { upstream }) => {
      const response = await upstream('ticker').fetch('/ticks')
      const reader = response.body!.getReader()
      await reader.read()
      fake.endSession(session_id)
      await reader.read().catch((error: unknown) => {
        thrown = error
      })
      return text('read to the end')
    })
    const result = await tool({}, bearing(token))
    expect(result.isError).toBe(true)
    expect(thrown).toMatchObject({ type: 'invalid_token', code: 'revoked' })
  })

  test('scopes that are taken away while the handler works cut it as well', async () => {
    const { token, session_id } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    const tool = gateway.requireScope('read:stripe:invoices', async (_args, { signal }) => {
      await until(() => askedOf('Watch').length === 1)
      await settle()
      fake.changeScopes(session_id, ['read:stripe:customers'])
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          resolve()
        })
      })
      return text('done')
    })
    expect(said(await tool({}, bearing(token)))).toEqual({
      type: 'text',
      text: '403 insufficient_scope: needs read:stripe:invoices; the session has read:stripe:customers',
    })
  })

  test('scopes that are taken away between the answer that allowed it and the stream cut it as well', async () => {
    const { token, session_id } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    fake.fail('Watch', {}, 1)
    const called = gateway.requireScope('read:stripe:invoices', () => new Promise<ToolResult>(() => undefined))(
      {},
      bearing(token),
    )
    await until(() => askedOf('Watch').length === 1)
    fake.changeScopes(session_id, ['read:stripe:customers'])
    await until(() => clock.waiting > 1)
    await clock.advance(1_000)
    expect(said(await called)).toMatchObject({ text: expect.stringContaining('403 insufficient_scope') as string })
  })

  test('a stream that tells nothing new costs no second question', async () => {
    const { token } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    const tool = gateway.requireScope('read:stripe:invoices', async () => {
      await until(() => askedOf('Watch').length === 1)
      await settle()
      return text('done')
    })
    await tool({}, bearing(token))
    expect(askedOf('Validate')).toHaveLength(1)
  })

  test('an outage, while a change is asked about, cuts nothing that is vouched for', async () => {
    const { token, session_id } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    const tool = gateway.requireScope('read:stripe:invoices', async () => {
      await until(() => askedOf('Watch').length === 1)
      await settle()
      // A status that the channel itself does not try again.
      fake.fail('Validate', { type: 'unavailable', grpc: 4 }, 100)
      fake.changeScopes(session_id, ['read:stripe:invoices', 'read:stripe:customers'])
      await until(() => askedOf('Validate').length === 2)
      for (let turns = 0; turns < 100; turns++) await settle()
      return text('done')
    })
    expect(said(await tool({}, bearing(token)))).toEqual({ type: 'text', text: 'done' })
  })

  test('work that the stream alone has vouched for goes on while a change is asked about, and no longer than that', async () => {
    await vouchingFor(5_000)
    const { token, session_id } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    fake.fail('Watch', {}, 1)
    const called = gateway.requireScope('read:stripe:invoices', () => new Promise<ToolResult>(() => undefined))(
      {},
      bearing(token),
    )
    await until(() => askedOf('Watch').length === 1)
    await until(() => clock.waiting > 1)
    // The stream vouches for a tenth of a second longer than the answer that allowed the work.
    await clock.advance(100)
    await until(() => askedOf('Watch').length === 2)
    for (let turns = 0; turns < 100; turns++) await settle()
    await clock.advance(4_950)
    fake.fail('Validate', { type: 'unavailable', grpc: 4 }, 100)
    fake.changeScopes(session_id, ['read:stripe:invoices', 'read:stripe:customers'])
    await until(() => askedOf('Validate').length === 2)
    for (let turns = 0; turns < 100; turns++) await settle()
    await clock.advance(49)
    expect(await Promise.race([called, settle()])).toBeUndefined()
    await clock.advance(1)
    expect(said(await called)).toMatchObject({ text: expect.stringMatching(/^503 unavailable/) as string })
  })

  test('scopes that change but still cover the tool cut nothing', async () => {
    const { token, session_id } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    const tool = gateway.requireScope('read:stripe:invoices', async () => {
      await until(() => askedOf('Watch').length === 1)
      await settle()
      fake.changeScopes(session_id, ['read:stripe:invoices', 'read:stripe:customers'])
      await until(() => askedOf('Validate').length === 2)
      return text('done')
    })
    expect(said(await tool({}, bearing(token)))).toEqual({ type: 'text', text: 'done' })
  })

  test('a gateway lost for longer than it may be: unavailable, not invalid', async () => {
    await vouchingFor(5_000)
    const { token } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    fake.fail('Watch', {}, 1000)
    const tool = gateway.requireScope('read:stripe:invoices', () => new Promise<ToolResult>(() => undefined))
    const called = tool({}, bearing(token))
    await until(() => clock.waiting > 1)
    for (let seconds = 0; seconds < 5; seconds++) {
      await clock.advance(1_000)
      await settle()
    }
    expect(said(await called)).toEqual({
      type: 'text',
      text: '503 unavailable: the gateway cannot vouch for the session right now; keep the token and retry',
    })
  })

  test('of a gateway lost while it was watching, its last word counts, and no patience is added to that', async () => {
    await vouchingFor(5_000)
    const { token } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    const called = gateway.requireScope('read:stripe:invoices', () => new Promise<ToolResult>(() => undefined))(
      {},
      bearing(token),
    )
    await until(() => askedOf('Watch').length === 1)
    await clock.advance(2_000)
    await fake.close()
    await until(() => clock.waiting === 2)
    await clock.advance(2_999)
    expect(await Promise.race([called, settle()])).toBeUndefined()
    await clock.advance(1)
    expect(said(await called)).toEqual({
      type: 'text',
      text: '503 unavailable: the gateway cannot vouch for the session right now; keep the token and retry',
    })
  })

  test('a response that was allowed on old knowledge is not worked on for longer than that stands', async () => {
    await vouchingFor(300)
    fake.fail('Watch', 'silence')
    const { token } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    const called = gateway.requireScope('read:stripe:invoices', () => new Promise<ToolResult>(() => undefined))(
      {},
      bearing(token),
    )
    await until(() => askedOf('Watch').length === 1)
    await clock.advance(299)
    expect(await Promise.race([called, settle()])).toBeUndefined()
    await clock.advance(1)
    expect(said(await called)).toMatchObject({ text: expect.stringMatching(/^503 unavailable/) as string })
  })

  test('time that the machine slept through counts: nothing is worked on after waking that nobody vouches for', async () => {
    await vouchingFor(5_000)
    fake.fail('Watch', 'silence')
    const { token } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    const called = gateway.requireScope('read:stripe:invoices', () => new Promise<ToolResult>(() => undefined))(
      {},
      bearing(token),
    )
    await until(() => askedOf('Watch').length === 1)
    await clock.advance(1_000)
    clock.sleepThrough(3_600_000)
    await clock.advance(250)
    expect(said(await called)).toMatchObject({ text: expect.stringMatching(/^503 unavailable/) as string })
  })

  test('a gateway lost in a sleep: once the work is cut, no stream is opened for it any more', async () => {
    await vouchingFor(5_000)
    const { token } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    const called = gateway.requireScope('read:stripe:invoices', () => new Promise<ToolResult>(() => undefined))(
      {},
      bearing(token),
    )
    await until(() => askedOf('Watch').length === 1)
    clock.sleepThrough(3_600_000)
    await fake.close()
    expect(said(await called)).toMatchObject({ text: expect.stringMatching(/^503 unavailable/) as string })
    expect(clock.waiting).toBe(0)
  })

  test('a result that was reached in the instant of waking is not handed out', async () => {
    await vouchingFor(5_000)
    const { token } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    let finish: (result: ToolResult) => void = () => undefined
    const called = gateway.requireScope(
      'read:stripe:invoices',
      () =>
        new Promise<ToolResult>((resolve) => {
          finish = resolve
        }),
    )({}, bearing(token))
    await until(() => askedOf('Watch').length === 1)
    clock.sleepThrough(3_600_000)
    finish(text('done'))
    expect(said(await called)).toMatchObject({ text: expect.stringMatching(/^503 unavailable/) as string })
  })

  test('a gateway lost for a moment costs nothing', async () => {
    const { token } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    fake.fail('Watch', {}, 1)
    const tool = gateway.requireScope('read:stripe:invoices', async () => {
      await until(() => clock.waiting > 1)
      await clock.advance(100)
      await until(() => askedOf('Watch').length === 2 && clock.waiting === 1)
      await clock.advance(60_000)
      return text('done')
    })
    expect(said(await tool({}, bearing(token)))).toEqual({ type: 'text', text: 'done' })
  })

  test('calls one after the other share one watch, which ends when it is no longer used', async () => {
    const { token } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    await listInvoices()({}, bearing(token))
    await listInvoices()({}, bearing(token))
    expect(askedOf('Watch')).toHaveLength(1)
    await clock.advance(5_000)
    await listInvoices()({}, bearing(token))
    expect(askedOf('Watch')).toHaveLength(2)
  })

  test('upstream calls left open end with the tool call', async () => {
    const { token } = fake.openSession({ scopes: ['read:stripe:invoices'] })
    let response: Response | undefined
    const tool = gateway.requireScope('read:stripe:invoices', async (_args, { upstream }) => {
      response = await upstream('ticker').fetch('/ticks')
      return text('left it open')
    })
    await tool({}, bearing(token))
    await expect(response!.text()).rejects.toMatchObject({ code: 'tool_finished' })
  })
})
