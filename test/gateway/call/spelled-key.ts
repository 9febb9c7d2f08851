import fc from 'fast-check'

/** Latin-1 of what stands on the wire. */
type Wire = string

const wire = (text: string): Wire => Buffer.from(text, 'utf8').toString('latin1')
const hexOf = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')
const names: Readonly<Record<string, string>> = { '+': 'plus', '/': 'sol', '=': 'equals', '"': 'quot', "'": 'apos' }

/** Every way to write one character; of the last, its case is for others to mix. */
export function spellings(character: string): Wire[] {
  const codePoint = character.codePointAt(0)!
  const name = names[character]
  return [
    wire(character),
    `\\u${hexOf(codePoint, 4)}`,
    `\\u{${hexOf(codePoint, 1)}}`,
    ...['', ';'].flatMap((end) => [`&#${String(codePoint)}${end}`, `&#00${String(codePoint)}${end}`]),
    ...['', ';'].flatMap((end) => [`&#x${hexOf(codePoint, 1)}${end}`, `&#X0${hexOf(codePoint, 1)}${end}`]),
    ...(name === undefined ? [] : [`&${name};`]),
    ...(codePoint > 0xff ? [] : ['%', '=', '\\x'].map((escape) => escape + hexOf(codePoint, 2))),
    Array.from(Buffer.from(character, 'utf8'), (byte) => `%${hexOf(byte, 2)}`).join(''),
    ...(/[!-/:-@[-`{-~]/.test(character) ? [`\\${character}`] : []),
  ]
}

const mixedCase = (text: string, seed: number): string =>
  text.replace(/[0-9a-f]+/g, (hex) =>
    Array.from(hex, (digit, at) => ((seed >> (at % 16)) & 1 ? digit.toUpperCase() : digit)).join(''),
  )

/** A character, as itself more often than not, and seldom something after it that readers skip. */
const spelledCharacter = (character: string): fc.Arbitrary<Wire> =>
  fc
    .tuple(
      fc.constantFrom(wire(character), wire(character), ...spellings(character)),
      fc.nat(0xffff),
      fc.constantFrom(...new Array<string>(30).fill(''), '\n', '\r\n', '\\n', '\\r\\n', '\\'),
    )
    .map(([text, seed, after]) => (text.length === 1 ? text : mixedCase(text, seed)) + after)

/** Pieces of a key in any spelling, whole or not, with other things between them. */
export function spelledKey(key: string): fc.Arbitrary<Wire> {
  const characters = Array.from(key)
  const mixed = fc.tuple(...characters.map(spelledCharacter))
  const part = fc
    .tuple(mixed, fc.constantFrom(0, 0, 0, 1, 5), fc.constantFrom(0, 0, 0, 1, 9))
    .map(([spelled, from, short]) => spelled.slice(from, spelled.length - short).join(''))
  const encoded = fc
    .tuple(
      fc.constantFrom('', 'x', 'xx'),
      fc.constantFrom('base64', 'base64url', 'hex'),
      fc.constantFrom('$&', '$&\n', '$&\\n'),
    )
    .map(([before, encoding, wrap]) =>
      Buffer.from(`${before}${key}y`)
        .toString(encoding as BufferEncoding)
        .replace(/.{21}/g, wrap),
    )
  const wide = fc.constantFrom(0, 1).map((from) => Buffer.from(key, 'utf16le').toString('latin1').slice(from))
  const noise = fc.constantFrom('"', '{"a":"', '\\', '%', '&', '&amp;', '%25', '=', '\\u00', ' ', 'x')
  return fc
    .array(fc.oneof(part, part, fc.constant(wire(key)), encoded, wide, noise), { minLength: 1, maxLength: 5 })
    .map((parts) => parts.join('"'))
}
