import { describe, expect, it } from 'vitest'
import { paged, takePage } from '../../src/framework/paging.ts'

const list = { data: { keys: ['c', 'a', 'b/'], key_info: { a: { n: 1 }, c: { n: 3 }, 'b/': { n: 2 } } } }

describe('a page of a list', () => {
  it.each([
    [{ limit: '2' }, ['a', 'b/']],
    [{ limit: 2, after: 'a' }, ['b/', 'c']],
    [{ after: 'b' }, ['b/', 'c']],
    [{ after: 'c' }, []],
    [{ limit: 0 }, ['a', 'b/', 'c']],
    [{ limit: '-1', after: 'a' }, ['b/', 'c']],
  ])('%j', (requested, keys) => {
    const { page, data } = takePage({}, requested)
    expect(data).toEqual({})
    const got = paged(list, page!)!.data!
    expect([got.keys, Object.keys(got.key_info as object)]).toEqual([keys, keys])
  })

  it('is not taken from a path that has pages of its own', () => {
    const own = { limit: { type: 'int', description: '', example: 1 } } as const
    expect(takePage(own, { limit: 1, after: 'a' })).toEqual({ data: { limit: 1, after: 'a' } })
  })

  it.each([[{ limit: 'x' }], [{ limit: 1.5 }], [{ after: ['a'] }]])('refuses %j', (requested) => {
    expect(() => takePage({}, requested)).toThrow(/^(limit|after) must be/)
  })

  it('leaves a response without keys alone', () => {
    expect(paged(undefined, { after: 'a', limit: 1 })).toBeUndefined()
  })
})
