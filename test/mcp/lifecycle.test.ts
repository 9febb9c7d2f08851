import { describe, expect, it } from 'vitest'
import { Issued, TestEngine } from './engine.ts'
import type { Caller } from './engine.ts'

const alice: Caller = { client_token: 'alice-1', entity_id: 'entity-alice' }
const aliceAgain: Caller = { client_token: 'alice-2', entity_id: 'entity-alice' }
const bob: Caller = { client_token: 'bob-1', entity_id: 'entity-bob' }

async function start(): Promise<TestEngine> {
  const engine = await TestEngine.start()
  await engine.declare('billing', ['read:stripe:invoices'])
  return engine
}

async function refresh(engine: TestEngine, issued: Issued, caller: Caller = {}): Promise<Issued> {
  return new Issued(await engine.write(`creds/${issued.agent_id}/${issued.session_id}`, {}, caller))
}

async function state(engine: TestEngine, issued: Issued): Promise<string> {
  const response = await engine.introspect({ token: issued.token })
  return response.active === true ? 'live' : String(response.reason)
}

describe('a refresh', () => {
  it('gives a new token in the same session and leaves the old one until its own expiry', async () => {
    const engine = await start()
    const first = await engine.issue('billing')
    await engine.clock.advance(720_000)
    const second = await refresh(engine, first)
    expect(second.session_id).toBe(first.session_id)
    expect(second.token).not.toBe(first.token)
    expect([await state(engine, first), await state(engine, second)]).toEqual(['live', 'live'])
    await engine.clock.advance(180_000)
    expect([await state(engine, first), await state(engine, second)]).toEqual(['expired', 'live'])
  })

  it('takes two writes', async () => {
    const engine = await start()
    const first = await engine.issue('billing')
    expect(await engine.storage.during(() => refresh(engine, first))).toMatchObject({ put: 2, delete: 0 })
  })

  it('however often, ends no token before its own expiry: at eight live ones it is refused and ends none', async () => {
    const engine = await start()
    const tokens = [await engine.issue('billing')]
    while (tokens.length < 8) {
      await engine.clock.advance(10_000)
      tokens.push(await refresh(engine, tokens[0]!))
    }
    const states = () => Promise.all(tokens.map((issued) => state(engine, issued)))
    const refused = refresh(engine, tokens[0]!).catch((error: unknown) => error)
    expect(await refused).toMatchObject({ kind: 'rate_limited', retryAfterSeconds: 900 - 70 })
    expect(String(await refused)).toContain('too_many_live_tokens: ')
    expect(await states()).toEqual(Array(8).fill('live'))
    await engine.clock.advance((900 - 71) * 1000)
    expect((await engine.refusal(refresh(engine, tokens[0]!))).kind).toBe('rate_limited')
    await engine.clock.advance(1_000)
    tokens.push(await refresh(engine, tokens[0]!))
    expect(await states()).toEqual(['expired', ...(Array(8).fill('live') as string[])])
  })

  it('in the same moment as others gives each a token that works', async () => {
    const engine = await start()
    const first = await engine.issue('billing')
    const others = await Promise.all(Array.from({ length: 7 }, () => refresh(engine, first)))
    const states = [first, ...others].map((issued) => state(engine, issued))
    expect(await Promise.all(states)).toEqual(Array(8).fill('live'))
    expect(new Set(others.map(({ token }) => token)).size).toBe(7)
  })

  it('repeated by a host whose plugin died before it answered ends no token that was handed out', async () => {
    const engine = await start()
    const first = await engine.issue('billing')
    const second = await refresh(engine, first, { request_id: 'one' })
    await refresh(engine, first, { request_id: 'two' })
    await engine.restart()
    const repeated = await refresh(engine, first, { request_id: 'two' })
    const states = [first, second, repeated].map((issued) => state(engine, issued))
    expect(await Promise.all(states)).toEqual(['live', 'live', 'live'])
  })

  it('with a shorter life does not take the session with it when it runs out', async () => {
    const engine = await start()
    const first = await engine.issue('billing')
    const brief = new Issued(await engine.write(`creds/billing/${first.session_id}`, { ttl: 60 }))
    await engine.clock.advance(60_000)
    expect([await state(engine, first), await state(engine, brief)]).toEqual(['live', 'expired'])
    expect(await state(engine, await refresh(engine, first))).toBe('live')
  })

  it('many times over within the life of one long token keeps that one', async () => {
    const engine = await start()
    await engine.write('agents/billing/scopes', { max_ttl_seconds: 3600 })
    const opened = await engine.issue('billing')
    const long = new Issued(await engine.write(`creds/billing/${opened.session_id}`, { ttl: 3600 }))
    for (let i = 0; i < 40; i++) {
      await engine.write(`creds/billing/${opened.session_id}`, { ttl: 10 })
      await engine.clock.advance(10_000)
    }
    expect([await state(engine, opened), await state(engine, long)]).toEqual(['live', 'live'])
  })

  it('ends no later than the session', async () => {
    const engine = await start()
    await engine.write('config', { session_max_life: 3600 })
    let issued = await engine.issue('billing')
    for (let i = 0; i < 4; i++) {
      await engine.clock.advance(800_000)
      issued = await refresh(engine, issued)
    }
    expect(issued.data).toMatchObject({ ttl_seconds: 400, expires_at: '2026-03-15T17:00:00Z' })
    await engine.clock.advance(400_000)
    expect(await engine.refusal(refresh(engine, issued))).toEqual({
      kind: 'bad_request',
      message: 'session is over, open a new one',
    })
  })

  it.each([
    [
      'expired',
      async (engine: TestEngine) => {
        await engine.clock.advance(900_000)
      },
    ],
    [
      'revoked by its lease',
      async (engine: TestEngine, issued: Issued) => {
        await engine.revoke(issued)
      },
    ],
    [
      'closed',
      async (engine: TestEngine, issued: Issued) => {
        await engine.delete(`creds/billing/${issued.session_id}`)
      },
    ],
    [
      'of a revoked agent',
      async (engine: TestEngine) => {
        await engine.write('agents/billing/revoke')
      },
    ],
    [
      'ended with all others',
      async (engine: TestEngine) => {
        await engine.write('sessions/revoke-all')
      },
    ],
  ])('of a session that is %s is refused', async (_how, end) => {
    const engine = await start()
    const issued = await engine.issue('billing')
    await end(engine, issued)
    expect(await engine.refusal(refresh(engine, issued))).toEqual({
      kind: 'bad_request',
      message: 'session is over, open a new one',
    })
  })

  it('is for its opener only: the same entity under any token, or without entity the same token', async () => {
    const engine = await start()
    const withEntity = await engine.issue('billing', {}, alice)
    expect(await state(engine, await refresh(engine, withEntity, aliceAgain))).toBe('live')
    expect((await engine.refusal(refresh(engine, withEntity, bob))).kind).toBe('permission_denied')
    expect((await engine.refusal(refresh(engine, withEntity, { client_token: 'alice-1' }))).kind).toBe(
      'permission_denied',
    )
    const without = await engine.issue('billing', {}, { client_token: 't1' })
    expect(await state(engine, await refresh(engine, without, { client_token: 't1' }))).toBe('live')
    expect((await engine.refusal(refresh(engine, without, { client_token: 't2' }))).kind).toBe('permission_denied')
  })

  it("under another agent's name is refused", async () => {
    const engine = await start()
    await engine.declare('other', ['read:stripe:invoices'])
    const issued = await engine.issue('billing')
    expect((await engine.refusal(engine.write(`creds/other/${issued.session_id}`))).kind).toBe('bad_request')
    expect((await engine.refusal(engine.delete(`creds/other/${issued.session_id}`))).kind).toBe('bad_request')
    expect((await engine.refusal(engine.write('creds/billing/sess_nonsense'))).kind).toBe('bad_request')
  })
})

describe('revoking a lease', () => {
  it('(a) that was never registered undoes the token and, without another, the session', async () => {
    const engine = await start()
    const only = await engine.issue('billing')
    await engine.revoke(only, { registered: false })
    expect(await state(engine, only)).toBe('revoked')
    const first = await engine.issue('billing')
    const second = await refresh(engine, first)
    await engine.revoke(second, { registered: false })
    expect([await state(engine, first), await state(engine, second)]).toEqual(['live', 'revoked'])
    await engine.revoke(first)
    expect(await state(engine, first)).toBe('revoked')
  })

  it('(b) of an unknown token or session succeeds', async () => {
    const engine = await start()
    const issued = await engine.issue('billing')
    const elsewhere = await TestEngine.start()
    expect(await elsewhere.revoke(issued)).toBeUndefined()
    expect(
      await engine.storage.during(async () => {
        await engine.revoke(issued)
        await engine.revoke(issued)
      }),
    ).toMatchObject({ put: 1 })
  })

  it('(c) of the newest token ends the session, all its tokens and everything delegated from it', async () => {
    const engine = await start()
    const first = await engine.issue('billing')
    const second = await refresh(engine, first)
    const child = await engine.issue('billing', { parent_token: second.token })
    await engine.revoke(second)
    expect([await state(engine, first), await state(engine, second), await state(engine, child)]).toEqual([
      'revoked',
      'revoked',
      'revoked',
    ])
  })

  it('(c) at its natural expiry writes nothing', async () => {
    const engine = await start()
    const issued = await engine.issue('billing')
    await engine.clock.advance(900_000)
    expect(await engine.storage.during(() => engine.revoke(issued))).toMatchObject({ put: 0, delete: 0 })
    expect(await state(engine, issued)).toBe('expired')
  })

  it('(d) of a token superseded under another Vault token ends that token alone', async () => {
    const engine = await start()
    const first = await engine.issue('billing', {}, alice)
    const second = await refresh(engine, first, aliceAgain)
    await engine.revoke(first)
    expect([await state(engine, first), await state(engine, second)]).toEqual(['revoked', 'live'])
  })

  it('(e) of a token superseded under the same Vault token, well before its expiry, ends the session', async () => {
    const engine = await start()
    const first = await engine.issue('billing')
    const second = await refresh(engine, first)
    await engine.revoke(first)
    expect([await state(engine, first), await state(engine, second)]).toEqual(['revoked', 'revoked'])
  })

  it('(b) of a token that was ended already changes nothing, however long before its expiry', async () => {
    const engine = await start()
    const first = await engine.issue('billing', {}, alice)
    const second = await refresh(engine, first, aliceAgain)
    const third = await refresh(engine, first, alice)
    await engine.revoke(second)
    await engine.revoke(second)
    expect([await state(engine, first), await state(engine, second), await state(engine, third)]).toEqual([
      'live',
      'revoked',
      'live',
    ])
  })

  it('(c) of the newest of eight ends all of them', async () => {
    const engine = await start()
    const tokens = [await engine.issue('billing')]
    while (tokens.length < 8) tokens.push(await refresh(engine, tokens[0]!))
    await engine.revoke(tokens[7]!)
    expect(await Promise.all(tokens.map((issued) => state(engine, issued)))).toEqual(Array(8).fill('revoked'))
  })

  it('(c) of the newest that still lives ends the session, though a younger one has run out', async () => {
    const engine = await start()
    const first = await engine.issue('billing')
    await engine.write(`creds/billing/${first.session_id}`, { ttl: 60 })
    await engine.clock.advance(60_000)
    await engine.revoke(first)
    expect((await engine.introspect({ session_id: first.session_id })).reason).toBe('revoked')
  })

  it('(e) of each of eight within 30 seconds of its expiry ends that one alone, and none is called revoked', async () => {
    const engine = await start()
    const tokens = [await engine.issue('billing')]
    while (tokens.length < 8) tokens.push(await refresh(engine, tokens[0]!))
    await engine.clock.advance(871_000)
    await engine.revoke(tokens[0]!)
    expect((await Promise.all(tokens.map((issued) => state(engine, issued)))).sort()).toEqual([
      'expired',
      ...(Array(7).fill('live') as string[]),
    ])
  })

  it('of a token that is ended already, under another Vault token or shortly before its expiry, changes nothing', async () => {
    const engine = await start()
    const first = await engine.issue('billing', {}, alice)
    const second = await refresh(engine, first, aliceAgain)
    await engine.revoke(first)
    expect(await engine.storage.during(() => engine.revoke(first))).toMatchObject({ put: 0 })
    await engine.revoke(second, { registered: false })
    expect(await engine.storage.during(() => engine.revoke(second, { registered: false }))).toMatchObject({ put: 0 })
  })

  it('(e) within 30 seconds of its expiry ends the token alone', async () => {
    const engine = await start()
    const first = await engine.issue('billing')
    await engine.clock.advance(720_000)
    const second = await refresh(engine, first)
    await engine.clock.advance(151_000)
    await engine.revoke(first)
    expect([await state(engine, first), await state(engine, second)]).toEqual(['expired', 'live'])
  })

  it('of a whole tree is one write', async () => {
    const engine = await start()
    const root = await engine.issue('billing')
    const leaves: Issued[] = []
    for (let i = 0; i < 5; i++) leaves.push(await engine.issue('billing', { parent_token: root.token }))
    expect(await engine.storage.during(() => engine.revoke(root))).toMatchObject({ put: 1, delete: 0 })
    expect(await Promise.all(leaves.map((leaf) => state(engine, leaf)))).toEqual(Array(5).fill('revoked'))
  })

  it('while the mount is being removed costs nothing after the first tick', async () => {
    const engine = await start()
    const issued = [await engine.issue('billing'), await engine.issue('billing')]
    engine.limits.tainted = true
    expect(await engine.storage.during(() => engine.call('rollback', ''))).toMatchObject({ put: 1 })
    expect(
      await engine.storage.during(async () => {
        for (const one of issued) await engine.revoke(one)
      }),
    ).toMatchObject({ get: 0, put: 0 })
    expect(await state(engine, issued[0]!)).toBe('revoked')
  })

  it('counts again for sessions opened after a removal that did not come about, as when a mount is moved', async () => {
    const engine = await start()
    const before = await engine.issue('billing')
    engine.limits.tainted = true
    await engine.call('rollback', '')
    engine.limits.tainted = false
    const after = await engine.issue('billing')
    expect([await state(engine, before), await state(engine, after)]).toEqual(['revoked', 'live'])
    await engine.revoke(after)
    expect(await state(engine, after)).toBe('revoked')
    const later = await engine.issue('billing')
    engine.limits.tainted = true
    await engine.call('rollback', '')
    expect(await state(engine, later)).toBe('revoked')
  })

  it('after revoke-all costs nothing, even in a new process', async () => {
    const engine = await start()
    const issued = await engine.issue('billing')
    await engine.write('sessions/revoke-all')
    await engine.restart()
    await engine.read('config')
    expect(await engine.storage.during(() => engine.revoke(issued))).toMatchObject({ get: 0, put: 0 })
  })
})

describe('a clock that is set back', () => {
  it('revives no expired session, and time goes on', async () => {
    const engine = await start()
    const expired = await engine.issue('billing')
    await engine.clock.advance(900_000)
    expect(await state(engine, expired)).toBe('expired')
    engine.clock.sleepThrough(-600_000)
    expect(await state(engine, expired)).toBe('expired')
    expect((await engine.refusal(refresh(engine, expired))).message).toBe('session is over, open a new one')
    const issued = await engine.issue('billing')
    await engine.clock.advance(899_000)
    expect(await state(engine, issued)).toBe('live')
    await engine.clock.advance(1_000)
    expect(await state(engine, issued)).toBe('expired')
  })

  it('does not hold time up that went by while the machine slept', async () => {
    const engine = await start()
    const issued = await engine.issue('billing')
    engine.clock.sleepThrough(900_000)
    expect(await state(engine, issued)).toBe('expired')
  })
})

describe('opening a session while its agent is disabled', () => {
  it('leaves none alive, whichever is stored first', async () => {
    const engine = await start()
    const [issued] = await Promise.all([
      engine.issue('billing').catch(() => undefined),
      engine.write('agents/billing', { disabled: true }),
    ])
    await engine.write('agents/billing', { disabled: false })
    expect(issued && (await state(engine, issued))).toBe('revoked')
  })
})

describe('renewing a lease', () => {
  it("moves the expiry by Vault's formula, with one write, and echoes its internal data", async () => {
    const engine = await start()
    await engine.write('agents/billing/scopes', { max_ttl_seconds: 2400 })
    const issued = await engine.issue('billing')
    await engine.clock.advance(600_000)
    let renewed
    expect(
      await engine.storage.during(async () => {
        renewed = await engine.renew(issued, 1200)
      }),
    ).toMatchObject({ put: 1 })
    expect(renewed).toMatchObject({
      secret: { internal_data: issued.secret.internal_data, lease_options: { ttl: 1200, max_ttl: 2400 } },
    })
    await engine.clock.advance(1_199_000)
    expect(await state(engine, issued)).toBe('live')
    await engine.clock.advance(1_000)
    expect(await state(engine, issued)).toBe('expired')
  })

  it('never beyond the ceiling counted from the issue, nor above a cap lowered since', async () => {
    const engine = await start()
    await engine.write('agents/billing/scopes', { max_ttl_seconds: 2400 })
    const issued = await engine.issue('billing')
    await engine.clock.advance(600_000)
    expect(await engine.renew(issued, 9999)).toMatchObject({ secret: { lease_options: { ttl: 1800 } } })
    await engine.write('agents/billing/scopes', { max_ttl_seconds: 1000 })
    expect(await engine.renew(issued, 9999)).toMatchObject({ secret: { lease_options: { ttl: 400 } } })
  })

  it.each([
    [
      'expired',
      async (engine: TestEngine) => {
        await engine.clock.advance(900_000)
      },
    ],
    [
      'revoked',
      async (engine: TestEngine, issued: Issued) => {
        await engine.revoke(issued)
      },
    ],
    [
      'of a disabled agent',
      async (engine: TestEngine) => {
        await engine.write('agents/billing', { disabled: true })
      },
    ],
  ])('of a token that is %s is refused', async (_how, end) => {
    const engine = await start()
    await engine.write('agents/billing/scopes', { max_ttl_seconds: 2400 })
    const issued = await engine.issue('billing')
    await end(engine, issued)
    expect(await engine.refusal(engine.renew(issued, 600))).toEqual({
      kind: 'bad_request',
      message: 'session is over, open a new one',
    })
  })
})

describe('generations', () => {
  it.each([
    [
      'disable',
      async (engine: TestEngine) => {
        await engine.write('agents/billing', { disabled: true })
        await engine.write('agents/billing', { disabled: false })
      },
    ],
    [
      'delete and create again',
      async (engine: TestEngine) => {
        await engine.delete('agents/billing')
        await engine.declare('billing', ['read:stripe:invoices'])
      },
    ],
    [
      'agents/:id/revoke',
      async (engine: TestEngine) => {
        await engine.write('agents/billing/revoke')
      },
    ],
    [
      'revoke-all',
      async (engine: TestEngine) => {
        await engine.write('sessions/revoke-all')
      },
    ],
  ])('%s ends every session at once and nothing revives it', async (_how, end) => {
    const engine = await start()
    const issued = await engine.issue('billing')
    const child = await engine.issue('billing', { parent_token: issued.token })
    await end(engine)
    expect([await state(engine, issued), await state(engine, child)]).toEqual(['revoked', 'revoked'])
    await engine.restart()
    expect([await state(engine, issued), await state(engine, child)]).toEqual(['revoked', 'revoked'])
    expect(await state(engine, await engine.issue('billing'))).toBe('live')
  })

  it('disabling is one write', async () => {
    const engine = await start()
    await engine.issue('billing')
    expect(await engine.storage.during(() => engine.write('agents/billing', { disabled: true }))).toMatchObject({
      put: 1,
    })
  })

  it('of another agent end nothing here', async () => {
    const engine = await start()
    await engine.declare('other', ['read:stripe:invoices'])
    const issued = await engine.issue('billing')
    await engine.write('agents/other/revoke')
    await engine.delete('agents/other')
    expect(await state(engine, issued)).toBe('live')
  })

  it('of an agent end the sessions other agents were delegated from it', async () => {
    const engine = await start()
    await engine.declare('helper', ['read:stripe:invoices'])
    const parent = await engine.issue('billing')
    const child = await engine.issue('helper', { parent_token: parent.token })
    await engine.write('agents/billing/revoke')
    expect(await state(engine, child)).toBe('revoked')
  })
})

describe('records of the dead', () => {
  it('tell reuse after expiry and after revocation from an unknown token until the reuse window has passed', async () => {
    const engine = await start()
    const expired = await engine.issue('billing')
    const revoked = await engine.issue('billing')
    await engine.revoke(revoked)
    await engine.clock.advance((28_800 + 86_399) * 1000)
    await engine.write('tidy')
    expect([await state(engine, expired), await state(engine, revoked)]).toEqual(['expired', 'revoked'])
    await engine.clock.advance(1000)
    expect(await engine.write('tidy')).toMatchObject({ data: { done: true, sessions_removed: 2, markers_removed: 1 } })
    expect([await state(engine, expired), await state(engine, revoked)]).toEqual(['unknown', 'unknown'])
  })

  it('name token, agent and owner of a reused token, and nothing of an unknown one', async () => {
    const engine = await start()
    const issued = await engine.issue('billing')
    await engine.revoke(issued)
    expect(await engine.introspect({ token: issued.token })).toMatchObject({
      active: false,
      reason: 'revoked',
      token_id: issued.token_id,
      session_id: issued.session_id,
      agent_id: 'billing',
      owner: 'platform-team',
    })
    const unauthenticated = await TestEngine.start()
    const response = await unauthenticated.introspect({ token: issued.token })
    expect(response).toEqual({
      active: false,
      reason: 'unknown',
      epoch: expect.any(String),
      sequence: 0,
      server_time_unix_ms: unauthenticated.clock.now(),
    })
  })
})

describe('a list of sessions', () => {
  // Each session of the page also has its end marker looked for, and their agent is read once.
  it.each([
    ['sessions/', 41],
    ['agents/nobody/sessions/', 20],
  ])('is not read on for a caller who has gone: %s', async (path, reads) => {
    const engine = await start()
    for (let i = 0; i < 20; i++) await engine.issue('billing')
    await engine.restart()
    expect(
      await engine.storage.during(() => engine.call('list', path, {}, {}, undefined, AbortSignal.abort())),
    ).toMatchObject({ get: 1 })
    expect(await engine.storage.during(() => engine.call('list', path))).toMatchObject({ get: reads })
  })

  it('says whose each is, and whether it is over', async () => {
    const engine = await start()
    const [live, closed] = [await engine.issue('billing'), await engine.issue('billing')]
    await engine.call('delete', `sessions/${String(closed.data.session_id)}`)
    const listed = await engine.call('list', 'sessions/')
    expect(listed?.data?.key_info).toEqual({
      [String(live.data.session_id)]: { agent_id: 'billing', state: 'live' },
      [String(closed.data.session_id)]: { agent_id: 'billing', state: 'revoked' },
    })
  })
})
