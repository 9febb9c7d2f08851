import { createHmac } from 'node:crypto'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mintToken, passesKeyedCheck, tokenShape } from '../../src/scope/index.ts'

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const keyOf = (fill: number) => Buffer.alloc(32, fill)
const [key, other] = [keyOf(1), keyOf(2)]
const mintUnder = (checkKey: Uint8Array | undefined, random = (n: number) => new Uint8Array(n).fill(7)) =>
  mintToken({ prefix: 'svt', label: 'prod', random, checkKey })

/** By the published format alone, not by the code under test. */
function spelled(value: bigint, length: number): string {
  let text = ''
  for (let rest = value; text.length < length; rest /= 62n) text = digits[Number(rest % 62n)]! + text
  return text
}
function tokenOf(value: bigint, start = 'svt_prod_'): string {
  const body = start + spelled(value, 43)
  return body + spelled(BigInt(crc32(body)), 6)
}

describe('the keyed check', () => {
  it('is the first 4 bytes of HMAC-SHA-256 over "<prefix>_<label>_" and the 28 random bytes', () => {
    const random = Buffer.alloc(28, 7)
    const check = createHmac('sha256', key)
      .update(Buffer.concat([Buffer.from('svt_prod_'), random]))
      .digest()
    const bytes = Buffer.concat([random, check.subarray(0, 4)])
    expect(mintUnder(key)).toBe(tokenOf(BigInt(`0x${bytes.toString('hex')}`)))
  })

  it('passes what was minted under one of the keys', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 28, maxLength: 28 }), (random) => {
        const token = mintUnder(key, () => random)
        expect(tokenShape(token)).toEqual({ prefix: 'svt', label: 'prod' })
        expect(passesKeyedCheck(token, [other, key])).toBe(true)
      }),
    )
  })

  it.each([
    ['minted under another key', mintUnder(other)],
    ['minted without one', mintUnder(undefined)],
    ['all zeros', tokenOf(0n)],
    ['the largest there is', tokenOf(2n ** 256n - 1n)],
  ])('refuses a token %s', (_what, token) => {
    expect(tokenShape(token)).toBeDefined()
    expect(passesKeyedCheck(token, [key])).toBe(false)
  })

  it('refuses the secret of a good token under another label or prefix', () => {
    const token = mintUnder(key)
    for (const start of ['svt_test_', 'abc_prod_']) {
      const body = start + token.slice('svt_prod_'.length, -6)
      const moved = body + spelled(BigInt(crc32(body)), 6)
      expect([tokenShape(moved) !== undefined, passesKeyedCheck(moved, [key])]).toEqual([true, false])
    }
  })
})

it.each([
  ['2^256', 2n ** 256n],
  ['62^43 - 1', 62n ** 43n - 1n],
])('a value of %s is malformed, under a right checksum too', (_name, value) => {
  expect(tokenShape(tokenOf(value))).toBeUndefined()
})
