/** Reading the text of any request target, piece by piece. */
import { decodeAgain, isPercentEncoded, isName } from '../../scope/index.ts'
import { IN_PATH, IN_QUERY, isPlainText } from './target-characters.ts'

/** One query parameter. `encoded` is how it is sent upstream: as it was spelled, but for what could part it from its neighbours. */
export interface QueryParameter {
  readonly name: string
  readonly value: string
  readonly encoded: string
}

/** What a request target asks for. No segments means the upstream's root. */
export interface Target {
  readonly upstream: string
  /** Percent-decoded. The last one is empty where the path ends in a slash; one with a slash in it had it encoded. */
  readonly segments: readonly string[]
  /** The segments as they are sent where a parameter takes them whole: as they were given, but for escapes of unreserved characters. */
  readonly spelled: readonly string[]
  /** Percent-decoded. */
  readonly query: readonly QueryParameter[]
}

export const MAX_TARGET_LENGTH = 8192
export const MAX_PARAMETERS = 256

/** Why a target is refused, without what it is called where it was given. */
export class Unfit extends Error {}

const refuse = (what: string): never => {
  throw new Unfit(what)
}

/** Reads any target. Throws `Unfit`. */
export function readTarget(raw: string, listener: string | undefined): Target {
  if (raw.length > MAX_TARGET_LENGTH) refuse(`it is longer than ${String(MAX_TARGET_LENGTH)} bytes`)
  checkRaw(raw)
  const question = raw.indexOf('?')
  const path = question < 0 ? raw : raw.slice(0, question)
  if (!path.startsWith('/')) refuse('it must start with /, the absolute form is not served')
  const parts = path.slice(1).split('/')
  const upstream = listener ?? takeUpstream(parts)
  // `/u/stripe`, `/u/stripe/` and a listener's `/` are the upstream's root.
  const given = parts.length === 1 && parts[0] === '' ? [] : parts
  const segments = given.map((part, at) =>
    isPlainSegment(part) ? part : decodeSegment(part, at > 0 && at === given.length - 1),
  )
  const query = question < 0 ? [] : parseQuery(raw.slice(question + 1))
  return { upstream, segments, spelled: given.map(spelledSegment), query }
}

function takeUpstream(segments: string[]): string {
  const [prefix, upstream] = segments.splice(0, 2)
  if (prefix !== 'u' || upstream === undefined || !isName(upstream)) {
    return refuse('the path must begin with /u/ and the name of an upstream')
  }
  return upstream
}

/** What no part of a target may hold. Non-ASCII is refused because two servers rarely agree on its encoding. */
function checkRaw(raw: string): void {
  if (/[^\x00-\x7f]/.test(raw)) refuse('it holds bytes outside ASCII; write them as %XX')
  if (/[\x00-\x1f\x7f]/.test(raw)) refuse('it holds a control character')
  if (raw.includes(' ')) refuse('it holds a space; write %20')
  if (raw.includes('\\')) refuse('it holds a backslash')
  if (raw.includes('#')) refuse('it holds a fragment (#)')
  if (/%(?![0-9A-Fa-f]{2})/.test(raw)) refuse('a % is not followed by two hex digits')
}

/** What no segment may hold, as it is spelled. */
const refusedInSegment: readonly (readonly [RegExp, string])[] = [
  [/^\.\.?$/, 'it holds a . or .. path segment'],
  [/["<>^`{|}]/, 'it holds one of " < > ^ ` { | } in the path; write it as %XX'],
  [/%2e/i, 'it holds an encoded dot (%2e) in the path'],
  [/%5c/i, 'it holds an encoded backslash (%5c) in the path'],
]

/** Nothing in it needs thought. */
const isPlainSegment = (raw: string): boolean => raw !== '' && !raw.startsWith('.') && isPlainText(raw, IN_PATH)

function decodeSegment(raw: string, isLast: boolean): string {
  if (raw === '') return isLast ? '' : refuse('it holds an empty path segment (//)')
  const refused = refusedInSegment.find(([pattern]) => pattern.test(raw))
  if (refused) return refuse(refused[1])
  const segment = decodePercent(raw)
  if (/[\x00-\x1f\x7f-\x9f]/.test(segment)) return refuse('it holds an encoded control character in the path')
  if (isOutOfPlace(segment))
    return refuse(
      segment.includes('/')
        ? 'it holds an encoded slash (%2f) beside an empty, . or .. part of the path'
        : 'it holds path parameters (;) behind an empty, . or .. path segment',
    )
  // An upstream that decodes twice would see another path.
  requireOneReading(segment, decodeAgain(segment))
  // So would one that folds look-alikes, such as the full-width slash, into ASCII.
  if (isOtherwiseShaped(segment, segment))
    return refuse('it holds a character that stands for a slash, backslash or dot in the path')
  return segment
}

function requireOneReading(segment: string, again: string): void {
  if (again === segment) return
  if (isPercentEncoded(again)) refuse('it holds what is percent-encoded over and over (%2525XX) in the path')
  if (/[\\\x00-\x1f\x7f-\x9f]/.test(again) || isOtherwiseShaped(again, segment))
    refuse('it holds a doubly encoded slash, dot or control character (%25XX) in the path')
}

/** Whether a part between encoded slashes, or what stands before its path parameters, is empty, `.` or `..`. */
const isOutOfPlace = (segment: string): boolean =>
  segment.split('/').some((part) => /^\.{0,2}$/.test(part.split(';', 1)[0]!))

/** Whether another form of a segment, with look-alikes folded, is parted otherwise than the segment itself. */
function isOtherwiseShaped(form: string, segment: string): boolean {
  const folded = form.normalize('NFKC')
  if (folded === segment) return false
  return isOutOfPlace(folded) || folded.includes('\\') || folded.split('/').length !== segment.split('/').length
}

function decodePercent(raw: string): string {
  try {
    return decodeURIComponent(raw)
  } catch {
    return refuse('its %XX sequences are not UTF-8')
  }
}

/**
 * RFC 3986, 6.2.2.2: escapes of unreserved characters stand for these. All else goes on as it was spelled, hex digits in their case
 * (RFC 9110, 7.7: a proxy must not modify path and query): npm writes `%2f`, curl `%3d`, and some servers sign or compare what they got.
 */
const normaliseEscapes = (raw: string): string =>
  raw.includes('%')
    ? raw.replace(/%([0-9A-Fa-f]{2})/g, (escape, hex: string) => {
        const character = String.fromCharCode(parseInt(hex, 16))
        return /[A-Za-z0-9._~-]/.test(character) ? character : escape
      })
    : raw

/** `[` and `]`, which RFC 3986 has in no path, are all that is encoded here. */
const spelledSegment = (raw: string): string =>
  isPlainText(raw, IN_PATH) ? raw : normaliseEscapes(raw).replace(/[^\w.~%!$&'()*+,;=:@-]/g, encodeStrict)

/** Pairs split at `&` only. `+` is a space to most readers and a plus to some: it is kept as it was spelled. */
function parseQuery(raw: string): QueryParameter[] {
  const segments = raw.split('&').filter((part) => part !== '')
  if (segments.length > MAX_PARAMETERS) refuse(`it has more than ${String(MAX_PARAMETERS)} query parameters`)
  return segments.map((part) => {
    const equals = part.indexOf('=')
    const rawName = equals < 0 ? part : part.slice(0, equals)
    const rawValue = equals < 0 ? '' : part.slice(equals + 1)
    const name = decodeForm(rawName)
    if (name === '') refuse('a query parameter has no name')
    const isPlain = isPlainText(rawName, IN_QUERY) && isPlainText(rawValue, IN_QUERY)
    const encoded = isPlain ? part : normaliseEscapes(part).replace(/[^\w.~%+=!$()*,/:?@[\]-]/g, encodeStrict)
    return { name, value: decodeForm(rawValue), encoded }
  })
}

function decodeForm(raw: string): string {
  const text = decodePercent(raw.replaceAll('+', ' '))
  if (text.includes('\0')) refuse('it holds an encoded NUL (%00)')
  return text
}

/** Percent-encodes everything but RFC 3986's unreserved characters, so that no reader finds a delimiter in it. */
export function encodeStrict(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
