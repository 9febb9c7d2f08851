import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import type { OAuthTokenVerifier } from '@modelcontextprotocol/sdk/server/auth/provider.js'
import { InvalidTokenError, ServerError } from '@modelcontextprotocol/sdk/server/auth/errors.js'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { connect } from '../../src/client/index.ts'
import type { GatewayClient, SessionToken } from '../../src/client/index.ts'
import { startFakeGateway } from '../../src/client/testing.ts'
import type { FakeGateway } from '../../src/client/testing.ts'

let fake: FakeGateway
let gateway: GatewayClient
let session: SessionToken
let verifier: OAuthTokenVerifier

beforeEach(async () => {
  fake = await startFakeGateway()
  gateway = connect({ address: fake.address, token: fake.token })
  session = fake.openSession({
    agent_id: 'claude-billing-agent',
    scopes: ['read:stripe:invoices', 'read:stripe:events'],
    environment: 'production',
  })
  // The annotation is a test too: it must be what the SDK takes.
  verifier = gateway.verifier()
})

afterEach(async () => {
  gateway.close()
  await fake.close()
})

interface Told {
  status: number
  challenge: string | undefined
  body: unknown
  auth: unknown
}

/** The SDK's own middleware with an Express-like answer around it. */
async function bearer(authorization: string | undefined, requiredScopes: string[] = []): Promise<Told> {
  const told: Told = { status: 200, challenge: undefined, body: undefined, auth: undefined }
  const request = { headers: { authorization } }
  const response = {
    set: (_name: string, value: string) => {
      told.challenge = value
      return response
    },
    status: (code: number) => {
      told.status = code
      return response
    },
    json: (body: unknown) => {
      told.body = body
      return response
    },
  }
  const middleware = requireBearerAuth({ verifier, requiredScopes })
  await middleware(request, response, () => undefined)
  told.auth = (request as { auth?: unknown }).auth
  return told
}

describe('under the bearer middleware of the MCP SDK', () => {
  test('a live token passes with all that is known about its session', async () => {
    const { status, auth } = await bearer(`Bearer ${session.token}`)
    expect(status).toBe(200)
    expect(auth).toEqual({
      token: session.token,
      clientId: 'claude-billing-agent',
      scopes: ['read:stripe:invoices', 'read:stripe:events'],
      expiresAt: session.expires_at_unix,
      extra: {
        session_id: session.session_id,
        agent_id: 'claude-billing-agent',
        token_id: session.token_id,
        environment: 'production',
        request_id: expect.stringMatching(/^req_/) as string,
      },
    })
  })

  test('a required scope is found', async () => {
    expect((await bearer(`Bearer ${session.token}`, ['read:stripe:events'])).status).toBe(200)
  })

  test('a missing scope is 403', async () => {
    expect((await bearer(`Bearer ${session.token}`, ['create:stripe:refunds'])).status).toBe(403)
  })

  test.each(['revoked', 'expired'])('%s is 401 with a challenge, also where the scope is missing', async (reason) => {
    fake.endSession(session.session_id, reason)
    const { status, challenge } = await bearer(`Bearer ${session.token}`, ['create:stripe:refunds'])
    expect(status).toBe(401)
    expect(challenge).toContain('error="invalid_token"')
  })

  test('noise is 401 and asks nobody', async () => {
    expect((await bearer('Bearer noise')).status).toBe(401)
    expect(fake.calls).toEqual([])
  })

  test('a gateway that is down is 500 without challenge, so that the client keeps its token', async () => {
    await fake.close()
    const { status, challenge, body } = await bearer(`Bearer ${session.token}`)
    expect([status, challenge]).toEqual([500, undefined])
    expect(body).toEqual({
      error: 'server_error',
      error_description: 'the gateway cannot be reached; keep the token and retry',
    })
  })

  test('an outage of Vault behind the gateway is 500 as well', async () => {
    fake.fail(
      'Validate',
      { type: 'unavailable', code: 'engine_unreachable', message: 'Vault cannot be reached; try again.' },
      10,
    )
    const { status, body } = await bearer(`Bearer ${session.token}`)
    expect(status).toBe(500)
    expect(body).toMatchObject({ error_description: 'Vault cannot be reached; keep the token and retry' })
  })

  test('a refused service token is 500: it is not the agent whose credential is wrong', async () => {
    fake.fail('Validate', {
      type: 'invalid_token',
      code: 'caller_unknown',
      message: 'the service token is not known to this gateway',
    })
    expect((await bearer(`Bearer ${session.token}`)).status).toBe(500)
  })

  test('UNAUTHENTICATED by something on the way is 500: only the gateway calls a token invalid', async () => {
    fake.fail('Validate', { grpc: 16, message: 'proxy authentication' })
    expect((await bearer(`Bearer ${session.token}`)).status).toBe(500)
  })

  test('a reason cannot break out of the challenge', async () => {
    fake.fail('Validate', { type: 'invalid_token', code: 'expired', message: 'over", realm="x\\\r\nX-Y: z' })
    const { challenge } = await bearer(`Bearer ${session.token}`)
    expect(challenge).toBe('Bearer error="invalid_token", error_description="over\', realm=\'x\'  X-Y: z"')
  })
})

test('the errors are those of the SDK', async () => {
  fake.endSession(session.session_id)
  await expect(verifier.verifyAccessToken(session.token)).rejects.toBeInstanceOf(InvalidTokenError)
  await fake.close()
  await expect(verifier.verifyAccessToken(session.token)).rejects.toBeInstanceOf(ServerError)
})

/** As SDK 2.x tells its errors, across all copies of itself. */
const isBranded = (thrown: unknown): boolean =>
  (thrown as Record<symbol, Set<string> | undefined>)[Symbol.for('mcp.sdk.errorBrands')]?.has('mcp.OAuthError') === true

test.each([
  ['a revoked token', () => session.token, 'invalid_token'],
  ['noise', () => 'noise', 'invalid_token'],
  ['a gateway that is down', () => session.token, 'server_error'],
])('%s is recognised by SDK 2.x too', async (name, token, code) => {
  if (code === 'server_error') await fake.close()
  else fake.endSession(session.session_id)
  const thrown = await verifier.verifyAccessToken(token()).catch((error: unknown) => error)
  expect([name, isBranded(thrown), (thrown as { code: string }).code]).toEqual([name, true, code])
  expect((thrown as { toResponseObject(): object }).toResponseObject()).toMatchObject({ error: code })
})

test('the scopes are those the session has now, so that a narrowed one is 403', async () => {
  fake.changeScopes(session.session_id, ['read:stripe:events'])
  const { status, auth } = await bearer(`Bearer ${session.token}`)
  expect([status, (auth as { scopes: string[] }).scopes]).toEqual([200, ['read:stripe:events']])
  expect((await bearer(`Bearer ${session.token}`, ['read:stripe:invoices'])).status).toBe(403)
})

test('the errors of another copy of the SDK can be given', async () => {
  class Invalid extends Error {}
  class Down extends Error {}
  const own = gateway.verifier({ errors: { InvalidTokenError: Invalid, ServerError: Down } })
  await expect(own.verifyAccessToken('noise')).rejects.toBeInstanceOf(Invalid)
})
