import { GatewayCallError } from './call-error.ts'
import { keySearch } from './key-search.ts'
import type { Matcher } from './matcher.ts'
import { SHORTEST_PATTERN } from './patterns.ts'
import { isRecognisable } from './secret-text.ts'
import { encodeStrict } from './target.ts'
import type { Placement, Signing, Template } from '../../scope/index.ts'
import { placementsOf } from './placements.ts'
import type { PlacedUpstream } from './placements.ts'
import type { SigningKey } from './sigv4.ts'

const LONGEST_KEY = 4096

/** What is put into a request, ready as it is sent. */
interface Injection {
  /** Lower-case names. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** `name=value`, encoded, joined by `&`; undefined = nothing. */
  readonly query: string | undefined
  /** Encoded; goes before the path below the upstream's base. Empty = nothing. */
  readonly path: string
  /** Fields of a JSON object or a form, as text. */
  readonly body: readonly (readonly [name: string, value: string])[]
  /** Signs each request instead. */
  readonly signing: SigningKey | undefined
}

/**
 * A key made ready for one upstream: what to inject, and what to look for in responses. Building the search takes about a
 * millisecond, so it is kept beside the cached key and dropped with it. Serialising or inspecting it shows nothing.
 */
export class PreparedKey {
  readonly #injection: Injection
  readonly #matcher: Matcher | undefined

  readonly #namesSearch: () => Matcher | undefined
  #names: Matcher | undefined

  /** `namesSearch` builds what is looked for in names of headers; most responses never need it. */
  constructor(injection: Injection, matcher: Matcher | undefined, namesSearch: () => Matcher | undefined) {
    this.#injection = injection
    this.#matcher = matcher
    this.#namesSearch = namesSearch
  }

  get headers(): Injection['headers'] {
    return this.#injection.headers
  }
  get query(): Injection['query'] {
    return this.#injection.query
  }
  get path(): Injection['path'] {
    return this.#injection.path
  }
  get body(): Injection['body'] {
    return this.#injection.body
  }
  get signing(): Injection['signing'] {
    return this.#injection.signing
  }
  /** Whether both put the same into a request. */
  sameAs(other: PreparedKey): boolean {
    return JSON.stringify(this.#injection) === JSON.stringify(other.#injection)
  }
  /** Undefined when nothing of the key can be told from ordinary data (see `keySearch`). */
  get matcher(): Matcher | undefined {
    return this.#matcher
  }
  /** The same for names of headers, which are read in lower case. */
  nameMatcher(): Matcher | undefined {
    this.#names ??= this.#namesSearch()
    return this.#names
  }
}

/**
 * Makes a secret ready for `upstream`; undefined for auth `none`. `stored` is the text of its `kv_field`, `fields` those of the
 * others by name, `others` further texts of the secret: an upstream that knows them may repeat them too. A key that is missing,
 * would not survive its place (line breaks and other control characters, non-ASCII in a header) or is too short to be recognised
 * in a response is `key_unavailable`: it is refused, never repaired. One line break at its very end is not part of it: that is
 * how editors end files, and `kv put api_key=@file` takes the file as it is.
 */
export function prepareKey(
  upstream: PlacedUpstream,
  stored: string | undefined,
  others: readonly string[] = [],
  fields: Readonly<Record<string, string>> = {},
): PreparedKey | undefined {
  const { none, placements } = placementsOf(upstream)
  if (none) return undefined
  const refuse = (what: string): never => {
    throw new GatewayCallError('key_unavailable', `the key of upstream ${upstream.name} ${what}`)
  }
  const secret = { key: withoutLineBreak(stored ?? ''), fields }
  for (const placement of placements) {
    const fault = placementFault(placement, secret)
    if (fault !== undefined) refuse(fault)
  }
  const sent = placements.map((placement) => ({ placement, text: render(placement, secret) }))
  const written = placements.flatMap(writtenIn)
  const matcher = keySearch({ keys: searchedIn(sent, secret), others, written })
  if (matcher === 'too_much_text')
    return refuse('lies in a secret with too much other text; keep it in a secret of its own')
  return new PreparedKey(injectionOf(sent, secret), matcher, () => {
    const lowerCase = (texts: readonly string[]) => texts.map((text) => text.toLowerCase())
    const names = keySearch({
      keys: lowerCase(searchedIn(sent, secret)),
      others: lowerCase(others),
      written: lowerCase(written),
    })
    return names === 'too_much_text' ? undefined : names
  })
}

interface Sent {
  readonly placement: Placement
  /** As it is sent, but for its encoding. */
  readonly text: string
}

/** The key, and where more than it is sent, the whole of that. */
const searchedIn = (sent: readonly Sent[], { key }: Secret): readonly string[] => [
  ...(key === '' ? [] : [key]),
  ...sent.filter(({ placement: { kind, template } }) => kind === 'basic' || template).map(({ text }) => text),
]

/** What a template itself says of user and password. */
const writtenIn = ({ kind, template }: Placement): readonly string[] =>
  kind === 'basic' && template ? template.literals.flatMap((literal) => literal.split(':')) : []

interface Secret {
  /** Of the upstream's `kv_field`. */
  readonly key: string
  readonly fields: Readonly<Record<string, string>>
}

/** A text of a secret as it is used. */
export const withoutLineBreak = (text: string): string => text.replace(/\r?\n$/, '')

const fieldIn = ({ fields }: Secret, name: string): string =>
  Object.hasOwn(fields, name) ? withoutLineBreak(fields[name]!) : ''

/** The texts of the secret that a placement sends. */
const valuesOf = ({ template, signing }: Placement, secret: Secret): readonly string[] =>
  signing
    ? signing.fields.map((name) => fieldIn(secret, name))
    : template === undefined
      ? [secret.key]
      : template.fields.map((name) => fieldIn(secret, name))

/** Why a placement cannot be filled; undefined when it can. */
function placementFault(placement: Placement, secret: Secret): string | undefined {
  const { kind, template } = placement
  const values = valuesOf(placement, secret)
  const fault = values.map((value) => valueFault(value, kind)).find((found) => found !== undefined)
  if (fault !== undefined) return fault
  const isBasic = kind === 'basic'
  // A user name may hold no colon: what follows it would be the password (RFC 7617, section 2).
  if (isBasic && template && userHoldsColon(template, values)) return 'has a colon in its user name'
  const scheme = schemeOf(placement)
  if (scheme !== undefined && values[0]!.toLowerCase().startsWith(`${scheme.toLowerCase()} `))
    return `begins with the word ${scheme}, which is sent before it anyway; store it without`
  if (
    kind === 'path' &&
    render(placement, secret)
      .split('/')
      .some((segment) => segment === '.' || segment === '..')
  )
    return 'makes a path segment of . or ..'
  // One text that can be recognised is enough: accounts have short names, and some passwords are empty.
  if (!values.some((value) => isRecognisable(value, isBasic && template === undefined)))
    return `is shorter than ${String(SHORTEST_PATTERN)} bytes, so it could not be recognised if the upstream repeated it; use a longer one`
  return undefined
}

const inHeader: ReadonlySet<Placement['kind']> = new Set(['bearer', 'minted', 'header', 'aws_sigv4'])

/** Why a text of the secret cannot be used in a place; undefined when it can. */
function valueFault(key: string, kind: Placement['kind']): string | undefined {
  if (key === '') return 'is missing or empty'
  if (Buffer.byteLength(key) > LONGEST_KEY) return `is longer than ${String(LONGEST_KEY)} bytes`
  if (/[\r\n]/.test(key)) return 'holds a line break; store it on one line'
  if (/[\x00-\x1f\x7f]/.test(key)) return 'holds a control character'
  if (/\p{Surrogate}/u.test(key)) return 'is not well-formed text'
  if (/^(["'`])[^]*\1$/.test(key)) return 'stands in quotes, which would be sent too; store it without'
  if (inHeader.has(kind) && !/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(key))
    return 'holds characters outside ASCII, or a space at one end'
  if (kind === 'path' && /[/\\]/.test(key))
    return 'holds a slash; a field is part of one path segment, so use a field for each'
  return undefined
}

/** The scheme word that a placement itself puts before the key. */
function schemeOf({ kind, template }: Placement): string | undefined {
  if (kind === 'bearer') return 'Bearer'
  return kind === 'header' ? /^([^ ]+) $/.exec(template?.literals[0] ?? '')?.[1] : undefined
}

function userHoldsColon(template: Template, values: readonly string[]): boolean {
  const colonAt = template.literals.findIndex((literal) => literal.includes(':'))
  return values.slice(0, colonAt).some((value) => value.includes(':'))
}

/** The text of one place, before its kind encodes it. */
function render(placement: Placement, secret: Secret): string {
  const { kind, template } = placement
  if (template) {
    const values = valuesOf(placement, secret).map((value) => (kind === 'path' ? encodeSegment(value) : value))
    return template.literals.map((literal, at) => literal + (values[at] ?? '')).join('')
  }
  // RFC 7617: user and password joined by a colon. A key without a colon is the user, and the password is empty (Stripe's way).
  return kind === 'basic' && !secret.key.includes(':') ? `${secret.key}:` : secret.key
}

function injectionOf(sent: readonly Sent[], secret: Secret): Injection {
  const of = (kind: Placement['kind']) => sent.filter(({ placement }) => placement.kind === kind)
  const query = of('query').map(({ placement: { name }, text }) => `${encodeStrict(name)}=${encodeStrict(text)}`)
  return {
    headers: [
      ...[...of('bearer'), ...of('minted')].map(({ text }) => ['authorization', `Bearer ${text}`] as const),
      ...of('basic').map(({ text }) => ['authorization', `Basic ${Buffer.from(text).toString('base64')}`] as const),
      ...of('header').map(({ placement: { name }, text }) => [name.toLowerCase(), text] as const),
    ],
    query: query.length === 0 ? undefined : query.join('&'),
    path: of('path')
      .map(({ text }) => text)
      .join(''),
    body: of('body').map(({ placement: { name }, text }) => [name, text] as const),
    signing: signingKey(sent[0]?.placement.signing, secret),
  }
}

const signingKey = (signing: Signing | undefined, secret: Secret): SigningKey | undefined =>
  signing && {
    service: signing.service,
    region: signing.region,
    accessKeyId: fieldIn(secret, signing.fields[0]),
    secretAccessKey: fieldIn(secret, signing.fields[1]),
  }

/** RFC 3986, 3.3: what a segment may hold, but for `;`, stays as it is: some servers compare keys before they decode them. */
const encodeSegment = (text: string): string =>
  encodeStrict(text).replace(/%(?:2[146-9ABC]|3[AD]|40)/g, (escape) => decodeURIComponent(escape))
