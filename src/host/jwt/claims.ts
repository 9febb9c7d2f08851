import { isDeepStrictEqual } from 'node:util'
import { badRequest } from '../../logical/errors.ts'

export type Claims = Readonly<Record<string, unknown>>

/** What a role wants of a token. Leeways in seconds: 0 = the default, below 0 = none. */
export interface ClaimRules {
  readonly bound_audiences: readonly string[]
  readonly bound_subject: string
  readonly bound_claims: Readonly<Record<string, unknown>>
  readonly bound_claims_type: 'string' | 'glob'
  /** Claim → name in the token's metadata. */
  readonly claim_mappings: Readonly<Record<string, string>>
  readonly user_claim: string
  readonly user_claim_json_pointer: boolean
  readonly clock_skew_leeway: number
  readonly expiration_leeway: number
  readonly not_before_leeway: number
}

const CLOCK_SKEW_SECONDS = 60
const UNSTATED_LIFE_SECONDS = 150

const refused = (why: string) => badRequest(`error validating token: ${why}`)
const orDefault = (leeway: number, otherwise: number): number => (leeway < 0 ? 0 : leeway === 0 ? otherwise : leeway)

/**
 * exp, nbf and iat, as Vault reads them: what is missing is derived from the others, what is left is judged with a clock skew.
 * Throws when the token is not good now, or names no time at all.
 */
export function checkTimes(claims: Claims, rules: ClaimRules, nowSeconds: number): void {
  const [exp, nbf, iat] = ['exp', 'nbf', 'iat'].map((name) => {
    const value = claims[name]
    if (value !== undefined && (typeof value !== 'number' || !Number.isFinite(value)))
      throw refused(`the ${name} claim is not a number`)
    return value
  }) as [number | undefined, number | undefined, number | undefined]
  if (exp === undefined && nbf === undefined && iat === undefined)
    throw refused('no issued at (iat), not before (nbf), or expiration time (exp) claims in token')
  const expires = exp ?? Math.max(iat ?? 0, nbf ?? 0) + orDefault(rules.expiration_leeway, UNSTATED_LIFE_SECONDS)
  const begins = nbf ?? iat ?? expires - orDefault(rules.not_before_leeway, UNSTATED_LIFE_SECONDS)
  const skew = orDefault(rules.clock_skew_leeway, CLOCK_SKEW_SECONDS)
  if (nowSeconds > expires + skew) throw refused('invalid expiration time (exp) claim: token is expired')
  if (nowSeconds < begins - skew) throw refused('invalid not before (nbf) claim: token not yet valid')
}

/** Issuer, subject, audience, bound claims. Throws with the first that does not fit. */
export function checkBounds(claims: Claims, rules: ClaimRules, boundIssuer: string): void {
  for (const name of ['iss', 'sub'] as const)
    if (claims[name] !== undefined && typeof claims[name] !== 'string')
      throw refused(`the ${name} claim is not a string`)
  if (boundIssuer !== '' && claims.iss !== boundIssuer) throw refused('invalid issuer (iss) claim')
  if (rules.bound_subject !== '' && claims.sub !== rules.bound_subject) throw refused('invalid subject (sub) claim')
  checkAudience(listOf(claims.aud), rules.bound_audiences)
  checkBoundClaims(claims, rules)
}

function checkAudience(audiences: readonly unknown[], bound: readonly string[]): void {
  if (bound.length === 0) {
    // A token made for somebody: it must be said that this server may be meant.
    if (audiences.length > 0) throw badRequest('audience claim found in JWT but no audiences bound to the role')
  } else if (!audiences.some((audience) => bound.includes(audience as string))) {
    throw refused('invalid audience (aud) claim: audience claim does not match any expected audience')
  }
}

function checkBoundClaims(claims: Claims, rules: ClaimRules): void {
  for (const [name, wanted] of Object.entries(rules.bound_claims)) {
    const value = claimAt(claims, name)
    if (value === undefined) throw badRequest(`error validating claims: claim ${JSON.stringify(name)} is missing`)
    const matches = rules.bound_claims_type === 'glob' ? matchesGlob : isDeepStrictEqual
    if (!listOf(value).some((one) => listOf(wanted).some((other) => matches(one, other)))) {
      throw badRequest(
        `error validating claims: claim ${JSON.stringify(name)} does not match any associated bound claim values`,
      )
    }
  }
}

/** Who logs in, by the role's user_claim. */
export function userOf(claims: Claims, rules: ClaimRules): string {
  const { user_claim, user_claim_json_pointer } = rules
  const value = user_claim_json_pointer ? claimAt(claims, user_claim) : claims[user_claim]
  if (value === undefined) throw badRequest(`claim ${JSON.stringify(user_claim)} not found in token`)
  if (typeof value !== 'string' || value === '')
    throw badRequest(`claim ${JSON.stringify(user_claim)} could not be converted to string`)
  return value
}

/** The claims a role copies into the token's metadata; missing ones are left out. */
export function metadataOf(claims: Claims, rules: ClaimRules): Record<string, string> {
  const metadata: Record<string, string> = {}
  for (const [name, key] of Object.entries(rules.claim_mappings)) {
    const value = claimAt(claims, name)
    if (value === undefined || value === null) continue
    if (typeof value === 'object')
      throw badRequest(
        `claim ${JSON.stringify(name)} is neither a text, a number nor a boolean, so it cannot be metadata`,
      )
    metadata[key] = String(value)
  }
  return metadata
}

const listOf = (value: unknown): readonly unknown[] =>
  value === undefined ? [] : Array.isArray(value) ? (value as unknown[]) : [value]

/** A claim by its name, or by a JSON pointer (RFC 6901) where the name starts with a slash. */
function claimAt(claims: Claims, name: string): unknown {
  if (!name.startsWith('/')) return Object.hasOwn(claims, name) ? claims[name] : undefined
  let at: unknown = claims
  for (const step of name
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined
    at = (at as Record<string, unknown>)[step]
  }
  return at
}

/** `*` stands for any text. Walks once, without backtracking into what matched: patterns come from administrators, values do not. */
function matchesGlob(value: unknown, pattern: unknown): boolean {
  if (typeof value !== 'string' || typeof pattern !== 'string') return false
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return value === first
  if (!value.startsWith(first)) return false
  let at = first.length
  for (const part of rest) {
    const found = value.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return value.length - last.length >= at && value.endsWith(last)
}
