/** Calls under way: cut as soon as it is known that they may not go on. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GatewayFailure } from '../../../src/gateway/error.ts'
import type { OpenCall } from '../../../src/gateway/decision/open-call.ts'
import { authorize, openSession, service, startHarness, tokenOf, outcomeOf, validate } from '../harness.ts'
import type { GatewayHarness } from '../harness.ts'
import type { FakeSession } from '../../fakes/engine.ts'

let harness: GatewayHarness
let session: FakeSession
let call: OpenCall
beforeEach(async () => {
  harness = await startHarness()
  session = openSession(harness)
  call = await authorize(harness, tokenOf(session))
})
afterEach(() => harness.stop())

const reasonOf = (open: OpenCall): unknown =>
  open.signal.aborted ? (open.signal.reason as GatewayFailure).code : 'open'

describe('a call is cut', () => {
  it.each([
    [
      'its session is ended',
      () => {
        harness.engine.end(session)
      },
      'revoked',
    ],
    [
      'its token is revoked',
      () => {
        harness.engine.endToken(session, session.tokens[0]!, 'lease revoked')
      },
      'revoked',
    ],
    [
      'its agent is revoked',
      () => {
        harness.engine.revokeAgent('claude-billing-agent')
      },
      'revoked',
    ],
    [
      'its scope is taken away',
      () => {
        harness.engine.agent('claude-billing-agent', { scopes: ['read:stripe:customers:id-only'] })
      },
      'insufficient_scope',
    ],
    [
      'its tool is removed',
      () => {
        harness.engine.remove('tools/stripe/invoices')
      },
      'no_tool',
    ],
    [
      'its tool no longer covers the operation',
      () => {
        harness.engine.tool('stripe', 'invoices', ['GET /v1/invoices/{id}'])
      },
      'no_tool',
    ],
    [
      'its upstream is removed',
      () => {
        harness.engine.remove('upstreams/stripe')
      },
      'no_tool',
    ],
    [
      'its upstream moves elsewhere',
      () => {
        harness.engine.upstream('stripe', { url: 'https://elsewhere.example' })
      },
      'upstream_changed',
    ],
    [
      'its upstream takes another key',
      () => {
        harness.engine.upstream('stripe', { kv_path: 'mcp/other' })
      },
      'upstream_changed',
    ],
    [
      'less of the answer may pass',
      () => {
        harness.engine.tool('stripe', 'invoices', ['GET /v1/invoices'], { fields: ['data[].id'] })
      },
      'grant_changed',
    ],
    [
      'a policy denies its tool',
      () => {
        harness.engine.put('policies/p', {
          name: 'p',
          policy: 'path "tools/stripe/invoices" { capabilities = ["deny"] }',
        })
        harness.engine.agent('claude-billing-agent', { policies: ['p'] })
      },
      'denied',
    ],
  ])('when %s', async (_case, change, reason) => {
    change()
    await harness.flush()
    expect(reasonOf(call)).toBe(reason)
    expect(call.stillFresh()).toBe(false)
    expect(harness.core.openCalls.size).toBe(0)
  })

  it('in the very turn the event is learnt, before anything else runs', () => {
    harness.core.follower.applyOwn({
      type: 'session_ended',
      session_id: session.session_id,
      reason: 'closed',
      sequence: Number.MAX_SAFE_INTEGER,
    })
    expect(reasonOf(call)).toBe('revoked')
  })

  it('when an ancestor is ended', async () => {
    const child = openSession(harness, { parent: session })
    const below = await authorize(harness, tokenOf(child))
    harness.engine.end(session)
    await harness.flush()
    expect([reasonOf(call), reasonOf(below)]).toEqual(['revoked', 'revoked'])
  })

  it("at hard expiry, to the millisecond of the engine's clock", async () => {
    await harness.clock.advance(899_000)
    expect(reasonOf(call)).toBe('open')
    await harness.clock.advance(1_000)
    expect(reasonOf(call)).toBe('expired')
  })

  it("as soon as the engine's clock is learnt to be further on than thought, though the timer is set for later", async () => {
    harness.engine.clockAheadMs = 900_000
    await harness.clock.advance(1_000)
    expect(call.stillFresh()).toBe(false)
    expect(reasonOf(call)).toBe('expired')
  })

  it('when its caller goes away', async () => {
    const gone = new AbortController()
    const open = await authorize(harness, tokenOf(session), { signal: gone.signal })
    gone.abort()
    expect(reasonOf(open)).toBe('caller_gone')
    expect(harness.core.openCalls.size).toBe(1)
  })

  it('when a look-up of its token says that it is revoked, before the feed does', async () => {
    const confirmation = harness.vault.holdResponses(
      ({ path, body }) => path === 'mcp/introspect' && body?.session_id !== undefined,
    )
    harness.engine.restart()
    await harness.flush()
    expect(confirmation.waiting).toBe(1)
    harness.vault.holdResponses('mcp/feed')
    harness.engine.end(session, 'lease revoked')
    const validation = outcomeOf(validate(harness, tokenOf(session)))
    // What waits behind a look-up goes out beside it after 25 ms.
    await harness.clock.advance(25)
    expect(await validation).toBe('invalid_token reuse_after_revocation')
    expect(reasonOf(call)).toBe('revoked')
    confirmation.release()
  })

  it('when the engine restarted and does not know the session any more', async () => {
    harness.engine.sessions.clear()
    harness.engine.restart()
    await harness.flush()
    expect(reasonOf(call)).toBe('revoked')
  })
})

describe('a call goes on', () => {
  it.each([
    [
      'another session is ended',
      () => {
        harness.engine.end(openSession(harness))
      },
    ],
    [
      'another agent is revoked',
      () => {
        harness.engine.revokeAgent('other-agent')
      },
    ],
    [
      'a younger token supersedes its own',
      () => {
        harness.engine.refresh(session)
        harness.engine.endToken(session, session.tokens[0]!, 'superseded')
      },
    ],
    [
      'another tool changes',
      () => {
        harness.engine.tool('stripe', 'refunds', ['POST /v1/refunds', 'GET /v1/refunds'])
      },
    ],
    [
      'scopes are added',
      () => {
        harness.engine.agent('claude-billing-agent', { scopes: ['read:stripe:invoices', 'read:stripe:customers'] })
      },
    ],
    [
      'its upstream only changes its limits',
      () => {
        harness.engine.upstream('stripe', { timeout: 5 })
      },
    ],
    [
      'the engine restarts and still knows the session',
      () => {
        harness.engine.restart()
      },
    ],
  ])('when %s', async (_case, change) => {
    change()
    await harness.flush()
    expect(reasonOf(call)).toBe('open')
    expect(call.stillFresh()).toBe(true)
  })

  it("past its own token's expiry while its session has a younger live one, and no longer", async () => {
    await harness.clock.advance(600_000)
    harness.engine.refresh(session)
    await harness.flush()
    await harness.clock.advance(400_000)
    expect(reasonOf(call)).toBe('open')
    expect(await outcomeOf(authorize(harness, session.tokens[0]!.token))).toBe('invalid_token expired')
    await harness.clock.advance(500_000)
    expect(reasonOf(call)).toBe('expired')
  })
})

describe('out of contact', () => {
  it('no byte passes once the state is older than the upstream allows', async () => {
    harness.vault.cutLine()
    await harness.clock.advance(5_000)
    expect(call.stillFresh()).toBe(true)
    await harness.clock.advance(1_001)
    expect(call.stillFresh()).toBe(false)
    expect(() => {
      call.require()
    }).toThrow(expect.objectContaining({ type: 'unavailable', code: 'stale' }) as Error)
  })

  it('no byte passes when a change cannot be judged within that time', async () => {
    const held = harness.vault.holdResponses('mcp/tools/stripe')
    harness.engine.tool('stripe', 'invoices', [])
    await harness.flush()
    await harness.clock.advance(5_000)
    expect(call.stillFresh()).toBe(true)
    await harness.clock.advance(1)
    expect(call.stillFresh()).toBe(false)
    expect(reasonOf(call)).toBe('stale')
    held.release()
  })

  it('what was known before a change that is heard late counts from when it was known', async () => {
    const feed = harness.vault.holdResponses('mcp/feed')
    const held = harness.vault.holdResponses('mcp/tools/stripe')
    harness.engine.tool('stripe', 'invoices', [])
    await harness.clock.advance(2_500)
    feed.release()
    await harness.flush()
    expect(call.stillFresh()).toBe(true)
    await harness.clock.advance(2_600)
    expect(harness.core.freshness.isFresh('high')).toBe(true)
    expect(call.stillFresh()).toBe(false)
    expect(reasonOf(call)).toBe('stale')
    held.release()
  })

  it('no byte passes when a session cannot be confirmed after a restart of the engine', async () => {
    const held = harness.vault.holdResponses('mcp/introspect')
    harness.engine.restart()
    await harness.flush()
    await harness.clock.advance(5_001)
    expect(call.stillFresh()).toBe(false)
    expect(reasonOf(call)).toBe('stale')
    held.release()
  })

  it('a session counts from when it was known, where a restart of the engine is heard late', async () => {
    const feed = harness.vault.holdResponses('mcp/feed')
    const held = harness.vault.holdResponses('mcp/introspect')
    harness.engine.restart()
    await harness.clock.advance(2_500)
    feed.release()
    await harness.flush()
    expect(call.stillFresh()).toBe(true)
    await harness.clock.advance(2_600)
    expect(harness.core.freshness.isFresh('high')).toBe(true)
    expect(call.stillFresh()).toBe(false)
    expect(reasonOf(call)).toBe('stale')
    held.release()
  })

  it('the time that the machine slept counts as time in which a session could not be confirmed', async () => {
    const held = harness.vault.holdResponses('mcp/introspect')
    harness.engine.restart()
    await harness.flush()
    await harness.clock.advance(1_000)
    harness.clock.sleepThrough(4_001)
    await harness.clock.advance(4_000)
    // The feed is followed again, so that what is known of other sessions is fresh.
    expect(harness.core.freshness.isFresh('high')).toBe(true)
    expect(call.stillFresh()).toBe(false)
    expect(reasonOf(call)).toBe('stale')
    held.release()
  })

  it('the time that the machine slept counts as time in which a change could not be judged', async () => {
    const held = harness.vault.holdResponses('mcp/tools/stripe')
    harness.engine.tool('stripe', 'invoices', [])
    await harness.flush()
    await harness.clock.advance(1_000)
    harness.clock.sleepThrough(4_001)
    await harness.clock.advance(4_000)
    expect(call.stillFresh()).toBe(false)
    expect(reasonOf(call)).toBe('stale')
    held.release()
  })
})

it('sends no key once its own token has expired, though its session goes on by a younger one', async () => {
  await harness.clock.advance(600_000)
  harness.engine.refresh(session)
  await harness.flush()
  expect(call.whyNotBegin()).toBeUndefined()
  await harness.clock.advance(300_000)
  expect(call.stillFresh()).toBe(true)
  expect(call.whyNotBegin()).toMatchObject({ type: 'invalid_token', code: 'expired' })
})

it('is over at once when the session ended between the look-up and the call', async () => {
  const other = openSession(harness)
  let written = () => undefined as void
  harness.sink.gate = new Promise((resolve) => {
    written = resolve
  })
  const pending = authorize(harness, tokenOf(other))
  await harness.flush()
  harness.engine.end(other)
  await harness.flush()
  written()
  const open = await pending
  expect(() => {
    open.require()
  }).toThrow(expect.objectContaining({ code: 'revoked' }) as Error)
})

it('tells watchers once, as soon as it is known', async () => {
  const heard: string[] = []
  await harness.core.decisions.watch(
    { key: { session_id: session.session_id }, requestId: 'w', caller: service },
    (reason) => heard.push(reason),
  )
  const cancelled = await harness.core.decisions.watch(
    { key: { token: tokenOf(session) }, requestId: 'w', caller: service },
    () => heard.push('cancelled watch'),
  )
  cancelled.cancel()
  harness.engine.end(session)
  await harness.flush()
  harness.engine.revokeAgent('claude-billing-agent')
  await harness.flush()
  expect(heard).toEqual(['revoked'])
})
