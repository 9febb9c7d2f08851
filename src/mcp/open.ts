/** Opening a session: who asks, for what, bounded by what. Everything is checked before the one write. */
import { isShort, shown } from '../document/index.ts'
import { badRequest } from '../logical/errors.ts'
import type { Request } from '../logical/request.ts'
import type { Response } from '../logical/response.ts'
import {
  declaresNothing,
  effectiveScopes,
  isPattern,
  narrowScopes,
  parseScope,
  sessionIdOf,
  tokenDigest,
  tokenShape,
} from '../scope/index.ts'
import { declaredIn, registeredAgent } from './agent.ts'
import type { AgentRecord } from './agent.ts'
import { checkAgentName, sentence } from './check.ts'
import type { Engine } from './engine.ts'
import { firstExcess, grantLink, grantLinks } from './grant.ts'
import type { JudgedLink } from './grant.ts'
import { credsResponse, mint, tokenTerms } from './issue.ts'
import { sessionLiveness } from './liveness.ts'
import { MAX_DEPTH, findByDigest, isTokenLive, openSession, tokensEndUnix } from './session.ts'
import type { SessionRecord } from './session.ts'

/** To say what a chain of sessions amounts to takes the square of their number, each time one of its tokens is asked about. */
const MOST_WILDCARDS = 100

export interface SessionRequest {
  readonly agent_id: string
  readonly purpose: string
  readonly requested_scopes: readonly string[] | undefined
  readonly policies: readonly string[] | undefined
  readonly environment: string | undefined
  readonly ttl: number | undefined
  readonly parent_token: string | undefined
}

export async function open(engine: Engine, request: Request, ask: SessionRequest): Promise<Response> {
  const agent = await issuableAgent(engine, ask.agent_id)
  const parent = ask.parent_token === undefined ? undefined : await liveParent(engine, ask.parent_token)
  const environment = chooseEnvironment(agent, ask.environment, parent?.[0])
  const policies = choosePolicies(agent, ask.policies)
  const own = await grantLink(engine, { agent_id: agent.agent_id, environment, scopes: null, policies })
  const requested = await checkRequested(engine, agent, environment, own, ask.requested_scopes)
  const scopes = parent ? await withinParent(engine, own, requested, parent) : (requested ?? own.declared_scopes)
  const { session_max_life } = await engine.settings()
  const nowUnix = engine.nowUnix()
  const parentEnds = parent?.flatMap((link) => [link.life_ends_unix, tokensEndUnix(link)]) ?? []
  const lifeEnds = Math.min(nowUnix + session_max_life, ...(parent?.map((link) => link.life_ends_unix) ?? []))
  const terms = await tokenTerms(engine, agent, environment, ask.ttl, Math.min(lifeEnds, ...parentEnds), nowUnix)
  const token = await mint(engine, environment, terms, request.client_token)
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
  const chain = await grantLinks(engine, [session, ...(parent ?? [])])
  return credsResponse(session, token, terms, effectiveScopes(chain))
}

/** An agent tokens may be issued for, or a 400 that says what is missing. */
export async function issuableAgent(engine: Engine, agentId: string): Promise<AgentRecord> {
  const agent = await registeredAgent(engine, checkAgentName('agent', agentId))
  if (!agent)
    throw badRequest(
      `agent "${agentId}" is not registered. Write mcp/agents/${agentId} with owner and environment first.`,
    )
  if (agent.disabled) throw badRequest(`agent "${agentId}" is disabled; no tokens are issued for it.`)
  return agent
}

/** The live chain of the session a token belongs to, parent first. */
async function liveParent(engine: Engine, token: string): Promise<readonly SessionRecord[]> {
  const found = tokenShape(token) ? await findByDigest(engine, tokenDigest(token)) : undefined
  const liveness = found && (await sessionLiveness(engine, found.session))
  if (!found || !liveness?.live || !isTokenLive(found.token, engine.nowUnix()))
    throw badRequest('parent_token is not a live token; delegate from a live session, or omit parent_token.')
  if (liveness.chain.length > MAX_DEPTH)
    throw badRequest(
      `parent_token belongs to a session delegated ${MAX_DEPTH} times already; delegation cannot go deeper.`,
    )
  return liveness.chain
}

function chooseEnvironment(
  agent: AgentRecord,
  requested: string | undefined,
  parent: SessionRecord | undefined,
): string {
  const environment =
    requested === undefined || requested === '' ? (parent?.environment ?? agent.environment) : requested
  if (parent && parent.environment !== environment)
    throw badRequest(
      `environment ${shown(environment)} is not the parent session's ("${parent.environment}"); a delegated session stays in its environment.`,
    )
  if (environment !== agent.environment && !declaredIn(agent, environment)) {
    throw badRequest(
      `environment ${shown(environment)} is neither the own environment of agent "${agent.agent_id}" ("${agent.environment}") nor one it has scopes for. Write mcp/agents/${agent.agent_id}/scopes/${isShort(environment) ? environment : '<environment>'} first.`,
    )
  }
  return environment
}

function choosePolicies(agent: AgentRecord, requested: readonly string[] | undefined): readonly string[] | null {
  if (requested === undefined) return null
  const excess = requested.find((name) => !(agent.policies?.includes(name) ?? false))
  if (excess !== undefined)
    throw badRequest(
      `policies: ${shown(excess)} is not a policy of agent "${agent.agent_id}" (it has ${agent.policies?.join(', ') || 'none'}).`,
    )
  return requested
}

/** The scopes asked for, all of them declared; undefined = none were named, which asks for all. */
async function checkRequested(
  engine: Engine,
  agent: AgentRecord,
  environment: string,
  own: JudgedLink,
  requested: readonly string[] | undefined,
): Promise<readonly string[] | undefined> {
  const path = own.own_environment ? '' : `/${environment}`
  if (declaresNothing(own))
    throw badRequest(
      `agent "${agent.agent_id}" has declared no scopes${own.own_environment ? ' or policies' : ` for environment "${environment}"`}; nothing can be granted. Write mcp/agents/${agent.agent_id}/scopes${path}, for example scopes=read:stripe:invoices.`,
    )
  if (requested === undefined) return undefined
  if (requested.length === 0)
    throw badRequest(
      'requested_scopes is empty. Omit it to be granted all declared scopes, or name some, for example requested_scopes=read:stripe:invoices.',
    )
  const { allow_wildcards } = await engine.settings()
  for (const [index, text] of requested.entries())
    sentence(`requested_scopes[${index}]`, () => parseScope(text, { allowWildcards: allow_wildcards }))
  const distinct = [...new Set(requested)]
  const wildcards = distinct.filter(isPattern).length
  if (wildcards > MOST_WILDCARDS)
    throw badRequest(
      `requested_scopes has ${wildcards} scopes with a wildcard; at most ${MOST_WILDCARDS} may be asked for. Ask for a wider one instead, for example read:stripe:customers:*, or omit requested_scopes.`,
    )
  const excess = firstExcess(own, distinct)
  if (excess !== undefined)
    throw badRequest(
      `requested_scopes: "${excess}" is more than agent "${agent.agent_id}" declares (${own.declared_scopes?.join(', ') ?? 'by its policies'}).`,
    )
  return distinct
}

/** A delegated session is granted nothing its parent lacks: more asked for by name is a 400, the rest is cut. */
async function withinParent(
  engine: Engine,
  own: JudgedLink,
  requested: readonly string[] | undefined,
  parent: readonly SessionRecord[],
): Promise<readonly string[]> {
  const links = await grantLinks(engine, parent)
  if (requested) {
    const bounds = links.flatMap((link) => [link, { declared_scopes: link.granted, policies: null }])
    const excess = bounds.map((bound) => firstExcess(bound, requested)).find((scope) => scope !== undefined)
    if (excess !== undefined) throw badRequest(`requested_scopes: "${excess}" is more than the parent session has.`)
    return requested
  }
  const parentScopes = effectiveScopes(links)
  const granted = own.declared_scopes === null ? parentScopes : narrowScopes(own.declared_scopes, parentScopes)
  if (granted.length === 0)
    throw badRequest('the parent session has none of the scopes this agent declares; nothing can be delegated.')
  return granted
}
