import { expect, it } from 'vitest'
import { keepNewest } from '../../src/logical/bounded-map.ts'

it('the oldest entry goes where there would be too many', () => {
  const map = new Map([['a', 1]])
  for (const key of ['b', 'c']) keepNewest(map, key, 2, 2)
  expect([...map.keys()]).toEqual(['b', 'c'])
})

it('an entry that is set again is the newest, and no other goes for it', () => {
  const map = new Map<string, number>()
  for (const key of ['a', 'b', 'a']) keepNewest(map, key, 1, 2)
  expect([...map.keys()]).toEqual(['b', 'a'])
  keepNewest(map, 'c', 1, 2)
  expect([...map.keys()]).toEqual(['a', 'c'])
})
