import { compileAcl } from '../policy/acl.ts'
import type { Acl, AclMatch } from '../policy/acl.ts'
import type { PolicyDocument } from '../policy/rule.ts'
import { namedParameters, posesAsHeader } from './call-parameters.ts'
import type { CallParameters } from './call-parameters.ts'
import { scopeCovered } from './containment.ts'
import { ScopeError } from './error.ts'
import { compileScopes, parseScope } from './grammar.ts'

/**
 * What one session may do by itself; a chain of them, `chain[0]` the session and then its ancestors, is what it may do.
 * Lists are compiled once and remembered by identity: replace them, never change them.
 */
export interface GrantLink {
  readonly agent_id: string
  /** Granted at issue; null = all that is declared. */
  readonly granted: readonly string[] | null
  /** The agent's scopes for this environment as they are now; null = not set, `[]` = nothing. */
  readonly declared_scopes: readonly string[] | null
  /** The agent's policies as they are now; null = not set, `[]` = nothing. */
  readonly policies: readonly PolicyDocument[] | null
  /** Whether the session runs in the agent's own environment. In another one, unset scopes grant nothing. */
  readonly own_environment: boolean
}

/**
 * From best to worst; the worst of all lists of all links is the judgement. `parameter_refused`: the capability is there,
 * a parameter rule refuses the call. `needs_body`: it would be granted if the unread body passes a parameter rule.
 */
export type GrantReason = 'allowed' | 'needs_body' | 'parameter_refused' | 'insufficient_scope' | 'denied'

export interface ToolJudgement {
  readonly allowed: boolean
  /** Some list of some link denies the tool explicitly. */
  readonly denied: boolean
  readonly reason: GrantReason
  /** A sentence for the caller; holds no values. */
  readonly message: string
  /** No parameter of any call can change it. */
  readonly unconditional: boolean
}

const severity: readonly GrantReason[] = ['allowed', 'needs_body', 'parameter_refused', 'insufficient_scope', 'denied']

/**
 * Whether a chain has a capability on a tool (`tools/stripe/invoices`). Without `call` the capability alone is judged;
 * with it, also the parameter rules of policies. An unreadable list grants nothing.
 */
export function judgeTool(
  chain: readonly GrantLink[],
  toolPath: string,
  capability: string,
  call?: CallParameters,
): ToolJudgement {
  let worst: GrantFinding =
    chain.length === 0
      ? lacking(toolPath, capability)
      : { reason: 'allowed', message: `${capability} on ${toolPath} is granted.` }
  let unconditional = true
  for (const link of chain) {
    const lists = linkLists(link)
    if (lists === undefined) worst = worseOf(worst, lacking(toolPath, capability))
    else
      for (const acl of lists) {
        const match = acl.match(toolPath)
        if (match?.constrainsParameters === true) unconditional = false
        worst = worseOf(worst, judgeList(match, toolPath, capability, call))
      }
  }
  const { reason, message } = worst
  return { allowed: reason === 'allowed', denied: reason === 'denied', reason, message, unconditional }
}

/**
 * Whether a chain covers a scope, by capability alone. A deny scope is never matched. Throws `ScopeError` when the scope
 * is malformed.
 */
export function scopeMatch(chain: readonly GrantLink[], requiredScope: string): boolean {
  const { capabilities } = parseScope(requiredScope, { allowWildcards: true })
  if (capabilities.includes('deny') || chain.length === 0) return false
  return chain.every((link) => linkLists(link)?.every((acl) => scopeCovered(acl, requiredScope)) === true)
}

/** Whether some list of the chain denies anything: where none does, nothing has to be looked for that may be denied. */
export function mayDeny(chain: readonly GrantLink[]): boolean {
  const known = denying.get(chain)
  if (known !== undefined) return known
  const denies = chain.some((link) => linkLists(link)?.some(hasDeny) === true)
  denying.set(chain, denies)
  return denies
}

const denying = new WeakMap<readonly GrantLink[], boolean>()

const hasDeny = ({ rules }: Acl): boolean => rules.some(({ capabilities }) => capabilities.has('deny'))

export interface GrantFinding {
  readonly reason: GrantReason
  /** A sentence for the caller; holds no values. */
  readonly message: string
}

const worseOf = (worst: GrantFinding, other: GrantFinding): GrantFinding =>
  severity.indexOf(other.reason) > severity.indexOf(worst.reason) ? other : worst

const lacking = (toolPath: string, capability: string): GrantFinding => ({
  reason: 'insufficient_scope',
  message: `${capability} on ${toolPath} is not granted.`,
})

function judgeList(
  match: AclMatch | undefined,
  toolPath: string,
  capability: string,
  call: CallParameters | undefined,
): GrantFinding {
  if (match?.capabilities.has('deny')) return { reason: 'denied', message: `${toolPath} is denied.` }
  if (!match?.capabilities.has(capability)) return lacking(toolPath, capability)
  if (call === undefined || !match.constrainsParameters) return { reason: 'allowed', message: '' }
  const problem = parameterFinding(match, call)
  return problem ?? { reason: 'allowed', message: '' }
}

/** What a rule has against the parameters of a call; `undefined` = nothing. */
export function parameterFinding(match: AclMatch, call: CallParameters): GrantFinding | undefined {
  const refused = (message: string): GrantFinding => ({ reason: 'parameter_refused', message })
  const { topLevel, whole } = namedParameters(call)
  const denied = match.checkSpellings(whole) ?? match.checkSpellings(topLevel)
  if (denied !== undefined) return refused(denied)
  if (posesAsHeader(call))
    return refused(
      'a parameter rule applies, and a parameter has a name that begins with "header:", as rules name headers.',
    )
  if (call.body.kind === 'unread')
    return { reason: 'needs_body', message: 'a parameter rule applies and the body was not read.' }
  if (call.body.kind === 'opaque')
    return refused('a parameter rule applies and the body is neither a JSON object nor a form.')
  const problem = match.checkParameters(topLevel)
  return problem === undefined ? undefined : refused(problem)
}

/**
 * The lists that all must allow: what is declared (scopes, policies, or both), and what was granted. `undefined` when the
 * link grants nothing at all, which includes a list that cannot be read: it might have held a deny.
 */
function linkLists(link: GrantLink): readonly Acl[] | undefined {
  const { declared_scopes: declared, policies, granted, own_environment: own } = link
  if (declared === null && (policies === null || !own)) return undefined
  try {
    const lists = [declared, granted].filter((scopes) => scopes !== null).map(compileScopes)
    return policies === null ? lists : [...lists, compilePolicies(policies)]
  } catch (error) {
    if (error instanceof ScopeError) return undefined
    throw error
  }
}

function compilePolicies(policies: readonly PolicyDocument[]): Acl {
  const known = compiled.get(policies)
  if (known) return known
  const acl = compileAcl(policies)
  compiled.set(policies, acl)
  return acl
}

const compiled = new WeakMap<readonly PolicyDocument[], Acl>()
