import { expect, test } from 'vitest'
import { watchHost } from '../../src/goplugin/host-watch.ts'
import { FakeClock } from '../fakes/clock.ts'

function watched() {
  const clock = new FakeClock()
  const state = { parent: 100, gone: [] as string[] }
  const watch = watchHost({
    clock,
    parent: () => state.parent,
    gone: (why) => {
      state.gone.push(why)
    },
  })
  return { clock, state, watch }
}

test('a host that never connects is given a minute', async () => {
  const { clock, state } = watched()
  await clock.advance(59_999)
  expect(state.gone).toEqual([])
  await clock.advance(1)
  expect(state.gone).toEqual(['no host connected'])
})

test('a connected host is waited for', async () => {
  const { clock, state, watch } = watched()
  await clock.advance(59_000)
  watch.streamOpened()
  await clock.advance(600_000)
  expect(state.gone).toEqual([])
})

test('a host that closes its stream has three seconds to open another', async () => {
  const { clock, state, watch } = watched()
  watch.streamOpened()
  watch.streamClosed()
  await clock.advance(2_999)
  watch.streamOpened()
  await clock.advance(100_000)
  expect(state.gone).toEqual([])
  watch.streamClosed()
  await clock.advance(2_999)
  expect(state.gone).toEqual([])
  await clock.advance(1)
  expect(state.gone).toEqual(['the host closed its connection'])
})

test('of several streams the last one counts', async () => {
  const { clock, state, watch } = watched()
  watch.streamOpened()
  watch.streamOpened()
  watch.streamClosed()
  await clock.advance(60_000)
  expect(state.gone).toEqual([])
  watch.streamClosed()
  await clock.advance(3_000)
  expect(state.gone).toEqual(['the host closed its connection'])
})

test('a change of parent is noticed within a second, whatever is connected, and reported once', async () => {
  const { clock, state, watch } = watched()
  watch.streamOpened()
  await clock.advance(10_500)
  state.parent = 1
  await clock.advance(500)
  expect(state.gone).toEqual(['the parent process is gone'])
  watch.streamClosed()
  await clock.advance(100_000)
  expect(state.gone).toHaveLength(1)
})

test('a parent that was 1 from the start is not a sign of anything: containers have it', async () => {
  const clock = new FakeClock()
  const gone: string[] = []
  const watch = watchHost({
    clock,
    parent: () => 1,
    gone: (why) => {
      gone.push(why)
    },
  })
  watch.streamOpened()
  await clock.advance(100_000)
  expect(gone).toEqual([])
})
