import { describe, expect, it } from 'vitest'
import { momentOf } from '../../../src/logical/clock.ts'
import { EngineClock } from '../../../src/gateway/knowledge/engine-clock.ts'
import { FakeClock } from '../../fakes/clock.ts'

const ENGINE = Date.parse('2026-03-15T16:00:00Z')

async function exchange(
  clock: FakeClock,
  engine: EngineClock,
  settings: { outMs: number; heldMs?: number; backMs: number; aheadMs?: number },
): Promise<void> {
  const { outMs, heldMs = 0, backMs, aheadMs = 0 } = settings
  const sent = momentOf(clock)
  await clock.advance(outMs + heldMs)
  const serverUnixMs = clock.now() + aheadMs
  await clock.advance(backMs)
  engine.observe({ sent, serverUnixMs, heldMs })
}

describe("the engine's clock as seen from here", () => {
  it('is unknown, so that everything counts as expired, before the first exchange', () => {
    expect(new EngineClock(new FakeClock()).nowUnixMs()).toBe(Infinity)
  })

  it.each([
    ['a quick exchange', { outMs: 1, backMs: 1 }],
    ['a slow way out', { outMs: 800, backMs: 1 }],
    ['a slow way back', { outMs: 1, backMs: 800 }],
    ['a long poll', { outMs: 1, heldMs: 1_000, backMs: 1 }],
    ['an engine a day ahead', { outMs: 5, backMs: 5, aheadMs: 86_400_000 }],
    ['an engine a day behind', { outMs: 5, backMs: 5, aheadMs: -86_400_000 }],
  ])('is never behind, and ahead by at most the round trip, after %s', async (_case, settings) => {
    const clock = new FakeClock()
    const engine = new EngineClock(clock)
    await exchange(clock, engine, settings)
    const ahead = engine.nowUnixMs() - (clock.now() + ('aheadMs' in settings ? settings.aheadMs : 0))
    expect(ahead).toBeGreaterThanOrEqual(0)
    expect(ahead).toBeLessThanOrEqual(settings.outMs + settings.backMs)
  })

  it('is narrowed down by a quicker exchange and not widened again by a slow one', async () => {
    const clock = new FakeClock()
    const engine = new EngineClock(clock)
    await exchange(clock, engine, { outMs: 500, backMs: 500 })
    await exchange(clock, engine, { outMs: 1, backMs: 1 })
    await exchange(clock, engine, { outMs: 500, backMs: 500 })
    expect(engine.nowUnixMs() - clock.now()).toBeLessThan(3)
  })

  it.each([
    ['forward', 10_000],
    ['back', -10_000],
  ])("follows when the engine's clock is set %s", async (_case, aheadMs) => {
    const clock = new FakeClock()
    const engine = new EngineClock(clock)
    await exchange(clock, engine, { outMs: 1, backMs: 1 })
    await exchange(clock, engine, { outMs: 1, backMs: 1, aheadMs })
    expect(Math.abs(engine.nowUnixMs() - clock.now() - aheadMs)).toBeLessThan(3)
  })

  it('allows for drift the longer nothing is heard', async () => {
    const clock = new FakeClock()
    const engine = new EngineClock(clock)
    await exchange(clock, engine, { outMs: 0, backMs: 0 })
    await clock.advance(100_000)
    const ahead = engine.nowUnixMs() - clock.now()
    expect(ahead).toBeGreaterThanOrEqual(20)
    expect(ahead).toBeLessThan(21)
  })

  it('is not behind after a sleep too short to be noticed', async () => {
    const clock = new FakeClock()
    const engine = new EngineClock(clock)
    await exchange(clock, engine, { outMs: 1, backMs: 1 })
    clock.sleepThrough(800)
    expect(engine.nowUnixMs()).toBeGreaterThanOrEqual(clock.now())
    await exchange(clock, engine, { outMs: 400, backMs: 900 })
    expect(engine.nowUnixMs()).toBeGreaterThanOrEqual(clock.now())
  })

  it('is not behind after a sleep too short to be noticed that a response was overtaken by', async () => {
    const clock = new FakeClock()
    const engine = new EngineClock(clock)
    const sent = momentOf(clock)
    await clock.advance(5)
    const serverUnixMs = clock.now()
    clock.sleepThrough(839)
    engine.observe({ sent, serverUnixMs, heldMs: 0 })
    expect(engine.nowUnixMs()).toBeGreaterThanOrEqual(clock.now())
  })

  it('is ahead by no more than a second when the wall clock here is set forward', async () => {
    const clock = new FakeClock()
    const engine = new EngineClock(clock)
    await exchange(clock, engine, { outMs: 1, backMs: 1 })
    const before = engine.nowUnixMs()
    clock.sleepThrough(3_600_000)
    expect(engine.nowUnixMs() - before).toBe(1_000)
  })

  it('starts from nothing with another engine', async () => {
    const clock = new FakeClock()
    const engine = new EngineClock(clock)
    await exchange(clock, engine, { outMs: 1, backMs: 1 })
    engine.forget()
    expect(engine.nowUnixMs()).toBe(Infinity)
    await exchange(clock, engine, { outMs: 1, backMs: 1, aheadMs: ENGINE })
    expect(engine.nowUnixMs()).toBeGreaterThanOrEqual(clock.now() + ENGINE)
  })
})
