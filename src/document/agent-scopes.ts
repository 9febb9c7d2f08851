/** What an operator may write about the scopes of an agent in one environment: the fields and every rule for them. */
import { ScopeError, parseScope } from '../scope/index.ts'
import { lifeProblems } from './life.ts'
import type { MountRules } from './mount-rules.ts'
import { nameProblems } from './name.ts'
import { parseProblems } from './parse.ts'
import type { DocumentProblem } from './problem.ts'
import { shapeProblems } from './shape.ts'
import type { KnownValues } from './shape.ts'

export const agentScopesFields = {
  agent_id: { type: 'string', description: 'The agent.', example: 'claude-billing-agent' },
  environment: {
    type: 'string',
    description: "The environment these scopes are for. Without it: the agent's own.",
    example: 'staging',
  },
  scopes: {
    type: 'list',
    description:
      'Scopes the agent declares: <capability>:<upstream>:<resource>[:<qualifier>]. [] grants nothing; null unsets.',
    example: ['read:stripe:invoices', 'read:stripe:customers:id-only'],
  },
  max_ttl_seconds: {
    type: 'duration',
    description:
      'Longest life of any token issued under these scopes, in seconds; at most ttl_ceiling and cut to max_ttl of config.',
    example: 900,
    default: 900,
  },
} as const

/** The values of an agent's scopes, as far as they are known. */
export type AgentScopesValues = KnownValues<typeof agentScopesFields>

/** Everything wrong with what is there. What is absent is not judged: a plan may not know it yet. */
export function agentScopesProblems(values: AgentScopesValues, mount: MountRules = {}): readonly DocumentProblem[] {
  return [
    ...nameProblems('agent_id', values.agent_id, 'claude-billing-agent'),
    ...nameProblems('environment', values.environment, 'staging'),
    ...scopesProblems(values.scopes, mount),
    ...lifeProblems('max_ttl_seconds', values.max_ttl_seconds, 'at least 1; tokens always expire', 900, mount),
    ...shapeProblems(agentScopesFields, values),
  ]
}

function scopesProblems(scopes: unknown, { allow_wildcards = true }: MountRules): readonly DocumentProblem[] {
  if (!Array.isArray(scopes)) return []
  return scopes.flatMap((text, index) =>
    typeof text === 'string'
      ? parseProblems({ field: 'scopes', index }, () => parseScope(text, { allowWildcards: allow_wildcards }))
      : [],
  )
}

/** Of scopes that are stored: those that cover more than one resource, and may be a mistake. Whole sentences, by index. */
export const broadScopes = (scopes: readonly string[]): ReadonlyMap<number, string> =>
  new Map(
    scopes.flatMap((text, index) => {
      try {
        parseScope(text)
        return []
      } catch (error) {
        if (error instanceof ScopeError) return [[index, `scopes[${String(index)}]: ${error.message}`] as const]
        throw error
      }
    }),
  )
