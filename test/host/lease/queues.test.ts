import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ExpiryQueue } from '../../../src/host/lease/expiry-queue.ts'
import { RevokeQueue } from '../../../src/host/lease/revoke-queue.ts'
import { FakeClock, settle } from '../../fakes/clock.ts'

describe('the expiry queue', () => {
  it('calls each key once, at its last set time, in order, whatever was set, moved and deleted before', async () => {
    const step = fc.record({ key: fc.integer({ min: 0, max: 9 }), at: fc.option(fc.integer({ min: 1, max: 300 })) })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 200 }), async (steps) => {
        const clock = new FakeClock()
        const start = clock.now()
        const called: [string, number][] = []
        const queue = new ExpiryQueue(clock, (key) => {
          called.push([key, clock.now() - start])
        })
        const expected = new Map<string, number>()
        for (const { key, at } of steps) {
          const name = `k${key}`
          if (at === null) {
            queue.delete(name)
            expected.delete(name)
          } else {
            queue.set(name, start + at)
            expected.set(name, at)
          }
        }
        await clock.advance(400)
        const byTimeThenKey = (a: [string, number], b: [string, number]): number =>
          a[1] - b[1] || (a[0] < b[0] ? -1 : 1)
        expect(called.map(([, at]) => at)).toEqual([...called.map(([, at]) => at)].sort((a, b) => a - b))
        expect([...called].sort(byTimeThenKey)).toEqual([...expected].sort(byTimeThenKey))
        expect(clock.waiting).toBe(0)
      }),
      { numRuns: 40 },
    )
  })

  it('calls what is due already, but never from within set', async () => {
    const clock = new FakeClock()
    const called: string[] = []
    const queue = new ExpiryQueue(clock, (key) => {
      called.push(key)
    })
    queue.set('past', clock.now() - 1)
    expect(called).toEqual([])
    await clock.advance(0)
    expect(called).toEqual(['past'])
  })

  it('calls nothing once closed', async () => {
    const clock = new FakeClock()
    const called: string[] = []
    const queue = new ExpiryQueue(clock, (key) => {
      called.push(key)
    })
    queue.set('a', clock.now() + 10)
    queue.close()
    queue.set('b', clock.now() + 10)
    await clock.advance(100)
    expect([called, clock.waiting]).toEqual([[], 0])
  })

  it('waits for a wall clock that was set back', async () => {
    const clock = new FakeClock()
    const called: string[] = []
    let behind = 0
    const queue = new ExpiryQueue(
      {
        now: () => clock.now() - behind,
        monotonic: () => clock.monotonic(),
        after: (ms, callback) => clock.after(ms, callback),
      },
      (key) => {
        called.push(key)
      },
    )
    queue.set('a', clock.now() + 1000)
    behind = 5000
    await clock.advance(1000)
    expect(called).toEqual([])
    await clock.advance(5000)
    expect(called).toEqual(['a'])
  })
})

describe('the revoke queue', () => {
  it.each([
    ['the shortest', 0, [0, 10, 30, 70, 150, 310]],
    ['the longest', 255, [0, 30, 90, 210, 450, 930]],
  ])('doubles its delay from failure to failure; %s it can draw', async (_case, byte, expected) => {
    const clock = new FakeClock()
    const start = clock.now()
    const attempts: number[] = []
    const given: string[] = []
    const queue = new RevokeQueue({
      clock,
      random: (bytes) => new Uint8Array(bytes).fill(byte),
      attempt: () => {
        attempts.push((clock.now() - start) / 1000)
        return Promise.reject(new Error('down'))
      },
      giveUp: (leaseId, error) => {
        given.push(`${leaseId} ${error.kind}`)
        return Promise.resolve()
      },
    })
    queue.now('a')
    await settle()
    await clock.advance(3600_000)
    expect(attempts).toEqual(expected)
    expect(given).toEqual(['a internal'])
  })

  it('works on 64 at a time, and on all in the end', async () => {
    const clock = new FakeClock()
    let running = 0
    let most = 0
    const done: string[] = []
    const queue = new RevokeQueue({
      clock,
      random: () => Uint8Array.of(0),
      giveUp: () => Promise.resolve(),
      attempt: async (leaseId) => {
        most = Math.max(most, ++running)
        await new Promise<void>((resolve) => {
          clock.after(1000, resolve)
        })
        running--
        done.push(leaseId)
      },
    })
    for (let i = 0; i < 200; i++) queue.now(`l${i}`)
    await clock.advance(10_000)
    expect(most).toBe(64)
    expect(done).toHaveLength(200)
  })

  it('forgets what is gone', async () => {
    const clock = new FakeClock()
    const attempted: string[] = []
    const queue = new RevokeQueue({
      clock,
      random: () => Uint8Array.of(0),
      giveUp: () => Promise.resolve(),
      attempt: (leaseId) => {
        attempted.push(leaseId)
        return Promise.resolve()
      },
    })
    queue.at('a', clock.now() + 1000)
    queue.at('b', clock.now() + 1000)
    queue.forget('a')
    await clock.advance(2000)
    expect(attempted).toEqual(['b'])
  })
})
