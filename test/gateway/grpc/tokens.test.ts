import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { settle } from '../../fakes/clock.ts'
import { BOUND_TOKEN, openSession, startHarness, tokenOf } from '../harness.ts'
import { asService, startGrpcHarness } from './harness.ts'

const scope = 'read:stripe:invoices'

const ours = expect.stringMatching(/^req_[0-9a-f]{32}$/) as string

describe('Tokens.Validate', () => {
  it('answers with the session a live token belongs to, and whether it has the scope', async () => {
    const grpc = await startGrpcHarness()
    const session = openSession(grpc.harness)
    const response = await grpc.call('Tokens.Validate', {
      token: tokenOf(session),
      required_scope: scope,
      request_id: 'req-7',
    })
    expect(response).toMatchObject({
      active: true,
      scope_match: true,
      required_scope: scope,
      session_id: session.session_id,
      agent_id: 'claude-billing-agent',
      token_id: session.tokens[0]!.token_id,
      scopes: ['read:stripe:invoices', 'read:stripe:customers:id-only'],
      environment: 'production',
      expires_at: '2026-03-15T16:15:00Z',
      expires_at_unix: session.tokens[0]!.expires_at_unix,
      request_id: 'req-7',
    })
    expect(grpc.harness.sink.last).toMatchObject({
      caller_request_id: 'req-7',
      decision: 'allow',
      caller: 'service:test',
    })
  })

  it('a scope the session lacks is a response, and is recorded as a denial', async () => {
    const grpc = await startGrpcHarness()
    const response = await grpc.call('Tokens.Validate', {
      token: tokenOf(openSession(grpc.harness)),
      required_scope: 'create:stripe:refunds',
    })
    expect(response).toMatchObject({ active: true, scope_match: false, required_scope: 'create:stripe:refunds' })
    expect(grpc.harness.sink.last).toMatchObject({ decision: 'deny', validation_result: 'insufficient_scope' })
  })

  it('a revoked token is UNAUTHENTICATED with a stable reason and the request id in the trailers', async () => {
    const grpc = await startGrpcHarness()
    const session = openSession(grpc.harness)
    grpc.harness.engine.end(session)
    const failure = await grpc.call('Tokens.Validate', {
      token: tokenOf(session),
      required_scope: scope,
      request_id: 'req-8',
    })
    expect(failure).toMatchObject({
      code: status.UNAUTHENTICATED,
      type: 'invalid_token',
      error: 'reuse_after_revocation',
      request_id: ours,
      details: 'the token was revoked; open a new session',
    })
  })

  it.each([
    ['an empty token', '', 'missing'],
    ['a mistyped token', 'svt_prod_nonsense', 'malformed'],
  ])('%s is UNAUTHENTICATED, reason %s', async (_what, token, error) => {
    const grpc = await startGrpcHarness()
    expect(await grpc.call('Tokens.Validate', { token, required_scope: scope })).toMatchObject({
      code: status.UNAUTHENTICATED,
      type: 'invalid_token',
      error,
    })
  })

  it('an outage is UNAVAILABLE and never speaks ill of the token', async () => {
    const grpc = await startGrpcHarness()
    const session = openSession(grpc.harness)
    grpc.harness.vault.cutLine()
    expect(await grpc.call('Tokens.Validate', { token: tokenOf(session), required_scope: scope })).toMatchObject({
      code: status.UNAVAILABLE,
      type: 'unavailable',
    })
  })

  it('a malformed scope is INVALID_ARGUMENT and says why', async () => {
    const grpc = await startGrpcHarness()
    const failure = await grpc.call('Tokens.Validate', {
      token: tokenOf(openSession(grpc.harness)),
      required_scope: 'read:*',
    })
    expect(failure).toMatchObject({ code: status.INVALID_ARGUMENT, type: 'invalid_request' })
    expect(failure.details).toContain('required_scope: ')
  })

  it('a decision that cannot be recorded is not taken', async () => {
    const grpc = await startGrpcHarness()
    const session = openSession(grpc.harness)
    grpc.harness.sink.broken = true
    expect(await grpc.call('Tokens.Validate', { token: tokenOf(session), required_scope: scope })).toMatchObject({
      code: status.UNAVAILABLE,
      error: 'audit_unavailable',
    })
  })

  it.each([
    ['no caller', {}, 'caller_missing'],
    ['another scheme', { authorization: 'Basic dTpw' }, 'caller_unknown'],
    ['an unknown service token', { authorization: 'Bearer gst_other' }, 'caller_unknown'],
    ['a phantom token as the caller', { authorization: 'Bearer svt_prod_x' }, 'caller_phantom_token'],
    ['a JWT', { authorization: 'Bearer eyJh.eyJz.c2ln' }, 'caller_jwt_not_configured'],
  ])('%s is UNAUTHENTICATED', async (_what, metadata, error) => {
    const grpc = await startGrpcHarness()
    expect(
      await grpc.call(
        'Tokens.Validate',
        { token: tokenOf(openSession(grpc.harness)) },
        metadata as Record<string, string>,
      ),
    ).toMatchObject({ code: status.UNAUTHENTICATED, type: 'invalid_token', error })
  })

  it('a service token bound to other agents is PERMISSION_DENIED', async () => {
    const grpc = await startGrpcHarness()
    const failure = await grpc.call(
      'Tokens.Validate',
      { token: tokenOf(openSession(grpc.harness)) },
      { authorization: `Bearer ${BOUND_TOKEN}` },
    )
    expect(failure).toMatchObject({
      code: status.PERMISSION_DENIED,
      type: 'insufficient_scope',
      error: 'caller_not_bound',
    })
  })

  it('a Vault token without rights on introspection is PERMISSION_DENIED', async () => {
    const grpc = await startGrpcHarness()
    grpc.harness.vault.tokens.set('hvs.nobody', { paths: ['secret'] })
    const failure = await grpc.call(
      'Tokens.Validate',
      { token: tokenOf(openSession(grpc.harness)) },
      { authorization: 'Bearer hvs.nobody' },
    )
    expect(failure).toMatchObject({ code: status.PERMISSION_DENIED, error: 'caller_denied' })
  })

  it('bytes that are no message are INVALID_ARGUMENT in our words', async () => {
    const grpc = await startGrpcHarness()
    const failure = await grpc.call('Tokens.Validate', Buffer.from([0x0a, 0xff, 0xff]))
    expect(failure).toMatchObject({ code: status.INVALID_ARGUMENT, type: 'invalid_request' })
    expect(failure.details).toContain('does not decode as ValidateRequest')
  })

  it("responds with the message's request id, else with its own; metadata's stands in the record", async () => {
    const grpc = await startGrpcHarness()
    const token = tokenOf(openSession(grpc.harness))
    expect(
      await grpc.call('Tokens.Validate', { token }, { ...asService, 'x-request-id': 'from-metadata' }),
    ).toMatchObject({ request_id: ours })
    expect(grpc.harness.sink.last).toMatchObject({ request_id: ours, caller_request_id: 'from-metadata' })
    expect((await grpc.call('Tokens.Validate', { token, request_id: 'two words' })).request_id).toEqual(ours)
    expect(grpc.harness.sink.last).not.toHaveProperty('caller_request_id')
  })
})

describe('Tokens.Introspect', () => {
  it('answers in the names of RFC 7662', async () => {
    const grpc = await startGrpcHarness()
    const session = openSession(grpc.harness)
    expect(await grpc.call('Tokens.Introspect', { token: tokenOf(session), request_id: 'r1' })).toMatchObject({
      active: true,
      scope: 'read:stripe:invoices read:stripe:customers:id-only',
      client_id: 'claude-billing-agent',
      sub: session.session_id,
      jti: session.tokens[0]!.token_id,
      token_type: 'phantom',
      environment: 'production',
      exp: session.tokens[0]!.expires_at_unix,
      iat: session.tokens[0]!.issued_at_unix,
      request_id: ours,
    })
  })

  it.each([
    ['unknown', (token: string) => token.slice(0, -1)],
    ['empty', () => ''],
  ])('tells nothing but active=false of a token that is %s', async (_what, spoil) => {
    const grpc = await startGrpcHarness()
    expect(
      await grpc.call('Tokens.Introspect', { token: spoil(tokenOf(openSession(grpc.harness))), request_id: 'r2' }),
    ).toEqual({
      active: false,
      scope: '',
      client_id: '',
      sub: '',
      exp: 0,
      iat: 0,
      jti: '',
      token_type: '',
      environment: '',
      request_id: ours,
    })
  })

  it('an unknown caller is refused, not told that the token is inactive', async () => {
    const grpc = await startGrpcHarness()
    expect(
      await grpc.call(
        'Tokens.Introspect',
        { token: tokenOf(openSession(grpc.harness)) },
        { authorization: 'Bearer gst_other' },
      ),
    ).toMatchObject({ code: status.UNAUTHENTICATED, error: 'caller_unknown' })
  })

  it('an outage is not an inactive token', async () => {
    const grpc = await startGrpcHarness()
    const session = openSession(grpc.harness)
    grpc.harness.vault.cutLine()
    expect(await grpc.call('Tokens.Introspect', { token: tokenOf(session) })).toMatchObject({
      code: status.UNAVAILABLE,
    })
  })
})

describe('Tokens.ValidateStream', () => {
  it('answers each request under its id, as answers come, and ends when the caller has', async () => {
    const harness = await startHarness()
    const grpc = await startGrpcHarness({}, harness)
    const [slow, quick] = [openSession(harness), openSession(harness)]
    await grpc.call('Tokens.Validate', { token: tokenOf(quick) })
    const held = harness.vault.holdResponses('mcp/introspect')
    const stream = grpc.open('Tokens.ValidateStream')
    stream.write({ token: tokenOf(slow), required_scope: scope, request_id: 'first' })
    stream.write({ token: tokenOf(quick), required_scope: scope, request_id: 'second' })
    expect(await stream.seen(1)).toMatchObject([{ request_id: 'second', active: true, scope_match: true }])
    held.release()
    expect((await stream.seen(2))[1]).toMatchObject({ request_id: 'first', active: true })
    stream.end()
    expect(await stream.ended).toBeUndefined()
  })

  it('a use after expiry is recorded with where it came from', async () => {
    const harness = await startHarness()
    const grpc = await startGrpcHarness({}, harness)
    const token = tokenOf(openSession(harness, { ttl: 60 }))
    await harness.clock.advance(61_000)
    const stream = grpc.open('Tokens.ValidateStream')
    stream.write({ token, request_id: 'late' })
    expect(await stream.seen(1)).toMatchObject([{ request_id: 'late' }])
    expect(harness.sink.last).toMatchObject({ reason: 'expired', late_seconds: 1, address: '127.0.0.1' })
    stream.end()
    await stream.ended
  })

  it('a refusal is a message, and the stream goes on', async () => {
    const grpc = await startGrpcHarness()
    const session = openSession(grpc.harness)
    const stream = grpc.open('Tokens.ValidateStream')
    stream.write({ token: 'svt_prod_nonsense', request_id: 'bad' })
    expect(await stream.seen(1)).toMatchObject([
      {
        request_id: 'bad',
        active: false,
        scope_match: false,
        error_type: 'invalid_token',
        error_code: 'malformed',
        session_id: '',
      },
    ])
    stream.write({ token: tokenOf(session), required_scope: 'read:*', request_id: 'worse' })
    expect((await stream.seen(2))[1]).toMatchObject({
      request_id: 'worse',
      active: false,
      error_type: 'invalid_request',
    })
    stream.write({ token: tokenOf(session), request_id: 'good' })
    expect((await stream.seen(3))[2]).toMatchObject({ request_id: 'good', active: true, error_type: '' })
  })

  it('an unknown caller ends it before anything is read', async () => {
    const grpc = await startGrpcHarness()
    const stream = grpc.open('Tokens.ValidateStream', undefined, {})
    expect(await stream.ended).toMatchObject({ code: status.UNAUTHENTICATED, error: 'caller_missing' })
  })

  it('looks up no more than 64 tokens at a time', async () => {
    const harness = await startHarness()
    // So that each is a request.
    harness.engine.introspectionBatch = 1
    harness.engine.restart()
    await harness.flush()
    const grpc = await startGrpcHarness({}, harness)
    const held = harness.vault.holdResponses('mcp/introspect')
    const stream = grpc.open('Tokens.ValidateStream')
    for (let count = 0; count < 100; count++)
      stream.write({ token: tokenOf(openSession(harness)), request_id: `r${String(count)}` })
    while (held.waiting < 64) await settle()
    for (let turn = 0; turn < 20; turn++) await settle()
    expect(held.waiting).toBe(64)
    held.release()
    stream.end()
    expect(await stream.ended).toBeUndefined()
    expect(new Set(stream.messages.map(({ request_id }) => request_id)).size).toBe(100)
  })

  it('a caller that goes away in the middle disturbs nobody', async () => {
    const harness = await startHarness()
    const grpc = await startGrpcHarness({}, harness)
    const held = harness.vault.holdResponses('mcp/introspect')
    const stream = grpc.open('Tokens.ValidateStream')
    stream.write({ token: tokenOf(openSession(harness)) })
    while (held.waiting < 1) await settle()
    stream.cancel()
    expect(await stream.ended).toMatchObject({ code: status.CANCELLED })
    held.release()
    expect(await grpc.call('Tokens.Validate', { token: tokenOf(openSession(harness)) })).toMatchObject({ active: true })
  })
})
