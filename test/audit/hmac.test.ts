import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { auditHash, auditHashValues, newAuditSalt } from '../../src/audit/index.ts'

const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7)
const salt = newAuditSalt(bytes)
const hashed = (text: string): string => `hmac-sha256:${createHmac('sha256', bytes(32)).update(text).digest('hex')}`

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
      auditHashValues(salt, {
        data: { api_key: 'k', list: ['a', 1, null, true], n: 2.5 },
        when: new Date(0),
        big: 12n,
      }),
    ).toEqual({
      data: { api_key: hashed('k'), list: [hashed('a'), 1, null, true], n: 2.5 },
      when: hashed('1970-01-01T00:00:00.000Z'),
      big: hashed('12'),
    })
    expect(auditHashValues(salt, 'text')).toBe(hashed('text'))
    expect(auditHashValues(salt, null)).toBeNull()
  })

  it('leave the values of the named members readable at any depth, the innermost name deciding', () => {
    const plain = new Set(['purpose'])
    expect(auditHashValues(salt, { purpose: 'a', chain: [{ purpose: ['a', 'b'] }] }, plain)).toEqual({
      purpose: 'a',
      chain: [{ purpose: ['a', 'b'] }],
    })
    expect(auditHashValues(salt, { purpose: { token: 'a' }, other: ['a'] }, plain)).toEqual({
      purpose: { token: hashed('a') },
      other: [hashed('a')],
    })
  })

  it('write nothing readable of what is too deep', () => {
    const deep = Array.from({ length: 100 }).reduce<unknown>((inner) => ({ inner }), 'secret')
    expect(JSON.stringify(auditHashValues(salt, deep))).not.toContain('secret')
  })

  it('do not change what they are given', () => {
    const data = Object.freeze({ a: 'b' })
    auditHashValues(salt, data)
    expect(data).toEqual({ a: 'b' })
  })
})
