import { agentFields, agentProblems } from '../document/index.ts'
import { missing } from '../framework/field-data.ts'
import type { FieldData } from '../framework/field-data.ts'
import { definePath } from '../framework/path.ts'
import type { Fields } from '../framework/field.ts'
import { RequestError, badRequest } from '../logical/errors.ts'
import { listResponse } from '../logical/response.ts'
import { changeAgent, documentPaths, registeredAgent } from './agent.ts'
import type { AgentRecord } from './agent.ts'
import { checkAgentName, refuse, refuseEmptyText } from './check.ts'
import { versionField } from './document.ts'
import type { Engine } from './engine.ts'

const fields = {
  ...agentFields,
  generation: {
    type: 'int',
    computed: true,
    description: 'Raised by disable, delete and revoke; sessions of a smaller one are over.',
    example: 0,
  },
  ...versionField,
} as const satisfies Fields

export function pathAgents(engine: Engine) {
  return definePath({
    pattern: 'agents/:agent_id',
    active_node_only: true,
    fields,
    synopsis: 'An agent: who owns it, where it runs, what bounds it.',
    description:
      'No token is issued before the agent is registered here and has declared scopes or policies. Disabling or deleting an agent ends all its sessions in the same write.',
    exists: async ({ fields: given }) => (await registeredAgent(engine, given.require('agent_id'))) !== undefined,
    operations: {
      async read({ fields: given }) {
        const agent = await registeredAgent(engine, checkAgentName('agent_id', given.require('agent_id')))
        return agent && { data: agentData(agent) }
      },
      async write({ request, fields: given }) {
        const agentId = checkAgentName('agent_id', given.require('agent_id'))
        refuseEmptyText(request.data, 'policies')
        await changeAgent(engine, agentId, (stored) => {
          const record = merge(agentId, stored, given)
          const moved = stored !== undefined && stored.environment !== record.environment
          // Which scopes are its own, and which another environment's, changes with its environment.
          const scopes = moved
            ? ['', `/${stored.environment}`, `/${record.environment}`].map((end) => `agents/${agentId}/scopes${end}`)
            : []
          return Promise.resolve({ record, paths: [`agents/${agentId}`, ...scopes] })
        })
        return warnings(engine, agentId)
      },
      async delete({ fields: given }) {
        const agentId = checkAgentName('agent_id', given.require('agent_id'))
        await changeAgent(engine, agentId, (stored) =>
          Promise.resolve(
            stored && !stored.deleted
              ? {
                  record: {
                    ...stored,
                    deleted: true,
                    generation: stored.generation + 1,
                    declared: {},
                    policies: null,
                    description: '',
                  },
                  paths: documentPaths(stored),
                }
              : undefined,
          ),
        )
        return undefined
      },
    },
  })
}

export function pathAgentsList(engine: Engine) {
  return definePath({
    pattern: 'agents/',
    active_node_only: true,
    fields: {},
    synopsis: 'Registered agents.',
    description: 'Lists the agents of this mount; deleted ones are not shown.',
    operations: {
      async list() {
        const names: string[] = []
        for (const name of await engine.records.storage.list('ag/'))
          if (await registeredAgent(engine, name)) names.push(name)
        return listResponse(names)
      },
    },
  })
}

export function pathAgentRevoke(engine: Engine) {
  return definePath({
    pattern: 'agents/:agent_id/revoke',
    active_node_only: true,
    fields: { agent_id: fields.agent_id },
    synopsis: 'Ends all sessions of an agent.',
    description:
      "Raises the agent's generation: every session it holds, and every session delegated from one, is over when this responds, with one write. The agent may open new sessions: disable it to prevent that. `lease revoke -prefix <mount>/creds/<agent>` is the clean-up of its leases; they end by themselves too.",
    operations: {
      async write({ fields: given }) {
        const agentId = checkAgentName('agent_id', given.require('agent_id'))
        if (!(await registeredAgent(engine, agentId)))
          throw new RequestError('not_found', `agent "${agentId}" is not registered.`)
        await changeAgent(engine, agentId, (stored) =>
          Promise.resolve(
            stored && { record: { ...stored, generation: stored.generation + 1 }, paths: [`agents/${agentId}`] },
          ),
        )
        return undefined
      },
    },
  })
}

function agentData(agent: AgentRecord): Record<string, unknown> {
  return {
    agent_id: agent.agent_id,
    owner: agent.owner,
    environment: agent.environment,
    description: agent.description,
    policies: agent.policies,
    disabled: agent.disabled,
    generation: agent.generation,
    version: agent.version,
  }
}

type Given = FieldData<typeof fields>

/** What is omitted keeps its value; null resets it. */
function merge(agentId: string, stored: AgentRecord | undefined, given: Given): AgentRecord {
  const before = stored?.deleted ? undefined : stored
  const values = {
    owner: requiredText('owner', given, before),
    environment: requiredText('environment', given, before),
    description: merged('description', '', given, before),
    policies: merged('policies', null, given, before),
    disabled: merged('disabled', false, given, before),
  }
  refuse(agentProblems(values))
  return {
    agent_id: agentId,
    ...values,
    generation: generationAfter(stored, values.disabled),
    deleted: false,
    version: stored?.version ?? 0,
    declared: before?.declared ?? {},
  }
}

/** Disabling ends every session, in the same write; nothing ever lowers it. */
function generationAfter(stored: AgentRecord | undefined, disabled: boolean): number {
  if (stored === undefined) return 0
  const ends = disabled && !stored.deleted && !stored.disabled
  return stored.generation + (ends ? 1 : 0)
}

function requiredText(name: 'owner' | 'environment', given: Given, before: AgentRecord | undefined): string {
  const value = given.has(name) ? given.given(name) : before?.[name]
  if (value === undefined || value === '') throw badRequest(missing(name, fields[name]))
  return value
}

function merged<K extends 'policies' | 'disabled' | 'description'>(
  name: K,
  reset: AgentRecord[K],
  given: Given,
  before: AgentRecord | undefined,
): AgentRecord[K] {
  if (given.has(name)) return (given.given(name) as AgentRecord[K] | undefined) ?? reset
  return before?.[name] ?? reset
}

async function warnings(engine: Engine, agentId: string) {
  const missingPolicies: string[] = []
  for (const name of (await registeredAgent(engine, agentId))?.policies ?? [])
    if (!(await engine.records.get(`pol/${name}`))) missingPolicies.push(name)
  return missingPolicies.length > 0
    ? { warnings: [`these policies do not exist yet and grant nothing: ${missingPolicies.join(', ')}`] }
    : undefined
}
