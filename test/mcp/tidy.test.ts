import { describe, expect, it } from 'vitest'
import { Issued, TestEngine } from './engine.ts'
import { FakeClock } from '../fakes/clock.ts'

/** Every look at the clock costs a second: any budget is soon spent. */
class CostlyClock extends FakeClock {
  costly = false
  #spent = 0

  override monotonic(): number {
    if (this.costly) this.#spent += 1_000
    return super.monotonic() + this.#spent
  }
}

async function start(clock = new FakeClock()): Promise<TestEngine> {
  const engine = await TestEngine.start({ clock })
  await engine.write('config', { session_max_life: 3600, reuse_window: 0 })
  await engine.declare('billing', ['read:stripe:invoices'])
  return engine
}

const sessions = async (engine: TestEngine) => ((await engine.list('sessions/'))?.data?.keys ?? []) as string[]
const tick = (engine: TestEngine) => engine.call('rollback', '')

describe('tidy', () => {
  it('removes a session with its tokens and its end marker once its life and the reuse window are over, and not before', async () => {
    const engine = await start()
    const issued = await engine.issue('billing')
    await engine.write(`creds/billing/${issued.session_id}`)
    await engine.revoke(issued)
    await engine.clock.advance(3_599_000)
    expect((await engine.write('tidy'))!.data).toMatchObject({
      done: true,
      sessions_removed: 0,
      tokens_removed: 0,
      markers_removed: 0,
    })
    await engine.clock.advance(1_000)
    expect((await engine.write('tidy'))!.data).toMatchObject({
      done: true,
      sessions_removed: 1,
      tokens_removed: 1,
      markers_removed: 1,
      state: 'idle',
    })
    expect((await engine.read('tidy/status'))!.data).toMatchObject({ last_finished: engine.clock.now() / 1000 })
    for (const folder of ['s/', 't/', 'x/']) expect(await engine.storage.list(folder)).toEqual([])
  })

  it('leaves a token alone that was renewed past its first expiry', async () => {
    const engine = await start()
    await engine.write('agents/billing/scopes', { max_ttl_seconds: 3000 })
    const first = await engine.issue('billing')
    const second = new Issued(await engine.write(`creds/billing/${first.session_id}`))
    await engine.renew(second, 2000)
    await engine.clock.advance(1_000_000)
    await engine.write('tidy')
    expect(await engine.introspect({ token: second.token })).toMatchObject({ active: true })
  })

  it('remembers a revoked session as revoked for as long as it is remembered, also when the window was widened since', async () => {
    const engine = await start()
    const issued = await engine.issue('billing')
    await engine.revoke(issued)
    await engine.write('config', { reuse_window: 86_400 })
    await engine.clock.advance(3_600_000)
    await engine.write('tidy')
    expect(await engine.introspect({ token: issued.token })).toMatchObject({ active: false, reason: 'revoked' })
  })

  it('gets on however small its budget, tick after tick', async () => {
    const clock = new CostlyClock()
    const engine = await start(clock)
    for (let i = 0; i < 5; i++) await engine.issue('billing')
    await clock.advance(3_600_000)
    clock.costly = true
    const left: number[] = []
    for (let i = 0; i < 5; i++) {
      await tick(engine)
      left.push((await sessions(engine)).length)
    }
    expect(left).toEqual([4, 3, 2, 1, 0])
  })

  it('goes on where it stopped and begins again when it is through', async () => {
    const clock = new CostlyClock()
    const engine = await start(clock)
    for (let i = 0; i < 3; i++) await engine.issue('billing')
    clock.costly = true
    for (let i = 0; i < 2; i++) await tick(engine)
    clock.costly = false
    await clock.advance(3_600_000)
    await tick(engine)
    expect(await sessions(engine)).toHaveLength(2)
    await tick(engine)
    expect(await sessions(engine)).toHaveLength(0)
  })

  it('goes on between ticks while there is something to remove, and not after the mount is cleaned up', async () => {
    const clock = new CostlyClock()
    const engine = await start(clock)
    for (let i = 0; i < 4; i++) await engine.issue('billing')
    await clock.advance(3_600_000)
    clock.costly = true
    await tick(engine)
    expect(await sessions(engine)).toHaveLength(3)
    await clock.advance(1_000)
    expect(await sessions(engine)).toHaveLength(2)
    expect(clock.waiting).toBe(1)
    await engine.backend.cleanup()
    expect(clock.waiting).toBe(0)
  })

  it('rests till the next tick where it found nothing to remove', async () => {
    const clock = new CostlyClock()
    const engine = await start(clock)
    for (let i = 0; i < 2; i++) await engine.issue('billing')
    clock.costly = true
    await tick(engine)
    expect(clock.waiting).toBe(0)
  })

  it('works on many records at once, and on none twice', async () => {
    const engine = await start()
    for (let i = 0; i < 300; i++) await engine.issue('billing')
    await engine.clock.advance(3_600_000)
    expect(await engine.storage.during(() => engine.write('tidy'))).toMatchObject({ delete: 300 })
    expect(engine.storage.mostAtOnce).toBeGreaterThan(1)
    expect(await sessions(engine)).toEqual([])
  })

  it('does nothing on a node that cannot write', async () => {
    const engine = await start()
    await engine.issue('billing')
    await engine.clock.advance(3_600_000)
    engine.limits.readOnly = true
    expect(await engine.storage.during(() => tick(engine))).toEqual({ get: 0, put: 0, delete: 0 })
    expect((await engine.refusal(engine.write('tidy'))).kind).toBe('readonly')
  })

  it('that fails tells followers nothing, because nothing they hold has changed', async () => {
    const engine = await start()
    const issued = await engine.issue('billing')
    await engine.clock.advance(3_600_000)
    const { epoch } = await engine.introspect({ token: issued.token })
    engine.storage.failDeletes = true
    expect((await engine.refusal(engine.write('tidy'))).kind).toBe('unavailable')
    expect(await engine.introspect({ token: issued.token })).toMatchObject({ epoch })
    engine.storage.failDeletes = false
    expect((await engine.write('tidy'))!.data).toMatchObject({ done: true, sessions_removed: 1 })
  })
})
