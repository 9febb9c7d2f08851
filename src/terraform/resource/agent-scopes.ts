import { agentScopesProblems } from '../../document/index.ts'
import { engineSchema } from '../engine-schema.ts'
import type { ResourceSpec } from './document-spec.ts'

export const agentScopesSpec: ResourceSpec = {
  document: engineSchema['agents/scopes'],
  rename: { agent_id: 'agent' },
  optionalName: 'environment',
  // It is the agent's, and moves with it.
  omit: ['version'],
  problems: agentScopesProblems,
  livesField: 'max_ttl_seconds',
}
