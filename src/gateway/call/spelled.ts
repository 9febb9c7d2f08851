import { entityNames, isBareEntity } from './entities.ts'
import { variants } from './folding.ts'

const LF = 0x0a
const CR = 0x0d
/** What escapes begin with, and themselves may be escaped: `%2573`, `&amp;#115;`, `\\u0073`. */
export const introducers: readonly number[] = [0x5c, 0x25, 0x26]

/** How one byte or character may be written. */
export interface Spelled {
  /** As itself, or as a byte that is taken for it; none for a character of several bytes. */
  readonly raw: readonly number[]
  /** Of its escapes. */
  readonly firsts: readonly number[]
  readonly lasts: readonly number[]
  /** The pairs of bytes beside each other in them, as (second << 8 | first). */
  readonly inside: readonly number[]
}

const escapes = new Map<number, readonly string[]>()
const bytes = new Map<number, Spelled>()
const encodedBytes = new Map<number, Spelled>()
const characters = new Map<number, Spelled>()

/** One byte of a text in UTF-8, or any byte that is folded with it. */
export const spelledByte = (byte: number): Spelled =>
  bytes.get(byte) ?? remember(bytes, byte, variants[byte]!, escapesOf(byte))

/** All escapes of a byte, but for more zeros before its number. */
export function escapesOf(byte: number): readonly string[] {
  const texts =
    escapes.get(byte) ??
    variants[byte]!.flatMap((variant) => (variant < 0x80 ? characterEscapes(variant) : byteEscapes(variant)))
  escapes.set(byte, texts)
  return texts
}

/** No writer escapes letters and digits of base64 or hex. */
export const isEscapedEncoded = (byte: number): boolean => !/[A-Za-z0-9]/.test(String.fromCharCode(byte))

/** One character of base64 or hex. Of its letters only those of hex change their case. */
export function spelledEncoded(byte: number, isHex: boolean): Spelled {
  if (isEscapedEncoded(byte)) return spelledByte(byte)
  const key = isHex ? -byte : byte
  return encodedBytes.get(key) ?? remember(encodedBytes, key, isHex ? variants[byte]! : [byte], [])
}

/** A character beyond ASCII, where it is written as one. */
export const spelledCharacter = (codePoint: number): Spelled =>
  characters.get(codePoint) ?? remember(characters, codePoint, [], characterEscapes(codePoint))

function remember(known: Map<number, Spelled>, key: number, raw: readonly number[], texts: readonly string[]): Spelled {
  const firsts = [...new Set(texts.map((text) => text.charCodeAt(0)))]
  const lasts = [...new Set(texts.map((text) => text.charCodeAt(text.length - 1)))]
  const inside = [...new Set(texts.flatMap(pairsInside))]
  const spelled = { raw, firsts, lasts, inside }
  known.set(key, spelled)
  return spelled
}

function pairsInside(text: string): number[] {
  const pairs: number[] = []
  for (let at = 1; at < text.length; at++) {
    const [first, second] = [text.charCodeAt(at - 1), text.charCodeAt(at)]
    for (const last of [first, ...(introducerEndings.get(first) ?? [])]) pairs.push((second << 8) | last)
  }
  return pairs
}

/** Every mix of upper and lower case. */
const inAnyCase = (text: string): string[] =>
  Array.from(text).reduce<string[]>(
    (found, letter) =>
      [...new Set([letter.toLowerCase(), letter.toUpperCase()])].flatMap((either) =>
        found.map((start) => start + either),
      ),
    [''],
  )

const hexOf = (value: number, digits: number): string[] => inAnyCase(value.toString(16).padStart(digits, '0'))

/** One leading zero makes all the pairs that more of them make, with the second. */
const numbers = (prefix: string, digits: string): string[] =>
  ['', '0', '00'].flatMap((zeros) => [`${prefix}${zeros}${digits}`, `${prefix}${zeros}${digits};`])

const byteEscapes = (byte: number): string[] => hexOf(byte, 2).flatMap((hex) => [`%${hex}`, `=${hex}`, `\\x${hex}`])

export function characterEscapes(codePoint: number): string[] {
  const text = String.fromCodePoint(codePoint)
  const [unit, second] = [text.charCodeAt(0), text.charCodeAt(1)]
  const unicode = hexOf(unit, 4).map((hex) => `\\u${hex}`)
  const pair = hexOf(second || 0, 4).flatMap((hex) => unicode.map((first) => `${first}\\u${hex}`))
  return [
    ...(text.length === 1 ? unicode : pair),
    ...hexOf(codePoint, 4).map((hex) => `%u${hex}`),
    ...hexOf(codePoint, 1).flatMap((hex) => [
      ...['', '0', '00'].flatMap((zeros) => [`\\u{${zeros}${hex}}`, `\\x{${zeros}${hex}}`]),
      ...numbers('&#x', hex),
      ...numbers('&#X', hex),
    ]),
    ...numbers('&#', String(codePoint)),
    ...entityNames(codePoint).flatMap((name) => [`&${name};`, ...(isBareEntity(name) ? [`&${name}`] : [])]),
    ...(codePoint <= 0xff ? byteEscapes(codePoint) : []),
    ...(codePoint === LF ? ['\\n', '=\n', '=\r\n'] : []),
    ...(codePoint === CR ? ['\\r'] : []),
  ]
}

/** An introducer's own escapes; of its names only `&amp;`. */
export const introducerEscapes = (byte: number): string[] =>
  characterEscapes(byte).filter((text) => !/^&\w/.test(text) || /^&amp\b/i.test(text))

/** What an introducer ends with however it is written. */
const introducerEndings: ReadonlyMap<number, readonly number[]> = new Map(
  introducers.map((byte) => {
    const texts = introducerEscapes(byte)
    return [byte, [...new Set([byte, ...texts.map((text) => text.charCodeAt(text.length - 1))])]] as const
  }),
)

/** The pairs inside the escapes of introducers. */
export const insideIntroducers: readonly number[] = introducers.flatMap(introducerEscapes).flatMap(pairsInside)
