import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../../../src/logical/log.ts'
import { FeedFollower } from '../../../src/gateway/knowledge/feed-follower.ts'
import type { NumberedEvent } from '../../../src/document/index.ts'
import { FakeClock, settle } from '../../fakes/clock.ts'
import { FakeVault } from '../../fakes/vault.ts'

let clock: FakeClock
let vault: FakeVault
let follower: FeedFollower
let heard: (NumberedEvent | 'reset')[]
let logins: number

beforeEach(() => {
  clock = new FakeClock()
  vault = new FakeVault(clock)
  heard = []
  logins = 0
  follower = new FeedFollower({
    vault: vault.client(),
    mount: 'mcp',
    clock,
    logger: silentLogger,
    onRefused: () => {
      logins++
      vault.tokens.set('hvs.gateway', { paths: ['*'] })
      return Promise.resolve()
    },
  })
  follower.subscribe({
    changed: (events) => {
      heard.push(...events)
    },
    reset: () => {
      heard.push('reset')
    },
  })
})
afterEach(() => follower.stop())

const start = async () => {
  follower.start()
  await settle()
}
const polls = () => vault.count('mcp/feed')

describe('following', () => {
  it('knows nothing before the first response, and is fresh after it', async () => {
    expect(follower.ageMs()).toBe(Infinity)
    await start()
    expect(follower.ageMs()).toBe(0)
    expect(follower.epoch).toBe('epoch-1')
  })

  it('hears events at once and in order, with one poll under way at a time', async () => {
    await start()
    expect(polls()).toBe(2)
    vault.engine.publish({ type: 'session_ended', session_id: 'a', reason: 'x' })
    vault.engine.publish({ type: 'session_ended', session_id: 'b', reason: 'x' })
    await settle()
    expect(heard.slice(1).map((event) => (event === 'reset' ? event : event.sequence))).toEqual([1, 2])
    // The first event ends the poll under way, the second the next, and a third one waits.
    expect(polls()).toBe(4)
  })

  it('does not hear an event twice', async () => {
    await start()
    vault.engine.publish({ type: 'generation', agent_id: 'a', generation: 1 })
    await settle()
    await clock.advance(5_000)
    expect(heard.length).toBe(2)
  })

  it.each([
    [
      'the engine restarts',
      () => {
        vault.engine.restart()
      },
    ],
    [
      'an event is of a kind it does not know',
      () => {
        vault.engine.publish({ type: 'new_kind' })
      },
    ],
    [
      'an event lacks what it must say',
      () => {
        vault.engine.publish({ type: 'session_ended' })
      },
    ],
  ])('drops everything when %s', async (_case, happen) => {
    await start()
    happen()
    await settle()
    expect(heard.at(-1)).toBe('reset')
    expect(heard.filter((event) => event === 'reset').length).toBe(2)
  })

  it('drops everything when a listener fails', async () => {
    follower.subscribe({
      changed: () => {
        throw new Error('a defect')
      },
      reset: () => undefined,
    })
    await start()
    vault.engine.publish({ type: 'generation', agent_id: 'a', generation: 1 })
    await settle()
    expect(heard.at(-1)).toBe('reset')
    expect(follower.failures).toBe(0)
  })
})

describe('freshness', () => {
  it('counts from when the request was sent, plus what it was held, never from receipt', async () => {
    await start()
    const held = vault.holdResponses('mcp/feed')
    await clock.advance(1_000)
    // The poll under way was held 1 s and answered: known as of now. The next is made now, and answered late.
    expect(follower.ageMs()).toBe(0)
    await clock.advance(3_000)
    held.release()
    await settle()
    expect(follower.ageMs()).toBe(2_000)
  })

  it('does not let a response claim to have been held longer than it took', async () => {
    await start()
    const original = vault.engine.feed.bind(vault.engine)
    vault.engine.feed = async (query, signal) => ({ ...(await original(query, signal)), held_ms: 60_000 })
    await clock.advance(3_000)
    expect(follower.ageMs()).toBeGreaterThanOrEqual(0)
  })

  it('grows while the line is cut', async () => {
    await start()
    vault.cutLine()
    await clock.advance(10_000)
    expect(follower.ageMs()).toBeGreaterThanOrEqual(9_000)
    expect(follower.failures).toBeGreaterThan(2)
  })

  it('is lost when wall and monotonic clock disagree by more than a second, until a poll begun after that is answered', async () => {
    await start()
    clock.sleepThrough(1_500)
    expect(follower.ageMs()).toBe(Infinity)
    // The poll that was under way spans the sleep and is not believed either.
    await clock.advance(1_000)
    expect(follower.ageMs()).toBe(Infinity)
    await clock.advance(1_000)
    expect(follower.ageMs()).toBeLessThan(1_000)
  })

  it('survives a small step of the wall clock, and counts it: it may have been a sleep', async () => {
    await start()
    clock.sleepThrough(900)
    expect(follower.ageMs()).toBe(900)
    clock.sleepThrough(-1_800)
    expect(follower.ageMs()).toBe(0)
  })

  it('is not claimed by a response that is cut short: more events wait', async () => {
    await start()
    const original = vault.engine.feed.bind(vault.engine)
    const many = Array.from({ length: 1_024 }, (_, index) => ({
      sequence: index + 1,
      type: 'generation',
      agent_id: 'a',
      generation: index,
    }))
    let calls = 0
    vault.engine.feed = async (query, signal) =>
      calls++ === 0
        ? { ...(await original(query, signal)), events: many, sequence: 1_024, more: true }
        : new Promise((_resolve, reject) => {
            signal?.addEventListener('abort', () => {
              reject(new Error('stopped'))
            })
          })
    await clock.advance(2_000)
    expect(follower.position.feed_sequence).toBe(1_024)
    expect(follower.ageMs()).toBeGreaterThanOrEqual(1_000)
  })
})

describe('outages', () => {
  it('backs off, up to a second', async () => {
    vault.cutLine()
    await start()
    await clock.advance(60_000)
    expect(polls()).toBeGreaterThan(55)
    expect(polls()).toBeLessThan(70)
  })

  it('does not poll in a tight loop when the engine answers at once with nothing', async () => {
    await start()
    vault.engine.feed = () =>
      Promise.resolve({
        epoch: vault.engine.epoch,
        sequence: vault.engine.sequence,
        server_time_unix_ms: clock.now(),
        held_ms: 0,
        events: [],
        reset: false,
        more: false,
      })
    await clock.advance(1_000)
    const before = polls()
    await clock.advance(1_000)
    expect(polls() - before).toBeLessThanOrEqual(10)
  })

  it('logs in again when Vault refuses its token, and goes on', async () => {
    vault.tokens.delete('hvs.gateway')
    await start()
    expect(logins).toBe(1)
    await clock.advance(1_000)
    expect(follower.ageMs()).toBeLessThanOrEqual(1_000)
  })

  it('does not log in again when Vault is only out of reach', async () => {
    vault.cutLine()
    await start()
    await clock.advance(10_000)
    expect(logins).toBe(0)
  })

  it('takes a response that does not read for an outage', async () => {
    vault.engine.feed = () => Promise.resolve({ nonsense: true })
    await start()
    expect(follower.failures).toBe(1)
    expect(follower.ageMs()).toBe(Infinity)
  })
})
