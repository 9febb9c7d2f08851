import { MessageError, malformed } from './message-error.ts'

const HTAB = 9
const LF = 10
const CR = 13
const SP = 32
const COLON = 58
const LOWER = 1
const UPPER = 2

/** By character code: 1 for a character of a token (RFC 9110, 5.6.2), 2 for one that is a capital letter, 0 for others. */
const token = new Uint8Array(256)
for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") token[character.charCodeAt(0)] = LOWER
for (const character of 'ABCDEFGHIJKLMNOPQRSTUVWXYZ') token[character.charCodeAt(0)] = UPPER

/** By character code: 1 where it may stand in a field value (RFC 9110, 5.5), obs-text included. */
export const valueCharacters = new Uint8Array(256).fill(1, SP)
valueCharacters[HTAB] = 1
valueCharacters[127] = 0

/** Fields of one response's head, or of one trailer section. Real ones have a few dozen. */
const MOST_FIELDS = 256

/**
 * Reads field lines from `start` to `end`, just behind the last CRLF, into `fields`: names in lower case and values in turn. No folded
 * lines, no white space before the colon, no line ends but CRLF (RFC 9112, 2.2 and 5).
 */
export function readFieldLines(
  text: string,
  start: number,
  end: number,
  fields: string[],
  mostFields = MOST_FIELDS,
): void {
  let at = start
  while (at < end) {
    const nameStart = at
    let kind = token[text.charCodeAt(at)]!
    let kinds = 0
    while (kind !== 0) {
      kinds |= kind
      kind = token[text.charCodeAt(++at)]!
    }
    if (at === nameStart || text.charCodeAt(at) !== COLON) throw malformed('a header field has no valid name')
    const name = text.slice(nameStart, at)
    at = skipWhitespace(text, at + 1)
    const valueStart = at
    while (valueCharacters[text.charCodeAt(at)] === 1) at++
    if (text.charCodeAt(at) !== CR || text.charCodeAt(at + 1) !== LF)
      throw malformed('a header field holds a control character')
    fields.push(
      (kinds & UPPER) === 0 ? name : name.toLowerCase(),
      text.slice(valueStart, trimmedEnd(text, valueStart, at)),
    )
    at += 2
  }
  if (fields.length > 2 * mostFields)
    throw new MessageError('too_large', `there are more than ${mostFields} header fields`)
}

function skipWhitespace(text: string, from: number): number {
  let at = from
  for (let code = text.charCodeAt(at); code === SP || code === HTAB; code = text.charCodeAt(at)) at++
  return at
}

function trimmedEnd(text: string, start: number, end: number): number {
  let at = end
  while (at > start && (text.charCodeAt(at - 1) === SP || text.charCodeAt(at - 1) === HTAB)) at--
  return at
}
