/** What a session may do, as links of its chain: granted at issue, and what its agent declares now. */
import { scopeCovered } from '../scope/index.ts'
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
  const policies = names && (await policyDocuments(engine, names, documents))
  return {
    agent_id: granted.agent_id,
    granted: granted.scopes,
    declared_scopes: declared?.scopes ?? null,
    policies,
    own_environment: own,
    documents,
  }
}

/** The policies of these names, their versions noted in `versions`. A name without a document grants nothing. */
async function policyDocuments(
  engine: Engine,
  names: readonly string[],
  versions: Record<string, number | null>,
): Promise<PolicyDocument[]> {
  const found: PolicyDocument[] = []
  for (const name of names) {
    const policy = await findPolicy(engine, name)
    versions[`policies/${name}`] = policy?.version ?? null
    if (policy) found.push(policy.rules)
  }
  return found
}

/** The links of a chain, the session first. */
export const grantLinks = (engine: Engine, chain: readonly Granted[]): Promise<JudgedLink[]> =>
  Promise.all(chain.map((session) => grantLink(engine, session)))

/** The agent's policies, cut to those asked for at issue: one taken from the agent is gone from its sessions. */
function policiesInForce(agent: AgentRecord, requested: readonly string[] | null): readonly string[] | null {
  if (requested === null) return agent.policies
  return requested.filter((name) => agent.policies?.includes(name) ?? false)
}

/** The first of `requested` that a link does not cover, or undefined when it covers all. */
export function firstExcess(
  link: Pick<GrantLink, 'declared_scopes' | 'policies'>,
  requested: readonly string[],
): string | undefined {
  const acl = link.policies === null ? undefined : compileAcl(link.policies)
  return requested.find((scope) => {
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
