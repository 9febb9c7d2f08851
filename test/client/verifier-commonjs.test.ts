/** In a file of its own: what `require` has loaded is seen by the whole process. */
import { createRequire } from 'node:module'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connect } from '../../src/client/index.ts'
import type { GatewayClient } from '../../src/client/index.ts'
import { startFakeGateway } from '../../src/client/testing.ts'
import type { FakeGateway } from '../../src/client/testing.ts'

type Middleware = (request: object, response: object, next: () => void) => Promise<void>
const require = createRequire(import.meta.url)
const { requireBearerAuth } = require('@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js') as {
  requireBearerAuth: (options: object) => Middleware
}

let fake: FakeGateway
let gateway: GatewayClient

beforeEach(async () => {
  fake = await startFakeGateway()
  gateway = connect({ address: fake.address, token: fake.token })
})
afterEach(async () => {
  gateway.close()
  await fake.close()
})

async function statusOf(token: string): Promise<number> {
  let status = 200
  const response = { set: () => response, status: (code: number) => ((status = code), response), json: () => response }
  const middleware = requireBearerAuth({ verifier: gateway.verifier() })
  await middleware({ headers: { authorization: `Bearer ${token}` } }, response, () => undefined)
  return status
}

test('under the middleware a CommonJS program requires, a live token passes', async () => {
  expect(await statusOf(fake.openSession().token)).toBe(200)
})

test('and a revoked or malformed one is 401', async () => {
  const session = fake.openSession()
  fake.endSession(session.session_id)
  expect([await statusOf(session.token), await statusOf('svt_prod_noise')]).toEqual([401, 401])
})

test('and an outage is 500, never 401', async () => {
  const { token } = fake.openSession()
  await fake.close()
  expect(await statusOf(token)).toBe(500)
})
