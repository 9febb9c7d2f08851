/** What an operator may write about an agent: its fields and every rule for them. */
import { nameProblems, namesProblems } from './name.ts'
import type { DocumentProblem } from './problem.ts'
import { shapeProblems } from './shape.ts'
import type { KnownValues } from './shape.ts'

export const agentFields = {
  agent_id: { type: 'string', description: 'Stable identifier of the agent.', example: 'claude-billing-agent' },
  owner: {
    type: 'string',
    required: true,
    description: 'Team accountable for the agent; carried into audit records.',
    example: 'platform-team',
  },
  environment: { type: 'string', required: true, description: "The agent's own environment.", example: 'production' },
  description: {
    type: 'string',
    description: 'What the agent is for.',
    example: 'Handles Stripe billing queries via MCP',
    default: '',
  },
  policies: {
    type: 'list',
    description: 'Tool policies of the agent. Where scopes are declared too, both must allow. null: unset.',
    example: ['billing-read'],
  },
  disabled: {
    type: 'bool',
    description: 'true ends every session at once and refuses new ones. Enabling again revives none.',
    example: false,
    default: false,
  },
} as const

/** The values of an agent, as far as they are known. */
export type AgentValues = KnownValues<typeof agentFields>

const LONGEST_OWNER = 256

/** Everything wrong with what is there. What is absent is not judged: a plan may not know it yet. */
export function agentProblems(values: AgentValues): readonly DocumentProblem[] {
  return [
    ...nameProblems('agent_id', values.agent_id, 'claude-billing-agent'),
    ...ownerProblems(values.owner),
    ...nameProblems('environment', values.environment, 'production'),
    ...namesProblems('policies', values.policies, 'billing-read'),
    ...shapeProblems(agentFields, values),
  ]
}

const ownerProblems = (owner: unknown): readonly DocumentProblem[] =>
  typeof owner === 'string' && owner.length > LONGEST_OWNER
    ? [{ field: 'owner', problem: `must be at most ${String(LONGEST_OWNER)} characters`, example: 'platform-team' }]
    : []
