import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { connect, TIMING_META } from '../../src/client/index.ts'
import type { GatewayClient, SessionToken } from '../../src/client/index.ts'
import { startFakeGateway } from '../../src/client/testing.ts'
import type { FakeGateway } from '../../src/client/testing.ts'
import { callTool } from '../../src/demo/mcp-client.ts'
import { startMcpServer } from '../../src/demo/mcp-server.ts'
import type { McpServerHandle } from '../../src/demo/mcp-server.ts'
import { startGitHub } from '../../src/demo/upstream-github.ts'
import { startStripe } from '../../src/demo/upstream-stripe.ts'
import type { LocalUpstream } from '../../src/demo/upstream.ts'

let stripe: LocalUpstream
let github: LocalUpstream
let fake: FakeGateway
let gateway: GatewayClient
let mcp: McpServerHandle
let session: SessionToken

/** The upstream with its real key, as the gateway calls it. */
const withKey =
  (upstream: LocalUpstream) =>
  async (request: Request): Promise<Response> => {
    const { pathname, search } = new URL(request.url)
    const headers = new Headers(request.headers)
    headers.set('authorization', `Bearer ${upstream.key}`)
    const body = request.body === null ? {} : { body: await request.text() }
    return fetch(upstream.url + pathname + search, { method: request.method, headers, signal: request.signal, ...body })
  }

beforeEach(async () => {
  ;[stripe, github] = await Promise.all([startStripe({ tickMs: 5 }), startGitHub()])
  fake = await startFakeGateway({ upstreams: { stripe: withKey(stripe), github: withKey(github) } })
  gateway = connect({ address: fake.address, token: fake.token })
  mcp = await startMcpServer({ gateway, address: '127.0.0.1:0' })
  session = fake.openSession({ scopes: ['read:stripe:invoices', 'read:stripe:events', 'read:github:prs:status'] })
})

afterEach(async () => {
  await mcp.close()
  gateway.close()
  await Promise.all([fake.close(), stripe.close(), github.close()])
})

const call = (tool: string, args: Record<string, unknown> = {}, token = session.token) =>
  callTool({ url: mcp.url, token, tool, args })
const post = (headers: Record<string, string>) =>
  fetch(mcp.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}',
  })

describe('through the real MCP client', () => {
  test('invoices come from the upstream, which saw its real key', async () => {
    const { text, isError, meta } = await call('list_invoices', { limit: 1 })
    expect(JSON.parse(text)).toMatchObject({ data: [{ id: 'in_1' }], has_more: true })
    expect(isError).toBe(false)
    expect(meta).toHaveProperty([TIMING_META])
    expect([stripe.calls(), stripe.refused()]).toEqual([1, 0])
  })

  test('the status of a pull request takes two calls', async () => {
    const { text } = await call('pr_status')
    expect(JSON.parse(text)).toEqual({
      number: 7,
      title: 'Round invoice totals once, at the end',
      state: 'success',
      checks: ['ci/test: success', 'ci/lint: success'],
    })
    expect(github.calls()).toBe(2)
  })

  test('an upstream that answers with an error is an error of the tool', async () => {
    expect(await call('pr_status', { number: 99 })).toMatchObject({
      isError: true,
      text: expect.stringContaining('Not Found') as string,
    })
  })

  test('a refund is made with the scope for it', async () => {
    const { token } = fake.openSession({ scopes: ['create:stripe:refunds'] })
    expect(JSON.parse((await call('refund', { charge: 'ch_1', amount: 100 }, token)).text)).toMatchObject({
      object: 'refund',
      amount: 100,
    })
  })

  test('a refund is refused without it, and the upstream is not called', async () => {
    expect(await call('refund')).toMatchObject({
      isError: true,
      text: '403 insufficient_scope: needs create:stripe:refunds; the session has read:stripe:invoices, read:stripe:events, read:github:prs:status',
    })
    expect(stripe.calls()).toBe(0)
  })

  test('a revoked session is 401', async () => {
    fake.endSession(session.session_id)
    expect(await call('list_invoices')).toMatchObject({
      isError: true,
      text: '401 invalid_token: session is over, open a new one',
    })
  })

  test('a gateway that is down is 503', async () => {
    await fake.close()
    expect(await call('list_invoices')).toMatchObject({
      isError: true,
      text: '503 unavailable: the gateway cannot be reached; keep the token and retry',
    })
  })

  test('events are reported one by one as progress', async () => {
    const told: string[] = []
    const { text } = await callTool({
      url: mcp.url,
      token: session.token,
      tool: 'follow_events',
      args: { count: 3 },
      onProgress: (message) => {
        told.push(message)
      },
    })
    expect(text).toBe('3 events')
    expect(told.map((message) => (JSON.parse(message) as { id: string }).id)).toEqual(['evt_1', 'evt_2', 'evt_3'])
    await expect.poll(() => stripe.openStreams()).toBe(0)
  })

  test('events that are followed end with the session, at the client and at the upstream', async () => {
    const told: string[] = []
    const onProgress = (message: string) => {
      told.push(message)
      if (told.length === 2) fake.endSession(session.session_id)
    }
    const response = await callTool({
      url: mcp.url,
      token: session.token,
      tool: 'follow_events',
      args: { count: 1_000_000 },
      onProgress,
    })
    expect(response).toMatchObject({
      isError: true,
      text: '401 invalid_token: the session is over (revoked); open a new one',
    })
    await expect.poll(() => stripe.openStreams()).toBe(0)
  })

  test('a client that gives up ends the upstream call', async () => {
    const giveUp = new AbortController()
    const called = callTool({
      url: mcp.url,
      token: session.token,
      tool: 'follow_events',
      args: { count: 1_000_000 },
      signal: giveUp.signal,
      onProgress: () => {
        giveUp.abort(new Error('enough'))
      },
    })
    await expect(called).rejects.toThrow()
    await expect.poll(() => stripe.openStreams()).toBe(0)
  })
})

describe('the endpoint', () => {
  test('asks for a token, and says so in the challenge', async () => {
    const response = await post({})
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toBe(
      'Bearer error="invalid_token", error_description="missing token"',
    )
  })

  test('refuses other credentials without sending them anywhere', async () => {
    const response = await post({ authorization: 'Bearer eyJhbGciOi.eyJzdWIiOi.sig' })
    expect(response.status).toBe(401)
    expect(fake.calls).toEqual([])
  })

  test('challenges a revoked token', async () => {
    fake.endSession(session.session_id)
    const response = await post({ authorization: `Bearer ${session.token}` })
    expect(response.status).toBe(401)
    expect(response.headers.get('www-authenticate')).toContain('error="invalid_token"')
  })

  test('does not challenge when the gateway is down', async () => {
    await fake.close()
    const response = await post({ authorization: `Bearer ${session.token}` })
    expect(response.status).toBe(503)
    expect(response.headers.get('www-authenticate')).toBeNull()
  })

  test('serves no browsers', async () => {
    expect((await post({ authorization: `Bearer ${session.token}`, origin: 'http://evil.example' })).status).toBe(403)
  })

  test('is one path and one method', async () => {
    expect((await fetch(mcp.url)).status).toBe(405)
    expect((await fetch(mcp.url.replace('/mcp', '/other'), { method: 'POST' })).status).toBe(404)
  })
})
