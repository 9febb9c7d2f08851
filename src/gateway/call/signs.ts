import { introduces } from './escape.ts'
import { charactersOf, isQuote, spelledAt, type Head } from './pairs.ts'
import { characterEscapes, escapesOf, introducerEscapes, introducers, isEscapedEncoded } from './spelled.ts'

/** How many bytes a sign has. */
export const SIGN_LENGTH = 6

/**
 * Signs are bytes in a row, of which one at least stands in every head, however it is spelled. By place (0 to 5) and byte: a bit
 * for each group of signs that have that byte there; bytes with a bit in common at all places are taken for a sign.
 */
export interface Signs {
  readonly bytes: Uint8Array
  /** The same by half bytes, as vectors look them up: by place 16 low ones, then 16 high ones. */
  readonly nibbles: Uint8Array
}

/** Groups: characters as themselves, what is skipped behind one, and what is escaped. Bytes alike in one half are kept apart. */
const PLAIN_GROUPS = 3
const EQUALS_ESCAPE = 3
const SKIPPED = 4
const BACKSLASH_ESCAPE = 5
const AMPERSAND_ESCAPE = 6
const PERCENT_ESCAPE = 7

const BACKSLASH = 0x5c
const LF = 0x0a
const CR = 0x0d
/** What may stand where a character is not followed by the next one. */
const skipped = [0, LF, CR]
const interruptions = [...skipped, ...Array.from({ length: 256 }, (_, byte) => byte).filter(introduces)]
const anyByte = Array.from({ length: 256 }, (_, byte) => byte)

/** Pairs of bytes that follow a sign's first byte in its head. */
export const FOLLOWING_PAIRS = 5

/** Roughly how often a byte stands in ordinary text. */
const frequencies = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte)
  if (/[ "aeinorst]/.test(character)) return 8
  if (/[a-z0-9,:./]/.test(character)) return 4
  return byte < 0x80 ? 2 : 1
})

const TWO_BACKSLASHES = '\\\\'
const secondsOf = (texts: readonly string[]): number[] => [...new Set(texts.map((text) => text.charCodeAt(1)))]
const nested = introducers.flatMap((byte) => [
  ...introducerEscapes(byte).map((text) => ({ byte, text })),
  ...(byte === BACKSLASH ? [{ byte, text: TWO_BACKSLASHES }] : []),
])
const skippedEscapes = [LF, CR, BACKSLASH].flatMap(escapesOf)
const interrupting = [...skippedEscapes, ...nested.map(({ text }) => text)]
const interruptingSeconds = secondsOf(interrupting)
const afterBackslash = secondsOf(interrupting.filter((text) => text.startsWith('\\')))
/** More zeros before a number than make a sign. */
const zeros = ['&#0000', '&#x000', '&#X000', '\\u{000', '\\x{000']

/** While it is made: `full` has a bit for each group that has every byte at a place. */
interface SignTable {
  readonly bytes: Uint8Array
  readonly full: Uint8Array
}

/** Two characters of a head in a row, and what may follow the second. */
interface Window {
  readonly first: readonly number[]
  readonly second: readonly number[]
  readonly third: readonly number[]
  /** What may stand behind the byte behind something that is skipped. */
  readonly behindSkipped: readonly number[]
  readonly escapes: readonly Escapes[]
}

/** All that stand for one character, and what may come behind it, by place. */
interface Escapes {
  readonly texts: readonly string[]
  readonly behind: readonly (readonly number[])[]
}

/**
 * Two characters of every head make its signs. Where both stand as themselves, they are one; where something is skipped between
 * them, the first and that; and where one is escaped, its escape.
 */
export function signsOf(heads: readonly Head[]): Signs {
  const table = { bytes: new Uint8Array(SIGN_LENGTH * 256), full: new Uint8Array(SIGN_LENGTH) }
  const windows = heads.map(rarestWindow).sort((one, other) => one.first[0]! - other.first[0]!)
  for (const [at, { first, second, third }] of windows.entries())
    add(table, Math.floor((at * PLAIN_GROUPS) / windows.length), [first, second, third])
  for (const window of windows) addSkipped(table, window)
  addEscapes(
    table,
    windows.flatMap(({ escapes }) => escapes),
  )
  return { bytes: table.bytes, nibbles: nibblesOf(table.bytes) }
}

/** What may stand at the places from the first on; any byte at those that are not given. */
function add({ bytes, full }: SignTable, group: number, places: readonly (readonly number[])[]): void {
  const bit = 1 << group
  for (let place = 0; place < SIGN_LENGTH; place++) {
    if ((full[place]! & bit) !== 0) continue
    if (places[place] === undefined) full[place]! |= bit
    for (const byte of places[place] ?? anyByte) bytes[256 * place + byte]! |= bit
  }
}

function rarestWindow(head: Head): Window {
  const raw = Array.from(head.bytes, (_, at) => spelledAt(head, at).raw)
  const frequency = (at: number) => raw[at]!.reduce((sum, byte) => sum + frequencies[byte]!, 0)
  const cost = (at: number) => frequency(at) * frequency(at + 1) * frequency(at + 2)
  const last = raw.length - 2 - FOLLOWING_PAIRS
  let at = 0
  for (let start = 1; start <= last; start++) if (cost(start) < cost(at)) at = start
  const behind = (place: number) => [...raw[place]!, ...raw[place - 1]!.filter(isQuote), ...interruptions]
  const behindTwo = (place: number) => [
    ...behind(place),
    ...behind(place + 1),
    ...secondsOf(escapesOf(head.bytes[place]!)),
    ...interruptingSeconds,
  ]
  const isEscaped = (place: number): boolean => head.kind === 'text' || isEscapedEncoded(head.bytes[place]!)
  const bytes = [at, at + 1]
    .filter(isEscaped)
    .map((place) => ({ texts: escapesOf(head.bytes[place]!), behind: [behind(place + 1), behindTwo(place + 1)] }))
  const characters = charactersOf(head.bytes).filter(({ start, end }) => start < at + 2 && end > at)
  return {
    first: raw[at]!,
    second: raw[at + 1]!,
    third: behind(at + 2),
    behindSkipped: behindTwo(at + 1),
    escapes: [...bytes, ...characters.map(({ codePoint }) => ({ texts: characterEscapes(codePoint), behind: [] }))],
  }
}

/** A break, a zero, a backslash or a second quote behind the first character; or an escape of these, wherever it stands. */
function addSkipped(table: SignTable, { first, second, behindSkipped }: Window): void {
  const quotes = first.filter(isQuote)
  const follows = [...second, ...interruptions, ...quotes]
  add(table, SKIPPED, [first, [...skipped, BACKSLASH, ...quotes], [...follows, ...afterBackslash]])
  for (const text of skippedEscapes) if (!text.startsWith('\\')) addEscape(table, text, [follows, behindSkipped])
}

/** An introducer that is escaped itself is followed by what follows the introducer; and in UTF-16 any by a zero. */
function addEscapes(table: SignTable, escapes: readonly Escapes[]): void {
  for (const { texts, behind } of escapes) for (const text of texts) addEscape(table, text, behind)
  const all = [...escapes.flatMap(({ texts }) => texts), ...nested.map(({ text }) => text)]
  for (const introducer of introducers) {
    const own = all.filter((text) => text.charCodeAt(0) === introducer && text !== TWO_BACKSLASHES)
    const behind = [1, 2, 3, 4].map((place) =>
      own.some((text) => text.length <= place) ? anyByte : own.map((text) => text.charCodeAt(place)),
    )
    for (const { byte, text } of nested) if (byte === introducer) addEscape(table, text, behind)
  }
  for (const text of zeros) addEscape(table, text, [])
  for (const introducer of interruptions.filter(introduces)) {
    const own = all.filter((text) => text.charCodeAt(0) === introducer && text.length > 2)
    const [seconds, thirds] = [1, 2].map((place) => own.map((text) => text.charCodeAt(place))) as [number[], number[]]
    add(table, groupOf(String.fromCharCode(introducer, 0)), [[introducer], [0], seconds, [0], thirds, [0]])
  }
}

function addEscape(table: SignTable, text: string, behind: readonly (readonly number[])[]): void {
  const places = Array.from(text.slice(0, SIGN_LENGTH), (character) => [character.charCodeAt(0)])
  add(table, groupOf(text), [...places, ...behind])
}

/** `%u0073` and UTF-16 have no group of their own, and `%20` must not look like these. */
function groupOf(text: string): number {
  if (/^(?:&|%[u\0])/.test(text)) return AMPERSAND_ESCAPE
  if (text.startsWith('%')) return PERCENT_ESCAPE
  return text.startsWith('=') ? EQUALS_ESCAPE : BACKSLASH_ESCAPE
}

function nibblesOf(bytes: Uint8Array): Uint8Array {
  const nibbles = new Uint8Array(SIGN_LENGTH * 32)
  for (let at = 0; at < SIGN_LENGTH * 256; at++) {
    const [place, byte] = [at >> 8, at & 0xff]
    nibbles[32 * place + (byte & 0xf)]! |= bytes[at]!
    nibbles[32 * place + 16 + (byte >> 4)]! |= bytes[at]!
  }
  return nibbles
}
