import { agentProblems } from '../../document/index.ts'
import { engineSchema } from '../engine-schema.ts'
import type { ResourceSpec } from './document-spec.ts'

export const agentSpec: ResourceSpec = {
  document: engineSchema.agents,
  rename: { agent_id: 'name' },
  // Both move when the agent's scopes are written or its sessions are ended, which is not a change of this resource.
  omit: ['version', 'generation'],
  problems: agentProblems,
}
