/** What the engine's feed and introspection say, and how it is read: by one description, which this holds both to. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DocumentError, readFeedResponse, readIntrospection } from '../../src/document/index.ts'
import type { Data } from '../../src/logical/data.ts'
import { TestEngine } from '../mcp/engine.ts'
import type { Issued } from '../mcp/engine.ts'

const from = <T>(...values: readonly T[]) => fc.constantFrom(...values)
const feed = (engine: TestEngine, position: Data = {}) =>
  engine.read('feed', { wait: 0, ...position }).then((r) => r!.data!)

/** One of every event: all that operators and agents do, in any order. */
const step = from<(engine: TestEngine, issued: Issued[]) => Promise<unknown>>(
  async (engine, issued) => issued.push(await engine.issue('billing', { ttl: 60 })),
  async (engine, issued) => issued.push(await engine.issue('billing', { parent_token: issued[0]!.token })).valueOf(),
  (engine, issued) => engine.write(`creds/billing/${issued[0]!.session_id}`),
  (engine, issued) => engine.revoke(issued.at(-1)!),
  (engine, issued) => engine.renew(issued[0]!, 300),
  (engine, issued) => engine.delete(`creds/billing/${issued.at(-1)!.session_id}`),
  (engine) => engine.write('agents/billing/revoke'),
  (engine) => engine.write('sessions/revoke-all'),
  (engine) => engine.write('policies/p', { policy: 'path "tools/a/b" { capabilities = ["read"] }' }),
  (engine) => engine.delete('policies/p'),
  (engine) => engine.write('config/rotate-check-key'),
  (engine) => engine.clock.advance(20_000),
  // A token that was superseded, and runs out soon, ends alone.
  async (engine) => {
    const old = await engine.issue('billing', { ttl: 60 })
    await engine.write(`creds/billing/${old.session_id}`)
    await engine.clock.advance(40_000)
    return engine.revoke(old)
  },
)

async function started(): Promise<{ engine: TestEngine; issued: Issued[] }> {
  const engine = await TestEngine.start()
  await engine.declare('billing', ['read:a:b'])
  return { engine, issued: [await engine.issue('billing', { purpose: 'audit' })] }
}

/** A value with one place of it changed, by the number of the place. */
function changed(value: unknown, at: number, to: (old: unknown) => unknown): unknown {
  let left = at
  const walk = (node: unknown): unknown => {
    if (left-- === 0) return to(node)
    if (Array.isArray(node)) return node.map(walk)
    if (typeof node !== 'object' || node === null) return node
    return Object.fromEntries(Object.entries(node).map(([name, member]) => [name, walk(member)]))
  }
  return walk(value)
}

const other = from<(old: unknown) => unknown>(
  () => undefined,
  () => null,
  () => -1,
  () => 0.5,
  () => '',
  () => [],
  () => ({}),
  (old) => [old],
  (old) => String(old),
  (old) => (typeof old === 'number' ? old + 1 : { old }),
)

const readOrRefused = <T>(read: () => T): T | undefined => {
  try {
    return read()
  } catch (error) {
    expect(error).toBeInstanceOf(DocumentError)
    return undefined
  }
}

/** All numbers where positions and versions stand, so that nothing a follower compares is of another kind. */
const isWhole = (value: unknown) => Number.isSafeInteger(value)

describe('the feed', () => {
  it('is read as the engine says it, whatever has happened', async () => {
    const types = new Set<string>()
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        const { engine, issued } = await started()
        const first = await feed(engine)
        for (const take of steps) await Promise.resolve(take(engine, issued)).catch(() => undefined)
        for (const said of [
          first,
          await feed(engine, { epoch: first.epoch, after: first.sequence }),
          await feed(engine),
        ]) {
          const response = readFeedResponse(said)
          expect(response).toEqual(said)
          for (const { type } of response.events) types.add(type)
        }
      }),
      { numRuns: 200 },
    )
    expect([...types].sort()).toEqual(
      ['document', 'expiry', 'generation', 'mount_generation', 'session_ended', 'token_ended'].sort(),
    )
  }, 60_000)

  it('with anything else in it is refused, or a reset, or still of one kind', async () => {
    const { engine, issued } = await started()
    const { epoch, sequence } = await feed(engine)
    await engine.write(`creds/billing/${issued[0]!.session_id}`)
    await engine.write('agents/billing/revoke')
    const said = await feed(engine, { epoch, after: sequence })
    fc.assert(
      fc.property(fc.nat({ max: 60 }), other, (at, to) => {
        const read = readOrRefused(() => readFeedResponse(changed(said, at, to)))
        const numbers = [
          read?.sequence,
          read?.held_ms,
          read?.server_time_unix_ms,
          ...(read?.events ?? []).map((e) => e.sequence),
        ]
        expect(read === undefined || numbers.every(isWhole)).toBe(true)
        const lost = read !== undefined && !read.reset && read.events.length < (said.events as unknown[]).length
        expect(lost && JSON.stringify(changed(said, at, to)).includes('"type"') && read.events.length > 0).toBe(false)
      }),
      { numRuns: 2_000 },
    )
  })

  const response = {
    epoch: 'e',
    sequence: 3,
    server_time_unix_ms: 1,
    held_ms: 0,
    events: [],
    reset: false,
    more: false,
  }

  it('of an engine of 0.1.0 is read without what that did not say', () => {
    const events = [{ sequence: 3, type: 'expiry', session_id: 's', token_id: 't', expires_at_unix: 9, newest: true }]
    expect(readFeedResponse({ ...response, events })).toEqual({
      ...response,
      events,
      removed: false,
      pollers: 0,
      introspection_batch: 1,
    })
  })

  it.each<[string, unknown]>([
    ['of a type it does not know', { sequence: 3, type: 'merged' }],
    ['of no type', { sequence: 3 }],
    ['named as every object is', { sequence: 3, type: 'constructor' }],
    ['without its session', { sequence: 3, type: 'session_ended', reason: 'closed' }],
    ['without a number', { type: 'mount_generation', generation: 1 }],
    ['that is none', 'session_ended'],
  ])('with an event %s is a reset: something changed', (_what, event) => {
    expect(readFeedResponse({ ...response, events: [event] })).toMatchObject({ reset: true, events: [] })
  })

  it.each(Object.keys(response))('without %s is none', (name) => {
    expect(() => readFeedResponse({ ...response, [name]: undefined })).toThrow(DocumentError)
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['a list', []],
    ['an empty epoch', { ...response, epoch: '' }],
    ['a sequence before the first', { ...response, sequence: -1 }],
    ['half a sequence', { ...response, sequence: 1.5 }],
    ['a time that went backwards', { ...response, held_ms: -1 }],
    ['keys that are no texts', { ...response, check_keys: [1] }],
  ])('of %s is none', (_what, data) => {
    expect(() => readFeedResponse(data)).toThrow(DocumentError)
  })

  it('takes as many events as the engine sends at once', () => {
    const events = Array.from({ length: 1_024 }, (_, at) => ({
      sequence: at,
      type: 'mount_generation',
      generation: at,
    }))
    expect(readFeedResponse({ ...response, events }).events).toHaveLength(1_024)
  })
})

describe('introspection', () => {
  it('is read as the engine says it, whatever has happened', async () => {
    const seen = new Set<string>()
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
        const { engine, issued } = await started()
        for (const take of steps) await Promise.resolve(take(engine, issued)).catch(() => undefined)
        const [first, last] = [issued[0]!, issued.at(-1)!]
        const about = [{ token: first.token }, { token: last.token }, { session_id: first.session_id }, { token: 'x' }]
        for (const who of about) {
          const said = await engine.introspect(who)
          const read = readIntrospection(said)
          expect(said).toMatchObject(read)
          seen.add(read.active ? 'active' : read.reason)
        }
      }),
      { numRuns: 200 },
    )
    expect([...seen]).toEqual(expect.arrayContaining(['active', 'malformed', 'revoked']))
  }, 60_000)

  it('with anything else in it is refused, or still says the same of who and until when', async () => {
    const { engine, issued } = await started()
    const said = await engine.introspect({ token: issued[0]!.token })
    fc.assert(
      fc.property(fc.nat({ max: 60 }), other, (at, to) => {
        const read = readOrRefused(() => readIntrospection(changed(said, at, to)))
        const live = read?.active === true ? read : undefined
        const times = live?.chain.flatMap((link) => [
          link.newest_token_expires_at_unix,
          link.session_expires_at_unix,
          link.generation,
        ])
        expect(live === undefined || [...times!, live.mount_generation, live.sequence].every(isWhole)).toBe(true)
        expect(live?.chain.length).not.toBe(0)
        const versions = Object.values(live?.documents ?? {})
        expect(versions.every((version) => version === null || isWhole(version))).toBe(true)
      }),
      { numRuns: 2_000 },
    )
  })

  const position = { epoch: 'e', sequence: 3, server_time_unix_ms: 1 }

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['no verdict', position],
    ['a reason nobody knows', { active: false, reason: 'paused', ...position }],
    ['no reason', { active: false, ...position }],
    ['a verdict in words', { active: 'true', reason: 'unknown', ...position }],
    ['a live session without a chain', { active: true, ...position }],
  ])('of %s is none', (_what, data) => {
    expect(() => readIntrospection(data)).toThrow(DocumentError)
  })

  it('that says no is no, whatever else it holds', () => {
    expect(readIntrospection({ active: false, reason: 'revoked', chain: 1, ...position })).toEqual({
      active: false,
      reason: 'revoked',
      ...position,
    })
  })
})
