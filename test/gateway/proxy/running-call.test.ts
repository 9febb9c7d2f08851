/** One call between its judgement and its first byte: what may no longer be true by the time there is a connection. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ClientExchange, ClientPool, RequestHead, ResponseHandler } from '../../../src/http-client/index.ts'
import { Deadlines } from '../../../src/logical/deadlines.ts'
import type { WithDeadline } from '../../../src/logical/deadlines.ts'
import { silentLogger } from '../../../src/logical/log.ts'
import { parseTarget } from '../../../src/gateway/call/target.ts'
import type { Egress } from '../../../src/gateway/proxy/egress.ts'
import { Keys } from '../../../src/gateway/proxy/keys.ts'
import { UpstreamCalls } from '../../../src/gateway/proxy/upstream-calls.ts'
import type { UpstreamCallResponse } from '../../../src/gateway/proxy/upstream-request.ts'
import { settle } from '../../fakes/clock.ts'
import type { FakeSession } from '../../fakes/engine.ts'
import { itself, openSession, outcomeOf, startHarness, tokenOf } from '../harness.ts'
import type { GatewayHarness } from '../harness.ts'

let harness: GatewayHarness
let session: FakeSession
/** What the client was given to send, and whom it tells. */
let sent: { head: RequestHead; handler: ResponseHandler } | undefined
let aborted: Error | undefined

beforeEach(async () => {
  harness = await startHarness()
  session = openSession(harness)
  sent = undefined
  aborted = undefined
})
afterEach(() => harness.stop())

/** Asks for one call whose connection is not there yet. */
async function begin(): Promise<{ response: Promise<UpstreamCallResponse> }> {
  const { core, clock, vault } = harness
  const nothing = () => undefined
  const pool: Pick<ClientPool, 'send'> = {
    send: (head, handler): ClientExchange => {
      sent = { head, handler }
      const abort = (error: Error) => {
        aborted = error
      }
      return { write: () => true, end: nothing, pause: nothing, resume: nothing, abort }
    },
  }
  const egress = { deadlines: new Deadlines<WithDeadline>(clock), poolFor: () => pool } as unknown as Egress
  const limitMs = (sensitivity: string) => core.freshness.limitMs(sensitivity)
  const keys = new Keys({
    vault: vault.client(),
    mount: 'mcp',
    clock,
    logger: silentLogger,
    consent: 'enforce',
    limitMs,
  })
  const calls = new UpstreamCalls({ ...core, keys, egress, clock })
  const response = calls.perform({
    token: tokenOf(session),
    method: 'GET',
    ...parseTarget('/u/stripe/v1/invoices'),
    headers: [],
    body: undefined,
    contentLength: undefined,
    callerBase: '/u/stripe',
    requestId: 'req-1',
    caller: itself,
    signal: new AbortController().signal,
  })
  response.catch(nothing)
  for (let turns = 0; turns < 20 && sent === undefined; turns++) await settle()
  return { response }
}

/** What the caller is told when the connection is there and the client asks whether to send. */
function connected(): Error | undefined {
  const reason = sent!.handler.whyNotSend()
  if (reason) sent!.handler.onError(reason)
  return reason
}

describe('when there is a connection', () => {
  it('allow: the request goes out with the key while all of it still holds', async () => {
    const { response } = await begin()
    expect(connected()).toBeUndefined()
    expect(sent!.head.headers).toContain('Bearer sk_live_secret')
    sent!.handler.onHead(204, [])
    sent!.handler.onEnd([])
    expect((await response).status).toBe(204)
  })

  it.each<[string, string, () => unknown]>([
    [
      'its session was ended',
      'invalid_token revoked',
      () => {
        harness.engine.end(session)
      },
    ],
    [
      'its token was revoked',
      'invalid_token revoked',
      () => {
        harness.engine.endToken(session, session.tokens[0]!, 'lease revoked')
      },
    ],
    [
      'its scope was taken away',
      'insufficient_scope insufficient_scope',
      () => {
        harness.engine.agent('claude-billing-agent', { scopes: [] })
      },
    ],
  ])('deny: nothing goes out where %s meanwhile', async (_what, refusal, change) => {
    const { response } = await begin()
    change()
    await harness.flush()
    expect(await outcomeOf(response)).toBe(refusal)
    expect(sent!.handler.whyNotSend()).toBeInstanceOf(Error)
    expect(aborted).toBeInstanceOf(Error)
  })

  it('deny: nothing goes out where its own token ran out meanwhile', async () => {
    const { response } = await begin()
    await harness.clock.advance(3_600_000)
    expect(sent!.handler.whyNotSend()).toBeInstanceOf(Error)
    expect(await outcomeOf(response)).not.toBe('allowed')
  })
})
