/** The SDK for MCP servers against the real port: what one says and the other hears must be the same thing. */
import { afterEach, describe, expect, it } from 'vitest'
import { ERROR_META, connect } from '../../../src/client/index.ts'
import type { GatewayClient } from '../../../src/client/index.ts'
import { SERVICE_TOKEN, openSession, tokenOf } from '../harness.ts'
import { behind, until } from './upstream.ts'
import type { Behind } from './upstream.ts'

const scopes = ['read:stripe:invoices', 'create:stripe:refunds']
const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

function clientOf({ grpc }: Behind, token = SERVICE_TOKEN): GatewayClient {
  const client = connect({ address: grpc.server.address, token })
  cleanups.push(() => {
    client.close()
  })
  return client
}

/** Type and code of the error a promise rejects with. */
const refusalOf = (pending: Promise<unknown>) =>
  pending.then(
    () => 'allowed',
    (error: unknown) => {
      const { type, code } = error as { type: string; code: string }
      return `${type} ${code}`
    },
  )

describe('the SDK at the port', () => {
  it('validates, introspects and fetches with bodies both ways', async () => {
    const state = await behind((_request, response, { body }) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ got: body }))
    })
    const client = clientOf(state)
    const token = tokenOf(openSession(state.harness, { scopes }))
    expect(await client.validate(token, 'read:stripe:invoices')).toMatchObject({ active: true, scope_match: true })
    expect(await client.introspect(token)).toMatchObject({ active: true, client_id: 'claude-billing-agent' })
    const response = await client
      .upstream('stripe', token)
      .fetch('/v1/refunds', { method: 'POST', body: 'charge=ch_1' })
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ got: 'charge=ch_1' })
    expect(state.requests[0]!.headers).toMatchObject({ 'content-length': '11' })
  })

  it('words each refusal by its type and code', async () => {
    const state = await behind((_request, response) => {
      response.writeHead(401).end()
    })
    const client = clientOf(state)
    const session = openSession(state.harness, { scopes })
    const token = tokenOf(session)
    const { fetch } = client.upstream('stripe', token)
    expect(await refusalOf(fetch('/v1/charges'))).toBe('insufficient_scope no_tool')
    expect(await refusalOf(fetch('/v1/invoices'))).toBe('upstream_error upstream_unauthorized')
    expect(await refusalOf(fetch('/v1/a%2fb'))).toBe('invalid_request bad_request')
    state.harness.engine.end(session)
    expect(await refusalOf(fetch('/v1/invoices'))).toBe('invalid_token reuse_after_revocation')
    expect(await refusalOf(client.validate(token))).toBe('invalid_token reuse_after_revocation')
    expect(await refusalOf(clientOf(state, 'gst_other').validate(token))).toBe('invalid_token caller_unknown')
  })

  it.each(['gst_other', 'svt_prod_x', 'eyJh.eyJz.c2ln'])(
    "whose own credential (%s) is refused never calls the agent's token invalid",
    async (credential) => {
      const state = await behind(() => undefined)
      const tool = clientOf(state, credential).requireScope('read:stripe:invoices', () => ({ content: [] }))
      const result = await tool({}, { authInfo: { token: tokenOf(openSession(state.harness, { scopes })) } })
      expect(result._meta?.[ERROR_META]).toMatchObject({
        type: 'insufficient_scope',
        code: expect.stringMatching(/^caller_/) as string,
      })
    },
  )

  it('a body that is being read breaks off with the reason when the session ends', async () => {
    const state = await behind((_request, response) => {
      response.writeHead(200).write('first')
    })
    const session = openSession(state.harness, { scopes })
    const response = await clientOf(state).upstream('stripe', tokenOf(session)).fetch('/v1/invoices')
    const reader = response.body!.getReader()
    expect(Buffer.from((await reader.read()).value).toString()).toBe('first')
    state.harness.engine.end(session)
    expect(await refusalOf(reader.read())).toBe('invalid_token revoked')
    await until(() => state.broken === 1)
  })

  it('an upstream that may have acted is never asked twice', async () => {
    const state = await behind((request) => {
      request.socket.destroy()
    })
    const { fetch } = clientOf(state).upstream('stripe', tokenOf(openSession(state.harness, { scopes })))
    expect(await refusalOf(fetch('/v1/refunds', { method: 'POST', body: 'x' }))).toBe(
      'upstream_error upstream_unreachable',
    )
    expect(state.requests).toHaveLength(1)
  })

  it('opens, refreshes and closes sessions, and hears of their end', async () => {
    const state = await behind(() => undefined)
    const client = clientOf(state)
    const session = await client.sessions.open({
      agent_id: 'claude-billing-agent',
      requested_scopes: ['read:stripe:invoices'],
    })
    cleanups.push(() => {
      void session.close().catch(() => undefined)
    })
    const token = await session.token()
    expect(await client.validate(token, 'read:stripe:invoices')).toMatchObject({ scope_match: true })
    expect((await session.refresh()).token).not.toBe(token)
    const heard: string[] = []
    const watching = (async () => {
      for await (const { kind, reason } of client.sessions.watch({ session_id: session.session_id }))
        heard.push(`${kind} ${reason}`)
    })()
    await until(() => heard.length === 1)
    await session.close()
    await watching
    expect(heard).toEqual(['KIND_LIVE ', 'KIND_ENDED revoked'])
    expect(await refusalOf(client.validate(token))).toBe('invalid_token reuse_after_revocation')
  })

  it('a guarded tool is cut when its session ends, and when what it needs is taken away', async () => {
    const state = await behind(() => undefined)
    const client = clientOf(state)
    const begun: AbortSignal[] = []
    const tool = client.requireScope('read:stripe:invoices', (_args, { signal }) => {
      begun.push(signal)
      return new Promise(() => undefined)
    })
    const call = (token: string) => tool({}, { authInfo: { token } })
    const session = openSession(state.harness, { scopes })
    const ended = call(tokenOf(session))
    await until(() => begun.length === 1)
    state.harness.engine.end(session)
    expect(await ended).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('401 invalid_token') as string }],
    })
    const watched = state.harness.core.sessionCache.size
    const narrowed = call(tokenOf(openSession(state.harness, { scopes })))
    await until(() => begun.length === 2 && state.harness.core.sessionCache.size > watched)
    state.harness.engine.put('agents/claude-billing-agent/scopes', {
      scopes: ['create:stripe:refunds'],
      max_ttl_seconds: 900,
      environment: 'production',
    })
    expect(await narrowed).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('403 insufficient_scope') as string }],
    })
  })
})

describe('a guarded tool at the port', () => {
  /** One that works for ever; both sides live by the gateway's clock. */
  async function working() {
    const state = await behind(() => undefined)
    const {
      harness,
      grpc: { server },
    } = state
    const client = connect({ address: server.address, token: SERVICE_TOKEN, clock: harness.clock })
    cleanups.push(() => {
      client.close()
    })
    const token = tokenOf(openSession(harness, { scopes }))
    let answered: string | undefined
    void client
      .requireScope('read:stripe:invoices', () => new Promise(() => undefined))({}, { authInfo: { token } })
      .then(({ content }) => {
        answered = (content[0] as { text: string }).text
      })
    await until(() => harness.core.sessionCache.size > 0)
    await client.introspect(token)
    return {
      harness,
      answer: () => answered,
      /** Half a second at a time, with everything that was sent by then heard. */
      async pass(ms: number) {
        for (let passed = 0; passed < ms; passed += 500) {
          await harness.clock.advance(500)
          await client.introspect(token).catch(() => undefined)
          await harness.flush()
        }
      },
    }
  }

  it('goes on for as long as the gateway vouches for its session', async () => {
    const { pass, answer: response } = await working()
    await pass(30_000)
    expect(response()).toBeUndefined()
  })

  it('ends within the one limit that gateway and SDK share after contact with Vault was lost', async () => {
    const { harness, pass, answer: response } = await working()
    await pass(3_000)
    harness.vault.cutLine()
    await pass(3_500)
    expect(response()).toBeUndefined()
    await pass(1_500)
    expect(response()).toMatch(/^503 unavailable/)
  })
})
