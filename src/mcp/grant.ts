/** What a session may do, as links of its chain: granted at issue, and what its agent declares now. */
import { intersectScopes, parseScope, scopeCovered, scopeText } from '../scope/index.ts'
import type { GrantLink } from '../scope/index.ts'
import { compileAcl } from '../policy/index.ts'
import type { PolicyDocument } from '../policy/index.ts'
import { declaredIn, registeredAgent, scopesPath } from './agent.ts'
import type { AgentRecord } from './agent.ts'
import type { Engine } from './engine.ts'
import { findPolicy } from './path-policies.ts'
import type { SessionRecord } from './session.ts'

/** The part of a session that says what it may do. */
export type Granted = Pick<SessionRecord, 'agent_id' | 'environment' | 'scopes' | 'policies'>

/** One link, judged on the agent's documents as they are now, with their versions by API path; null where there is none. */
export interface JudgedLink extends GrantLink {
  readonly documents: Readonly<Record<string, number | null>>
}

export async function grantLink(engine: Engine, granted: Granted): Promise<JudgedLink> {
  const agent = await registeredAgent(engine, granted.agent_id)
  const own = agent?.environment === granted.environment
  const declared = agent && declaredIn(agent, granted.environment)
  const documents: Record<string, number | null> = {
    [`agents/${granted.agent_id}`]: agent?.version ?? null,
    [scopesPath(granted.agent_id, own, granted.environment)]: agent && declared ? agent.version : null,
  }
  const names = agent ? policiesInForce(agent, granted.policies) : null
  const policies: PolicyDocument[] = []
  for (const name of names ?? []) {
    const policy = await findPolicy(engine, name)
    documents[`policies/${name}`] = policy?.version ?? null
    // A name without a document grants nothing.
    if (policy) policies.push(policy.rules)
  }
  return {
    agent_id: granted.agent_id,
    granted: granted.scopes,
    declared_scopes: declared?.scopes ?? null,
    policies: names && policies,
    own_environment: own,
    documents,
  }
}

/** The agent's policies, cut to those asked for at issue: one taken from the agent is gone from its sessions. */
function policiesInForce(agent: AgentRecord, asked: readonly string[] | null): readonly string[] | null {
  if (asked === null) return agent.policies
  return asked.filter((name) => agent.policies?.includes(name) ?? false)
}

/** Nothing is declared that could grant anything: neither scopes nor policies, or no scopes in an environment not the agent's own. */
export const declaresNothing = (link: GrantLink): boolean =>
  link.declared_scopes === null && (link.policies === null || !link.own_environment)

/** The scopes a chain amounts to now, spelled out. Parameter rules of policies are not in them: they are judged with each call. */
export function effectiveScopes(chain: readonly GrantLink[]): string[] {
  if (chain.some(declaresNothing)) return []
  const lists = chain
    .flatMap((link) => [link.granted, link.declared_scopes, link.policies && policyScopes(link.policies)])
    .filter((list) => list !== null)
  return [...lists.reduce(narrowScopes)]
}

/** A rule without capabilities hides less specific ones, as a deny does. */
function policyScopes(policies: readonly PolicyDocument[]): string[] {
  const rules = policies.flatMap((policy) => policy.paths)
  return [
    ...new Set(
      rules.flatMap(({ pattern, capabilities }) =>
        (capabilities.length > 0 ? capabilities : ['deny']).map((capability) => scopeText(capability, pattern)),
      ),
    ),
  ]
}

/** What both lists allow. Exact scopes, which most are, are looked up one by one; comparing patterns takes the square of their number. */
export function narrowScopes(scopes: readonly string[], by: readonly string[]): readonly string[] {
  if (scopes.some(isPattern)) return by.some(isPattern) ? intersectScopes(scopes, by) : narrowScopes(by, scopes)
  const covered = (scope: string) => scopeCovered(scopes, scope) && scopeCovered(by, scope)
  return scopes.flatMap((scope) => {
    if (covered(scope)) return scope
    const { capabilities, path } = parseScope(scope)
    return capabilities.map((capability) => scopeText(capability, path)).filter(covered)
  })
}

/** Whether a scope has a wildcard. */
export const isPattern = (scope: string): boolean => /[*+]/.test(scope)

/** The first of `asked` that a link does not cover, or undefined when it covers all. */
export function firstExcess(
  link: Pick<GrantLink, 'declared_scopes' | 'policies'>,
  asked: readonly string[],
): string | undefined {
  const acl = link.policies === null ? undefined : compileAcl(link.policies)
  return asked.find((scope) => {
    // What is declared word for word may be asked for, denies beside it included: they hold when the session is judged.
    if (
      link.declared_scopes !== null &&
      !link.declared_scopes.includes(scope) &&
      !scopeCovered(link.declared_scopes, scope)
    )
      return true
    return acl !== undefined && !scopeCovered(acl, scope)
  })
}
