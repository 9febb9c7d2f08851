/** The agent record: identity, declared scopes per environment, and the generation that ends its sessions. */
import { agentScopesFields } from '../document/index.ts'
import type { Engine } from './engine.ts'
import type { FeedEvent } from '../document/index.ts'

export interface DeclaredScopes {
  /** null = unset: the agent's policies alone decide. */
  readonly scopes: readonly string[] | null
  readonly max_ttl_seconds: number
}

export interface AgentRecord {
  readonly agent_id: string
  readonly owner: string
  readonly environment: string
  readonly description: string
  /** null = unset: declared scopes alone decide. */
  readonly policies: readonly string[] | null
  readonly disabled: boolean
  /** Sessions opened under a smaller generation are over. Never falls, not even through delete and re-create. */
  readonly generation: number
  /** A deleted agent stays as a tombstone that keeps its generation. */
  readonly deleted: boolean
  readonly version: number
  /** By environment; '' is the agent's own. */
  readonly declared: Readonly<Record<string, DeclaredScopes>>
}

export const DEFAULT_MAX_TTL_SECONDS = agentScopesFields.max_ttl_seconds.default

const agentKey = (agentId: string): string => `ag/${agentId}`

/** The record, tombstones included. */
export const agentRecord = (engine: Engine, agentId: string): Promise<AgentRecord | undefined> =>
  engine.records.get<AgentRecord>(agentKey(agentId))

/** A registered agent, or undefined for unknown and deleted ones. */
export async function registeredAgent(engine: Engine, agentId: string): Promise<AgentRecord | undefined> {
  const record = await agentRecord(engine, agentId)
  return record && !record.deleted ? record : undefined
}

/** The key of an environment's declared scopes: '' for the agent's own. */
export const declaredKey = (agent: AgentRecord, environment: string): string =>
  environment === agent.environment ? '' : environment

/** What an agent declares in an environment; undefined where no such document was written. */
export function declaredIn(agent: AgentRecord, environment: string): DeclaredScopes | undefined {
  const key = declaredKey(agent, environment)
  return Object.hasOwn(agent.declared, key) ? agent.declared[key] : undefined
}

/** API path of the scopes document that governs an agent in an environment. */
export function scopesPath(agentId: string, ownEnvironment: boolean, environment: string): string {
  return ownEnvironment ? `agents/${agentId}/scopes` : `agents/${agentId}/scopes/${environment}`
}

/**
 * Reads, changes and stores one agent alone among its writers. `change` answers the new record (undefined = leave it) and
 * which documents changed; a raised generation is published with them.
 */
export function changeAgent(
  engine: Engine,
  agentId: string,
  change: (stored: AgentRecord | undefined) => Promise<{ record: AgentRecord; paths: readonly string[] } | undefined>,
): Promise<void> {
  return engine.records.exclusive(agentKey(agentId), async () => {
    const stored = await agentRecord(engine, agentId)
    const changed = await change(stored)
    if (!changed) return
    const record = { ...changed.record, version: engine.nextVersion(stored?.version) }
    const present = record.deleted ? [] : documentPaths(record)
    const events: FeedEvent[] = changed.paths.map((path) => ({
      type: 'document',
      path,
      version: record.version,
      deleted: !present.includes(path),
    }))
    if (record.generation > (stored?.generation ?? 0))
      events.unshift({ type: 'generation', agent_id: agentId, generation: record.generation })
    await engine.records.put(agentKey(agentId), record, events)
  })
}

/** Every document an agent's record holds. */
export function documentPaths(record: AgentRecord): string[] {
  return [
    `agents/${record.agent_id}`,
    ...Object.keys(record.declared).map((key) => scopesPath(record.agent_id, key === '', key)),
  ]
}
