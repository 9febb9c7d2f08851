import { describe, expect, it } from 'vitest'
import type { Data } from '../../src/logical/data.ts'
import { tokenDigest } from '../../src/scope/index.ts'
import { settle } from '../fakes/clock.ts'
import { FaultyStorage } from '../fakes/faulty-storage.ts'
import { TestEngine } from './engine.ts'

interface FeedResult {
  epoch: string
  sequence: number
  events: Data[]
  reset: boolean
  more: boolean
  held_ms: number
  removed: boolean
}

async function poll(
  engine: TestEngine,
  after: Partial<FeedResult> = {},
  wait = 0,
  signal?: AbortSignal,
): Promise<FeedResult> {
  const response = await engine.call(
    'read',
    'feed',
    { epoch: after.epoch ?? '', after: after.sequence ?? 0, wait },
    {},
    undefined,
    signal,
  )
  return response!.data as unknown as FeedResult
}

async function start(): Promise<TestEngine> {
  const engine = await TestEngine.start()
  await engine.declare('billing', ['read:stripe:invoices'])
  return engine
}

describe('the feed', () => {
  it('tells a newcomer its position and to drop everything', async () => {
    expect(await poll(await start())).toMatchObject({
      reset: true,
      events: [],
      epoch: expect.stringMatching(/^[0-9a-f]{24}$/),
    })
  })

  it.each([
    [
      'a lease revoke',
      async (engine: TestEngine) => {
        await engine.revoke(await engine.issue('billing'))
      },
      [{ type: 'session_ended', reason: 'lease revoked' }],
    ],
    [
      "an operator's delete",
      async (engine: TestEngine) => {
        await engine.delete(`sessions/${(await engine.issue('billing')).session_id}`)
      },
      [{ type: 'session_ended', reason: 'ended by an operator' }],
    ],
    [
      'a close',
      async (engine: TestEngine) => {
        await engine.delete(`creds/billing/${(await engine.issue('billing')).session_id}`)
      },
      [{ type: 'session_ended', reason: 'closed' }],
    ],
    [
      'a refresh',
      async (engine: TestEngine) => {
        await engine.write(`creds/billing/${(await engine.issue('billing')).session_id}`)
      },
      [{ type: 'expiry', newest: true }],
    ],
    [
      'a disable',
      async (engine: TestEngine) => {
        await engine.write('agents/billing', { disabled: true })
      },
      [
        { type: 'generation', agent_id: 'billing', generation: 1 },
        { type: 'document', path: 'agents/billing', deleted: false },
      ],
    ],
    [
      'another environment',
      async (engine: TestEngine) => {
        await engine.write('agents/billing', { environment: 'staging' })
      },
      ['', '/scopes', '/scopes/production', '/scopes/staging'].map((end) => ({
        type: 'document',
        path: `agents/billing${end}`,
      })),
    ],
    [
      'a deleted agent',
      async (engine: TestEngine) => {
        await engine.delete('agents/billing')
      },
      [
        { type: 'generation', generation: 1 },
        { type: 'document', path: 'agents/billing', deleted: true },
        { type: 'document', path: 'agents/billing/scopes', deleted: true },
      ],
    ],
    [
      'revoke-all',
      async (engine: TestEngine) => {
        await engine.write('sessions/revoke-all')
      },
      [{ type: 'mount_generation', generation: 1 }],
    ],
    [
      'narrowed scopes',
      async (engine: TestEngine) => {
        await engine.write('agents/billing/scopes', { scopes: [] })
      },
      [{ type: 'document', path: 'agents/billing/scopes', deleted: false }],
    ],
    [
      'scopes taken away',
      async (engine: TestEngine) => {
        await engine.delete('agents/billing/scopes')
      },
      [{ type: 'document', path: 'agents/billing/scopes', deleted: true }],
    ],
    [
      'a policy',
      async (engine: TestEngine) => {
        await engine.write('policies/p', { policy: 'path "tools/stripe/invoices" { capabilities = ["read"] }' })
      },
      [{ type: 'document', path: 'policies/p' }],
    ],
    [
      'an upstream',
      async (engine: TestEngine) => {
        await engine.write('upstreams/stripe', { url: 'https://api.stripe.com' })
      },
      [{ type: 'document', path: 'upstreams/stripe' }],
    ],
    [
      'a deleted tool',
      async (engine: TestEngine) => {
        await engine.write('tools/stripe/invoices', { operations: 'GET /v1/invoices' })
        await engine.delete('tools/stripe/invoices')
      },
      [
        { type: 'document', path: 'tools/stripe/invoices', deleted: false },
        { type: 'document', path: 'tools/stripe/invoices', deleted: true },
      ],
    ],
  ])('carries %s', async (_what, change, events) => {
    const engine = await start()
    const before = await poll(engine)
    await change(engine)
    const response = await poll(engine, before)
    expect(response).toMatchObject({ reset: false, events, sequence: before.sequence + events.length })
    expect(await poll(engine, response)).toMatchObject({ reset: false, events: [], sequence: response.sequence })
  })

  it('carries nothing for an issue, a natural expiry or a refused write', async () => {
    const engine = await start()
    const before = await poll(engine)
    const issued = await engine.issue('billing')
    await engine.clock.advance(900_000)
    await engine.revoke(issued)
    await engine.refusal(engine.write('upstreams/x', { url: 'nonsense' }))
    expect((await poll(engine, before)).events).toEqual([])
  })

  it('waits for an event and answers at once when it happens', async () => {
    const engine = await start()
    const before = await poll(engine)
    const waiting = poll(engine, before, 2)
    await settle()
    await engine.clock.advance(300)
    await engine.write('sessions/revoke-all')
    expect(await waiting).toMatchObject({ held_ms: 300, events: [{ type: 'mount_generation' }] })
  })

  it('waits no longer than two seconds, whatever is asked', async () => {
    const engine = await start()
    const waiting = poll(engine, await poll(engine), 3600)
    await settle()
    await engine.clock.advance(1_999)
    expect(await Promise.race([waiting, 'still waiting'])).toBe('still waiting')
    await engine.clock.advance(1)
    expect(await waiting).toMatchObject({ held_ms: 2000, events: [] })
  })

  it('waits so many milliseconds where those are given, and no longer than two seconds', async () => {
    const engine = await start()
    const { epoch, sequence } = await poll(engine)
    for (const [given, held] of [
      [150, 150],
      [3_600_000, 2_000],
    ] as const) {
      const waiting = engine.call('read', 'feed', { epoch, after: sequence, wait: 1, wait_ms: given })
      await settle()
      await engine.clock.advance(held - 1)
      expect(await Promise.race([waiting, 'still waiting'])).toBe('still waiting')
      await engine.clock.advance(1)
      expect((await waiting)?.data).toMatchObject({ held_ms: held, events: [] })
    }
  })

  it('stops waiting when the caller goes away and when the engine is cleaned up', async () => {
    const engine = await start()
    const before = await poll(engine)
    const gone = new AbortController()
    const waiting = [poll(engine, before, 2, gone.signal), poll(engine, before, 2)]
    await settle()
    gone.abort()
    await waiting[0]
    await engine.backend.cleanup()
    await waiting[1]
    expect(engine.clock.waiting).toBe(0)
    await poll(engine, before, 2)
    expect(engine.clock.waiting).toBe(0)
  })

  it('resets a follower of another epoch, of the future, and one that fell too far behind', async () => {
    const engine = await start()
    const before = await poll(engine)
    expect(await poll(engine, { ...before, sequence: before.sequence + 1 })).toMatchObject({ reset: true })
    expect(await poll(engine, { ...before, epoch: 'other' })).toMatchObject({ reset: true })
    for (let i = 0; i < 16_385; i++) await engine.write('agents/billing/revoke')
    expect(await poll(engine, before)).toMatchObject({ reset: true, events: [] })
    await engine.restart()
    expect(await poll(engine, before)).toMatchObject({ reset: true })
  }, 60_000)

  it('hands out a long backlog in pieces that join', async () => {
    const engine = await start()
    let at = await poll(engine)
    for (let i = 0; i < 1_500; i++) await engine.write('agents/billing/revoke')
    const seen: number[] = []
    for (;;) {
      at = await poll(engine, at)
      expect(at.reset).toBe(false)
      // Until the last piece the response says that it does not tell all.
      expect(at.more).toBe(seen.length + at.events.length < 3_000)
      if (at.events.length === 0) break
      seen.push(...at.events.map((event) => Number(event.sequence)))
    }
    expect(seen).toEqual(Array.from({ length: 3_000 }, (_, i) => seen[0]! + i))
  })

  it('changes its epoch when nobody knows whether a write was stored', async () => {
    const engine = await start()
    const before = await poll(engine)
    engine.storage.failPuts = true
    await engine.refusal(engine.write('agents/billing/revoke'))
    engine.storage.failPuts = false
    const after = await poll(engine, before)
    expect(after.reset).toBe(true)
    expect(after.epoch).not.toBe(before.epoch)
  })
})

describe('a mount that is being removed', () => {
  it('answers a waiting poll within a tenth of a second, with the end of every session, and lets none wait again', async () => {
    const engine = await start()
    const issued = await engine.issue('billing')
    const waiting = poll(engine, await poll(engine), 2)
    await settle()
    engine.limits.tainted = true
    expect(
      await engine.storage.during(async () => {
        await engine.clock.advance(100)
        expect(await waiting).toMatchObject({ removed: true, events: [{ type: 'mount_generation', generation: 1 }] })
      }),
    ).toMatchObject({ put: 1 })
    expect(await engine.introspect({ token: issued.token })).toMatchObject({ active: false, reason: 'revoked' })
    expect(await poll(engine, await poll(engine), 2)).toMatchObject({ removed: true, held_ms: 0 })
  })

  it('answers however many polls wait with one write', async () => {
    const engine = await start()
    const position = await poll(engine)
    const waiting = [poll(engine, position, 2), poll(engine, position, 2), poll(engine, position, 2)]
    await settle()
    engine.limits.tainted = true
    expect(
      await engine.storage.during(async () => {
        await engine.clock.advance(100)
        await Promise.all(waiting)
        await engine.call('rollback', '')
      }),
    ).toMatchObject({ put: 1 })
    expect((await Promise.all(waiting)).map(({ removed }) => removed)).toEqual([true, true, true])
  })

  it('answers at once all the same when the end cannot be stored, and the next look tries again', async () => {
    const storage = new FaultyStorage()
    const engine = await TestEngine.start({ storage })
    await engine.declare('billing', ['read:stripe:invoices'])
    const waiting = poll(engine, await poll(engine), 2)
    await settle()
    engine.limits.tainted = true
    storage.refusing = /^cfg/
    await engine.clock.advance(100)
    expect(await waiting).toMatchObject({ removed: true, reset: true })
    storage.refusing = undefined
    expect(await engine.storage.during(() => engine.call('rollback', ''))).toMatchObject({ put: 1 })
  })

  it('holds polls again once it is there to stay, as after a move', async () => {
    const engine = await start()
    engine.limits.tainted = true
    await engine.call('rollback', '')
    engine.limits.tainted = false
    const position = await poll(engine)
    expect(position.removed).toBe(false)
    const waiting = poll(engine, position, 2)
    await settle()
    await engine.clock.advance(2_000)
    expect(await waiting).toMatchObject({ removed: false, held_ms: 2_000 })
  })

  it('that the host cannot be asked about is followed as before', async () => {
    const engine = await start()
    const waiting = poll(engine, await poll(engine), 2)
    engine.tainted = () => Promise.reject(new Error('the server does not answer'))
    await settle()
    await engine.clock.advance(2_000)
    expect(await waiting).toMatchObject({ removed: false, events: [], held_ms: 2_000 })
  })
})

describe('gateways that poll', () => {
  const polled = async (engine: TestEngine, gateway: string) =>
    (await engine.call('read', 'feed', { wait: 0, gateway }))!.data!.pollers

  it('are counted by their name for ten seconds', async () => {
    const engine = await start()
    expect(await polled(engine, 'gw_a')).toBe(1)
    expect(await polled(engine, 'gw_b')).toBe(2)
    expect(await polled(engine, 'gw_a')).toBe(2)
    await engine.clock.advance(9_000)
    expect(await polled(engine, 'gw_a')).toBe(2)
    await engine.clock.advance(2_000)
    expect(await polled(engine, 'gw_a')).toBe(1)
  })

  it('without a name are not counted', async () => {
    expect(await polled(await start(), '')).toBe(0)
  })

  it('under ever new names are counted up to a limit', async () => {
    const engine = await start()
    for (let i = 0; i < 1_100; i++) await polled(engine, `gw_${String(i)}`)
    expect(await polled(engine, 'gw_last')).toBe(1_024)
  })

  it.each(['a b', 'a/b', 'x'.repeat(65)])('as %j are refused', async (gateway) => {
    expect(await (await start()).refusal(polled(await start(), gateway))).toEqual({
      kind: 'bad_request',
      message: 'gateway must be at most 64 letters, digits, _ and -, for example gateway=gw_3f9c2b71d0a84e65.',
    })
  })
})

describe('an introspection', () => {
  it('names the position it was taken at, before what it rests on', async () => {
    const engine = await start()
    const issued = await engine.issue('billing')
    const before = await poll(engine)
    expect(await engine.introspect({ token: issued.token })).toMatchObject({
      epoch: before.epoch,
      sequence: before.sequence,
    })
  })

  it('answers RFC 7662 names and all a gateway needs to judge later calls', async () => {
    const engine = await start()
    const issued = await engine.issue('billing', { purpose: 'p' })
    const response = await engine.introspect({ token: issued.token, required_scope: 'read:stripe:invoices' })
    expect(response).toEqual({
      active: true,
      scope: 'read:stripe:invoices',
      client_id: 'billing',
      sub: issued.session_id,
      token_type: 'phantom',
      jti: issued.token_id,
      exp: issued.data.expires_at_unix,
      iat: Number(issued.data.expires_at_unix) - 900,
      session_id: issued.session_id,
      agent_id: 'billing',
      token_id: issued.token_id,
      owner: 'platform-team',
      environment: 'production',
      purpose: 'p',
      scopes: ['read:stripe:invoices'],
      granted_scopes: ['read:stripe:invoices'],
      expires_at: issued.data.expires_at,
      expires_at_unix: issued.data.expires_at_unix,
      session_expires_at_unix: Number(issued.data.expires_at_unix) - 900 + 28_800,
      refresh_possible_unix: 0,
      chain: [
        {
          session_id: issued.session_id,
          agent_id: 'billing',
          environment: 'production',
          own_environment: true,
          scopes: ['read:stripe:invoices'],
          policies: null,
          generation: 0,
          newest_token_expires_at_unix: issued.data.expires_at_unix,
          session_expires_at_unix: Number(issued.data.expires_at_unix) - 900 + 28_800,
        },
      ],
      mount_generation: 0,
      documents: { 'agents/billing': expect.any(Number), 'agents/billing/scopes': expect.any(Number) },
      required_scope: 'read:stripe:invoices',
      scope_match: true,
      epoch: expect.any(String),
      sequence: expect.any(Number),
      server_time_unix_ms: engine.clock.now(),
    })
    expect(await engine.introspect({ token_sha256: tokenDigest(issued.token) })).toMatchObject({
      active: true,
      token_id: issued.token_id,
    })
    expect(await engine.introspect({ session_id: issued.session_id })).not.toHaveProperty('exp')
  })

  it.each([
    ['a text that is no token', { token: 'hello' }, 'malformed'],
    ['a token with a wrong check digit', { token: `svt_prod_${'a'.repeat(49)}` }, 'malformed'],
    ['an unknown digest', { token_sha256: 'ab'.repeat(32) }, 'unknown'],
    ['an unknown session', { session_id: 'sess_01JNKQ8X4F2MVBP7RD3WCZH9GT' }, 'unknown'],
  ])('of %s is inactive', async (_what, request, reason) => {
    expect(await (await start()).introspect(request)).toMatchObject({ active: false, reason })
  })

  it.each([
    [
      'nothing',
      {},
      'give exactly one of token, token_sha256, session_id and batch_input, for example token=svt_prod_….',
    ],
    [
      'two things',
      { token: 'a', session_id: 'b' },
      'give exactly one of token, token_sha256, session_id and batch_input, for example token=svt_prod_….',
    ],
    [
      'a digest that is none',
      { token_sha256: 'xyz' },
      'token_sha256 must be 64 hexadecimal digits, for example token_sha256=b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9.',
    ],
    [
      'a wildcard scope',
      { token: 'a', required_scope: 'read:*' },
      'required_scope: "read:*" covers every upstream. Name a resource, for example read:stripe:invoices.',
    ],
  ])('asked with %s is refused', async (_what, request, message) => {
    const engine = await start()
    expect(await engine.refusal(engine.introspect(request))).toEqual({ kind: 'bad_request', message })
  })
})
