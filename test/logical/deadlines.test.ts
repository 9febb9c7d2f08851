import { describe, expect, it } from 'vitest'
import { Deadlines } from '../../src/logical/deadlines.ts'
import type { WithDeadline } from '../../src/logical/deadlines.ts'
import { FakeClock } from '../fakes/clock.ts'

const clock = () => new FakeClock()

class Item implements WithDeadline {
  deadlineMs: number
  deadlineSlot = -1
  readonly metAtMs: number[] = []
  readonly own: FakeClock
  constructor(own: FakeClock, inMs: number) {
    this.own = own
    this.deadlineMs = own.monotonic() + inMs
  }
  due(): void {
    this.deadlineMs = Infinity
    this.metAtMs.push(this.own.monotonic())
  }
}

describe('a deadline', () => {
  it('is met at its moment and no earlier, also beside later ones', async () => {
    const own = clock()
    const start = own.monotonic()
    const deadlines = new Deadlines<Item>(own)
    const [late, early] = [new Item(own, 500), new Item(own, 200)]
    deadlines.add(late)
    deadlines.add(early)
    await own.advance(199)
    expect(early.metAtMs).toEqual([])
    await own.advance(1)
    await own.advance(300)
    expect([early.metAtMs, late.metAtMs]).toEqual([[start + 200], [start + 500]])
  })

  it('that moved on is met at the new moment only', async () => {
    const own = clock()
    const start = own.monotonic()
    const deadlines = new Deadlines<Item>(own)
    const item = new Item(own, 100)
    deadlines.add(item)
    item.deadlineMs += 300
    await own.advance(1_000)
    expect(item.metAtMs).toEqual([start + 400])
  })

  it('that was brought forward is met at the earlier moment', async () => {
    const own = clock()
    const start = own.monotonic()
    const deadlines = new Deadlines<Item>(own)
    const item = new Item(own, 1_000)
    deadlines.add(item)
    item.deadlineMs = start + 50
    deadlines.advanced(item)
    await own.advance(2_000)
    expect(item.metAtMs).toEqual([start + 50])
  })

  it('is never met once it is deleted, nor by what another does in the same moment', async () => {
    const own = clock()
    const deadlines = new Deadlines<WithDeadline>(own)
    const victim = new Item(own, 100)
    deadlines.add({
      deadlineMs: own.monotonic() + 100,
      deadlineSlot: -1,
      due: () => {
        deadlines.delete(victim)
      },
    })
    deadlines.add(victim)
    const gone = new Item(own, 50)
    deadlines.add(gone)
    deadlines.delete(gone)
    await own.advance(1_000)
    expect([victim.metAtMs, gone.metAtMs]).toEqual([[], []])
  })

  it('that is met may set itself another', async () => {
    const own = clock()
    const start = own.monotonic()
    const deadlines = new Deadlines<WithDeadline>(own)
    const met: number[] = []
    const item = {
      deadlineMs: start + 10,
      deadlineSlot: -1,
      due: () => {
        met.push(own.monotonic() - start)
        item.deadlineMs = met.length < 3 ? own.monotonic() + 10 : Infinity
      },
    }
    deadlines.add(item)
    await own.advance(100)
    expect(met).toEqual([10, 20, 30])
  })
})
