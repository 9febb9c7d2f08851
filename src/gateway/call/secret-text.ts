import { SHORTEST_PATTERN } from './patterns.ts'
import { jwtSegments, pemBodies } from './public-prefix.ts'

/** Nested deeper than this, a secret's text is not taken apart: no scheme nests credentials that deep. */
const DEEPEST = 4

/**
 * The credentials in a stored text: itself, and what servers take out of it before they repeat it in an error. A scheme word
 * before the credential (`Bot KEY`, RFC 9110, 11.1), `name=value` parameters (`Token token=KEY`, RFC 9110, 11.2), user and
 * password (`KEY:X`), the segments of a JWT, the body of a PEM block, and what base64 hides of these after `Basic` (RFC 7617). An e-mail address by itself is the name of an
 * account, which ordinary responses hold.
 */
export function credentialsIn(text: string): readonly string[] {
  const found = new Set<string>()
  collect(text, found, 0)
  return [...found].filter((part) => !isEmailAddress(part))
}

/**
 * Whether the key could be recognised if the upstream repeated it without the scheme word and the parameter name around it.
 * `basic`: one of user and password is enough, because accounts have short user names and keys have empty passwords.
 */
export function isRecognisable(text: string, basic: boolean): boolean {
  const bare = text.trim().replace(schemeWord, '$2')
  const inner = parameterValue(bare) ?? bare
  const colon = inner.indexOf(':')
  const halves = basic && colon >= 0 ? [inner.slice(0, colon), inner.slice(colon + 1)] : [inner]
  return halves.some((half) => Buffer.byteLength(half) >= SHORTEST_PATTERN && !(basic && isEmailAddress(half)))
}

/** Whether there is more in a text than the credential: of such a one a beginning says nothing about the key. */
export const isComposed = (text: string): boolean => /\s/.test(text) || parameterValue(text) !== undefined

function collect(text: string, found: Set<string>, depth: number): void {
  if (text === '' || found.has(text)) return
  found.add(text)
  if (depth < DEEPEST) for (const part of segments(text)) collect(part, found, depth + 1)
}

/** The parts of a text one level down; empty where it has none. */
function segments(text: string): readonly string[] {
  const trimmed = text.trim()
  if (trimmed !== text) return [trimmed]
  const bodies = pemBodies(text)
  if (bodies.length > 0) return bodies
  // Not the header: it names an algorithm, and is the same in others' tokens.
  const jwt = jwtSegments(text)
  if (jwt) return jwt.slice(1)
  const scheme = schemeWord.exec(text)
  if (scheme) {
    const [, word = '', rest = ''] = scheme
    const decoded = word.toLowerCase() === 'basic' ? userAndPassword(rest) : undefined
    return decoded === undefined ? [rest] : [rest, decoded]
  }
  if (/[,;]\s*\S/.test(text)) return text.split(/[,;]/)
  const value = parameterValue(text)
  if (value !== undefined) return [value]
  const colon = text.indexOf(':')
  return colon < 0 ? [] : [text.slice(0, colon), text.slice(colon + 1)]
}

const schemeWord = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s+(\S.*)$/s

function parameterValue(text: string): string | undefined {
  const found = /^[A-Za-z][\w.-]{0,31}\s*=\s*(?:"([^"]*)"|([^\s=].*))$/s.exec(text)
  return found?.[1] ?? found?.[2]
}

function userAndPassword(base64: string): string | undefined {
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(base64)) return undefined
  const decoded = Buffer.from(base64, 'base64').toString('utf8')
  return /^[\x20-\x7e]*:[\x20-\x7e]*$/.test(decoded) ? decoded : undefined
}

const isEmailAddress = (text: string): boolean => /^[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+$/.test(text)
