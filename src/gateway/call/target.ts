/**
 * The way one upstream call is made: `target` reads what was asked, `credentials` takes the caller's token out of it,
 * `outgoing` builds the request that is sent instead, `egress` opens the connection, `response`, `project` and `scrub`
 * decide what comes back, and `call` joins them.
 */
import { badRequest } from '../../logical/errors.ts'
import { isName } from '../../scope/index.ts'

/** One query parameter. `encoded` is how it is sent upstream: nothing but unreserved characters, `%XX`, `+`, `=`. */
export interface QueryParameter {
  readonly name: string
  readonly value: string
  readonly encoded: string
}

/** What a request target asks for. `segments` and query are percent-decoded; no segments means the upstream's root. */
export interface Target {
  readonly upstream: string
  readonly segments: readonly string[]
  readonly query: readonly QueryParameter[]
}

export const MAX_TARGET_LENGTH = 8192
const MAX_PARAMETERS = 256

/** Why a target is refused, without what it is called where it was given. */
class Unfit extends Error {}

const refuse = (what: string): never => {
  throw new Unfit(what)
}

/**
 * Reads the raw request target, exactly as it stood in the request line. It is never normalised: what two readers could
 * understand differently is refused (400), so that the path judged here is the path the upstream sees.
 * With `listener`, the whole path belongs to that upstream and no `/u/<upstream>` prefix is expected. `field` is what the
 * caller knows the target by.
 */
export function parseTarget(raw: string, listener?: string, field = 'request target'): Target {
  try {
    return readTarget(raw, listener)
  } catch (thrown) {
    if (!(thrown instanceof Unfit)) throw thrown
    throw badRequest(
      `${field}: ${thrown.message}; example: ${listener === undefined ? '/u/stripe' : ''}/v1/invoices?limit=3`,
    )
  }
}

function readTarget(raw: string, listener: string | undefined): Target {
  if (raw.length > MAX_TARGET_LENGTH) refuse(`it is longer than ${String(MAX_TARGET_LENGTH)} bytes`)
  checkRaw(raw)
  const mark = raw.indexOf('?')
  const path = mark < 0 ? raw : raw.slice(0, mark)
  if (!path.startsWith('/')) refuse('it must start with /, the absolute form is not served')
  const parts = path.slice(1).split('/')
  const upstream = listener ?? takeUpstream(parts)
  // `/u/stripe`, `/u/stripe/` and a listener's `/` are the upstream's root.
  const segments = parts.length === 1 && parts[0] === '' ? [] : parts.map(decodeSegment)
  return { upstream, segments, query: mark < 0 ? [] : parseQuery(raw.slice(mark + 1)) }
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
  [/^$/, 'it holds an empty path segment (// or a / at the end)'],
  [/^\.\.?$/, 'it holds a . or .. path segment'],
  [/;/, 'it holds path parameters (;)'],
  [/["<>^`{|}]/, 'it holds one of " < > ^ ` { | } in the path; write it as %XX'],
  [/%2e/i, 'it holds an encoded dot (%2e) in the path'],
  [/%2f/i, 'it holds an encoded slash (%2f) in the path'],
  [/%5c/i, 'it holds an encoded backslash (%5c) in the path'],
]

function decodeSegment(raw: string): string {
  const refused = refusedInSegment.find(([pattern]) => pattern.test(raw))
  if (refused) return refuse(refused[1])
  const segment = decodePercent(raw)
  if (/[\x00-\x1f\x7f-\x9f]/.test(segment)) return refuse('it holds an encoded control character in the path')
  // An upstream that decodes twice would see another path.
  if (/%[0-9A-Fa-f]{2}/.test(segment)) return refuse('it holds a doubly encoded character (%25XX) in the path')
  // So would one that folds look-alikes, such as the full-width slash, into ASCII.
  const folded = segment.normalize('NFKC')
  if (folded === '.' || folded === '..' || /[/\\]/.test(folded))
    return refuse('it holds a character that stands for a slash, backslash or dot in the path')
  return segment
}

function decodePercent(raw: string): string {
  try {
    return decodeURIComponent(raw)
  } catch {
    return refuse('its %XX sequences are not UTF-8')
  }
}

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
    const encoded = recode(rawName) + (equals < 0 ? '' : '=' + recode(rawValue))
    return { name, value: decodeForm(rawValue), encoded }
  })
}

function decodeForm(raw: string): string {
  const text = decodePercent(raw.replaceAll('+', ' '))
  if (text.includes('\0')) refuse('it holds an encoded NUL (%00)')
  return text
}

const recode = (raw: string): string =>
  raw
    .split('+')
    .map((part) => encodeStrict(decodePercent(part)))
    .join('+')

/** Percent-encodes everything but RFC 3986's unreserved characters, so that no reader finds a delimiter in it. */
export function encodeStrict(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
