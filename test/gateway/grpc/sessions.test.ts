import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { tokenDigest } from '../../../src/scope/index.ts'
import { BOUND_OPENER_TOKEN, BOUND_TOKEN, openSession, startHarness, tokenOf } from '../harness.ts'
import type { GatewayHarness } from '../harness.ts'
import { startGrpcHarness } from './harness.ts'

const agent_id = 'claude-billing-agent'

async function openedPort() {
  const harness = await startHarness()
  const grpc = await startGrpcHarness({}, harness)
  return { harness, grpc }
}

const lastAsked = (harness: GatewayHarness, path: string) =>
  harness.vault.requests.findLast((requested) => requested.path.startsWith(path))

describe('Sessions.Open', () => {
  it('opens a session as the caller and answers with its first token', async () => {
    const { harness, grpc } = await openedPort()
    const response = await grpc.call('Sessions.Open', {
      agent_id,
      purpose: 'reconciliation',
      requested_scopes: ['read:stripe:invoices'],
      environment: 'production',
      ttl_seconds: 600,
      request_id: 'req-1',
    })
    expect(response).toMatchObject({
      agent_id,
      purpose: 'reconciliation',
      scopes: ['read:stripe:invoices'],
      environment: 'production',
      issued_at: '2026-03-15T16:00:00Z',
      expires_at: '2026-03-15T16:10:00Z',
      ttl_seconds: 600,
      request_id: expect.stringMatching(/^req_[0-9a-f]{32}$/) as string,
    })
    expect(response.token).toMatch(/^svt_prod_/)
    expect(response.refresh_after_unix).toBe(Date.parse('2026-03-15T16:08:00Z') / 1000)
    expect(lastAsked(harness, 'mcp/creds')).toMatchObject({
      token: 'hvs.opener-service',
      path: `mcp/creds/${agent_id}`,
      body: {
        purpose: 'reconciliation',
        requested_scopes: ['read:stripe:invoices'],
        environment: 'production',
        ttl: 600,
      },
    })
  })

  it('what is empty is omitted, so that the engine chooses', async () => {
    const { harness, grpc } = await openedPort()
    await grpc.call('Sessions.Open', { agent_id })
    expect(Object.entries(lastAsked(harness, 'mcp/creds')!.body!).filter(([, value]) => value !== undefined)).toEqual(
      [],
    )
  })

  it.each([
    ['no agent', {}, status.INVALID_ARGUMENT, 'agent_id: is missing'],
    ['a path for an agent', { agent_id: 'a/../b' }, status.INVALID_ARGUMENT, 'agent_id: is not a name'],
    ['an agent nobody registered', { agent_id: 'nobody' }, status.INVALID_ARGUMENT, 'is not registered'],
  ])('%s is refused with a sentence', async (_what, request, code, sentence) => {
    const { harness, grpc } = await openedPort()
    const failure = await grpc.call('Sessions.Open', request)
    expect(failure).toMatchObject({ code, type: 'invalid_request' })
    expect(failure.details).toContain(sentence)
    expect(harness.engine.sessions.size).toBe(0)
  })

  it('a service token bound to other agents, or without a Vault login, opens nothing', async () => {
    const { harness, grpc } = await openedPort()
    const bound = { authorization: `Bearer ${BOUND_TOKEN}` }
    expect(await grpc.call('Sessions.Open', { agent_id }, bound)).toMatchObject({
      code: status.PERMISSION_DENIED,
      error: 'caller_not_bound',
    })
    expect(await grpc.call('Sessions.Open', { agent_id: 'other-agent' }, bound)).toMatchObject({
      code: status.PERMISSION_DENIED,
      error: 'caller_without_vault',
    })
    expect(harness.engine.sessions.size).toBe(0)
  })

  it('a Vault token that ends within a minute opens nothing', async () => {
    const { harness, grpc } = await openedPort()
    harness.vault.tokens.set('hvs.opener-short', { paths: ['mcp/creds'], ttl: 40 })
    expect(await grpc.call('Sessions.Open', { agent_id }, { authorization: 'Bearer hvs.opener-short' })).toMatchObject({
      code: status.INVALID_ARGUMENT,
      error: 'caller_expires_soon',
    })
    expect(harness.engine.sessions.size).toBe(0)
  })

  it('what Vault refuses the caller is PERMISSION_DENIED, an outage UNAVAILABLE', async () => {
    const { harness, grpc } = await openedPort()
    harness.vault.tokens.set('hvs.reader', { paths: ['secret'] })
    expect(await grpc.call('Sessions.Open', { agent_id }, { authorization: 'Bearer hvs.reader' })).toMatchObject({
      code: status.PERMISSION_DENIED,
    })
    harness.vault.cutLine()
    expect(await grpc.call('Sessions.Open', { agent_id })).toMatchObject({
      code: status.UNAVAILABLE,
      type: 'unavailable',
    })
  })
})

describe('Sessions.Refresh and Close', () => {
  it('a refresh is a new token in the same session', async () => {
    const { harness, grpc } = await openedPort()
    const session = openSession(harness)
    const response = await grpc.call('Sessions.Refresh', { session_id: session.session_id, ttl_seconds: 300 })
    expect(response).toMatchObject({ session_id: session.session_id, ttl_seconds: 300, token: tokenOf(session) })
    expect(session.tokens).toHaveLength(2)
  })

  it('after Close is acknowledged the token is refused here, whatever the feed has told', async () => {
    const { harness, grpc } = await openedPort()
    const session = openSession(harness)
    const token = tokenOf(session)
    expect(await grpc.call('Tokens.Validate', { token })).toMatchObject({ active: true })
    const held = harness.vault.holdResponses('mcp/feed')
    expect(await grpc.call('Sessions.Close', { session_id: session.session_id, request_id: 'req-9' })).toEqual({
      request_id: expect.stringMatching(/^req_[0-9a-f]{32}$/) as string,
    })
    expect(await grpc.call('Tokens.Validate', { token })).toMatchObject({
      code: status.UNAUTHENTICATED,
      error: 'reuse_after_revocation',
    })
    held.release()
  })

  it.each(['Sessions.Refresh', 'Sessions.Close'])('%s names what is wrong with a session id', async (method) => {
    const { grpc } = await openedPort()
    expect(await grpc.call(method, {})).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: 'session_id: is missing, for example sess_01JNKQ8X4F2MVBP7RD3WCZH9GT',
    })
    expect(await grpc.call(method, { session_id: '../x' })).toMatchObject({
      code: status.INVALID_ARGUMENT,
      error: 'bad_request',
    })
    expect(await grpc.call(method, { session_id: 'sess_01JNKQ8X4F2MVBP7RD3WCZH9GT' })).toMatchObject({
      code: status.NOT_FOUND,
      error: 'session_unknown',
    })
  })

  it('a caller that did not open the session and is not an operator closes nothing', async () => {
    const { harness, grpc } = await openedPort()
    const session = openSession(harness)
    harness.vault.tokens.set('hvs.other', { paths: ['mcp/creds'] })
    expect(
      await grpc.call('Sessions.Close', { session_id: session.session_id }, { authorization: 'Bearer hvs.other' }),
    ).toMatchObject({ code: status.PERMISSION_DENIED })
    expect(session.ended).toBeUndefined()
  })
})

describe('Sessions.Delegate', () => {
  it('opens a child of the session the token belongs to', async () => {
    const { harness, grpc } = await openedPort()
    harness.engine.agent('sub-agent', { scopes: ['read:stripe:invoices'] })
    const parent_token = tokenOf(openSession(harness))
    expect(
      await grpc.call('Sessions.Delegate', {
        parent_token,
        agent_id: 'sub-agent',
        requested_scopes: ['read:stripe:invoices'],
      }),
    ).toMatchObject({ agent_id: 'sub-agent', scopes: ['read:stripe:invoices'] })
    expect(lastAsked(harness, 'mcp/creds')).toMatchObject({
      path: 'mcp/creds/sub-agent',
      body: { parent_token, requested_scopes: ['read:stripe:invoices'] },
    })
  })

  it.each([
    ['no token', '', status.UNAUTHENTICATED, 'missing'],
    ['a mistyped token', 'svt_prod_x', status.UNAUTHENTICATED, 'malformed'],
  ])('%s is refused before Vault is asked for anything', async (_what, parent_token, code, error) => {
    const { harness, grpc } = await openedPort()
    expect(await grpc.call('Sessions.Delegate', { parent_token, agent_id })).toMatchObject({ code, error })
    expect(lastAsked(harness, 'mcp/creds')).toBeUndefined()
  })

  it("a caller bound to other agents may not spend this one's session", async () => {
    const { harness, grpc } = await openedPort()
    harness.engine.agent('other-agent', { scopes: ['read:stripe:invoices'] })
    const failure = await grpc.call(
      'Sessions.Delegate',
      { parent_token: tokenOf(openSession(harness)), agent_id: 'other-agent' },
      { authorization: `Bearer ${BOUND_OPENER_TOKEN}` },
    )
    expect(failure).toMatchObject({ code: status.PERMISSION_DENIED, error: 'caller_not_bound' })
    expect(lastAsked(harness, 'mcp/creds')).toBeUndefined()
  })
})

describe('Sessions.Watch', () => {
  it.each(['token', 'session_id'] as const)(
    'by %s: tells that the session lives, then that it ended, and ends',
    async (by) => {
      const { harness, grpc } = await openedPort()
      const session = openSession(harness)
      const { session_id } = session
      const watch = grpc.open('Sessions.Watch', by === 'token' ? { token: tokenOf(session) } : { session_id })
      const { position } = harness.core.follower
      expect(await watch.seen(1)).toEqual([
        { kind: 'KIND_LIVE', session_id, reason: '', vouched_ms: 5_000, ...position },
      ])
      harness.engine.end(session)
      expect(await watch.ended).toBeUndefined()
      expect(watch.messages.slice(1)).toMatchObject([
        { kind: 'KIND_ENDED', session_id, reason: 'revoked', vouched_ms: 0 },
      ])
    },
  )

  it('tells the hard expiry as soon as it comes', async () => {
    const { harness, grpc } = await openedPort()
    const watch = grpc.open('Sessions.Watch', { token: tokenOf(openSession(harness, { ttl: 60 })) })
    await watch.seen(1)
    await harness.clock.advance(61_000)
    expect(await watch.ended).toBeUndefined()
    expect(watch.messages.at(-1)).toMatchObject({ kind: 'KIND_ENDED', reason: 'expired' })
  })

  it('a refreshed session lives on past its first token', async () => {
    const { harness, grpc } = await openedPort()
    const session = openSession(harness, { ttl: 60 })
    const watch = grpc.open('Sessions.Watch', { token: tokenOf(session) })
    await watch.seen(1)
    harness.engine.refresh(session, 900)
    await harness.clock.advance(120_000)
    harness.engine.end(session)
    await watch.ended
    expect(watch.messages.filter(({ kind }) => kind !== 'KIND_VOUCHED')).toMatchObject([
      { kind: 'KIND_LIVE' },
      { kind: 'KIND_ENDED', reason: 'revoked' },
    ])
  })

  it('tells when a document the session rests on changed, and not when another did', async () => {
    const { harness, grpc } = await openedPort()
    const session = openSession(harness)
    const watch = grpc.open('Sessions.Watch', { token: tokenOf(session) })
    await watch.seen(1)
    await harness.flush()
    harness.engine.agent('somebody-else', { scopes: [] })
    await harness.flush()
    harness.engine.put(`agents/${agent_id}/scopes`, {
      scopes: ['read:stripe:invoices'],
      max_ttl_seconds: 900,
      environment: 'production',
    })
    await watch.seen(2)
    harness.engine.end(session)
    await watch.ended
    expect(watch.messages.map(({ kind }) => kind)).toEqual(['KIND_LIVE', 'KIND_CHANGED', 'KIND_ENDED'])
  })

  it('says again and again until when it vouches: five seconds after its own last contact with Vault', async () => {
    const { harness, grpc } = await openedPort()
    await harness.clock.advance(700)
    const watch = grpc.open('Sessions.Watch', { token: tokenOf(openSession(harness)) })
    // The feed was asked 700 ms ago and has not answered since.
    expect((await watch.seen(1))[0]).toMatchObject({ kind: 'KIND_LIVE', vouched_ms: 4_300 })
    await harness.clock.advance(1_000)
    expect((await watch.seen(2))[1]).toMatchObject({ kind: 'KIND_VOUCHED', vouched_ms: 5_300 })
    harness.vault.cutLine()
    await harness.clock.advance(1_000)
    // Nothing new is known: what was said stands, and no more.
    expect((await watch.seen(3))[2]).toMatchObject({ kind: 'KIND_VOUCHED', vouched_ms: 5_300 })
  })

  it('does not vouch longer than the gateway can', async () => {
    const { harness, grpc } = await openedPort()
    const watch = grpc.open('Sessions.Watch', { token: tokenOf(openSession(harness)) })
    await watch.seen(1)
    harness.vault.cutLine()
    await harness.clock.advance(6_000)
    expect(await watch.ended).toMatchObject({ code: status.UNAVAILABLE, type: 'unavailable', error: 'stale' })
  })

  it('a watcher that leaves is forgotten', async () => {
    const { harness, grpc } = await openedPort()
    const session = openSession(harness)
    const watch = grpc.open('Sessions.Watch', { token: tokenOf(session) })
    await watch.seen(1)
    watch.cancel()
    expect(await watch.ended).toMatchObject({ code: status.CANCELLED })
    harness.engine.end(session)
    await harness.flush()
    expect(watch.messages).toHaveLength(1)
  })

  it.each([
    ['nothing to watch', {}, status.INVALID_ARGUMENT, 'bad_request'],
    [
      'both',
      { session_id: 'sess_01JNKQ8X4F2MVBP7RD3WCZH9GT', token: 'svt_prod_x' },
      status.INVALID_ARGUMENT,
      'bad_request',
    ],
    ['a mistyped token', { token: 'svt_prod_x' }, status.UNAUTHENTICATED, 'malformed'],
    ['an unknown session', { session_id: 'sess_01JNKQ8X4F2MVBP7RD3WCZH9GT' }, status.UNAUTHENTICATED, 'unknown'],
  ])('%s is refused', async (_what, request, code, error) => {
    const { grpc } = await openedPort()
    const watch = grpc.open('Sessions.Watch', request)
    expect(await watch.ended).toMatchObject({ code, error })
    expect(watch.messages).toEqual([])
  })

  it('the digest of a token in use is not a session id', async () => {
    const { harness, grpc } = await openedPort()
    const token = tokenOf(openSession(harness))
    await grpc.call('Tokens.Validate', { token })
    expect(await grpc.open('Sessions.Watch', { session_id: tokenDigest(token) }).ended).toMatchObject({
      code: status.UNAUTHENTICATED,
      error: 'unknown',
    })
  })

  it('a refusal leaves a decision record, an unauthenticated caller is counted', async () => {
    const { harness, grpc } = await openedPort()
    const session = openSession(harness)
    const request = { token: tokenOf(session) }
    harness.vault.tokens.set('hvs.nobody', { paths: ['secret'] })
    await grpc.open('Sessions.Watch', request, { authorization: `Bearer ${BOUND_TOKEN}`, 'x-request-id': 'w-1' }).ended
    await grpc.open('Sessions.Watch', request, { authorization: 'Bearer hvs.nobody' }).ended
    await grpc.open('Sessions.Watch', request, {}).ended
    harness.engine.end(session)
    await grpc.open('Sessions.Watch', request).ended
    await grpc.open('Sessions.Watch', { session_id: session.session_id }).ended
    const { session_id } = session
    expect(harness.sink.decisions).toMatchObject([
      { caller_request_id: 'w-1', decision: 'deny', reason: 'caller_not_bound', session_id, caller: 'service:bound' },
      { decision: 'deny', reason: 'caller_denied', session_id: null },
      { decision: 'deny', reason: 'reuse_after_revocation', validation_result: 'revoked', session_id },
      { decision: 'deny', reason: 'unknown', session_id },
    ])
    expect(harness.core.records.counters.unauthenticated).toBe(1)
  })

  it('neither unauthenticated callers, nor callers bound to other agents, nor Vault tokens without the right, watch', async () => {
    const { harness, grpc } = await openedPort()
    const request = { token: tokenOf(openSession(harness)) }
    harness.vault.tokens.set('hvs.nobody', { paths: ['secret'] })
    expect(await grpc.open('Sessions.Watch', request, {}).ended).toMatchObject({
      code: status.UNAUTHENTICATED,
      error: 'caller_missing',
    })
    expect(await grpc.open('Sessions.Watch', request, { authorization: `Bearer ${BOUND_TOKEN}` }).ended).toMatchObject({
      code: status.PERMISSION_DENIED,
      error: 'caller_not_bound',
    })
    expect(await grpc.open('Sessions.Watch', request, { authorization: 'Bearer hvs.nobody' }).ended).toMatchObject({
      code: status.PERMISSION_DENIED,
      error: 'caller_denied',
    })
  })
})
