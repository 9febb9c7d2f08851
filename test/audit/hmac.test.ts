import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { auditHash, auditHashValues, newAuditSalt } from '../../src/audit/index.ts'
import type { AuditHashOptions } from '../../src/audit/index.ts'

const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7)
const salt = newAuditSalt(bytes)
const hashed = (text: string): string => `hmac-sha256:${createHmac('sha256', bytes(32)).update(text).digest('hex')}`
const dataOf = (value: unknown, options?: AuditHashOptions): unknown => auditHashValues(salt, value, options).data

describe('hashes of an audit device', () => {
  it('are hmac-sha256 in hexadecimal under the salt', () => {
    expect(auditHash(salt, 'hvs.abc')).toBe(hashed('hvs.abc'))
    expect(auditHash(salt, 'ü')).toBe(hashed('ü'))
    expect(
      auditHash(
        newAuditSalt((length) => new Uint8Array(length)),
        'hvs.abc',
      ),
    ).not.toBe(hashed('hvs.abc'))
  })

  it('stand for every string at any depth; names and other values stay', () => {
    expect(
      dataOf({
        data: { api_key: 'k', list: ['a', 1, null, true], n: 2.5 },
        when: new Date(0),
        big: 12n,
      }),
    ).toEqual({
      data: { api_key: hashed('k'), list: [hashed('a'), 1, null, true], n: 2.5 },
      when: hashed('1970-01-01T00:00:00.000Z'),
      big: hashed('12'),
    })
    expect(dataOf('text')).toBe(hashed('text'))
    expect(dataOf(null)).toBeNull()
  })

  it('leave the values of the named members readable at any depth, the innermost name deciding', () => {
    const plain = new Set(['purpose'])
    expect(dataOf({ purpose: 'a', chain: [{ purpose: ['a', 'b'] }] }, { plain })).toEqual({
      purpose: 'a',
      chain: [{ purpose: ['a', 'b'] }],
    })
    expect(dataOf({ purpose: { token: 'a' }, other: ['a'] }, { plain })).toEqual({
      purpose: { token: hashed('a') },
      other: [hashed('a')],
    })
  })

  it('are bounded in number: the rest of a list is counted and hashed at once, over its JSON', () => {
    const list = Array.from({ length: 1500 }, (_, index) => `item ${String(index)}`)
    expect(auditHashValues(salt, list)).toEqual({
      data: list.slice(0, 1024).map(hashed),
      left_out: { values: 476, hmac: hashed(JSON.stringify(list.slice(1024))) },
    })
    expect(auditHashValues(salt, list.slice(0, 1024))).not.toHaveProperty('left_out')
    const numbers = [1, 2n, 3, [4, 5]]
    expect(auditHashValues(salt, numbers, { most: 1 })).toEqual({
      data: [1],
      left_out: { values: 4, hmac: hashed('["2",3,[4,5]]') },
    })
  })

  it('tell every cut apart, innermost first', () => {
    const value = { a: ['x', 'y'], b: 'z' }
    expect(auditHashValues(salt, value, { most: 2 })).toEqual({
      data: { a: [hashed('x')] },
      left_out: { values: 3, hmac: hashed('["y"]\n[["b","z"]]') },
    })
    const other = auditHashValues(salt, { a: ['x', 'Y'], b: 'z' }, { most: 2 })
    expect(other.left_out?.hmac).not.toBe(auditHashValues(salt, value, { most: 2 }).left_out?.hmac)
  })

  it('are given to what says what was done before anything else', () => {
    const decoys = Object.fromEntries(Array.from({ length: 2000 }, (_, index) => [`!${String(index)}`, 'x']))
    expect(dataOf({ ...decoys, policy: 'path "*" {}' })).toHaveProperty('policy', hashed('path "*" {}'))
    expect(dataOf({ ...decoys, policies: ['backdoor'] })).toHaveProperty('policies', [hashed('backdoor')])
  })

  it('stand for what is readable and long, and for long names; many of them are left out', () => {
    const long = 'p'.repeat(5000)
    expect(dataOf({ purpose: long, [long]: 1 }, { plain: new Set(['purpose']) })).toEqual({
      purpose: hashed(long),
      [hashed(long)]: 1,
    })
    const names = Array.from({ length: 100 }, (_, index) => `${String(index)}${'n'.repeat(4000)}`)
    const { data, left_out: left } = auditHashValues(salt, Object.fromEntries(names.map((name) => [name, 1])))
    expect(Object.keys(data as object)).toEqual(names.slice(0, 33))
    expect(left).toEqual({ values: 134, hmac: hashed(JSON.stringify(names.slice(33).map((name) => [name, 1]))) })
  })

  it('leave a field of the name that tells of cuts where it is, hashed like any other', () => {
    expect(auditHashValues(salt, { left_out: { values: 1, hmac: 'hmac-sha256:00' } })).toEqual({
      data: { left_out: { values: 1, hmac: hashed('hmac-sha256:00') } },
    })
  })

  it('cover what is too deep, which is written nowhere', () => {
    const deep = (end: string): unknown => Array.from({ length: 100 }).reduce<unknown>((inner) => ({ inner }), end)
    const { data, left_out: left } = auditHashValues(salt, deep('secret'))
    expect(JSON.stringify(data)).not.toContain('secret')
    expect(left).toMatchObject({ values: 1 })
    expect(auditHashValues(salt, deep('another')).left_out).not.toEqual(left)
  })

  it('do not change what they are given', () => {
    const data = Object.freeze({ a: 'b' })
    auditHashValues(salt, data)
    expect(data).toEqual({ a: 'b' })
  })
})
