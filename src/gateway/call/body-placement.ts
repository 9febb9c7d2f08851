/**
 * A key among the fields of a body: what stands in its place is taken out before a request is judged, and the key is spliced into
 * the text after it. Everything else of the body stays as the caller wrote it.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { badRequest, RequestError } from '../../logical/errors.ts'
import { tokenInField } from './credentials.ts'
import type { HeaderPairs } from './credentials.ts'
import { membersIn } from './json-members.ts'
import type { JsonMember } from './json-members.ts'
import type { CompiledPlacements } from './placements.ts'

export interface TakenBody {
  readonly kind: 'json' | 'form'
  /** The body without the fields that the key goes in. */
  readonly rest: Buffer
}

/** Such requests are short: what is taken apart is bounded before it is. */
const MOST_BYTES = 1_048_576
/** They tell what the caller's bytes add up to, and those are not what is sent. */
const digests = new Set(['digest', 'content-md5', 'content-digest', 'repr-digest'])

/**
 * `headers` and `token` are the caller's. Throws `bad_request` for a body that a key cannot be put into unnoticed, for a field given
 * twice or in another spelling, and for one that holds something other than the token.
 */
export function takeFromBody(
  places: CompiledPlacements,
  { headers, token }: { readonly headers: HeaderPairs; readonly token: string },
  contentType: string | undefined,
  bytes: Uint8Array,
): TakenBody {
  if (bytes.length > MOST_BYTES)
    throw new RequestError(
      'too_large',
      `a body that the key of this upstream goes into must be at most ${String(MOST_BYTES)} bytes`,
    )
  const names = [...places.body.keys()]
  const kind = isCoded(headers) ? undefined : kindOf(contentType)
  const text = kind === undefined ? undefined : utf8(bytes)
  const taken = kind === 'json' ? takeFromJson(text, names) : takeFromForm(text, names)
  if (kind === undefined || taken === undefined) throw unfit(names)
  refuseDigests(headers)
  for (const [name, value] of taken.values)
    if (value !== '' && tokenInField(places.body.get(name), value, places.alias) !== token)
      throw badRequest(
        `the body's ${name} holds something other than the token; send the token there too, or leave it out`,
      )
  return { kind, rest: Buffer.from(taken.rest) }
}

/** The body as it is sent: these fields first, then the caller's own. */
export function spliceIntoBody(
  { kind, rest }: Pick<TakenBody, 'kind' | 'rest'>,
  fields: readonly (readonly [name: string, value: string])[],
): Buffer {
  if (kind === 'form') {
    const own = new URLSearchParams(Object.fromEntries(fields)).toString()
    return Buffer.concat(rest.length === 0 ? [Buffer.from(own)] : [Buffer.from(`${own}&`), rest])
  }
  const text = rest.toString()
  const open = text.indexOf('{') + 1
  const own = fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')
  return Buffer.from(text.slice(0, open) + own + (membersIn(text).length === 0 ? '' : ',') + text.slice(open))
}

/** A call without a body, of an upstream whose key goes in one. */
export const noBodyForKey = ({ body }: CompiledPlacements): Error => unfit([...body.keys()])

const unfit = (names: readonly string[]): Error =>
  badRequest(
    `this upstream takes its key in the body, as ${names.join(' and ')}: send an uncompressed JSON object or form in UTF-8, with its Content-Type`,
  )

const isCoded = (headers: HeaderPairs): boolean =>
  headers.some(([name, value]) => name.toLowerCase() === 'content-encoding' && !/^\s*(?:identity)?\s*$/i.test(value))

/** Whether a body of these headers may hold fields at all. */
export const isFieldsBody = (headers: IncomingHttpHeaders): boolean =>
  headers['content-encoding'] === undefined && kindOf(headers['content-type']) !== undefined

function refuseDigests(headers: HeaderPairs): void {
  const digest = headers.find(([name]) => digests.has(name.toLowerCase()))?.[0].toLowerCase()
  if (digest !== undefined)
    throw badRequest(
      `header ${digest}: this upstream takes its key in the body, which has another digest with the key in it; leave it out`,
    )
}

function kindOf(contentType: string | undefined): TakenBody['kind'] | undefined {
  const [type = '', ...attributes] = (contentType ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  const isUtf8 = attributes.every((text) => !text.startsWith('charset=') || /^charset="?utf-8"?$/.test(text))
  if (!isUtf8) return undefined
  if (type === 'application/json' || /^application\/[a-z0-9.-]+\+json$/.test(type)) return 'json'
  return type === 'application/x-www-form-urlencoded' ? 'form' : undefined
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** Undefined where the text is of another kind. */
type Taken = { readonly rest: string; readonly values: readonly (readonly [name: string, value: string])[] } | undefined

const ambiguous = (name: string): Error =>
  badRequest(`the body gives ${name}, where this upstream takes its key, twice or in another spelling; give it once`)

/**
 * How servers may read a name: without the white space around it, cut at a bracket (`token[]`) or a NUL, in any case (Go), and
 * with `_` where it had a space or a dot (PHP).
 */
const readName = (name: string): string =>
  name
    .normalize('NFKC')
    .replace(/[[\0].*$/s, '')
    .trim()
    .toLowerCase()
    .replace(/[ .]/g, '_')

/** Which of `given` is the field; -1 = none. Throws where servers might differ. */
function indexOfField(name: string, given: readonly string[]): number {
  const wanted = readName(name)
  const found = given.flatMap((one, at) => (readName(one) === wanted ? [at] : []))
  if (found.length > 1 || found.some((at) => given[at] !== name)) throw ambiguous(name)
  return found[0] ?? -1
}

function takeFromJson(text: string | undefined, names: readonly string[]): Taken {
  if (text === undefined || !isJsonObject(text)) return undefined
  const values: [string, string][] = []
  let rest = text
  for (const name of names) {
    const members = membersIn(rest)
    const at = indexOfField(
      name,
      members.map((member) => member.name),
    )
    if (at < 0) continue
    values.push([name, stringIn(rest, members[at]!)])
    rest = withoutMember(rest, members, at)
  }
  return { rest, values }
}

function stringIn(text: string, { name, valueStart, end }: JsonMember): string {
  const value: unknown = JSON.parse(text.slice(valueStart, end))
  if (value !== null && typeof value !== 'string') throw badRequest(`the body's ${name} must be the token, a string`)
  return value ?? ''
}

/** The comma after it goes, too; at the end, the one before it. */
function withoutMember(text: string, members: readonly JsonMember[], at: number): string {
  const { start, end } = members[at]!
  const next = members[at + 1]
  return next
    ? text.slice(0, start) + text.slice(next.start)
    : text.slice(0, members[at - 1]?.end ?? start) + text.slice(end)
}

function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

function takeFromForm(text: string | undefined, names: readonly string[]): Taken {
  if (text === undefined) return undefined
  const values: [string, string][] = []
  let found = 1
  for (const separator = /[&;]|%3b/gi; separator.test(text);)
    if (++found > MOST_PAIRS)
      throw new RequestError(
        'too_large',
        `the body holds more than ${String(MOST_PAIRS)} fields, among which the key has its place; send less in one request`,
      )
  let pairs = text.split('&')
  for (const name of names) {
    const at = indexOfField(name, pairs.map(formName))
    // For servers that part pairs at `;`, too, one hidden there is another field of the name.
    if (pairs.some((pair, other) => other !== at && holdsField(pair, name))) throw ambiguous(name)
    if (at < 0) continue
    values.push([name, new URLSearchParams(pairs[at]).get(name) ?? ''])
    pairs = pairs.filter((_, other) => other !== at)
  }
  return { rest: pairs.join('&'), values }
}

/** Each is decoded in every way a server may. */
const MOST_PAIRS = 10_000

const formName = (pair: string): string => decoded(pair.split('=', 1)[0]!)

const holdsField = (pair: string, name: string): boolean =>
  /;|%3b/i.test(pair) &&
  [...pair.split(';').map(decoded), ...decoded(pair).split(';')].some(
    (part) => readName(part.split('=', 1)[0]!) === readName(name),
  )

/** Leniently, as the most forgiving server would. */
const decoded = (text: string): string => new URLSearchParams(`a=${text.replaceAll('&', '%26')}`).get('a') ?? ''
