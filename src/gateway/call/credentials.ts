import { badRequest } from '../../logical/errors.ts'
import type { QueryParameter } from './target.ts'
import type { UpstreamAuth } from '../../document/index.ts'

/** Request or response headers in order, repeats included, names in any case. */
export type HeaderPairs = readonly (readonly [name: string, value: string])[]

/** Node's `rawHeaders` (name, value, name, value …) as pairs. */
export function headerPairs(rawHeaders: readonly string[]): HeaderPairs {
  const pairs: [string, string][] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) pairs.push([rawHeaders[i]!, rawHeaders[i + 1]!])
  return pairs
}

/** Where a caller's token may stand: always `Authorization`, and where the upstream's own key would. */
export interface TokenPlaces {
  /** Header names, lower case. */
  readonly headers: readonly string[]
  /** Query parameter names, compared without case. */
  readonly query: readonly string[]
  /** Whether `Authorization: Basic` may carry the token as user or password. */
  readonly basic: boolean
}

export function tokenPlaces(auth: UpstreamAuth): TokenPlaces {
  const own = auth.kind === 'header' ? auth.name.toLowerCase() : 'authorization'
  return {
    headers: own === 'authorization' ? ['authorization'] : ['authorization', own],
    query: auth.kind === 'query' ? [auth.name.toLowerCase()] : [],
    basic: auth.kind === 'basic',
  }
}

export interface ExtractedToken {
  /** What stood in the token's place, whatever its shape; undefined when nothing did. */
  readonly token: string | undefined
  /** The request without it and without anything else in those places: nothing of this may reveal the token. */
  readonly headers: HeaderPairs
  readonly query: readonly QueryParameter[]
}

/**
 * Takes the caller's token out of a request. Two different ones are a 400: which of them the caller meant decides whose
 * rights are used. `looksLikeToken` tells which half of `Authorization: Basic` is the token.
 */
export function extractToken(
  auth: UpstreamAuth,
  request: { readonly headers: HeaderPairs; readonly query: readonly QueryParameter[] },
  looksLikeToken: (text: string) => boolean,
): ExtractedToken {
  const places = tokenPlaces(auth)
  const found = new Set<string>()
  for (const [name, value] of request.headers) {
    const lowerName = name.toLowerCase()
    if (!places.headers.includes(lowerName)) continue
    const raw = auth.kind === 'header' && auth.name.toLowerCase() === lowerName
    for (const token of tokensOf(value, { raw, basic: places.basic, looksLikeToken })) found.add(token)
  }
  for (const { name, value } of request.query) {
    if (places.query.includes(name.toLowerCase()) && value !== '') found.add(value)
  }
  if (found.size > 1)
    throw badRequest(`the request carries two different tokens; send one, for example "Authorization: Bearer <token>"`)
  return {
    token: [...found][0],
    headers: request.headers.filter(([name]) => !places.headers.includes(name.toLowerCase())),
    query: request.query.filter(({ name }) => !places.query.includes(name.toLowerCase())),
  }
}

/** The first text, `Authorization` before others, that looks like a token in any of the places some upstream may take its key. */
export function likelyToken(
  request: { readonly headers: HeaderPairs; readonly query: readonly QueryParameter[] },
  looksLikeToken: (text: string) => boolean,
): string | undefined {
  const isAuthorization = ([name]: HeaderPairs[number]) => name.toLowerCase() === 'authorization'
  const headers = [...request.headers.filter(isAuthorization), ...request.headers]
  const inHeaders = headers.flatMap(([, value]) => tokensOf(value, { raw: true, basic: true, looksLikeToken }))
  return [...inHeaders, ...request.query.map(({ value }) => value)].find(looksLikeToken)
}

interface Reading {
  /** The bare value counts as a token: the upstream's own header takes the key without a scheme. */
  readonly raw: boolean
  readonly basic: boolean
  readonly looksLikeToken: (text: string) => boolean
}

function tokensOf(value: string, reading: Reading): string[] {
  const scheme = /^\s*(bearer|token)\s+(\S+)\s*$/i.exec(value)
  if (scheme) return [scheme[2]!]
  const basic = /^\s*basic\s+([A-Za-z0-9+/_-]+=*)\s*$/i.exec(value)
  if (basic && reading.basic)
    return basicTokens(Buffer.from(basic[1]!, 'base64').toString('utf8'), reading.looksLikeToken)
  const bare = value.trim()
  return reading.raw && bare !== '' ? [bare] : []
}

/** The halves that look like a token; failing that the first non-empty one, so that the response is "invalid token", not "no token". */
function basicTokens(credentials: string, looksLikeToken: (text: string) => boolean): string[] {
  const colon = credentials.indexOf(':')
  const halves = colon < 0 ? [credentials] : [credentials.slice(0, colon), credentials.slice(colon + 1)]
  const filled = halves.filter((half) => half !== '')
  const tokens = filled.filter(looksLikeToken)
  return tokens.length > 0 ? tokens : filled.slice(0, 1)
}
