import fc from 'fast-check'
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import {
  environmentLabel,
  isName,
  mintToken,
  newTokenId,
  ScopeError,
  sessionIdOf,
  sessionKeyOf,
  sessionKeyOfDigest,
  tokenDigest,
  tokenShape,
} from '../../src/scope/index.ts'

const bytes = (length: number, fill: number) => new Uint8Array(length).fill(fill)
const mint = (fill: number) => mintToken({ prefix: 'svt', label: 'prod', random: (length) => bytes(length, fill) })
const random32 = fc.uint8Array({ minLength: 32, maxLength: 32 })

describe('phantom tokens', () => {
  const token = mint(0xff)

  it.each([
    ['nothing', ''],
    ['another character', token.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'))],
    ['a changed secret', token.replace(/(_[a-z]+_)./, '$1x')],
    ['another label under the same checksum', token.replace('prod', 'test')],
    ['another prefix under the same checksum', token.replace('svt', 'gst')],
    ['one character less', token.slice(0, -1)],
    ['one character more', `${token}0`],
    ['a blank before', ` ${token}`],
    ['a line break after', `${token}\n`],
    ['no label', token.replace('_prod', '')],
    ['an empty label', token.replace('prod', '')],
    ['a label in capitals', token.replace('prod', 'PROD')],
    ['a Vault token', 'hvs.CAESIJ2n'],
    ['a JSON web token', 'eyJhbGciOiJIUzI1NiJ9.e30.ZRrHA1JJJW8opsbCGfG_HACGpVUMN_a9IV7pAx_Zmeo'],
    ['something huge', `svt_prod_${'a'.repeat(1_000_000)}`],
  ])('deny: %s has no shape', (_name, text) => {
    expect(tokenShape(text)).toBeUndefined()
  })

  it('has prefix, label, 43 characters for 256 bits and a checksum of all before it', () => {
    expect(token).toMatch(/^svt_prod_[0-9A-Za-z]{49}$/)
    expect(tokenShape(token)).toEqual({ prefix: 'svt', label: 'prod' })
    const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
    const value = [...token.slice(-6)].reduce((sum, char) => sum * 62 + digits.indexOf(char), 0)
    expect(value).toBe(crc32(token.slice(0, -6)))
  })

  it('carries all 256 bits', () => {
    fc.assert(
      fc.property(random32, random32, (a, b) => {
        const [one, two] = [a, b].map((fill) => mintToken({ prefix: 'svt', label: 'test', random: () => fill }))
        expect(one === two).toBe(Buffer.compare(a, b) === 0)
        expect(tokenShape(one ?? '')).toEqual({ prefix: 'svt', label: 'test' })
      }),
    )
  })

  it('any single changed character is noticed', () => {
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom(...'abcXYZ019'), (at, char) => {
        const changed = token.slice(0, at) + char + token.slice(at + 1)
        expect(tokenShape(changed) === undefined || changed === token).toBe(true)
      }),
    )
  })

  it('deny: a prefix, a label or a source that is not usable', () => {
    expect(() => mintToken({ prefix: 'SVT', label: 'prod', random: (length) => bytes(length, 1) })).toThrow(ScopeError)
    expect(() => mintToken({ prefix: 'svt', label: '', random: (length) => bytes(length, 1) })).toThrow(ScopeError)
    expect(() => mintToken({ prefix: 'svt', label: 'a'.repeat(17), random: (length) => bytes(length, 1) })).toThrow(
      ScopeError,
    )
    expect(() => mintToken({ prefix: 'svt', label: 'prod', random: () => bytes(31, 1) })).toThrow('32 random bytes')
  })

  it('is stored as its SHA-256', () => {
    expect(tokenDigest(token)).toBe(createHash('sha256').update(token).digest('hex'))
  })
})

describe('session and token identifiers', () => {
  const digest = tokenDigest(mint(7))
  const sessionId = sessionIdOf(digest, 1_773_590_400_000)

  it("a session is a ULID of its time and the first 80 bits of its first token's digest", () => {
    expect(sessionId).toMatch(/^sess_[0-9A-HJKMNP-TV-Z]{26}$/)
    const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
    const value = (text: string) => [...text].reduce((sum, char) => sum * 32n + BigInt(digits.indexOf(char)), 0n)
    expect(value(sessionId.slice(5, 15))).toBe(1_773_590_400_000n)
    expect(value(sessionId.slice(15)).toString(16).padStart(20, '0')).toBe(digest.slice(0, 20))
  })

  it('the storage key comes from the identifier and from the digest alike', () => {
    expect(sessionKeyOf(sessionId)).toBe(sessionId.slice(-16))
    expect(sessionKeyOfDigest(digest)).toBe(sessionId.slice(-16))
  })

  it.each([
    '',
    'sess_',
    sessionId.toLowerCase(),
    sessionId.slice(5),
    `${sessionId}0`,
    sessionId.slice(0, -1),
    sessionId.replace('sess_', 'tok_'),
    `sess_${'8'.repeat(26)}`,
    `sess_${'U'.repeat(26)}`,
    `sess_0123456789/../../../../x/`,
    `${sessionId}\n`,
  ])('deny: %j is not a session identifier', (text) => {
    expect(sessionKeyOf(text)).toBeUndefined()
  })

  it.each(['', 'zz', digest.toUpperCase(), digest.slice(1), `${digest}0`])('deny: %j is not a digest', (text) => {
    expect(() => sessionKeyOfDigest(text)).toThrow(ScopeError)
  })

  it('token identifiers sort by time and differ by their random part', () => {
    const id = (ms: number, fill: number) => newTokenId((length) => bytes(length, fill), ms)
    expect(id(0, 0)).toBe('tok_00000000000000000000000000')
    expect(id(2 ** 48 - 1, 255)).toBe('tok_7ZZZZZZZZZZZZZZZZZZZZZZZZZ')
    expect(id(1_000, 9) < id(1_001, 1)).toBe(true)
    expect(id(1_000, 9)).not.toBe(id(1_000, 8))
  })

  it.each([-1, 2 ** 48, 1.5, Number.NaN])('deny: the time %s', (ms) => {
    expect(() => newTokenId((length) => bytes(length, 0), ms)).toThrow(ScopeError)
    expect(() => sessionIdOf(digest, ms)).toThrow(ScopeError)
  })
})

describe('names and labels', () => {
  it.each(['', '-a', '_a', 'A', 'a b', 'a/b', 'a:b', 'a.b', 'ä', 'a\n', '*', '+', '..', 'a'.repeat(65)])(
    'deny: %j is not a name',
    (text) => {
      expect(isName(text)).toBe(false)
    },
  )
  it.each(['a', '0', 'claude-billing-agent', 'a_b', 'a'.repeat(64)])('%s is a name', (text) => {
    expect(isName(text)).toBe(true)
  })

  it.each([
    ['production', 'prod'],
    ['staging', 'staging'],
    ['development', 'dev'],
    ['test', 'test'],
    ['Prod-EU_1', 'prodeu1'],
    ['a-very-long-environment', 'averylongenviron'],
    ['', 'env'],
    ['--', 'env'],
    ['ÄÖ', 'env'],
    ['constructor', 'constructor'],
  ])('%s has the label %s', (environment, label) => {
    expect(environmentLabel(environment)).toBe(label)
  })

  it('an override comes first and is cleaned in the same way', () => {
    expect(environmentLabel('production', { production: 'live' })).toBe('live')
    expect(environmentLabel('production', { production: 'Live!' })).toBe('live')
    expect(environmentLabel('production', { staging: 'live' })).toBe('prod')
    expect(environmentLabel('qa', { qa: '' })).toBe('env')
  })

  it('every label fits a token', () => {
    fc.assert(
      fc.property(fc.string(), fc.dictionary(fc.string(), fc.string()), (environment, overrides) => {
        expect(environmentLabel(environment, overrides)).toMatch(/^[a-z0-9]{1,16}$/)
      }),
    )
  })
})
