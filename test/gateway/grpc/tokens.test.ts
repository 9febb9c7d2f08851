import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { settle } from '../../fakes/clock.ts'
import { BOUND_TOKEN, openSession, startRig, tokenOf } from '../rig.ts'
import { asService, openPort } from './port.ts'

const scope = 'read:stripe:invoices'

const ours = expect.stringMatching(/^req_[0-9a-f]{32}$/) as string

describe('Tokens.Validate', () => {
  it('answers with the session a live token belongs to, and whether it has the scope', async () => {
    const port = await openPort()
    const session = openSession(port.rig)
    const answer = await port.ask('Tokens.Validate', {
      token: tokenOf(session),
      required_scope: scope,
      request_id: 'req-7',
    })
    expect(answer).toMatchObject({
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
    expect(port.rig.sink.last).toMatchObject({ caller_request_id: 'req-7', decision: 'allow', caller: 'service:test' })
  })

  it('a scope the session lacks is an answer, and is recorded as a denial', async () => {
    const port = await openPort()
    const answer = await port.ask('Tokens.Validate', {
      token: tokenOf(openSession(port.rig)),
      required_scope: 'create:stripe:refunds',
    })
    expect(answer).toMatchObject({ active: true, scope_match: false, required_scope: 'create:stripe:refunds' })
    expect(port.rig.sink.last).toMatchObject({ decision: 'deny', validation_result: 'insufficient_scope' })
  })

  it('a revoked token is UNAUTHENTICATED with a stable reason and the request id in the trailers', async () => {
    const port = await openPort()
    const session = openSession(port.rig)
    port.rig.engine.end(session)
    const failure = await port.ask('Tokens.Validate', {
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
    const port = await openPort()
    expect(await port.ask('Tokens.Validate', { token, required_scope: scope })).toMatchObject({
      code: status.UNAUTHENTICATED,
      type: 'invalid_token',
      error,
    })
  })

  it('an outage is UNAVAILABLE and never speaks ill of the token', async () => {
    const port = await openPort()
    const session = openSession(port.rig)
    port.rig.vault.cutLine()
    expect(await port.ask('Tokens.Validate', { token: tokenOf(session), required_scope: scope })).toMatchObject({
      code: status.UNAVAILABLE,
      type: 'unavailable',
    })
  })

  it('a scope that is none is INVALID_ARGUMENT and says why', async () => {
    const port = await openPort()
    const failure = await port.ask('Tokens.Validate', {
      token: tokenOf(openSession(port.rig)),
      required_scope: 'read:*',
    })
    expect(failure).toMatchObject({ code: status.INVALID_ARGUMENT, type: 'invalid_request' })
    expect(failure.details).toContain('required_scope: ')
  })

  it('a decision that cannot be recorded is not taken', async () => {
    const port = await openPort()
    const session = openSession(port.rig)
    port.rig.sink.broken = true
    expect(await port.ask('Tokens.Validate', { token: tokenOf(session), required_scope: scope })).toMatchObject({
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
    const port = await openPort()
    expect(
      await port.ask('Tokens.Validate', { token: tokenOf(openSession(port.rig)) }, metadata as Record<string, string>),
    ).toMatchObject({ code: status.UNAUTHENTICATED, type: 'invalid_token', error })
  })

  it('a service token bound to other agents is PERMISSION_DENIED', async () => {
    const port = await openPort()
    const failure = await port.ask(
      'Tokens.Validate',
      { token: tokenOf(openSession(port.rig)) },
      { authorization: `Bearer ${BOUND_TOKEN}` },
    )
    expect(failure).toMatchObject({
      code: status.PERMISSION_DENIED,
      type: 'insufficient_scope',
      error: 'caller_not_bound',
    })
  })

  it('a Vault token without rights on introspection is PERMISSION_DENIED', async () => {
    const port = await openPort()
    port.rig.vault.tokens.set('hvs.nobody', { paths: ['secret'] })
    const failure = await port.ask(
      'Tokens.Validate',
      { token: tokenOf(openSession(port.rig)) },
      { authorization: 'Bearer hvs.nobody' },
    )
    expect(failure).toMatchObject({ code: status.PERMISSION_DENIED, error: 'caller_denied' })
  })

  it('bytes that are no message are INVALID_ARGUMENT in our words', async () => {
    const port = await openPort()
    const failure = await port.ask('Tokens.Validate', Buffer.from([0x0a, 0xff, 0xff]))
    expect(failure).toMatchObject({ code: status.INVALID_ARGUMENT, type: 'invalid_request' })
    expect(failure.details).toContain('does not decode as ValidateRequest')
  })

  it("responds with the message's request id, else with its own; metadata's stands in the record", async () => {
    const port = await openPort()
    const token = tokenOf(openSession(port.rig))
    expect(
      await port.ask('Tokens.Validate', { token }, { ...asService, 'x-request-id': 'from-metadata' }),
    ).toMatchObject({ request_id: ours })
    expect(port.rig.sink.last).toMatchObject({ request_id: ours, caller_request_id: 'from-metadata' })
    expect((await port.ask('Tokens.Validate', { token, request_id: 'two words' })).request_id).toEqual(ours)
    expect(port.rig.sink.last).not.toHaveProperty('caller_request_id')
  })
})

describe('Tokens.Introspect', () => {
  it('answers in the names of RFC 7662', async () => {
    const port = await openPort()
    const session = openSession(port.rig)
    expect(await port.ask('Tokens.Introspect', { token: tokenOf(session), request_id: 'r1' })).toMatchObject({
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
    const port = await openPort()
    expect(
      await port.ask('Tokens.Introspect', { token: spoil(tokenOf(openSession(port.rig))), request_id: 'r2' }),
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
    const port = await openPort()
    expect(
      await port.ask(
        'Tokens.Introspect',
        { token: tokenOf(openSession(port.rig)) },
        { authorization: 'Bearer gst_other' },
      ),
    ).toMatchObject({ code: status.UNAUTHENTICATED, error: 'caller_unknown' })
  })

  it('an outage is no inactive token', async () => {
    const port = await openPort()
    const session = openSession(port.rig)
    port.rig.vault.cutLine()
    expect(await port.ask('Tokens.Introspect', { token: tokenOf(session) })).toMatchObject({ code: status.UNAVAILABLE })
  })
})

describe('Tokens.ValidateStream', () => {
  it('answers each question under its id, as answers come, and ends when the caller has', async () => {
    const rig = await startRig()
    const port = await openPort({}, rig)
    const [slow, quick] = [openSession(rig), openSession(rig)]
    await port.ask('Tokens.Validate', { token: tokenOf(quick) })
    const held = rig.vault.holdAnswers('mcp/introspect')
    const stream = port.open('Tokens.ValidateStream')
    stream.write({ token: tokenOf(slow), required_scope: scope, request_id: 'first' })
    stream.write({ token: tokenOf(quick), required_scope: scope, request_id: 'second' })
    expect(await stream.seen(1)).toMatchObject([{ request_id: 'second', active: true, scope_match: true }])
    held.release()
    expect((await stream.seen(2))[1]).toMatchObject({ request_id: 'first', active: true })
    stream.end()
    expect(await stream.ended).toBeUndefined()
  })

  it('a use after expiry is recorded with where it came from', async () => {
    const rig = await startRig()
    const port = await openPort({}, rig)
    const token = tokenOf(openSession(rig, { ttl: 60 }))
    await rig.clock.advance(61_000)
    const stream = port.open('Tokens.ValidateStream')
    stream.write({ token, request_id: 'late' })
    expect(await stream.seen(1)).toMatchObject([{ request_id: 'late' }])
    expect(rig.sink.last).toMatchObject({ reason: 'expired', late_seconds: 1, address: '127.0.0.1' })
    stream.end()
    await stream.ended
  })

  it('a refusal is a message, and the stream goes on', async () => {
    const port = await openPort()
    const session = openSession(port.rig)
    const stream = port.open('Tokens.ValidateStream')
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
    const port = await openPort()
    const stream = port.open('Tokens.ValidateStream', undefined, {})
    expect(await stream.ended).toMatchObject({ code: status.UNAUTHENTICATED, error: 'caller_missing' })
  })

  it('looks up no more than 64 tokens at a time', async () => {
    const rig = await startRig()
    const port = await openPort({}, rig)
    const held = rig.vault.holdAnswers('mcp/introspect')
    const stream = port.open('Tokens.ValidateStream')
    for (let count = 0; count < 100; count++)
      stream.write({ token: tokenOf(openSession(rig)), request_id: `r${String(count)}` })
    while (held.waiting < 64) await settle()
    for (let turn = 0; turn < 20; turn++) await settle()
    expect(held.waiting).toBe(64)
    held.release()
    stream.end()
    expect(await stream.ended).toBeUndefined()
    expect(new Set(stream.messages.map(({ request_id }) => request_id)).size).toBe(100)
  })

  it('a caller that goes away in the middle disturbs nobody', async () => {
    const rig = await startRig()
    const port = await openPort({}, rig)
    const held = rig.vault.holdAnswers('mcp/introspect')
    const stream = port.open('Tokens.ValidateStream')
    stream.write({ token: tokenOf(openSession(rig)) })
    while (held.waiting < 1) await settle()
    stream.cancel()
    expect(await stream.ended).toMatchObject({ code: status.CANCELLED })
    held.release()
    expect(await port.ask('Tokens.Validate', { token: tokenOf(openSession(rig)) })).toMatchObject({ active: true })
  })
})
