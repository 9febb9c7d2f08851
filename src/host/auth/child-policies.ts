import { badRequest } from '../../logical/errors.ts'
import type { TokenRole } from './role-store.ts'
import { isRoot, policyNames, rootPolicy, wrappingPolicy } from './token-record.ts'
import type { TokenRecord } from './token-record.ts'

export interface PolicyRequest {
  readonly parent: TokenRecord
  /** What was asked for; empty = what the parent, or the role, has. */
  readonly wanted: readonly string[]
  readonly withoutDefault: boolean
  /** The caller has sudo on the path. */
  readonly privileged: boolean
  readonly role?: TokenRole
}

/**
 * The policies of a new token, sorted and each once, as Vault shows them. A role's lists count in place of the parent's policies.
 * The default policy comes along unless declined, or the creator has neither it nor sudo. Root goes alone: others could not
 * narrow it.
 */
export function childPolicies(request: PolicyRequest): string[] {
  const policies = request.role && hasLists(request.role) ? byRole(request, request.role) : byParent(request)
  if (policies.has(wrappingPolicy)) throw badRequest(`cannot assign policy ${JSON.stringify(wrappingPolicy)}`)
  if (!policies.has(rootPolicy)) return [...policies].sort()
  if (!isRoot(request.parent)) throw badRequest('root tokens may not be created without parent token being root')
  return [rootPolicy]
}

const hasLists = (role: TokenRole): boolean =>
  [role.allowed_policies, role.allowed_policies_glob, role.disallowed_policies, role.disallowed_policies_glob].some(
    (list) => list.length > 0,
  )

function byParent({ parent, wanted, withoutDefault, privileged }: PolicyRequest): Set<string> {
  const own = parent.policies
  const policies = new Set(wanted.length > 0 ? wanted : own)
  const excess = [...policies].filter((name) => !own.includes(name)).sort()
  // A request for root gets that error; anyone who has sudo may give what is not theirs.
  if (!privileged && excess.length > 0 && !policies.has(rootPolicy))
    throw badRequest(`child policies must be subset of parent; the parent lacks ${excess.join(', ')}.`)
  if (withoutDefault) {
    if (wanted.length === 0) policies.delete('default')
  } else if (privileged || own.includes('default')) policies.add('default')
  return policies
}

function byRole({ parent, wanted, withoutDefault }: PolicyRequest, role: TokenRole): Set<string> {
  const disallowed = policyNames(role.disallowed_policies)
  const allowed = policyNames(role.allowed_policies)
  const limited = allowed.length > 0 || role.allowed_policies_glob.length > 0
  const start = wanted.length > 0 ? wanted : allowed.length > 0 ? allowed : parent.policies
  const policies = new Set(start)
  if (
    !withoutDefault &&
    !role.token_no_default_policy &&
    !disallowed.includes('default') &&
    !policies.has(rootPolicy)
  ) {
    policies.add('default')
    allowed.push('default')
  }
  refuseDisallowed(policies, disallowed, role.disallowed_policies_glob)
  const fits = (name: string) => allowed.includes(name) || matchesAny(role.allowed_policies_glob, name)
  if (limited && ![...policies].every(fits))
    throw badRequest(
      `token policies (${listed(policies)}) must be subset of the role's allowed policies (${listed(new Set(allowed))}) or glob policies (${listed(role.allowed_policies_glob)})`,
    )
  return policies
}

function refuseDisallowed(policies: Iterable<string>, names: readonly string[], globs: readonly string[]): void {
  for (const name of policies)
    if (names.includes(name) || matchesAny(globs, name))
      throw badRequest(`token policy ${JSON.stringify(name)} is disallowed by this role`)
}

/** `*` stands for any characters, as in Vault's globs. Linear in the name: each part is looked for after the one before. */
function matchesAny(globs: readonly string[], name: string): boolean {
  return globs.some((glob) => {
    const [first = '', ...rest] = glob.toLowerCase().split('*')
    if (rest.length === 0) return first === name
    const last = rest.pop()!
    if (!name.startsWith(first) || name.length < first.length + last.length || !name.endsWith(last)) return false
    let at = first.length
    for (const part of rest) {
      const found = name.indexOf(part, at)
      if (found < 0 || found + part.length > name.length - last.length) return false
      at = found + part.length
    }
    return true
  })
}

const listed = (names: Iterable<string>): string =>
  `[${[...names]
    .sort()
    .map((name) => JSON.stringify(name))
    .join(' ')}]`
