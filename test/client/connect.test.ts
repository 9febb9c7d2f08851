import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { connect, GatewayError } from '../../src/client/index.ts'
import type { ConnectOptions, GatewayClient, SessionToken } from '../../src/client/index.ts'
import { startFakeGateway } from '../../src/client/testing.ts'
import type { FakeGateway } from '../../src/client/testing.ts'
import { until } from './until.ts'

let fake: FakeGateway
let gateway: GatewayClient
let session: SessionToken

beforeEach(async () => {
  fake = await startFakeGateway()
  gateway = connect({ address: fake.address, token: fake.token })
  session = fake.openSession({ agent_id: 'claude-billing-agent', scopes: ['read:stripe:invoices'] })
})

afterEach(async () => {
  gateway.close()
  await fake.close()
})

describe('connect refuses', () => {
  test.each<[string, Partial<ConnectOptions>, RegExp]>([
    ['no address', { address: undefined }, /address must be host:port/],
    ['an address with a scheme', { address: 'http://127.0.0.1:8250' }, /without a scheme/],
    ['an address without port', { address: '127.0.0.1' }, /host:port/],
    ['an unencrypted address elsewhere', { address: 'gateway.internal:8250' }, /unencrypted/],
    ['an unencrypted name that only looks local', { address: 'localhost.evil.example:8250' }, /unencrypted/],
    ['no token', { token: undefined }, /token is empty.*MCP_GATEWAY_TOKEN/],
    ['an empty token', { token: '' }, /token is empty/],
    ['a token with a line break', { token: 'gst_x\r\nx-evil: 1' }, /printable ASCII/],
    ['a deadline of nothing', { deadlineMs: 0 }, /deadlineMs/],
    ['half a client certificate', { tls: { cert: 'pem' } }, /belong together/],
  ])('%s', (_, wrong, sentence) => {
    const attempt = () => connect({ address: '127.0.0.1:8250', token: 'gst_x', ...wrong })
    expect(attempt).toThrow(sentence)
    expect(attempt).toThrow(GatewayError)
  })

  test.each<[string, Partial<ConnectOptions>]>([
    ['TLS anywhere', { address: 'gateway.internal:8250', tls: true }],
    ['plaintext elsewhere, when said', { address: 'gateway.internal:8250', plaintext: true }],
    ['IPv6 of this machine', { address: '[::1]:8250' }],
    ['a socket', { address: 'unix:/run/mcp-gateway.sock' }],
  ])('but not %s', (_, right) => {
    connect({ address: '127.0.0.1:8250', token: 'gst_x', ...right }).close()
  })
})

describe('validate', () => {
  test('tells what the session is and whether it covers a scope', async () => {
    expect(await gateway.validate(session.token, 'read:stripe:invoices', { requestId: 'r-1' })).toMatchObject({
      active: true,
      scope_match: true,
      required_scope: 'read:stripe:invoices',
      session_id: session.session_id,
      agent_id: 'claude-billing-agent',
      token_id: session.token_id,
      scopes: ['read:stripe:invoices'],
      expires_at: session.expires_at,
      expires_at_unix: session.expires_at_unix,
      request_id: 'r-1',
    })
  })

  test('a scope that is not covered is a response, not an error', async () => {
    expect(await gateway.validate(session.token, 'create:stripe:refunds')).toMatchObject({
      active: true,
      scope_match: false,
    })
  })

  test('a dead session is an error with its reason', async () => {
    fake.endSession(session.session_id, 'expired')
    await expect(gateway.validate(session.token)).rejects.toMatchObject({
      name: 'GatewayError',
      type: 'invalid_token',
      code: 'expired',
      request_id: expect.stringMatching(/^req_/) as string,
    })
  })

  test('a credential of another kind is not sent', async () => {
    await expect(gateway.validate('hvs.CAESIvaulttoken')).rejects.toMatchObject({
      type: 'invalid_token',
      code: 'malformed',
    })
    expect(fake.calls).toEqual([])
  })

  test('a token with a typing error is not sent', async () => {
    const wrong = session.token.slice(0, -1) + (session.token.endsWith('0') ? '1' : '0')
    await expect(gateway.validate(wrong)).rejects.toMatchObject({ code: 'malformed' })
  })

  test('is asked again when the gateway was unavailable for a moment', async () => {
    fake.fail('Validate', { type: 'unavailable', message: 'starting' }, 2)
    expect(await gateway.validate(session.token)).toMatchObject({ active: true })
    expect(fake.calls).toHaveLength(3)
  })

  test('is not asked again when it was refused', async () => {
    fake.fail('Validate', { type: 'invalid_token', code: 'unknown', message: 'not known' })
    await expect(gateway.validate(session.token)).rejects.toMatchObject({ code: 'unknown' })
    expect(fake.calls).toHaveLength(1)
  })

  test('ends at its deadline as unavailable', async () => {
    fake.fail('Validate', 'silence')
    await expect(gateway.validate(session.token, '', { deadlineMs: 50 })).rejects.toMatchObject({
      type: 'unavailable',
      code: 'deadline_exceeded',
      message: 'the gateway did not respond in time',
    })
  })

  test('ends with its signal', async () => {
    fake.fail('Validate', 'silence')
    const giveUp = new AbortController()
    const pending = gateway.validate(session.token, '', { signal: giveUp.signal })
    await until(() => fake.calls.length === 1)
    giveUp.abort(new Error('enough'))
    await expect(pending).rejects.toThrow('enough')
  })

  test('never names the token in an error', async () => {
    fake.endSession(session.session_id)
    const thrown = await gateway.validate(session.token).catch((error: unknown) => error as Error)
    expect(JSON.stringify(thrown) + String(thrown) + String((thrown as Error).stack)).not.toContain(session.token)
  })
})

describe('introspect', () => {
  test('answers in the words of RFC 7662', async () => {
    expect(await gateway.introspect(session.token)).toMatchObject({
      active: true,
      scope: 'read:stripe:invoices',
      client_id: 'claude-billing-agent',
      sub: session.session_id,
      jti: session.token_id,
      token_type: 'phantom',
      exp: session.expires_at_unix,
    })
  })

  test('a dead token is inactive', async () => {
    fake.endSession(session.session_id)
    expect(await gateway.introspect(session.token)).toMatchObject({ active: false, scope: '' })
  })
})

describe('the credential of this server', () => {
  test('is asked for before every call, so that it can change', async () => {
    let token: string | undefined = 'gst_old'
    const rotating = connect({ address: fake.address, token: () => token })
    await expect(rotating.validate(session.token)).rejects.toMatchObject({
      type: 'invalid_token',
      code: 'caller_unknown',
    })
    token = fake.token
    expect(await rotating.validate(session.token)).toMatchObject({ active: true })
    token = undefined
    await expect(rotating.validate(session.token)).rejects.toMatchObject({
      message: expect.stringContaining('token is empty') as string,
    })
    rotating.close()
  })
})

test('a gateway that comes up later is found by the same client', async () => {
  const patient = connect({ address: fake.address, token: () => fake.token })
  const port = Number(fake.address.split(':')[1])
  await fake.close()
  await expect(patient.validate(session.token)).rejects.toMatchObject({
    type: 'unavailable',
    code: 'gateway_unreachable',
  })
  fake = await startFakeGateway({ port })
  const { token } = fake.openSession()
  await expect
    .poll(() => patient.validate(token).catch(() => undefined), { timeout: 10_000 })
    .toMatchObject({ active: true })
  patient.close()
})
