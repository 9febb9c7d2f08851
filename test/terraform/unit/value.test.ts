import { ExtData } from '@msgpack/msgpack'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeValue,
  encodeValue,
  isEqual,
  isUnknown,
  isWhollyKnown,
  unknown,
} from '../../../src/terraform/protocol/value.ts'
import type { Value } from '../../../src/terraform/protocol/value.ts'

const hex = (value: Value): string => encodeValue(value).toString('hex')
const read = (text: string): Value => decodeValue(Buffer.from(text, 'hex'))

describe('values as go-cty writes them', () => {
  it.each<[string, Value]>([
    ['c0', null],
    ['c3', true],
    ['c2', false],
    ['a3616263', 'abc'],
    ['00', 0],
    ['7f', 127],
    ['ff', -1],
    ['cc80', 128],
    ['cd0384', 900],
    ['ce00989680', 10_000_000],
    ['cf0000019cf1f7e480', 1773586080896],
    ['d3ffffff1900000000', -992137445376],
    ['90', []],
    ['93010203', [1, 2, 3]],
    ['81a161c0', { a: null }],
    ['c0', null],
  ])('%s', (bytes, value) => {
    expect(read(bytes)).toEqual(value)
    expect(hex(value)).toBe(bytes)
  })

  it('whole numbers a double cannot hold stay what they are', () => {
    const value = read('cf7fffffffffffffff')
    expect(value).toBe(9_223_372_036_854_775_807n)
    expect(hex(value)).toBe('cf7fffffffffffffff')
  })

  it('fractions are doubles, and texts where Terraform says them so', () => {
    expect(read('cb3ff8000000000000')).toBe(1.5)
    expect(read('a3302e31')).toBe('0.1')
  })

  it('an unknown value is written as Terraform writes it', () => {
    expect(hex(unknown)).toBe('d40000')
    expect(isUnknown(read('d40000'))).toBe(true)
  })

  it('nothing at all is null', () => {
    expect([decodeValue(undefined), decodeValue(new Uint8Array())]).toEqual([null, null])
  })
})

describe('what Terraform knows of an unknown value', () => {
  // fixext 4, code 12, {1: false}; ext 8 with a string prefix {1: false, 2: "role-"}.
  it.each(['c7030c8101c2', 'c70a0c8201c202a5726f6c652d'])('goes back byte for byte: %s', (bytes) => {
    expect(hex(read(bytes))).toBe(bytes)
    expect(hex({ list: [read(bytes)] })).toContain(bytes)
  })
})

const json = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.string(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Object.is(number, -0)),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n }),
    fc.uint8Array({ maxLength: 20 }).map((data) => new ExtData(12, data)),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 5 },
    ),
  ),
})).value

describe('any value', () => {
  it('comes back as it was sent', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(decodeValue(encodeValue(value))).toEqual(value)
      }),
    )
  })

  it('equals itself just where nothing in it is unknown', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(isEqual(value, decodeValue(encodeValue(value)))).toBe(isWhollyKnown(value))
      }),
    )
  })

  it('does not equal another', () => {
    fc.assert(
      fc.property(json, json, (a, b) => {
        fc.pre(JSON.stringify(a, bigints) !== JSON.stringify(b, bigints))
        expect(isEqual(a, b)).toBe(false)
      }),
    )
  })

  it('malformed bytes are refused with an error, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes) => {
        let outcome: unknown
        try {
          outcome = decodeValue(bytes)
        } catch (error) {
          outcome = error
        }
        expect(outcome).toSatisfy(
          (result: unknown) =>
            result instanceof Error ||
            result === null ||
            ['boolean', 'number', 'bigint', 'string', 'object'].includes(typeof result),
        )
      }),
    )
  })
})

const bigints = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? `${String(value)}n` : value)
