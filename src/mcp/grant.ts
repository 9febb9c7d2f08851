/** What a session may do, as links of its chain: granted at issue, and what its agent declares now. */
import { intersectScopes, scopeCovered } from '../scope/index.ts'
import type { GrantLink } from '../scope/index.ts'
import { compileAcl } from '../policy/index.ts'
import { declaredKey, registeredAgent, scopesPath } from './agent.ts'
import type { AgentRecord } from './agent.ts'
import type { Document } from './document.ts'
import type { Engine } from './engine.ts'
import { loadPolicies } from './path-policies.ts'
import type { SessionRecord } from './session.ts'

/** One link, judged on the agent's documents as they are now. */
export async function grantLink(engine: Engine, session: SessionRecord): Promise<GrantLink> {
  const agent = await registeredAgent(engine, session.agent_id)
  const policyNames = agent ? sessionPolicies(agent, session) : null
  return {
    agent_id: session.agent_id,
    granted: session.scopes,
    declared_scopes: agent?.declared[declaredKey(agent, session.environment)]?.scopes ?? null,
    policies: policyNames === null ? null : await loadPolicies(engine, policyNames),
    own_environment: agent?.environment === session.environment,
  }
}

/** Policies in force: the agent's, cut to those asked for at issue. A policy taken from the agent is gone from its sessions. */
export function sessionPolicies(agent: AgentRecord, session: { readonly policies: readonly string[] | null }): readonly string[] | null {
  if (session.policies === null) return agent.policies
  return session.policies.filter((name) => agent.policies?.includes(name) ?? false)
}

/** The documents a link rests on, by API path, with their versions; null where there is none. */
export async function linkDocuments(engine: Engine, session: SessionRecord): Promise<Record<string, number | null>> {
  const agent = await registeredAgent(engine, session.agent_id)
  const own = agent?.environment === session.environment
  const declared = agent?.declared[own ? '' : session.environment]
  const documents: Record<string, number | null> = {
    [`agents/${session.agent_id}`]: agent?.version ?? null,
    [scopesPath(session.agent_id, own, session.environment)]: agent && declared ? agent.version : null,
  }
  for (const name of (agent && sessionPolicies(agent, session)) ?? []) {
    documents[`policies/${name}`] = (await engine.records.get<Document>(`pol/${name}`))?.version ?? null
  }
  return documents
}

/** The scopes a chain amounts to now, spelled out; where a link is bound by policies alone it narrows nothing here. */
export function effectiveScopes(chain: readonly GrantLink[]): string[] {
  let scopes: readonly string[] | undefined
  for (const link of chain) {
    for (const set of [link.granted, link.declared_scopes]) {
      if (set !== null) scopes = scopes === undefined ? set : intersectScopes(scopes, set)
    }
    if (link.policies !== null && scopes !== undefined) {
      const acl = compileAcl(link.policies)
      scopes = scopes.filter((scope) => scopeCovered(acl, scope))
    }
    if (link.declared_scopes === null && (link.policies === null || !link.own_environment)) return []
  }
  return [...(scopes ?? [])]
}

/** The first of `asked` that a link does not cover, or undefined when it covers all. */
export function firstExcess(link: Pick<GrantLink, 'declared_scopes' | 'policies'>, asked: readonly string[]): string | undefined {
  const acl = link.policies === null ? undefined : compileAcl(link.policies)
  return asked.find((scope) => {
    // What is declared word for word may be asked for, denies beside it included: they hold when the session is judged.
    if (link.declared_scopes !== null && !link.declared_scopes.includes(scope) && !scopeCovered(link.declared_scopes, scope)) return true
    return acl !== undefined && !scopeCovered(acl, scope)
  })
}
