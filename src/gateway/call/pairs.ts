import { introduces } from './escape.ts'
import { insideIntroducers, spelledByte, spelledEncoded, spelledCharacter, type Spelled } from './spelled.ts'

/** How two bytes may be neighbours in a spelling: each is a character by itself ("plain") or belongs to an escape. */
const PLAIN_PLAIN = 1
const ESCAPE_PLAIN = 2
const PLAIN_ESCAPE = 4
const ESCAPE_ESCAPE = 8
/** A pattern may begin with the pair: with a character by itself, or with an escape. */
export const MAY_BE_FIRST_SHIFT = 4
/** Any of them; the highest bit, so that pairs can be counted without a branch. */
export const ANY_SHIFT = 5

/** What a byte may be, as a set. */
export const PLAIN = 1
export const ESCAPE = 2

/** By (pair << 2 | what its second byte may be): what its first byte may be then. */
export const firstOf: Uint8Array = Uint8Array.from({ length: 256 }, (_, at) => {
  const [pair, second] = [at >> 2, at & 3]
  const may = (kind: number, needed: number): boolean => (second & needed) !== 0 && (pair & kind) !== 0
  const plain = may(PLAIN_PLAIN, PLAIN) || may(PLAIN_ESCAPE, ESCAPE)
  const escape = may(ESCAPE_PLAIN, PLAIN) || may(ESCAPE_ESCAPE, ESCAPE)
  return (plain ? PLAIN : 0) | (escape ? ESCAPE : 0)
})

/** What readers skip between characters, beside the zeros of UTF-16: line breaks and backslashes. */
const skipped = [0x0a, 0x0d, 0x5c].map(spelledByte)
const between: Place = {
  raw: [0, 0x0a, 0x0d, 0x5c],
  firsts: skipped.flatMap(({ firsts }) => firsts),
  lasts: skipped.flatMap(({ lasts }) => lasts),
}
const always = [...skipped.flatMap(({ inside }) => inside), ...insideIntroducers]

/** As SQL and CSV escape them, a quote may stand twice. */
export const isQuote = (byte: number): boolean => byte === 0x22 || byte === 0x27

/** The beginning of a pattern. */
export interface Head {
  readonly bytes: Uint8Array
  readonly kind: 'text' | 'base64' | 'hex'
}

/**
 * The pairs of bytes that may stand beside each other where one of `heads` is spelled, in any mix of spellings and with
 * anything between its characters that a reader skips. A table by (second << 8 | first), as processors of today read two
 * bytes at once; 0 = they may not.
 *
 * A text in which no run of such pairs is as long as a head holds none. This is what makes the search fast: ordinary text ends
 * such a run after a pair or two, so that nearly all of its bytes are never looked at.
 */
export function pairsOf(heads: readonly Head[]): Uint8Array {
  const pairs = new Uint8Array(0x10000)
  join(pairs, between, between)
  for (const pair of always) pairs[pair]! |= ESCAPE_ESCAPE
  for (const head of heads) addHead(pairs, head)
  addZeros(pairs)
  for (let at = 0; at < pairs.length; at++) {
    const pair = pairs[at]!
    const mayBeFirst = (pair & (PLAIN_PLAIN | PLAIN_ESCAPE)) !== 0 || introduces(at & 0xff)
    if (pair !== 0) pairs[at]! |= (1 << ANY_SHIFT) | (mayBeFirst ? 1 << MAY_BE_FIRST_SHIFT : 0)
  }
  return pairs
}

/** What stands at one place of a pattern: itself, or an escape of it. */
type Place = Pick<Spelled, 'raw' | 'firsts' | 'lasts'>

/** How the byte at a place of a head may be written, by itself. */
export const spelledAt = ({ bytes, kind }: Head, at: number): Spelled =>
  kind === 'text' ? spelledByte(bytes[at]!) : spelledEncoded(bytes[at]!, kind === 'hex')

function addHead(pairs: Uint8Array, head: Head): void {
  const characters = charactersOf(head.bytes)
  let before = between
  for (let at = 0; at < head.bytes.length; at++) {
    const here = spelledAt(head, at)
    join(pairs, before, here)
    join(pairs, between, here)
    for (const pair of here.inside) pairs[pair]! |= ESCAPE_ESCAPE
    before = here
    const ended = characters.find(({ end }) => end === at + 1)
    if (ended) {
      const character = spelledCharacter(ended.codePoint)
      for (const pair of character.inside) pairs[pair]! |= ESCAPE_ESCAPE
      before = { ...here, lasts: [...here.lasts, ...character.lasts] }
    }
    join(pairs, before, between)
    if (isQuote(head.bytes[at]!)) join(pairs, before, here)
  }
}

function join(pairs: Uint8Array, before: Place, after: Place): void {
  for (const last of before.raw) {
    for (const first of after.raw) pairs[(first << 8) | last]! |= PLAIN_PLAIN
    for (const first of after.firsts) pairs[(first << 8) | last]! |= PLAIN_ESCAPE
  }
  for (const last of before.lasts) {
    for (const first of after.raw) pairs[(first << 8) | last]! |= ESCAPE_PLAIN
    for (const first of after.firsts) pairs[(first << 8) | last]! |= ESCAPE_ESCAPE
  }
}

/** UTF-16 has a zero beside every ASCII character, also within an escape. */
function addZeros(pairs: Uint8Array): void {
  const [firsts, seconds] = [new Uint8Array(256), new Uint8Array(256)]
  for (let at = 0; at < pairs.length; at++) {
    firsts[at & 0xff]! |= pairs[at]!
    seconds[at >> 8]! |= pairs[at]!
  }
  for (let byte = 1; byte < 256; byte++) {
    const isPlain = (seconds[byte]! & (PLAIN_PLAIN | ESCAPE_PLAIN)) | (firsts[byte]! & (PLAIN_PLAIN | PLAIN_ESCAPE))
    const isEscape =
      (seconds[byte]! & (PLAIN_ESCAPE | ESCAPE_ESCAPE)) | (firsts[byte]! & (ESCAPE_PLAIN | ESCAPE_ESCAPE))
    pairs[byte] = (isPlain && PLAIN_PLAIN) | (isEscape && ESCAPE_PLAIN | ESCAPE_ESCAPE)
    pairs[byte << 8] = (isPlain && PLAIN_PLAIN | ESCAPE_PLAIN) | (isEscape && PLAIN_ESCAPE | ESCAPE_ESCAPE)
  }
  pairs[0] = 0
}

/** The characters beyond ASCII in a text of UTF-8, and where they stand. */
export function charactersOf(bytes: Uint8Array): readonly { start: number; end: number; codePoint: number }[] {
  if (bytes.every((byte) => byte < 0x80)) return []
  let end = 0
  return Array.from(Buffer.from(bytes).toString('utf8'), (character) => {
    const start = end
    end += Buffer.byteLength(character)
    return { start, end, codePoint: character.codePointAt(0)! }
  }).filter(({ codePoint }) => codePoint >= 0x80)
}
