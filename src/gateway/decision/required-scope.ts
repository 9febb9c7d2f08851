import { badRequest } from '../../logical/errors.ts'
import { ScopeError, parseScope } from '../../scope/index.ts'
import type { RequestedAccess } from './records.ts'

/** A scope that is asked about. Few are, again and again: each is read once. */
export interface RequiredScope {
  /** As it was given; undefined where only the token is asked about. */
  readonly scope: string | undefined
  /** The upstream it speaks of. */
  readonly upstream: string | undefined
  /** For records: one object, so that it is rendered once. */
  readonly requested: RequestedAccess
  /** What is thrown where it is no scope. */
  readonly problem: (() => Error) | undefined
}

export const withoutScope: RequiredScope = { scope: undefined, upstream: undefined, requested: {}, problem: undefined }

const KEPT = 1_000
const LONGEST_KEPT = 256
const known = new Map<string, RequiredScope>()

export function requiredScopeOf(scope: string): RequiredScope {
  const found = known.get(scope)
  if (found) return found
  const required = read(scope)
  // Callers choose them: what is wrong or long is read each time.
  if (required.problem || scope.length > LONGEST_KEPT) return required
  if (known.size >= KEPT) known.clear()
  known.set(scope, required)
  return required
}

function read(scope: string): RequiredScope {
  const requested = { required_scope: scope }
  try {
    return { scope, upstream: parseScope(scope).path.split('/')[1], requested, problem: undefined }
  } catch (error) {
    if (!(error instanceof ScopeError)) throw error
    return { scope, upstream: undefined, requested, problem: () => badRequest(`required_scope: ${error.message}`) }
  }
}
