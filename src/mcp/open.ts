/** Opening a session: who asks, for what, bounded by what. Everything is checked before the one write. */
import { RequestError, badRequest } from '../logical/errors.ts'
import type { Request } from '../logical/request.ts'
import type { Response } from '../logical/response.ts'
import { intersectScopes, parseScope, sessionIdOf, tokenDigest, tokenShape } from '../scope/index.ts'
import { declaredKey, registeredAgent } from './agent.ts'
import type { AgentRecord } from './agent.ts'
import { checkName } from './document.ts'
import type { Engine } from './engine.ts'
import { effectiveScopes, firstExcess, grantLink } from './grant.ts'
import { credsResponse, mint, tokenTerms } from './issue.ts'
import { sessionLiveness } from './liveness.ts'
import { loadPolicies } from './path-policies.ts'
import { sentence } from './path-tools.ts'
import { MAX_DEPTH, findByDigest, newestToken, openSession } from './session.ts'
import type { SessionRecord } from './session.ts'

export interface Ask {
  readonly agent_id: string
  readonly purpose: string
  readonly requested_scopes: readonly string[] | undefined
  readonly policies: readonly string[] | undefined
  readonly environment: string | undefined
  readonly ttl: number | undefined
  readonly parent_token: string | undefined
}

export async function open(engine: Engine, request: Request, ask: Ask): Promise<Response> {
  const agent = await issuableAgent(engine, ask.agent_id)
  const parent = ask.parent_token === undefined ? undefined : await liveParent(engine, ask.parent_token)
  const environment = chooseEnvironment(agent, ask.environment, parent?.[0])
  const policies = choosePolicies(agent, ask.policies)
  const scopes = await chooseScopes(engine, agent, environment, policies, ask.requested_scopes, parent)
  const { session_max_life } = await engine.settings()
  const nowUnix = engine.nowUnix()
  const parentEnds = parent?.flatMap((link) => [link.life_ends_unix, newestToken(link)?.expires_at_unix ?? 0]) ?? []
  const lifeEnds = Math.min(nowUnix + session_max_life, ...(parent?.map((link) => link.life_ends_unix) ?? []))
  const terms = await tokenTerms(engine, agent, environment, ask.ttl, Math.min(lifeEnds, ...parentEnds))
  const token = await mint(engine, environment, terms.ttl, request.client_token)
  const session: SessionRecord = {
    session_id: sessionIdOf(token.record.digest, engine.clock.now()),
    agent_id: agent.agent_id,
    environment,
    purpose: ask.purpose,
    scopes,
    policies,
    generation: agent.generation,
    mount_generation: (await engine.storedConfig()).mount_generation,
    ancestors: parent?.map(({ session_id, agent_id }) => ({ session_id, agent_id })) ?? [],
    entity_id: request.entity_id,
    opener: request.client_token,
    opened_at_unix: nowUnix,
    life_ends_unix: lifeEnds,
    tokens: [token.record],
  }
  await openSession(engine, session)
  return credsResponse(session, token, terms)
}

/** An agent tokens may be issued for, or a 400 that says what is missing. */
export async function issuableAgent(engine: Engine, agentId: string): Promise<AgentRecord> {
  const agent = await registeredAgent(engine, checkName('agent', agentId))
  if (!agent) throw badRequest(`agent "${agentId}" is not registered. Write mcp/agents/${agentId} with owner and environment first.`)
  if (agent.disabled) throw badRequest(`agent "${agentId}" is disabled; no tokens are issued for it.`)
  return agent
}

/** The live chain of the session a token belongs to, parent first. */
async function liveParent(engine: Engine, token: string): Promise<readonly SessionRecord[]> {
  const found = tokenShape(token) ? await findByDigest(engine, tokenDigest(token)) : undefined
  const liveness = found && (await sessionLiveness(engine, found.session))
  const tokenOver = !found || found.token.ended === true || engine.nowUnix() >= found.token.expires_at_unix
  if (!liveness?.live || tokenOver) throw badRequest('parent_token is not a live token; delegate from a live session, or omit parent_token.')
  if (liveness.chain.length > MAX_DEPTH) throw badRequest(`parent_token belongs to a session delegated ${MAX_DEPTH} times already; delegation goes no deeper.`)
  return liveness.chain
}

function chooseEnvironment(agent: AgentRecord, asked: string | undefined, parent: SessionRecord | undefined): string {
  const environment = asked === undefined || asked === '' ? parent?.environment ?? agent.environment : asked
  if (parent && parent.environment !== environment) throw badRequest(`environment "${environment}" is not the parent session's ("${parent.environment}"); a delegated session stays in its environment.`)
  if (environment !== agent.environment && !agent.declared[environment]) {
    throw badRequest(`environment "${environment}" is neither the own environment of agent "${agent.agent_id}" ("${agent.environment}") nor one it has scopes for. Write mcp/agents/${agent.agent_id}/scopes/${environment} first.`)
  }
  return environment
}

function choosePolicies(agent: AgentRecord, asked: readonly string[] | undefined): readonly string[] | null {
  if (asked === undefined) return null
  const excess = asked.find((name) => !(agent.policies?.includes(name) ?? false))
  if (excess !== undefined) throw badRequest(`policies: "${excess}" is not a policy of agent "${agent.agent_id}" (it has ${agent.policies?.join(', ') || 'none'}).`)
  return asked
}

async function chooseScopes(
  engine: Engine, agent: AgentRecord, environment: string, policies: readonly string[] | null, requested: readonly string[] | undefined, parent: readonly SessionRecord[] | undefined,
): Promise<readonly string[] | null> {
  const declared = agent.declared[declaredKey(agent, environment)]?.scopes ?? null
  const inForce = policies ?? agent.policies
  const own = environment === agent.environment
  if (declared === null && (inForce === null || !own)) throw badRequest(`agent "${agent.agent_id}" has declared no scopes${own ? ' or policies' : ` for environment "${environment}"`}; nothing can be granted. Write mcp/agents/${agent.agent_id}/scopes${own ? '' : `/${environment}`}, for example scopes=read:stripe:invoices.`)
  const { allow_wildcards } = await engine.settings()
  if (requested?.length === 0) throw badRequest('requested_scopes is empty. Omit it to be granted all declared scopes, or name some, for example requested_scopes=read:stripe:invoices.')
  for (const [index, text] of (requested ?? []).entries()) sentence(`requested_scopes[${index}]`, () => parseScope(text, { allowWildcards: allow_wildcards }))
  if (requested) {
    const excess = firstExcess({ declared_scopes: declared, policies: inForce === null ? null : await loadPolicies(engine, inForce) }, requested)
    if (excess !== undefined) throw badRequest(`requested_scopes: "${excess}" is more than agent "${agent.agent_id}" declares (${declared?.join(', ') ?? 'by its policies'}).`)
  }
  if (!parent) return requested ?? declared
  return withinParent(engine, requested ?? declared, requested !== undefined, parent)
}

/** A delegated session is granted nothing its parent lacks: more asked for by name is a 400, the rest is cut. */
async function withinParent(engine: Engine, scopes: readonly string[] | null, explicit: boolean, parent: readonly SessionRecord[]): Promise<readonly string[] | null> {
  const links = await Promise.all(parent.map((session) => grantLink(engine, session)))
  if (explicit && scopes) {
    for (const link of links) {
      const excess = firstExcess(link, scopes) ?? (link.granted === null ? undefined : firstExcess({ declared_scopes: link.granted, policies: null }, scopes))
      if (excess !== undefined) throw badRequest(`requested_scopes: "${excess}" is more than the parent session has.`)
    }
    return scopes
  }
  const parentScopes = links.some((link) => link.granted !== null || link.declared_scopes !== null) ? effectiveScopes(links) : null
  const granted = parentScopes === null ? scopes : scopes === null ? parentScopes : intersectScopes(scopes, parentScopes)
  if (granted?.length === 0) throw new RequestError('bad_request', 'the parent session has none of the scopes this agent declares; nothing can be delegated.')
  return granted
}
