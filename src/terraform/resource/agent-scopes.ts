import { checkName, checkScopes } from '../checks.ts'
import { engineSchema } from '../engine-schema.ts'
import { ScopeError, parseScope } from '../../scope/index.ts'
import { sentenceFault } from '../protocol/diagnostic.ts'
import type { Diagnostic } from '../protocol/diagnostic.ts'
import { isList } from '../protocol/value.ts'
import type { ValueObject } from '../protocol/value.ts'
import type { Server } from '../server.ts'
import type { ResourceSpec } from './document-spec.ts'

export const agentScopesSpec: ResourceSpec = {
  document: engineSchema['agents/scopes'],
  rename: { agent_id: 'agent' },
  optionalName: 'environment',
  // It is the agent's, and moves with it.
  omit: ['version'],
  check: ({ agent, environment, scopes }) => [
    ...checkName(['agent'], agent, 'claude-billing-agent'),
    ...checkName(['environment'], environment, 'staging'),
    ...checkScopes(['scopes'], scopes),
  ],
  async checkPlan(planned, server) {
    const broad = broadScopes(planned)
    return broad.length === 0 || (await wildcardsMayPass(server)) ? [] : broad
  },
}

/** What the engine refuses unless its mount allows wildcards. */
function broadScopes({ scopes }: ValueObject): Diagnostic[] {
  if (!isList(scopes)) return []
  return scopes.flatMap((text, index) => {
    try {
      if (typeof text === 'string') parseScope(text)
      return []
    } catch (error) {
      if (error instanceof ScopeError) return [sentenceFault(['scopes', index], error.message)]
      throw error
    }
  })
}

/** True also where that cannot be found out: the engine says so itself when it is written. */
async function wildcardsMayPass(server: Server): Promise<boolean> {
  const mount = server.knownMount()
  if (mount === undefined || server.wildcardsPlanned) return true
  try {
    return (await server.read(`${mount}/config`))?.data?.allow_wildcards !== false
  } catch {
    return true
  }
}
