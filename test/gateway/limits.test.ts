/** What one session, address or caller may take at a time, and that others are served all the while. */
import { afterEach, describe, expect, it } from 'vitest'
import { defaultLimits, Limits } from '../../src/gateway/limits/index.ts'
import { toGatewayFailure } from '../../src/gateway/error.ts'
import { FakeClock } from '../fakes/clock.ts'
import { authorize, openSession, startHarness, tokenOf, outcomeOf } from './harness.ts'
import type { GatewayHarness } from './harness.ts'

const rigs: GatewayHarness[] = []
let harness: GatewayHarness
afterEach(async () => {
  await Promise.all(rigs.splice(0).map((one) => one.stop()))
})

const address = { key: '192.0.2.7', authenticated: false }
const settled = (count: number, act: () => Promise<unknown>) =>
  Promise.all(Array.from({ length: count }, () => outcomeOf(act())))

describe('calls of one session', () => {
  it('deny: more under way than it may have; allow: again when one ends, and other sessions all the while', async () => {
    harness = await startHarness()
    rigs.push(harness)
    const [greedy, honest] = [tokenOf(openSession(harness)), tokenOf(openSession(harness))]
    const calls = await Promise.all(
      Array.from({ length: defaultLimits.calls_per_session }, () => authorize(harness, greedy)),
    )
    expect(await outcomeOf(authorize(harness, greedy))).toBe('unavailable calls_limit')
    expect(await outcomeOf(authorize(harness, honest))).toBe('allowed')
    calls[0]!.close()
    expect(await outcomeOf(authorize(harness, greedy))).toBe('allowed')
  })
  it('deny: what was refused does not count as under way', async () => {
    harness = await startHarness()
    rigs.push(harness)
    const token = tokenOf(openSession(harness))
    for (let i = 0; i < 2 * defaultLimits.calls_per_session; i++)
      await outcomeOf(authorize(harness, token, { segments: ['none'] }))
    expect(await outcomeOf(authorize(harness, token))).toBe('allowed')
  })
})

describe('refused calls', () => {
  it('are recorded one by one up to the limit, then in one record a second with their number', async () => {
    harness = await startHarness()
    rigs.push(harness)
    const token = tokenOf(openSession(harness))
    const responses = await settled(120, () => authorize(harness, token, { segments: ['none'] }))
    expect(new Set(responses)).toEqual(new Set(['insufficient_scope no_tool', 'unavailable refusals_limit']))
    expect(harness.sink.records).toHaveLength(defaultLimits.refusals_per_second + 1)
    await harness.clock.advance(1_000)
    await harness.flush()
    expect(harness.sink.records.at(-1)).toMatchObject({
      type: 'refusals',
      reason: 'refusals_limit',
      count: 120 - defaultLimits.refusals_per_second - 1,
      agent_id: 'claude-billing-agent',
    })
  })
  it('allow: what is granted, however much was refused', async () => {
    harness = await startHarness()
    rigs.push(harness)
    const token = tokenOf(openSession(harness))
    await settled(120, () => authorize(harness, token, { segments: ['none'] }))
    expect(await outcomeOf(authorize(harness, token))).toBe('allowed')
  })
  it('the summary is written when the gateway stops in the middle of the second', async () => {
    harness = await startHarness()
    rigs.push(harness)
    const token = tokenOf(openSession(harness))
    await settled(100, () => authorize(harness, token, { segments: ['none'] }))
    await harness.core.records.flush()
    expect(harness.sink.records.at(-1)).toMatchObject({ type: 'refusals' })
  })
})

/** The code of the refusal; `passes` where there is none. */
function outcome(act: () => unknown): string {
  try {
    act()
    return 'passes'
  } catch (error) {
    const { code, status, retryAfterSeconds } = toGatewayFailure(error)
    return `${String(status)} ${code} retry ${String(retryAfterSeconds)}`
  }
}

const limits = (settings: Partial<typeof defaultLimits> = {}, clock = new FakeClock(), gateways = 1) =>
  new Limits({
    settings: { ...defaultLimits, ...settings },
    clock,
    connectionsPerUpstream: 100,
    gateways: () => gateways,
  })

describe('the limits', () => {
  it('deny: unknown tokens from one address past the rate; allow: from another, and later from the same', async () => {
    const clock = new FakeClock()
    const all = limits({ unknown_tokens_per_second: 5 }, clock)
    for (let i = 0; i < 5; i++) all.lookup(address).done(true)
    expect(outcome(() => all.lookup(address))).toBe('429 lookups_limit retry 1')
    expect(outcome(() => all.lookup({ ...address, key: '192.0.2.8' }))).toBe('passes')
    await clock.advance(1_000)
    expect(outcome(() => all.lookup(address))).toBe('passes')
  })
  it('allow: any number of known tokens', () => {
    const all = limits()
    for (let i = 0; i < 1000; i++) all.lookup(address).done(false)
    expect(outcome(() => all.lookup(address))).toBe('passes')
  })
  it('deny: more look-ups at a time than an address may have', () => {
    const all = limits({ lookups_per_address: 2 })
    const first = all.lookup(address)
    all.lookup(address)
    expect(outcome(() => all.lookup(address))).toBe('429 lookups_limit retry 1')
    first.done(false)
    expect(outcome(() => all.lookup(address))).toBe('passes')
  })
  it('greedy sessions leave a connection of the upstream for who comes next', () => {
    const all = limits({ calls_per_session: 1000 })
    const held = (session: string): number => {
      let count = 0
      while (
        count < 1000 &&
        outcome(() => all.call(session, 'stripe', { key: 'service x', authenticated: true })) === 'passes'
      )
        count++
      return count
    }
    expect([held('a'), held('b'), held('c'), held('d')]).toEqual([50, 25, 13, 8])
    expect(outcome(() => all.call('e', 'github', address))).toBe('passes')
  })
  it('several gateways enforce a part each', () => {
    const all = limits({ streams_per_session: 8 }, new FakeClock(), 4)
    const leave = all.stream('s')
    all.stream('s')
    expect(outcome(() => all.stream('s'))).toBe('429 streams_limit retry 1')
    leave()
    leave()
    expect([outcome(() => all.stream('s')), outcome(() => all.stream('s'))]).toEqual([
      'passes',
      '429 streams_limit retry 1',
    ])
  })
  it('of bytes held, who holds most gives way, and who asks for little is served', () => {
    const { buffers } = limits({ buffered_bytes: 1000 })
    const cut: string[] = []
    const greedy = buffers.hold('greedy', () => cut.push('greedy'))
    const honest = buffers.hold('honest', () => cut.push('honest'))
    greedy.take(900)
    expect(
      outcome(() => {
        greedy.take(200)
      }),
    ).toBe('429 buffer_limit retry 1')
    honest.take(200)
    expect([
      cut,
      buffers.used,
      outcome(() => {
        greedy.take(1)
      }),
    ]).toEqual([['greedy'], 200, '429 buffer_limit retry 1'])
    honest.release()
    expect(buffers.used).toBe(0)
  })
  it('deny: several calls of one owner hold more than a quarter; allow: one by itself, and as much of another owner', () => {
    const { buffers } = limits({ buffered_bytes: 1000 })
    const calls = Array.from({ length: 3 }, () => buffers.hold('a', () => undefined))
    calls[0]!.take(150)
    calls[1]!.take(100)
    expect(() => {
      calls[2]!.take(1)
    }).toThrow('too many bytes')
    expect(() => {
      calls[1]!.take(1)
    }).toThrow('too many bytes')
    buffers.hold('b', () => undefined).take(250)
    calls[1]!.release()
    calls[0]!.take(500)
    expect(buffers.used).toBe(900)
  })

  it('bytes are given back one by one, and none are taken by what goes on after a call is over', () => {
    const { buffers } = limits({ buffered_bytes: 1000 })
    const hold = buffers.hold('greedy', () => undefined)
    hold.take(900)
    hold.take(-500)
    hold.take(500)
    expect(buffers.used).toBe(900)
    hold.release()
    expect(
      outcome(() => {
        hold.take(1)
      }),
    ).toBe('429 buffer_limit retry 1')
    expect(buffers.used).toBe(0)
  })
})
