import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { folded } from '../../../src/gateway/call/folding.ts'
import { HeadScan } from '../../../src/gateway/call/head-scan.ts'
import type { Head } from '../../../src/gateway/call/pairs.ts'
import { patternsOf } from '../../../src/gateway/call/patterns.ts'
import { findOneByOne, findSigns, found, LARGEST_PIECE } from '../../../src/gateway/call/sign-search.ts'
import { SIGN_LENGTH, signsOf, type Signs } from '../../../src/gateway/call/signs.ts'
import { spellings } from './spelled-key.ts'

const headsOf = (key: string): Head[] =>
  patternsOf(key, true).map(({ bytes, enough, kind }) => ({ kind, bytes: bytes.subarray(0, Math.min(enough, 20)) }))

const keys = [
  '51HqLyjWDarjtT1zdp7dcABCDEFGhijk',
  'https://user:hunter2@example.com',
  'pass"w\'ord-1234567890',
  'ééñü-passwörd-123',
  'ÿpassÿ-wörd-ÿÿ-123',
  '%41%42%43%44%45%46%47',
  'a\\u0041bc\\x41defghijkl',
  '12345678',
]

/** Where signs are found that lie within the bytes. */
function places(find: typeof findSigns, signs: Signs, bytes: Uint8Array, from: number, to: number): number[] {
  const count = find(signs, bytes, from, to)
  return [...found.subarray(0, count)].filter((at) => at <= to - from - SIGN_LENGTH)
}

/** What ordinary text and the spellings of a key are made of: random bytes alone hold no sign. */
const piecesOf = (key: string): fc.Arbitrary<Buffer> =>
  fc
    .array(
      fc.oneof(
        fc.constantFrom(
          ...Array.from(key).flatMap(spellings),
          ...patternsOf(key, true).map(({ bytes }) => textOf(bytes)),
        ),
        fc.string({ unit: 'binary', maxLength: 5 }),
      ),
      { maxLength: 60 },
    )
    .map((pieces) => Buffer.from(pieces.join(''), 'latin1'))

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

describe('signs are found', () => {
  it.each(keys)('with vectors as they are one by one, at any alignment, in any length: %s', (key) => {
    const signs = signsOf(headsOf(key))
    fc.assert(
      fc.property(piecesOf(key), fc.nat(40), fc.nat(40), (bytes, skip, left) => {
        const [from, to] = [Math.min(skip, bytes.length), Math.max(Math.min(skip, bytes.length), bytes.length - left)]
        expect(places(findSigns, signs, bytes, from, to)).toEqual(places(findOneByOne, signs, bytes, from, to))
      }),
      { numRuns: 300 },
    )
  })

  it('in pieces as large as there are, whose every byte begins one', () => {
    const signs = signsOf(headsOf(keys[0]!))
    const [first] = places(findOneByOne, signs, Buffer.from(keys[0]!), 0, 32)
    const bytes = Buffer.alloc(LARGEST_PIECE, keys[0]!.slice(first))
    const wanted = places(findOneByOne, signs, bytes, 0, bytes.length)
    expect(wanted.length).toBeGreaterThan(500)
    expect(places(findSigns, signs, bytes, 0, bytes.length)).toEqual(wanted)
  })

  it('where two keys are searched in turn', () => {
    const [one, other] = [signsOf(headsOf(keys[0]!)), signsOf(headsOf(keys[1]!))]
    for (const signs of [one, other, one, other]) {
      const bytes = Buffer.from(`${'.'.repeat(100)}${keys[0]!}${'.'.repeat(100)}`)
      expect(places(findSigns, signs, bytes, 0, bytes.length).length > 0).toBe(signs === one)
    }
  })
})

describe('a head is found', () => {
  const begins = (heads: readonly Head[]): Uint8Array => {
    const firsts = new Set(heads.map(({ bytes }) => folded[bytes[0]!]))
    return folded.map((byte, raw) => (firsts.has(byte) || '\\%&='.includes(String.fromCharCode(raw)) ? 1 : 0))
  }
  const zeros = fc.constantFrom('', '0', '000', '000000')
  const escaped = (character: string) => {
    const codePoint = character.codePointAt(0)!
    const hex = codePoint.toString(16)
    return fc.oneof(
      fc.constantFrom(...spellings(character)),
      zeros.map((some) => `&#${some}${String(codePoint)};`),
      zeros.map((some) => `&#x${some}${hex};`),
      zeros.map((some) => `\\u{${some}${hex}}`),
      fc.constantFrom(...spellings(character)).map((text) => text.replace(/^%/, '%2525').replace(/^&/, '&amp;')),
      fc.constantFrom(...spellings(character)).map((text) => text.replace(/^\\/, '\\u005c').replace(/^&/, '&#0038;')),
      fc.constantFrom(...spellings(character)).map((text) => text.replace(/(?<=.)(?=.)/gs, '\0')),
    )
  }
  const between = fc.constantFrom(
    ...new Array<string>(6).fill(''),
    '\0',
    '\n',
    '\r\n',
    '\\n',
    '\\',
    '=\n',
    '%0a',
    '&#10;',
  )

  it.each(keys)('wherever its characters are escaped, and whatever stands between them: %s', (key) => {
    const heads = headsOf(key)
    const scan = new HeadScan(heads, begins(heads))
    const characters = Array.from(key)
    const plain = fc.constantFrom(true, true, false)
    const spelled = fc
      .tuple(...characters.map((character) => fc.tuple(plain, escaped(character), between)))
      .map((parts) =>
        parts
          .map(
            ([isPlain, text, after], at) => (isPlain ? Buffer.from(characters[at]!).toString('latin1') : text) + after,
          )
          .join(''),
      )
    fc.assert(
      fc.property(spelled, fc.nat(700), fc.nat(100), (text, before, behind) => {
        const bytes = Buffer.from('~'.repeat(before) + text + '~'.repeat(behind + 64), 'latin1')
        const at = scan.next(bytes, 0)
        expect(at).toBeGreaterThanOrEqual(before)
        expect(at).toBeLessThanOrEqual(before + 1)
      }),
      { numRuns: 300 },
    )
  })
})
