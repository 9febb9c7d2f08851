/** What bounds the lives that operators may give to tokens, and what becomes of longer ones that were stored before it did. */
import { describe, expect, it } from 'vitest'
import { MemoryStorage, jsonEntry } from '../../src/logical/storage.ts'
import { TestEngine } from './engine.ts'

const HOUR = 3600
const DAY = 24 * HOUR
const SCOPES = ['read:stripe:invoices']

/** A mount on which a release without a ceiling stored lives of two days. */
async function withOldLives(): Promise<TestEngine> {
  const storage = new MemoryStorage()
  const settings = { default_ttl: 2 * DAY, max_ttl: 2 * DAY, session_max_life: 7 * DAY }
  await storage.put(jsonEntry('cfg', { settings, mount_generation: 0 }))
  const agent = {
    agent_id: 'billing',
    version: 1,
    deleted: false,
    generation: 0,
    owner: 'platform-team',
    environment: 'production',
    description: '',
    policies: null,
    disabled: false,
    declared: { '': { scopes: SCOPES, max_ttl_seconds: 2 * DAY } },
  }
  await storage.put(jsonEntry('ag/billing', agent))
  return TestEngine.start({ storage })
}

/** A mount on which nothing but the ceiling keeps lives short. */
async function withRoom(): Promise<TestEngine> {
  const engine = await TestEngine.start()
  await engine.write('config', { session_max_life: 7 * DAY, max_ttl: DAY })
  await engine.declare('billing', SCOPES)
  return engine
}

const warningsOf = async (call: Promise<{ readonly warnings?: readonly string[] } | undefined>) =>
  (await call)?.warnings ?? []

describe('a longer life is refused', () => {
  it.each([
    [
      'config',
      { session_max_life: '7d', max_ttl: DAY + 1 },
      "max_ttl (86401) is above this mount's ttl_ceiling (86400); lower it, for example max_ttl=3600, or have someone with sudo raise ttl_ceiling at config/ttl-ceiling first.",
    ],
    [
      'agents/billing/scopes',
      { max_ttl_seconds: '25h' },
      "max_ttl_seconds (90000) is above this mount's ttl_ceiling (86400); lower it, for example max_ttl_seconds=3600, or have someone with sudo raise ttl_ceiling at config/ttl-ceiling first.",
    ],
    [
      'agents/billing/scopes/staging',
      { max_ttl_seconds: '25h' },
      "max_ttl_seconds (90000) is above this mount's ttl_ceiling (86400); lower it, for example max_ttl_seconds=3600, or have someone with sudo raise ttl_ceiling at config/ttl-ceiling first.",
    ],
  ])('%s %j', async (path, data, message) => {
    const engine = await withRoom()
    const before = await engine.read(path)
    expect(await engine.refusal(engine.write(path, data))).toEqual({ kind: 'bad_request', message })
    expect(await engine.read(path)).toEqual(before)
  })

  it('until the ceiling is raised, and again once it is back', async () => {
    const engine = await withRoom()
    await engine.write('config/ttl-ceiling', { ttl_ceiling: '48h' })
    await engine.write('config', { max_ttl: 2 * DAY })
    await engine.write('agents/billing/scopes', { max_ttl_seconds: 2 * DAY })
    expect((await engine.issue('billing', { ttl: '48h' })).data.ttl_seconds).toBe(2 * DAY)
    await engine.delete('config/ttl-ceiling')
    expect((await engine.issue('billing', { ttl: '48h' })).data.ttl_seconds).toBe(DAY)
    expect((await engine.refusal(engine.write('config', { max_ttl: DAY + 1 }))).message).toContain('ttl_ceiling')
  })

  it('and exactly the ceiling is not', async () => {
    const engine = await withRoom()
    await engine.write('agents/billing/scopes', { max_ttl_seconds: DAY })
    expect((await engine.issue('billing', { ttl: DAY })).data.ttl_seconds).toBe(DAY)
  })
})

describe('the ceiling itself', () => {
  it('is shown by config and not set there, even with sudo', async () => {
    const engine = await withRoom()
    expect((await engine.read('config'))!.data).toMatchObject({ ttl_ceiling: DAY })
    for (const ttl_ceiling of [2 * DAY, HOUR, '48h', null, 'soon'])
      expect(await engine.refusal(engine.write('config', { ttl_ceiling, max_ttl: HOUR }))).toEqual({
        kind: 'bad_request',
        message:
          'ttl_ceiling is not set here, because that needs sudo; write config/ttl-ceiling, for example ttl_ceiling=24h.',
      })
    expect((await engine.read('config'))!.data).toMatchObject({ ttl_ceiling: DAY, max_ttl: DAY })
    await engine.write('config', { ttl_ceiling: '24h', max_ttl: HOUR })
    expect((await engine.read('config'))!.data).toMatchObject({ ttl_ceiling: DAY, max_ttl: HOUR })
  })

  it('outlives a reset of config, which needs no sudo', async () => {
    const engine = await withRoom()
    await engine.write('config/ttl-ceiling', { ttl_ceiling: 600 })
    await engine.delete('config')
    expect((await engine.read('config'))!.data).toMatchObject({ ttl_ceiling: 600, max_ttl: 600, default_ttl: 600 })
  })

  it('survives a restart, and the end of all sessions', async () => {
    const engine = await withRoom()
    await engine.write('config/ttl-ceiling', { ttl_ceiling: '2h' })
    await engine.write('sessions/revoke-all')
    await engine.restart()
    expect((await engine.read('config/ttl-ceiling'))!.data).toEqual({ ttl_ceiling: 2 * HOUR })
  })

  it.each([{ ttl_ceiling: null }, undefined])('is reset by null and by deleting: %j', async (data) => {
    const engine = await withRoom()
    await engine.write('config/ttl-ceiling', { ttl_ceiling: '2h' })
    await (data ? engine.write('config/ttl-ceiling', data) : engine.delete('config/ttl-ceiling'))
    expect((await engine.read('config/ttl-ceiling'))!.data).toEqual({ ttl_ceiling: DAY })
  })

  it.each([
    [{}, 'ttl_ceiling is required, for example ttl_ceiling=24h.'],
    [{ ttl_ceiling: 0 }, 'ttl_ceiling must be at least 1 second; tokens always expire, for example ttl_ceiling=24h.'],
    [{ ttl_ceiling: -1 }, 'ttl_ceiling must not be negative, for example ttl_ceiling=86400.'],
  ])('refuses %j', async (data, message) => {
    const engine = await withRoom()
    expect(await engine.refusal(engine.write('config/ttl-ceiling', data))).toEqual({ kind: 'bad_request', message })
  })

  it('holds for what is issued, for what is refreshed and for what is renewed after it was lowered', async () => {
    const engine = await withRoom()
    await engine.write('agents/billing/scopes', { max_ttl_seconds: DAY })
    const issued = await engine.issue('billing', { ttl: '1h' })
    await engine.write('config/ttl-ceiling', { ttl_ceiling: 1800 })
    const requested = await engine.issue('billing', { ttl: '1h' })
    expect(requested.data.ttl_seconds).toBe(1800)
    expect(requested.warnings).toEqual(['ttl of 1h is cut to 30m by ttl_ceiling of config.'])
    const refreshed = await engine.write(`creds/billing/${issued.session_id}`, { ttl: '1h' })
    expect(refreshed!.data!.ttl_seconds).toBe(1800)
    await engine.clock.advance(600_000)
    const renewed = await engine.renew(issued, 12 * HOUR)
    expect(renewed!.secret!.lease_options.ttl).toBe(1200)
    // What is live keeps the expiry its holder was told, and a renewal never goes beyond the ceiling.
    expect((await engine.introspect({ token: requested.token })).active).toBe(true)
  })
})

describe('what was stored above it', () => {
  it('is cut, and said to be, wherever it is read', async () => {
    const engine = await withOldLives()
    const config = await engine.read('config')
    expect(config!.data).toMatchObject({ default_ttl: DAY, max_ttl: DAY, session_max_life: 7 * DAY })
    expect(config!.warnings).toEqual(
      ['default_ttl', 'max_ttl'].map(
        (name) =>
          `${name} is stored as 172800, above this mount's ttl_ceiling, and is cut to 86400. Write a lower ${name}, or have someone with sudo raise ttl_ceiling at config/ttl-ceiling.`,
      ),
    )
    const scopes = await engine.read('agents/billing/scopes')
    expect(scopes!.data).toMatchObject({ max_ttl_seconds: DAY })
    expect(scopes!.warnings).toEqual([expect.stringContaining('max_ttl_seconds is stored as 172800')])
  })

  it('is cut when a token is issued, whether or not its life was asked for', async () => {
    const engine = await withOldLives()
    for (const data of [{}, { ttl: '48h' }]) {
      const issued = await engine.issue('billing', data)
      expect(issued.data.ttl_seconds).toBe(DAY)
      expect(issued.warnings).toEqual(['ttl of 48h is cut to 24h by ttl_ceiling of config.'])
    }
  })

  it('refuses no write of something else, nor of itself again', async () => {
    const engine = await withOldLives()
    expect(await warningsOf(engine.write('config', { allow_wildcards: true }))).toHaveLength(2)
    expect(await warningsOf(engine.write('agents/billing/scopes', { scopes: [] }))).toContainEqual(
      expect.stringContaining('is cut to 86400'),
    )
    await engine.write('config', { default_ttl: 2 * DAY, max_ttl: 2 * DAY })
    await engine.write('agents/billing/scopes', { max_ttl_seconds: 2 * DAY })
    expect((await engine.read('config'))!.data).toMatchObject({ allow_wildcards: true, max_ttl: DAY })
    expect((await engine.refusal(engine.write('config', { max_ttl: 2 * DAY + 1 }))).message).toContain('ttl_ceiling')
    expect(
      (await engine.refusal(engine.write('agents/billing/scopes', { max_ttl_seconds: 2 * DAY - 1 }))).message,
    ).toContain('ttl_ceiling')
  })

  it('is in force as it is stored once the ceiling allows it', async () => {
    const engine = await withOldLives()
    await engine.write('config/ttl-ceiling', { ttl_ceiling: 2 * DAY })
    const config = await engine.read('config')
    expect([config!.data!.max_ttl, config!.warnings]).toEqual([2 * DAY, []])
    const issued = await engine.issue('billing')
    expect([issued.data.ttl_seconds, issued.warnings]).toEqual([2 * DAY, []])
  })

  it('is named when the ceiling is lowered below it', async () => {
    const engine = await withRoom()
    expect(await warningsOf(engine.write('config/ttl-ceiling', { ttl_ceiling: '2h' }))).toEqual([
      expect.stringContaining('max_ttl is stored as 86400'),
    ])
  })
})

describe('a warning', () => {
  it.each([
    ['config', 'max_ttl'],
    ['agents/billing/scopes', 'max_ttl_seconds'],
  ])('comes with a life above one hour at %s, and not with one hour', async (path, field) => {
    const engine = await withRoom()
    expect(await warningsOf(engine.write(path, { [field]: HOUR + 60 }))).toContainEqual(
      `${field} of 1h1m is long: a token that leaks may be used until it expires. 15 to 30 minutes suit most agents; more than 1 hour suits only those that can do little harm.`,
    )
    expect((await warningsOf(engine.write(path, { [field]: HOUR }))).join()).not.toContain('is long')
  })

  it('comes with a ceiling above its default, and not with a lower one', async () => {
    const engine = await withRoom()
    expect(await warningsOf(engine.write('config/ttl-ceiling', { ttl_ceiling: '48h' }))).toEqual([
      'ttl_ceiling of 48h is above 24h: config and scopes may now let tokens live that long, and one that leaks may be used until it expires.',
    ])
    expect(await warningsOf(engine.write('config/ttl-ceiling', { ttl_ceiling: '24h' }))).toEqual([])
  })
})
