/**
 * Bytes that are taken for one when a key is looked for, because writers exchange them: upper and lower case (hex digits, header
 * names), the two alphabets of base64 (RFC 4648, sections 4 and 5), `+` for a space in forms, and `:`, `-` or a space between
 * the bytes of a hex dump. Whatever differs only in these is as good as the key itself.
 */
export const folded: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte)
  if (character >= 'A' && character <= 'Z') return byte | 0x20
  if ('-: '.includes(character)) return 0x2b
  return character === '_' ? 0x2f : byte
})

/** All bytes of the class of each. */
export const variants: readonly (readonly number[])[] = Array.from({ length: 256 }, (_, byte) =>
  Array.from({ length: 256 }, (_unused, other) => other).filter((other) => folded[other] === folded[byte]),
)

/** Upper or lower case matters: of a text too short to be unlikely in other letters. Forms write a space as `+`. */
export const isSameByte = (byte: number, wanted: number): boolean =>
  byte === wanted || (wanted === 0x20 && byte === 0x2b)
