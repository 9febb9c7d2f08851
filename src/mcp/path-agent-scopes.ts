import { agentScopesFields, agentScopesProblems, broadScopes, cutLife } from '../document/index.ts'
import { definePath } from '../framework/path.ts'
import type { Handler, PathSpec } from '../framework/path.ts'
import type { FieldData } from '../framework/field-data.ts'
import type { Fields } from '../framework/field.ts'
import { RequestError } from '../logical/errors.ts'
import { listResponse } from '../logical/response.ts'
import { parseScope } from '../scope/index.ts'
import { DEFAULT_MAX_TTL_SECONDS, changeAgent, declaredIn, declaredKey, registeredAgent, scopesPath } from './agent.ts'
import type { AgentRecord, DeclaredScopes } from './agent.ts'
import { checkAgentName, checkName, refuse, refuseEmptyText } from './check.ts'
import { versionField } from './document.ts'
import type { Engine } from './engine.ts'
import { checkLife } from './ttl-ceiling.ts'

const fields = { ...agentScopesFields, ...versionField } as const satisfies Fields

type ScopesHandler = Handler<typeof fields>

const description =
  'Scopes name tools, not URLs. What a session may do is what it was granted, cut by these scopes as they are now: removing one takes effect on live sessions. Writing merges: what is omitted keeps its value, null unsets.'

/** `agents/:agent_id/scopes` (the agent's own environment) and `agents/:agent_id/scopes/:environment`. */
export function pathAgentScopes(engine: Engine) {
  const operations = { read: read(engine), write: write(engine), delete: remove(engine) }
  const exists: PathSpec<typeof fields>['exists'] = async ({ fields: given }) =>
    (await findDeclared(engine, given)) !== undefined
  return [
    definePath({
      pattern: 'agents/:agent_id/scopes/',
      active_node_only: true,
      fields,
      example_fields: ['scopes', 'max_ttl_seconds'],
      synopsis: 'Scopes an agent declares in its own environment.',
      description,
      exists,
      operations: { ...operations, list: list(engine) },
    }),
    definePath({
      pattern: 'agents/:agent_id/scopes/:environment',
      active_node_only: true,
      fields,
      example_fields: ['scopes', 'max_ttl_seconds'],
      synopsis: 'Scopes an agent declares in another environment.',
      description: `${description} Scopes never fall back from one environment to another.`,
      exists,
      operations,
    }),
  ]
}

async function required(engine: Engine, agentId: string): Promise<AgentRecord> {
  const agent = await registeredAgent(engine, checkAgentName('agent_id', agentId))
  if (!agent)
    throw new RequestError(
      'not_found',
      `agent "${agentId}" is not registered. Write mcp/agents/${agentId} with owner and environment first.`,
    )
  return agent
}

async function findDeclared(engine: Engine, given: FieldData<typeof fields>) {
  const agent = await registeredAgent(engine, checkAgentName('agent_id', given.require('agent_id')))
  const environment = given.given('environment') ?? agent?.environment ?? ''
  const declared = agent && declaredIn(agent, environment)
  return declared && { agent, environment, declared }
}

function read(engine: Engine): ScopesHandler {
  return async ({ fields: given }) => {
    const found = await findDeclared(engine, given)
    if (!found) return undefined
    const { agent, environment, declared } = found
    const { ttl_ceiling } = await engine.settings()
    return {
      data: {
        agent_id: agent.agent_id,
        environment,
        scopes: declared.scopes,
        max_ttl_seconds: Math.min(declared.max_ttl_seconds, ttl_ceiling),
        version: agent.version,
      },
      warnings: cutLife('max_ttl_seconds', declared.max_ttl_seconds, ttl_ceiling),
    }
  }
}

function write(engine: Engine): ScopesHandler {
  return async ({ request, fields: given }) => {
    const agentId = given.require('agent_id')
    refuseEmptyText(request.data, 'scopes')
    await required(engine, agentId)
    const { allow_wildcards, max_ttl, ttl_ceiling } = await engine.settings()
    const scopes = given.given('scopes')
    const cap = given.given('max_ttl_seconds')
    refuse(agentScopesProblems({ scopes, max_ttl_seconds: cap }, { allow_wildcards }))
    const warnings = await scopeWarnings(engine, scopes ?? [])
    if (cap !== undefined && cap > max_ttl)
      warnings.push(
        `max_ttl_seconds (${cap}) is above this mount's max_ttl (${max_ttl}); tokens are cut to the latter.`,
      )
    await changeAgent(engine, agentId, async () => {
      const agent = await required(engine, agentId)
      const environment = given.has('environment')
        ? checkName('environment', given.require('environment'), 'staging')
        : agent.environment
      const key = declaredKey(agent, environment)
      const before = declaredIn(agent, environment)
      if (cap !== undefined) warnings.push(...checkLife('max_ttl_seconds', cap, before?.max_ttl_seconds, ttl_ceiling))
      const declared: DeclaredScopes = {
        scopes: given.has('scopes') ? (given.given('scopes') ?? null) : (before?.scopes ?? null),
        max_ttl_seconds: given.has('max_ttl_seconds')
          ? (cap ?? DEFAULT_MAX_TTL_SECONDS)
          : (before?.max_ttl_seconds ?? DEFAULT_MAX_TTL_SECONDS),
      }
      warnings.push(...cutLife('max_ttl_seconds', declared.max_ttl_seconds, ttl_ceiling))
      return {
        record: { ...agent, declared: { ...agent.declared, [key]: declared } },
        paths: [scopesPath(agentId, key === '', environment)],
      }
    })
    return warnings.length > 0 ? { warnings } : undefined
  }
}

function remove(engine: Engine): ScopesHandler {
  return async ({ fields: given }) => {
    const agentId = checkAgentName('agent_id', given.require('agent_id'))
    await changeAgent(engine, agentId, async () => {
      const agent = await registeredAgent(engine, agentId)
      const environment = given.given('environment') ?? agent?.environment ?? ''
      if (!agent || !declaredIn(agent, environment)) return undefined
      const key = declaredKey(agent, environment)
      const declared = Object.fromEntries(Object.entries(agent.declared).filter(([name]) => name !== key))
      return { record: { ...agent, declared }, paths: [scopesPath(agentId, key === '', environment)] }
    })
    return undefined
  }
}

function list(engine: Engine): ScopesHandler {
  return async ({ fields: given }) => {
    const agent = await registeredAgent(engine, checkAgentName('agent_id', given.require('agent_id')))
    return listResponse(
      agent
        ? Object.keys(agent.declared)
            .map((key) => (key === '' ? agent.environment : key))
            .sort()
        : [],
    )
  }
}

/** Wildcards that are allowed, and tools that do not exist yet. */
async function scopeWarnings(engine: Engine, scopes: readonly string[]): Promise<string[]> {
  const broad = broadScopes(scopes)
  const warnings: string[] = []
  for (const [index, text] of scopes.entries()) {
    const { wildcard, path } = parseScope(text, { allowWildcards: true })
    const problem = broad.get(index)
    if (problem !== undefined) warnings.push(problem)
    else if (!wildcard && !(await engine.records.get(path.replace(/^tools\//, 'tool/'))))
      warnings.push(
        `scopes[${index}]: "${text}" names a tool that does not exist yet; it grants nothing until mcp/${path} is written.`,
      )
  }
  return warnings
}
