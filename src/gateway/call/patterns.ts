import type { KeyPattern } from './matcher.ts'
import { secretPart } from './public-prefix.ts'

/** Shortest text that is taken for a key when it turns up in a response. */
export const SHORTEST_PATTERN = 8
/** An upstream that repeats the beginning of a key repeats it from this length on, and from half of it, as good as whole. */
const SHORTEST_ECHO = 16

/**
 * The byte strings by which a text is recognised in a response: itself, and as base64 and hex would write it. How the bytes of
 * these are spelled in their turn, in JSON, HTML and URLs, is for the search to know. Of a `key` a beginning is enough; other
 * texts are looked for whole.
 *
 * Texts of fewer than 8 bytes are not patterns: "test" or "1234" occur in ordinary responses, and cutting them out would
 * corrupt data without hiding anything. A key that has no longer part is not used at all (`prepareKey`).
 */
export function patternsOf(text: string, isKey: boolean): KeyPattern[] {
  if (Buffer.byteLength(text) < SHORTEST_PATTERN) return []
  const part = isKey ? secretPart(text) : text
  const bytes = Buffer.from(Buffer.byteLength(part) < SHORTEST_PATTERN ? text : part, 'utf8')
  const enough = isKey ? echoLength(bytes) : bytes.length
  const base64 = [0, 1, 2].map((offset) => ({
    bytes: base64Of(bytes, offset),
    enough: base64Of(bytes.subarray(0, enough), offset).length,
    exact: false,
    kind: 'base64' as const,
  }))
  // Alone it ends with what is left of its last byte, and with padding.
  base64[0]!.bytes = Buffer.from(bytes.toString('base64'), 'latin1')
  return [
    ...textPatterns(bytes, enough),
    ...base64,
    { bytes: hexOf(bytes, ''), enough: 2 * enough, exact: false, kind: 'hex' },
    { bytes: hexOf(bytes, ':'), enough: 3 * enough - 1, exact: false, kind: 'hex' },
  ]
}

/** How much of a key's beginning is taken for the key. The user name before a colon does not count: responses may hold it. */
function echoLength(bytes: Buffer): number {
  const user = bytes.indexOf(':') + 1
  const secret = bytes.length - user
  return user + Math.min(secret, Math.max(SHORTEST_ECHO, Math.ceil(secret / 2)))
}

/** As UTF-8, and beyond ASCII also as UTF-16, of which only the zeros are skipped, and ISO 8859-1. */
function textPatterns(bytes: Buffer, enough: number): KeyPattern[] {
  const [whole, start] = [withoutSkipped(bytes), withoutSkipped(bytes.subarray(0, enough))]
  const exact = whole.length < SHORTEST_ECHO
  const patterns: KeyPattern[] = [{ bytes: whole, enough: start.length, exact, kind: 'text' }]
  if (bytes.every((byte) => byte < 0x80)) return patterns
  const text = bytes.toString('utf8')
  const wide = Buffer.from(text, 'utf16le')
  const narrow = /[^\0-\xff]/.test(text) ? [] : [Buffer.from(text, 'latin1')]
  for (const other of [wide, Buffer.from(wide).swap16(), ...narrow]) {
    const kept = withoutSkipped(other)
    if (kept.length >= SHORTEST_PATTERN) patterns.push({ bytes: kept, enough: kept.length, exact: true, kind: 'text' })
  }
  return patterns
}

/**
 * Without what readings skip: zeros and line breaks, and of several quotes or backslashes in a row all but the first. A text
 * that gets too short by it keeps those: it is found as it is.
 */
function withoutSkipped(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1').replace(/[\0\r\n]/g, '')
  const single = text.replace(/(["'\\])\1+/g, '$1')
  return Buffer.from(single.length < SHORTEST_PATTERN ? text : single, 'latin1')
}

/** The part that is the same whatever stands around the bytes, for one of the three ways they can fall on base64's groups of three. */
function base64Of(bytes: Buffer, offset: number): Buffer {
  const padded = Buffer.concat([Buffer.alloc(offset), bytes, Buffer.alloc(2)]).toString('base64')
  const [from, to] = [Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6)]
  return Buffer.from(padded.slice(from, to), 'latin1')
}

/** With nothing or one character between the bytes. */
const hexOf = (bytes: Buffer, separator: string): Buffer =>
  Buffer.from(Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(separator), 'latin1')
