/** Look-ups and changes that cross on the wire: whatever order answers arrive in, a revoke is never lost. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { authorize, openSession, startHarness, tokenOf, validate, outcomeOf } from '../harness.ts'
import type { GatewayHarness } from '../harness.ts'
import type { FakeSession } from '../../fakes/engine.ts'

let harness: GatewayHarness
beforeEach(async () => {
  harness = await startHarness()
})
afterEach(() => harness.stop())

/** Asks about a token; the engine's response is made now and delivered after `between` has run. */
async function lookUpAcross(session: FakeSession, between: () => void | Promise<void>): Promise<string> {
  const held = harness.vault.holdResponses('mcp/introspect')
  const pending = outcomeOf(validate(harness, tokenOf(session)))
  await harness.flush()
  expect(held.waiting).toBe(1)
  await between()
  await harness.flush()
  held.release()
  await harness.flush()
  return pending
}

describe('a look-up whose response is late', () => {
  it.each([
    [
      'the session is ended',
      (session: FakeSession) => {
        harness.engine.end(session)
      },
    ],
    [
      'the token is ended',
      (session: FakeSession) => {
        harness.engine.endToken(session, session.tokens[0]!, 'lease revoked')
      },
    ],
    [
      'the agent is revoked',
      () => {
        harness.engine.revokeAgent('claude-billing-agent')
      },
    ],
    [
      'the whole mount is revoked',
      () => {
        harness.engine.publish({ type: 'mount_generation', generation: 1 })
      },
    ],
  ])('does not revive it when meanwhile %s', async (_case, end) => {
    const session = openSession(harness)
    expect(
      await lookUpAcross(session, () => {
        end(session)
      }),
    ).toBe('invalid_token reuse_after_revocation')
    // Nor is the late "yes" left in the cache.
    expect(await outcomeOf(validate(harness, tokenOf(session)))).toBe('invalid_token reuse_after_revocation')
  })

  it('does not revive it when an ancestor is ended meanwhile', async () => {
    const parent = openSession(harness)
    const child = openSession(harness, { parent })
    expect(
      await lookUpAcross(child, () => {
        harness.engine.end(parent)
      }),
    ).toBe('invalid_token reuse_after_revocation')
  })

  it('is not spoilt by the end of another session', async () => {
    const other = openSession(harness)
    expect(
      await lookUpAcross(openSession(harness), () => {
        harness.engine.end(other)
      }),
    ).toBe('allowed')
    expect(harness.vault.count('mcp/introspect')).toBe(1)
  })

  it('is asked again when the engine restarted meanwhile, because the response is of an epoch that is gone', async () => {
    expect(
      await lookUpAcross(openSession(harness), () => {
        harness.engine.restart()
      }),
    ).toBe('allowed')
    expect(harness.vault.count('mcp/introspect')).toBe(2)
  })

  it('is asked again, and denied, when the engine restarted and forgot meanwhile', async () => {
    const session = openSession(harness)
    expect(
      await lookUpAcross(session, () => {
        harness.engine.sessions.clear()
        harness.engine.restart()
      }),
    ).toBe('invalid_token unknown')
  })

  it('waits for the feed when the response is of an epoch the feed has not told of yet', async () => {
    const session = openSession(harness)
    const feed = harness.vault.holdResponses('mcp/feed')
    // The poll under way ends; the next one is held.
    await harness.clock.advance(1_000)
    harness.engine.restart()
    await harness.flush()
    const pending = outcomeOf(validate(harness, tokenOf(session)))
    await harness.flush()
    expect(harness.core.sessionCache.size).toBe(0)
    feed.release()
    await harness.flush()
    expect(await pending).toBe('allowed')
  })

  it('carries a renewal that happened meanwhile', async () => {
    const session = openSession(harness, { ttl: 100 })
    await lookUpAcross(session, () => {
      session.tokens[0]!.expires_at_unix += 500
      harness.engine.publish({
        type: 'expiry',
        session_id: session.session_id,
        token_id: session.tokens[0]!.token_id,
        expires_at_unix: session.tokens[0]!.expires_at_unix,
        newest: true,
      })
    })
    const requested = harness.vault.count('mcp/introspect')
    await harness.clock.advance(200_000)
    expect(await outcomeOf(validate(harness, tokenOf(session)))).toBe('allowed')
    expect(harness.vault.count('mcp/introspect')).toBe(requested)
  })
})

describe('the cache', () => {
  it('is not trusted by a request that was under way when everything known was dropped', async () => {
    const session = openSession(harness)
    await validate(harness, tokenOf(session))
    let written = () => undefined as void
    harness.sink.gate = new Promise((resolve) => {
      written = resolve
    })
    const [pending, called] = [
      outcomeOf(validate(harness, tokenOf(session))),
      outcomeOf(
        authorize(harness, tokenOf(session)).then((call) => {
          call.require()
        }),
      ),
    ]
    await harness.flush()
    // Ended and restarted: the event is lost with the old engine.
    session.ended = 'closed'
    harness.engine.restart()
    await harness.flush()
    written()
    expect(await pending).toBe('invalid_token reuse_after_revocation')
    expect(await called).toBe('invalid_token revoked')
  })

  it('does not apply to a response what the response reflects already', async () => {
    const session = openSession(harness, { ttl: 900 })
    const original = harness.engine.feed.bind(harness.engine)
    // The feed is behind, and tells one event at a time.
    let deliver = 0
    harness.engine.feed = async (query, signal) => {
      const response = await original(query, signal)
      const events = (response.events as { sequence: number }[]).slice(0, deliver)
      deliver -= events.length
      return { ...response, events, sequence: events.at(-1)?.sequence ?? query.after }
    }
    // The poll that was under way ends first.
    await harness.clock.advance(1_000)
    const { token_id, expires_at_unix } = session.tokens[0]!
    for (const at of [expires_at_unix - 850, expires_at_unix])
      harness.engine.publish({
        type: 'expiry',
        session_id: session.session_id,
        token_id,
        expires_at_unix: at,
        newest: true,
      })
    const before = harness.core.follower.position.feed_sequence
    await validate(harness, tokenOf(session))
    deliver = 1
    await harness.clock.advance(60_000)
    expect(harness.core.follower.position.feed_sequence).toBe(before + 1)
    expect(await outcomeOf(validate(harness, tokenOf(session)))).toBe('allowed')
    expect(harness.vault.count('mcp/introspect')).toBe(1)
  })

  it('asks once for many requests with one token at the same time', async () => {
    const token = tokenOf(openSession(harness))
    await Promise.all(Array.from({ length: 20 }, () => validate(harness, token)))
    expect(harness.vault.count('mcp/introspect')).toBe(1)
  })

  it('does not keep "unknown": a token issued a moment later is good', async () => {
    const session = openSession(harness)
    harness.engine.sessions.clear()
    expect(await outcomeOf(validate(harness, tokenOf(session)))).toBe('invalid_token unknown')
    harness.engine.sessions.set(session.session_id, session)
    expect(await outcomeOf(validate(harness, tokenOf(session)))).toBe('allowed')
  })

  it('keeps the old token good after a refresh, and the session alive with the new one', async () => {
    const session = openSession(harness, { ttl: 100 })
    const old = tokenOf(session)
    await validate(harness, old)
    await harness.clock.advance(50_000)
    const young = harness.engine.refresh(session, 100).token
    await harness.flush()
    expect(await outcomeOf(validate(harness, old))).toBe('allowed')
    await harness.clock.advance(50_000)
    expect(await outcomeOf(validate(harness, old))).toBe('invalid_token expired')
    expect(await outcomeOf(validate(harness, young))).toBe('allowed')
  })

  it('refuses a superseded token the engine ended, and keeps the others', async () => {
    const session = openSession(harness)
    const old = session.tokens[0]!
    await validate(harness, old.token)
    const young = harness.engine.refresh(session)
    harness.engine.endToken(session, old, 'superseded')
    await harness.flush()
    expect(await outcomeOf(validate(harness, old.token))).toBe('invalid_token reuse_after_revocation')
    expect(await outcomeOf(validate(harness, young.token))).toBe('allowed')
  })

  it('asks again about a session whose youngest token was undone', async () => {
    const session = openSession(harness, { ttl: 100 })
    const old = session.tokens[0]!
    await validate(harness, old.token)
    const undone = harness.engine.refresh(session, 900)
    harness.engine.endToken(session, undone, 'undone')
    await harness.flush()
    const call = await authorize(harness, old.token)
    await harness.clock.advance(100_000)
    expect(call.signal.reason).toMatchObject({ code: 'expired' })
  })

  it('drops everything when the engine restarts', async () => {
    const token = tokenOf(openSession(harness))
    await validate(harness, token)
    harness.engine.restart()
    await harness.flush()
    expect(harness.core.sessionCache.size).toBe(0)
    expect(await outcomeOf(validate(harness, token))).toBe('allowed')
    expect(harness.vault.count('mcp/introspect')).toBe(2)
  })

  it('drops everything on an event it does not understand', async () => {
    await validate(harness, tokenOf(openSession(harness)))
    harness.engine.publish({ type: 'something_new', session_id: 'x' })
    await harness.flush()
    expect(harness.core.sessionCache.size).toBe(0)
  })
})

describe('a document whose response is late', () => {
  it('does not bring back a scope that was removed meanwhile', async () => {
    const session = openSession(harness)
    const held = harness.vault.holdResponses('mcp/agents/claude-billing-agent/scopes')
    const pending = validate(harness, tokenOf(session))
    await harness.flush()
    expect(held.waiting).toBe(1)
    harness.engine.agent('claude-billing-agent', { scopes: [] })
    await harness.flush()
    held.release()
    expect((await pending).scope_match).toBe(false)
  })

  it('does not bring back a tool that was removed meanwhile', async () => {
    const session = openSession(harness)
    const held = harness.vault.holdResponses('mcp/tools/stripe')
    const pending = outcomeOf(authorize(harness, tokenOf(session)))
    await harness.flush()
    harness.engine.remove('tools/stripe/invoices')
    await harness.flush()
    held.release()
    expect(await pending).toBe('insufficient_scope no_tool')
  })

  it('does not miss a document created while its absence was being read', async () => {
    harness.engine.put('policies/p', { name: 'p', policy: 'path "tools/stripe/*" { capabilities = ["read"] }' })
    harness.engine.agent('claude-billing-agent', { policies: ['p'] })
    harness.engine.remove('agents/claude-billing-agent/scopes')
    await harness.flush()
    const session = openSession(harness, { scopes: null })
    const held = harness.vault.holdResponses('mcp/agents/claude-billing-agent/scopes')
    const pending = validate(harness, tokenOf(session))
    await harness.flush()
    harness.engine.put('agents/claude-billing-agent/scopes', {
      scopes: [],
      max_ttl_seconds: 900,
      environment: 'production',
    })
    await harness.flush()
    held.release()
    expect((await pending).scope_match).toBe(false)
  })

  it('is not used when everything known was dropped while it was being read', async () => {
    const session = openSession(harness)
    const held = harness.vault.holdResponses('mcp/agents/claude-billing-agent/scopes')
    const pending = validate(harness, tokenOf(session))
    await harness.flush()
    harness.engine.put(
      'agents/claude-billing-agent/scopes',
      { scopes: [], max_ttl_seconds: 900, environment: 'production' },
      true,
    )
    harness.engine.restart()
    await harness.flush()
    held.release()
    expect((await pending).scope_match).toBe(false)
  })

  it.each<[string, string, string]>([
    ['a tool that was removed', 'mcp/tools/stripe', 'tools/stripe/invoices'],
    ['an upstream that was removed', 'mcp/upstreams/stripe', 'upstreams/stripe'],
  ])('does not bring back %s when everything known was dropped meanwhile', async (_case, read, path) => {
    const held = harness.vault.holdResponses(read)
    const pending = outcomeOf(authorize(harness, tokenOf(openSession(harness))))
    await harness.flush()
    harness.engine.documents.delete(path)
    harness.engine.restart()
    await harness.flush()
    held.release()
    expect(await pending).toBe('insufficient_scope no_tool')
  })

  it('is judged together with what changed while it was being read', async () => {
    const session = openSession(harness)
    ;(await authorize(harness, tokenOf(session))).close()
    harness.engine.put('agents/claude-billing-agent/scopes', {
      scopes: ['read:stripe:invoices'],
      max_ttl_seconds: 900,
      environment: 'production',
    })
    await harness.flush()
    const held = harness.vault.holdResponses('mcp/agents/claude-billing-agent/scopes')
    const pending = outcomeOf(authorize(harness, tokenOf(session)))
    await harness.flush()
    harness.engine.remove('tools/stripe/invoices')
    await harness.flush()
    held.release()
    expect(await pending).toBe('insufficient_scope no_tool')
  })

  it('opens no call for a session that has to be confirmed again', async () => {
    const session = openSession(harness)
    const held = harness.vault.holdResponses('mcp/tools/stripe')
    const pending = outcomeOf(authorize(harness, tokenOf(session)))
    await harness.flush()
    session.ended = 'closed'
    harness.engine.restart()
    await harness.flush()
    held.release()
    expect(await pending).toBe('unavailable stale')
    expect(await outcomeOf(authorize(harness, tokenOf(session)))).toBe('invalid_token reuse_after_revocation')
  })

  it('is read again when an introspection names a newer version than the one kept', async () => {
    await validate(harness, tokenOf(openSession(harness)))
    // The document has changed, its event is still on the way.
    harness.engine.put(
      'agents/claude-billing-agent/scopes',
      { scopes: [], max_ttl_seconds: 900, environment: 'production' },
      true,
    )
    expect((await validate(harness, tokenOf(openSession(harness)))).scope_match).toBe(false)
  })

  it('costs one read after a change, however many ask', async () => {
    const tokens = Array.from({ length: 5 }, () => tokenOf(openSession(harness)))
    await Promise.all(tokens.map((token) => validate(harness, token)))
    harness.vault.requests.length = 0
    harness.engine.put('agents/claude-billing-agent/scopes', {
      scopes: ['read:stripe:invoices'],
      max_ttl_seconds: 900,
      environment: 'production',
    })
    await harness.flush()
    await Promise.all(tokens.map((token) => validate(harness, token)))
    expect(harness.vault.requests.filter(({ path }) => path !== 'mcp/feed').map(({ path }) => path)).toEqual([
      'mcp/agents/claude-billing-agent/scopes',
    ])
  })

  it('believes that a document is gone although the event did not say so', async () => {
    harness.engine.put('policies/p', { name: 'p', policy: 'path "tools/stripe/*" { capabilities = ["read"] }' })
    harness.engine.agent('claude-billing-agent', { policies: ['p'] })
    await harness.flush()
    const token = tokenOf(openSession(harness))
    await validate(harness, token)
    harness.engine.documents.delete('agents/claude-billing-agent/scopes')
    harness.engine.publish({
      type: 'document',
      path: 'agents/claude-billing-agent/scopes',
      version: 1_000,
      deleted: false,
    })
    await harness.flush()
    expect(await outcomeOf(validate(harness, token))).toBe('allowed')
  })

  it('is unavailable when a lagging node keeps answering with an old version', async () => {
    const token = tokenOf(openSession(harness))
    await validate(harness, token)
    harness.engine.publish({ type: 'document', path: 'agents/claude-billing-agent', version: 1_000, deleted: false })
    await harness.flush()
    const pending = outcomeOf(validate(harness, token))
    await harness.flush()
    await harness.clock.advance(1_000)
    expect(await pending).toBe('unavailable vault_behind')
  })
})
