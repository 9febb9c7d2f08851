/** How an upstream takes its key: the field `auth`. */
import { isOverrideParameter } from '../scope/index.ts'
import { isFramingHeader, isHeaderName } from './header-name.ts'
import type { DocumentProblem } from './problem.ts'

/** Where an upstream wants its key. */
export type UpstreamAuth =
  | { readonly kind: 'bearer' }
  | { readonly kind: 'basic' }
  | { readonly kind: 'none' }
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'query'; readonly name: string }

/** Undefined where `auth` is not a way to send a key. */
export function readAuth(auth: string): UpstreamAuth | undefined {
  if (auth === 'bearer' || auth === 'basic' || auth === 'none') return { kind: auth }
  const colon = auth.indexOf(':')
  const kind = auth.slice(0, Math.max(colon, 0))
  const name = auth.slice(colon + 1)
  if (kind === 'header' && isHeaderName(name) && !isFramingHeader(name)) return { kind, name }
  if (kind === 'query' && /^[A-Za-z0-9_.~-]{1,64}$/.test(name) && !isOverrideParameter(name)) return { kind, name }
  return undefined
}

export function authProblems(auth: unknown): readonly DocumentProblem[] {
  if (typeof auth !== 'string' || readAuth(auth) !== undefined) return []
  const problem = 'is not a way to send a key: bearer, basic, header:<Name>, query:<name> or none'
  return [{ field: 'auth', value: auth, problem, example: 'header:X-Api-Key' }]
}
