/** Look-ups and changes that cross on the wire: whatever order answers arrive in, a revoke is never lost. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { authorize, openSession, startRig, tokenOf, validate, verdict } from '../rig.ts'
import type { Rig } from '../rig.ts'
import type { FakeSession } from '../../fakes/engine.ts'

let rig: Rig
beforeEach(async () => {
  rig = await startRig()
})
afterEach(() => rig.stop())

/** Asks about a token; the engine's answer is made now and delivered after `between` has run. */
async function lookUpAcross(session: FakeSession, between: () => void | Promise<void>): Promise<string> {
  const held = rig.vault.holdAnswers('mcp/introspect')
  const asked = verdict(validate(rig, tokenOf(session)))
  await rig.flush()
  expect(held.waiting).toBe(1)
  await between()
  await rig.flush()
  held.release()
  await rig.flush()
  return asked
}

describe('a look-up whose answer is late', () => {
  it.each([
    [
      'the session is ended',
      (session: FakeSession) => {
        rig.engine.end(session)
      },
    ],
    [
      'the token is ended',
      (session: FakeSession) => {
        rig.engine.endToken(session, session.tokens[0]!, 'lease revoked')
      },
    ],
    [
      'the agent is revoked',
      () => {
        rig.engine.revokeAgent('claude-billing-agent')
      },
    ],
    [
      'the whole mount is revoked',
      () => {
        rig.engine.publish({ type: 'mount_generation', generation: 1 })
      },
    ],
  ])('does not revive it when meanwhile %s', async (_case, end) => {
    const session = openSession(rig)
    expect(
      await lookUpAcross(session, () => {
        end(session)
      }),
    ).toBe('invalid_token reuse_after_revocation')
    // Nor is the late "yes" left in the cache.
    expect(await verdict(validate(rig, tokenOf(session)))).toBe('invalid_token reuse_after_revocation')
  })

  it('does not revive it when an ancestor is ended meanwhile', async () => {
    const parent = openSession(rig)
    const child = openSession(rig, { parent })
    expect(
      await lookUpAcross(child, () => {
        rig.engine.end(parent)
      }),
    ).toBe('invalid_token reuse_after_revocation')
  })

  it('is not spoilt by the end of another session', async () => {
    const other = openSession(rig)
    expect(
      await lookUpAcross(openSession(rig), () => {
        rig.engine.end(other)
      }),
    ).toBe('allowed')
    expect(rig.vault.count('mcp/introspect')).toBe(1)
  })

  it('is asked again when the engine restarted meanwhile, because the answer is of an epoch that is gone', async () => {
    expect(
      await lookUpAcross(openSession(rig), () => {
        rig.engine.restart()
      }),
    ).toBe('allowed')
    expect(rig.vault.count('mcp/introspect')).toBe(2)
  })

  it('is asked again, and denied, when the engine restarted and forgot meanwhile', async () => {
    const session = openSession(rig)
    expect(
      await lookUpAcross(session, () => {
        rig.engine.sessions.clear()
        rig.engine.restart()
      }),
    ).toBe('invalid_token unknown')
  })

  it('waits for the feed when the answer is of an epoch the feed has not told of yet', async () => {
    const session = openSession(rig)
    const feed = rig.vault.holdAnswers('mcp/feed')
    // The poll under way ends; the next one is held.
    await rig.clock.advance(1_000)
    rig.engine.restart()
    await rig.flush()
    const asked = verdict(validate(rig, tokenOf(session)))
    await rig.flush()
    expect(rig.core.sessionCache.size).toBe(0)
    feed.release()
    await rig.flush()
    expect(await asked).toBe('allowed')
  })

  it('carries a renewal that happened meanwhile', async () => {
    const session = openSession(rig, { ttl: 100 })
    await lookUpAcross(session, () => {
      session.tokens[0]!.expires_at_unix += 500
      rig.engine.publish({
        type: 'expiry',
        session_id: session.session_id,
        token_id: session.tokens[0]!.token_id,
        expires_at_unix: session.tokens[0]!.expires_at_unix,
        newest: true,
      })
    })
    const asked = rig.vault.count('mcp/introspect')
    await rig.clock.advance(200_000)
    expect(await verdict(validate(rig, tokenOf(session)))).toBe('allowed')
    expect(rig.vault.count('mcp/introspect')).toBe(asked)
  })
})

describe('the cache', () => {
  it('is not trusted by a request that was under way when everything known was dropped', async () => {
    const session = openSession(rig)
    await validate(rig, tokenOf(session))
    let written = () => undefined as void
    rig.sink.gate = new Promise((resolve) => {
      written = resolve
    })
    const [asked, called] = [
      verdict(validate(rig, tokenOf(session))),
      verdict(
        authorize(rig, tokenOf(session)).then((call) => {
          call.require()
        }),
      ),
    ]
    await rig.flush()
    // Ended and restarted: the event is lost with the old engine.
    session.ended = 'closed'
    rig.engine.restart()
    await rig.flush()
    written()
    expect(await asked).toBe('invalid_token reuse_after_revocation')
    expect(await called).toBe('invalid_token revoked')
  })

  it('does not apply to an answer what the answer reflects already', async () => {
    const session = openSession(rig, { ttl: 900 })
    const original = rig.engine.feed.bind(rig.engine)
    // The feed is behind, and tells one event at a time.
    let deliver = 0
    rig.engine.feed = async (query, signal) => {
      const answer = await original(query, signal)
      const events = (answer.events as { sequence: number }[]).slice(0, deliver)
      deliver -= events.length
      return { ...answer, events, sequence: events.at(-1)?.sequence ?? query.after }
    }
    // The poll that was under way ends first.
    await rig.clock.advance(1_000)
    const { token_id, expires_at_unix } = session.tokens[0]!
    for (const at of [expires_at_unix - 850, expires_at_unix])
      rig.engine.publish({
        type: 'expiry',
        session_id: session.session_id,
        token_id,
        expires_at_unix: at,
        newest: true,
      })
    const before = rig.core.follower.sequence
    await validate(rig, tokenOf(session))
    deliver = 1
    await rig.clock.advance(60_000)
    expect(rig.core.follower.sequence).toBe(before + 1)
    expect(await verdict(validate(rig, tokenOf(session)))).toBe('allowed')
    expect(rig.vault.count('mcp/introspect')).toBe(1)
  })

  it('asks once for many requests with one token at the same time', async () => {
    const token = tokenOf(openSession(rig))
    await Promise.all(Array.from({ length: 20 }, () => validate(rig, token)))
    expect(rig.vault.count('mcp/introspect')).toBe(1)
  })

  it('does not keep "unknown": a token issued a moment later is good', async () => {
    const session = openSession(rig)
    rig.engine.sessions.clear()
    expect(await verdict(validate(rig, tokenOf(session)))).toBe('invalid_token unknown')
    rig.engine.sessions.set(session.session_id, session)
    expect(await verdict(validate(rig, tokenOf(session)))).toBe('allowed')
  })

  it('keeps the old token good after a refresh, and the session alive with the new one', async () => {
    const session = openSession(rig, { ttl: 100 })
    const old = tokenOf(session)
    await validate(rig, old)
    await rig.clock.advance(50_000)
    const young = rig.engine.refresh(session, 100).token
    await rig.flush()
    expect(await verdict(validate(rig, old))).toBe('allowed')
    await rig.clock.advance(50_000)
    expect(await verdict(validate(rig, old))).toBe('invalid_token expired')
    expect(await verdict(validate(rig, young))).toBe('allowed')
  })

  it('refuses a superseded token the engine ended, and keeps the others', async () => {
    const session = openSession(rig)
    const old = session.tokens[0]!
    await validate(rig, old.token)
    const young = rig.engine.refresh(session)
    rig.engine.endToken(session, old, 'superseded')
    await rig.flush()
    expect(await verdict(validate(rig, old.token))).toBe('invalid_token reuse_after_revocation')
    expect(await verdict(validate(rig, young.token))).toBe('allowed')
  })

  it('asks anew about a session whose youngest token was undone', async () => {
    const session = openSession(rig, { ttl: 100 })
    const old = session.tokens[0]!
    await validate(rig, old.token)
    const undone = rig.engine.refresh(session, 900)
    rig.engine.endToken(session, undone, 'undone')
    await rig.flush()
    const call = await authorize(rig, old.token)
    await rig.clock.advance(100_000)
    expect(call.signal.reason).toMatchObject({ code: 'expired' })
  })

  it('drops everything when the engine restarts', async () => {
    const token = tokenOf(openSession(rig))
    await validate(rig, token)
    rig.engine.restart()
    await rig.flush()
    expect(rig.core.sessionCache.size).toBe(0)
    expect(await verdict(validate(rig, token))).toBe('allowed')
    expect(rig.vault.count('mcp/introspect')).toBe(2)
  })

  it('drops everything on an event it does not understand', async () => {
    await validate(rig, tokenOf(openSession(rig)))
    rig.engine.publish({ type: 'something_new', session_id: 'x' })
    await rig.flush()
    expect(rig.core.sessionCache.size).toBe(0)
  })
})

describe('a document whose answer is late', () => {
  it('does not bring back a scope that was removed meanwhile', async () => {
    const session = openSession(rig)
    const held = rig.vault.holdAnswers('mcp/agents/claude-billing-agent/scopes')
    const asked = validate(rig, tokenOf(session))
    await rig.flush()
    expect(held.waiting).toBe(1)
    rig.engine.agent('claude-billing-agent', { scopes: [] })
    await rig.flush()
    held.release()
    expect((await asked).scope_match).toBe(false)
  })

  it('does not bring back a tool that was removed meanwhile', async () => {
    const session = openSession(rig)
    const held = rig.vault.holdAnswers('mcp/tools/stripe')
    const asked = verdict(authorize(rig, tokenOf(session)))
    await rig.flush()
    rig.engine.remove('tools/stripe/invoices')
    await rig.flush()
    held.release()
    expect(await asked).toBe('insufficient_scope no_tool')
  })

  it('does not miss a document created while its absence was being read', async () => {
    rig.engine.put('policies/p', { name: 'p', policy: 'path "tools/stripe/*" { capabilities = ["read"] }' })
    rig.engine.agent('claude-billing-agent', { policies: ['p'] })
    rig.engine.remove('agents/claude-billing-agent/scopes')
    await rig.flush()
    const session = openSession(rig, { scopes: null })
    const held = rig.vault.holdAnswers('mcp/agents/claude-billing-agent/scopes')
    const asked = validate(rig, tokenOf(session))
    await rig.flush()
    rig.engine.put('agents/claude-billing-agent/scopes', {
      scopes: [],
      max_ttl_seconds: 900,
      environment: 'production',
    })
    await rig.flush()
    held.release()
    expect((await asked).scope_match).toBe(false)
  })

  it('is not used when everything known was dropped while it was being read', async () => {
    const session = openSession(rig)
    const held = rig.vault.holdAnswers('mcp/agents/claude-billing-agent/scopes')
    const asked = validate(rig, tokenOf(session))
    await rig.flush()
    rig.engine.put(
      'agents/claude-billing-agent/scopes',
      { scopes: [], max_ttl_seconds: 900, environment: 'production' },
      true,
    )
    rig.engine.restart()
    await rig.flush()
    held.release()
    expect((await asked).scope_match).toBe(false)
  })

  it.each<[string, string, string]>([
    ['a tool that was removed', 'mcp/tools/stripe', 'tools/stripe/invoices'],
    ['an upstream that was removed', 'mcp/upstreams/stripe', 'upstreams/stripe'],
  ])('does not bring back %s when everything known was dropped meanwhile', async (_case, read, path) => {
    const held = rig.vault.holdAnswers(read)
    const asked = verdict(authorize(rig, tokenOf(openSession(rig))))
    await rig.flush()
    rig.engine.documents.delete(path)
    rig.engine.restart()
    await rig.flush()
    held.release()
    expect(await asked).toBe('insufficient_scope no_tool')
  })

  it('is judged together with what changed while it was being read', async () => {
    const session = openSession(rig)
    ;(await authorize(rig, tokenOf(session))).close()
    rig.engine.put('agents/claude-billing-agent/scopes', {
      scopes: ['read:stripe:invoices'],
      max_ttl_seconds: 900,
      environment: 'production',
    })
    await rig.flush()
    const held = rig.vault.holdAnswers('mcp/agents/claude-billing-agent/scopes')
    const asked = verdict(authorize(rig, tokenOf(session)))
    await rig.flush()
    rig.engine.remove('tools/stripe/invoices')
    await rig.flush()
    held.release()
    expect(await asked).toBe('insufficient_scope no_tool')
  })

  it('opens no call for a session that has to be confirmed anew', async () => {
    const session = openSession(rig)
    const held = rig.vault.holdAnswers('mcp/tools/stripe')
    const asked = verdict(authorize(rig, tokenOf(session)))
    await rig.flush()
    session.ended = 'closed'
    rig.engine.restart()
    await rig.flush()
    held.release()
    expect(await asked).toBe('unavailable stale')
    expect(await verdict(authorize(rig, tokenOf(session)))).toBe('invalid_token reuse_after_revocation')
  })

  it('is read again when an introspection names a newer version than the one kept', async () => {
    await validate(rig, tokenOf(openSession(rig)))
    // The document has changed, its event is still on the way.
    rig.engine.put(
      'agents/claude-billing-agent/scopes',
      { scopes: [], max_ttl_seconds: 900, environment: 'production' },
      true,
    )
    expect((await validate(rig, tokenOf(openSession(rig)))).scope_match).toBe(false)
  })

  it('costs one read after a change, however many ask', async () => {
    const tokens = Array.from({ length: 5 }, () => tokenOf(openSession(rig)))
    await Promise.all(tokens.map((token) => validate(rig, token)))
    rig.vault.asked.length = 0
    rig.engine.put('agents/claude-billing-agent/scopes', {
      scopes: ['read:stripe:invoices'],
      max_ttl_seconds: 900,
      environment: 'production',
    })
    await rig.flush()
    await Promise.all(tokens.map((token) => validate(rig, token)))
    expect(rig.vault.asked.filter(({ path }) => path !== 'mcp/feed').map(({ path }) => path)).toEqual([
      'mcp/agents/claude-billing-agent/scopes',
    ])
  })

  it('believes that a document is gone although the event did not say so', async () => {
    rig.engine.put('policies/p', { name: 'p', policy: 'path "tools/stripe/*" { capabilities = ["read"] }' })
    rig.engine.agent('claude-billing-agent', { policies: ['p'] })
    await rig.flush()
    const token = tokenOf(openSession(rig))
    await validate(rig, token)
    rig.engine.documents.delete('agents/claude-billing-agent/scopes')
    rig.engine.publish({ type: 'document', path: 'agents/claude-billing-agent/scopes', version: 1_000, deleted: false })
    await rig.flush()
    expect(await verdict(validate(rig, token))).toBe('allowed')
  })

  it('is unavailable when a lagging node keeps answering with an old version', async () => {
    const token = tokenOf(openSession(rig))
    await validate(rig, token)
    rig.engine.publish({ type: 'document', path: 'agents/claude-billing-agent', version: 1_000, deleted: false })
    await rig.flush()
    const asked = verdict(validate(rig, token))
    await rig.flush()
    await rig.clock.advance(1_000)
    expect(await asked).toBe('unavailable vault_behind')
  })
})
