/** Takes the caller's token out of a request, from wherever clients of the upstream put its key. */
import { badRequest } from '../../logical/errors.ts'
import { embeddedToken, tokenShape } from '../../scope/index.ts'
import type { Template } from '../../scope/index.ts'
import type { TokenAlias, CompiledPlacements, HeaderForms } from './placements.ts'
import type { QueryParameter } from './target.ts'

/** Request or response headers in order, repeats included, names in any case. */
export type HeaderPairs = readonly (readonly [name: string, value: string])[]

/** A request as it came in: Node's `rawHeaders` (name, value, name, value …), the query and the path below the upstream. */
export interface RawRequest {
  readonly rawHeaders: readonly string[]
  readonly query: readonly QueryParameter[]
  readonly segments: readonly string[]
}

export interface ExtractedToken {
  /** What stood in the token's place, whatever its shape, without the upstream's `token_alias`; undefined when nothing did. */
  readonly token: string | undefined
  /** The request without it and without anything else in those places: nothing of this may reveal the token. */
  readonly headers: HeaderPairs
  readonly query: readonly QueryParameter[]
  readonly segments: readonly string[]
}

/**
 * Throws `bad_request` for two different tokens, because which of them the caller meant decides whose rights are used, and for
 * something else in a place of the key beside a token: it would be dropped, and the upstream might have read it.
 */
export function extractToken(places: CompiledPlacements, request: RawRequest): ExtractedToken {
  const found = new FoundToken()
  const given = takeHeaders(places, request.rawHeaders, found)
  const { headers, query } = withoutHoisted(places, request.query, given, takeQuery(places, request.query, found))
  const segments = takeSegments(places, request.segments, found)
  return { token: found.decided(), headers, query, segments }
}

/** What the places of one request held. */
class FoundToken {
  #token: string | undefined
  #place = ''
  /** A place that holds what cannot be read as a token. */
  #unread: string | undefined

  add(token: string, place: string): void {
    if (this.#token !== undefined && this.#token !== token)
      throw badRequest(
        `the request carries two different tokens, in ${this.#place} and ${place}; send one, for example "Authorization: Bearer <token>", and nothing else where a key belongs`,
      )
    this.#token = token
    this.#place = place
  }

  addUnread(place: string): void {
    this.#unread ??= place
  }

  decided(): string | undefined {
    if (this.#token !== undefined && this.#unread !== undefined)
      throw badRequest(
        `${this.#unread} holds something other than the token, which is in ${this.#place}; send the token there too, or leave it out`,
      )
    return this.#token
  }
}

function takeHeaders(places: CompiledPlacements, rawHeaders: readonly string[], found: FoundToken): HeaderPairs {
  const kept: (readonly [string, string])[] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!
    const value = rawHeaders[at + 1]!
    const lowerName = name.toLowerCase()
    const forms = places.headers.get(lowerName)
    if (forms === undefined) {
      if (!places.dropped.has(lowerName)) kept.push([name, value])
      continue
    }
    const text = value.trim()
    if (text === '') continue
    const tokens = tokensIn(forms, text, places.alias)
    for (const token of tokens) found.add(token, `header ${lowerName}`)
    if (tokens.length === 0) found.addUnread(`header ${lowerName}`)
  }
  return kept
}

function takeQuery(
  places: CompiledPlacements,
  query: readonly QueryParameter[],
  found: FoundToken,
): readonly QueryParameter[] {
  if (places.query.size === 0) return query
  const kept: QueryParameter[] = []
  for (const parameter of query) {
    const name = parameter.name.toLowerCase()
    if (places.dropped.has(name)) continue
    if (!places.query.has(name)) kept.push(parameter)
    else if (name === 'x-amz-credential')
      found.add(accessKeyId(parameter.value, places.alias), `query parameter ${name}`)
    else if (parameter.value !== '')
      found.add(tokenInField(places.query.get(name), parameter.value, places.alias), `query parameter ${name}`)
  }
  return kept
}

/**
 * A presigned URL of AWS has what clients send in `x-amz-` headers in its query, where the service reads it only beside a
 * signature. Ours goes into a header, so these go there too: they mean what they meant, and are judged as what they are.
 */
function withoutHoisted(
  places: CompiledPlacements,
  given: readonly QueryParameter[],
  headers: HeaderPairs,
  query: readonly QueryParameter[],
): Pick<ExtractedToken, 'headers' | 'query'> {
  const isCredential = ({ name }: QueryParameter) => name.toLowerCase() === 'x-amz-credential'
  if (!places.query.has('x-amz-credential') || !given.some(isCredential)) return { headers, query }
  const isHoisted = ({ name }: QueryParameter) => name.toLowerCase().startsWith('x-amz-')
  const added = query.filter(isHoisted).map(({ name, value }) => [name.toLowerCase(), value] as const)
  const other = added.find(([name, value]) =>
    headers.some((header) => header[0].toLowerCase() === name && header[1].trim() !== value),
  )
  if (other)
    throw badRequest(`${other[0]} has one value as a query parameter and another as a header; send one of them`)
  const isSent = new Set(headers.map(([name]) => name.toLowerCase()))
  return {
    headers: [...headers, ...added.filter(([name]) => !isSent.has(name))],
    query: query.filter((parameter) => !isHoisted(parameter)),
  }
}

/** The path without the segments that carry the token; as it is where they are not there, because the token stands elsewhere. */
function takeSegments(
  { path, alias }: CompiledPlacements,
  segments: readonly string[],
  found: FoundToken,
): readonly string[] {
  if (path.length === 0 || segments.length < path.length) return segments
  const tokens: string[] = []
  for (const [at, template] of path.entries()) {
    const holes = holesIn(template, segments[at]!, false)
    if (holes === undefined) return segments
    for (const hole of holes) {
      const token = withoutAlias(hole, alias)
      // Text around the hole says that a key was meant; a bare segment may be one of the API's own.
      if (isToken(token) || template.literals.some((literal) => literal !== '')) tokens.push(token)
    }
  }
  const real = tokens.filter(isToken)
  for (const token of real.length > 0 ? real : tokens.slice(0, 1)) found.add(token, 'the path')
  return tokens.length === 0 ? segments : segments.slice(path.length)
}

/** The first text, `Authorization` before others, that looks like a token in any of the places some upstream may take its key. */
export function likelyToken({ rawHeaders, query, segments }: RawRequest): string | undefined {
  let token: string | undefined
  for (let at = 0; token === undefined && at + 1 < rawHeaders.length; at += 2)
    if (rawHeaders[at]!.length === 13 && rawHeaders[at]!.toLowerCase() === 'authorization')
      token = tokenAfterWord(rawHeaders[at + 1]!) ?? tokenWithin(rawHeaders[at + 1]!)
  for (let at = 1; token === undefined && at < rawHeaders.length; at += 2) token = tokenWithin(rawHeaders[at]!)
  for (let at = 0; token === undefined && at < query.length; at++) token = tokenWithin(query[at]!.value)
  for (let at = 0; token === undefined && at < segments.length; at++) token = tokenWithin(segments[at]!)
  return token
}

/** `Bearer <token>`: nearly every call, and cheaper than to search a text for where a token may begin. */
function tokenAfterWord(text: string): string | undefined {
  const rest = text.slice(text.indexOf(' ') + 1)
  return isToken(rest) ? rest : undefined
}

const tokenWithin = (text: string): string | undefined =>
  text.length < SHORTEST_TOKEN ? undefined : (embeddedToken(text) ?? embeddedToken(decodedBasic(text) ?? ''))

/** `a_a_`, 43 and 6 digits. */
const SHORTEST_TOKEN = 53

const isToken = (text: string): boolean => tokenShape(text) !== undefined

/** The tokens in a credential header that holds something, those of `Basic` perhaps two. */
function tokensIn(forms: HeaderForms, text: string, alias: TokenAlias | undefined): readonly string[] {
  const around = tokensAround(forms.template, text, alias)
  if (around.length > 0) return around
  const space = text.indexOf(' ')
  const afterWord = space < 0 ? [] : tokensAfterWord(forms, text, space, alias)
  return afterWord.length > 0 || !forms.bare ? afterWord : [withoutAlias(text, alias)]
}

function tokensAfterWord(
  forms: HeaderForms,
  text: string,
  space: number,
  alias: TokenAlias | undefined,
): readonly string[] {
  const word = text.slice(0, space).toLowerCase()
  const rest = text.slice(space + 1).trim()
  if ((word === 'bearer' || word === 'token') && !/\s/.test(rest)) return [schemeToken(forms, rest, alias)]
  const credentials = forms.basic ? decodedBasic(text) : undefined
  if (credentials !== undefined) return basicTokens(forms.basicTemplate, credentials, alias)
  if (forms.signed) return signedToken(text, alias)
  return forms.anyScheme ? [schemeToken(forms, rest, alias)].filter(isToken) : []
}

/** The access key id of a signature: `AWS4-HMAC-SHA256 Credential=<id>/<date>/<region>/<service>/aws4_request, …`. */
function signedToken(text: string, alias: TokenAlias | undefined): readonly string[] {
  const credential = /^AWS4-HMAC-SHA256[ ,]+(?:[^,]*,\s*)*?Credential=([^,\s]+)/i.exec(text)?.[1]
  return credential === undefined ? [] : [accessKeyId(credential, alias)]
}

const accessKeyId = (credential: string, alias: TokenAlias | undefined): string =>
  withoutAlias(credential.split('/', 1)[0]!, alias)

/** After a scheme word: the token, or where the secret may be stored with its parameter, that (`Token token=KEY`). */
function schemeToken({ anyScheme }: HeaderForms, rest: string, alias: TokenAlias | undefined): string {
  const parameter = anyScheme ? /^[A-Za-z][\w.-]{0,31}="?([^"\s]+?)"?$/.exec(rest)?.[1] : undefined
  const token = withoutAlias(parameter ?? rest, alias)
  return parameter === undefined || isToken(token) ? token : rest
}

function decodedBasic(text: string): string | undefined {
  const [, base64] = /^\s*basic\s+([A-Za-z0-9+/_-]+=*)\s*$/i.exec(text) ?? []
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString('utf8')
}

/** The halves that are tokens; failing that the first non-empty one, so that the response is "invalid token", not "no token". */
function basicTokens(
  template: Template | undefined,
  credentials: string,
  alias: TokenAlias | undefined,
): readonly string[] {
  const colon = credentials.indexOf(':')
  const halves = colon < 0 ? [credentials] : [credentials.slice(0, colon), credentials.slice(colon + 1)]
  const around = template === undefined ? [] : (holesIn(template, credentials, true) ?? [])
  const filled = [...around, ...halves].filter((half) => half !== '').map((half) => withoutAlias(half, alias))
  const tokens = filled.filter(isToken)
  return tokens.length > 0 ? tokens : filled.slice(0, 1)
}

/** The tokens in a template's places; what else stands in its other fields is the client's copy of what the secret holds. */
const tokensAround = (
  template: Template | undefined,
  text: string,
  alias: TokenAlias | undefined,
): readonly string[] =>
  template === undefined
    ? []
    : (holesIn(template, text, true) ?? []).map((hole) => withoutAlias(hole, alias)).filter(isToken)

/** What a field of the query or the body holds as a token, whatever its shape. */
export function tokenInField(template: Template | undefined, text: string, alias: TokenAlias | undefined): string {
  const tokens = tokensAround(template, text, alias)
  // Two different ones are none.
  return tokens.length > 0 && tokens.every((token) => token === tokens[0]) ? tokens[0]! : withoutAlias(text, alias)
}

/** What stands where the template has fields; undefined where its literals are not all there. */
function holesIn({ literals }: Template, text: string, anyCase: boolean): readonly string[] | undefined {
  const searched = anyCase ? text.toLowerCase() : text
  const sought = (literal: string) => (anyCase ? literal.toLowerCase() : literal)
  const [first = '', ...rest] = literals
  if (!searched.startsWith(sought(first))) return undefined
  const holes: string[] = []
  let from = first.length
  for (const [at, literal] of rest.entries()) {
    const isLast = at === rest.length - 1
    const to = isLast ? text.length - literal.length : searched.indexOf(sought(literal), from)
    if (to < from || (isLast && !searched.endsWith(sought(literal)))) return undefined
    holes.push(text.slice(from, to))
    from = to + literal.length
  }
  return rest.length === 0 && searched.length !== from ? undefined : holes
}

function withoutAlias(text: string, alias: TokenAlias | undefined): string {
  if (alias === undefined || !text.startsWith(alias.before) || !text.endsWith(alias.after)) return text
  const inner = text.slice(alias.before.length, text.length - alias.after.length)
  return isToken(inner) ? inner : text
}
