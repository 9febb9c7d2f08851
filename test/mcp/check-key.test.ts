import { describe, expect, it } from 'vitest'
import { MemoryStorage } from '../../src/logical/storage.ts'
import { mintToken, passesKeyedCheck } from '../../src/scope/index.ts'
import { TestEngine } from './engine.ts'

interface Published {
  readonly reset: boolean
  readonly epoch: string
  readonly sequence: number
  readonly check_keys?: readonly string[]
  readonly check_enforced_from_unix?: number
}

async function poll(engine: TestEngine, after: { epoch?: string; sequence?: number } = {}): Promise<Published> {
  const { epoch = '', sequence = 0 } = after
  return (await engine.call('read', 'feed', { epoch, after: sequence, wait: 0 }))!.data as unknown as Published
}

const keysOf = (published: Published) => (published.check_keys ?? []).map((key) => Buffer.from(key, 'base64'))
const nowUnix = (engine: TestEngine) => Math.floor(engine.clock.now() / 1000)

async function start(): Promise<TestEngine> {
  const engine = await TestEngine.start()
  await engine.declare('billing', ['read:stripe:invoices'])
  return engine
}

/** A mount whose sessions were opened before there was a key. */
async function upgraded(): Promise<TestEngine> {
  const engine = await start()
  await engine.issue('billing')
  await engine.storage.delete('cfg')
  await engine.restart()
  return engine
}

describe('the check key', () => {
  it('comes with a reset, and every token passes it', async () => {
    const engine = await start()
    const published = await poll(engine)
    expect(keysOf(published).map(({ length }) => length)).toEqual([32])
    const tokens = [await engine.issue('billing'), await engine.issue('billing')]
    expect(tokens.map(({ token }) => passesKeyedCheck(token, keysOf(published)))).toEqual([true, true])
  })

  it('comes with nothing but a reset', async () => {
    const engine = await start()
    const again = await poll(engine, await poll(engine))
    expect(again.reset).toBe(false)
    expect(Object.keys(again).filter((name) => name.startsWith('check'))).toEqual([])
  })

  it('is in no response of config, of an issue, an introspection or a session', async () => {
    const engine = await start()
    const [key] = (await poll(engine)).check_keys!
    const issued = await engine.issue('billing')
    const responses = [
      await engine.read('config'),
      await engine.write('config', { max_ttl: 3000 }),
      await engine.write('config/rotate-check-key'),
      await engine.introspect({ token: issued.token }),
      await engine.read(`sessions/${issued.session_id}`),
      issued,
    ]
    expect(JSON.stringify(responses)).not.toContain(key)
  })

  it('outlives a restart, a config that is written, one that is deleted, and the end of all sessions', async () => {
    const engine = await start()
    const { check_keys } = await poll(engine)
    await engine.write('config', { max_ttl: 3000 })
    await engine.delete('config')
    await engine.write('sessions/revoke-all')
    await engine.restart()
    expect((await poll(engine)).check_keys).toEqual(check_keys)
  })

  it('is another one on another mount', async () => {
    const [one, two] = [await poll(await start()), await poll(await start())]
    expect(one.check_keys).not.toEqual(two.check_keys)
  })

  it('is not made by a node that only reads', async () => {
    const storage = new MemoryStorage()
    const engine = await TestEngine.start({ storage })
    await engine.storage.delete('cfg')
    engine.limits.readOnly = true
    await engine.restart()
    expect(await storage.get('cfg')).toBeUndefined()
  })
})

describe('the check is enforced', () => {
  it('at once on a mount that never had a session', async () => {
    const engine = await start()
    expect((await poll(engine)).check_enforced_from_unix).toBe(nowUnix(engine))
  })

  it('after an upgrade only once the last earlier token can have run out', async () => {
    const engine = await upgraded()
    expect((await poll(engine)).check_enforced_from_unix).toBe(nowUnix(engine) + engine.limits.max_ttl + 60)
  })

  it('and tokens issued right after the upgrade pass it already', async () => {
    const engine = await upgraded()
    expect(passesKeyedCheck((await engine.issue('billing')).token, keysOf(await poll(engine)))).toBe(true)
  })
})

describe('introspection of a token that fails the check', () => {
  const made = mintToken({ prefix: 'svt', label: 'prod', random: (bytes) => new Uint8Array(bytes).fill(9) })

  it('reads nothing from storage once it is enforced', async () => {
    const engine = await start()
    expect(await engine.storage.during(() => engine.introspect({ token: made }))).toMatchObject({ get: 0 })
    expect(await engine.introspect({ token: made })).toMatchObject({ active: false, reason: 'unknown' })
  })

  it('looks before that, because it may be an earlier token', async () => {
    const engine = await upgraded()
    const during = await engine.storage.during(() => engine.introspect({ token: made }))
    expect(during.get).toBeGreaterThan(0)
  })
})

describe('rotation', () => {
  it('publishes the new key to every gateway 120 seconds before the first token is minted under it', async () => {
    const engine = await start()
    const before = await poll(engine)
    const [old] = keysOf(before)
    expect((await engine.write('config/rotate-check-key'))!.data).toEqual({ mint_from_unix: nowUnix(engine) + 120 })
    const after = await poll(engine, before)
    expect([after.reset, after.check_keys?.[0], after.check_keys?.length]).toEqual([true, before.check_keys?.[0], 2])
    const [, young] = keysOf(after)
    await engine.clock.advance(119_000)
    expect(passesKeyedCheck((await engine.issue('billing')).token, [old!])).toBe(true)
    await engine.clock.advance(1_000)
    const { token } = await engine.issue('billing')
    expect([passesKeyedCheck(token, [old!]), passesKeyedCheck(token, [young!])]).toEqual([false, true])
  })

  it('keeps the old key until no token of it can live, and refuses another rotation until then', async () => {
    const engine = await start()
    await engine.write('config/rotate-check-key')
    const [, young] = (await poll(engine)).check_keys!
    expect((await engine.refusal(engine.write('config/rotate-check-key'))).message).toContain('is in force until')
    await engine.clock.advance((120 + engine.limits.max_ttl + 59) * 1000)
    expect((await poll(engine)).check_keys).toHaveLength(2)
    await engine.clock.advance(1_000)
    expect((await poll(engine)).check_keys).toEqual([young])
    await engine.write('config/rotate-check-key')
    expect((await poll(engine)).check_keys).toHaveLength(2)
  })
})
