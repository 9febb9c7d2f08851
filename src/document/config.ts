/** What an operator may set for a mount: the fields and every rule for them. */
import { ceilingProblems, lifeProblems } from './life.ts'
import type { MountRules } from './mount-rules.ts'
import type { DocumentProblem } from './problem.ts'
import { isObject, shapeProblems } from './shape.ts'
import type { KnownValues } from './shape.ts'

export const configFields = {
  default_ttl: {
    type: 'duration',
    description: 'Default TTL of a token, in seconds.',
    example: 900,
    default: 900,
  },
  max_ttl: {
    type: 'duration',
    description: 'Longest life of any token of this mount, in seconds; at most ttl_ceiling.',
    example: 3600,
    default: 3600,
  },
  ttl_ceiling: {
    type: 'duration',
    computed: true,
    description:
      'No token of this mount lives longer, in seconds: a longer max_ttl or max_ttl_seconds is refused. Set at config/ttl-ceiling, which needs sudo.',
    example: 86400,
  },
  session_max_life: {
    type: 'duration',
    description: 'Absolute life of a session over all its refreshes, in seconds.',
    example: 28800,
    default: 28_800,
  },
  allow_wildcards: {
    type: 'bool',
    description:
      'Accept * and + as upstream or first resource segment of a scope or tool policy. Such scopes still warn.',
    example: false,
    default: false,
  },
  token_prefix: {
    type: 'string',
    description: 'First part of every token, 2 to 8 characters of a-z and 0-9.',
    example: 'svt',
    default: 'svt',
  },
  environment_labels: {
    type: 'object',
    description: 'Labels tokens carry for environments, in addition to the built-in prod, staging, dev and test.',
    example: { 'production-eu': 'prodeu' },
    default: {},
  },
  reuse_window: {
    type: 'duration',
    description:
      'How long ended sessions are remembered, in seconds, so that reuse after expiry or revocation can be distinguished from an unknown token.',
    example: 86400,
    default: 86_400,
  },
} as const

/** The settings of a mount, as far as they are known. */
export type ConfigValues = KnownValues<typeof configFields>

/** Everything wrong with what is there. What is absent is not judged: a plan may not know it yet. */
export function configProblems(values: ConfigValues, mount: MountRules = {}): readonly DocumentProblem[] {
  return [
    ...(['default_ttl', 'max_ttl', 'session_max_life'] as const).flatMap((field) =>
      lifeProblems(
        field,
        values[field],
        'at least 1 second; tokens and sessions always expire',
        configFields[field].default,
      ),
    ),
    ...orderProblems(values),
    ...ceilingProblems('max_ttl', values.max_ttl, mount),
    ...prefixProblems(values.token_prefix),
    ...labelProblems(values.environment_labels),
    ...shapeProblems(configFields, values),
  ]
}

/** A token may not outlive the mount's longest, nor that its session. */
function orderProblems({ default_ttl, max_ttl, session_max_life }: ConfigValues): readonly DocumentProblem[] {
  // An invalid life is reported as invalid by its own field, not as shorter than another.
  if (!isLife(max_ttl)) return []
  const problems: DocumentProblem[] = []
  if (isLife(default_ttl) && default_ttl > max_ttl)
    problems.push({
      field: 'default_ttl',
      sentence: `default_ttl (${String(default_ttl)}) is longer than max_ttl (${String(max_ttl)}); raise max_ttl or lower default_ttl, for example default_ttl=${String(max_ttl)}.`,
      standsAlone: true,
    })
  if (isLife(session_max_life) && max_ttl > session_max_life)
    problems.push({
      field: 'max_ttl',
      sentence: `max_ttl (${String(max_ttl)}) is longer than session_max_life (${String(session_max_life)}); a token cannot outlive its session, for example session_max_life=${String(max_ttl)}.`,
      standsAlone: true,
    })
  return problems
}

const isLife = (seconds: unknown): seconds is number => Number.isSafeInteger(seconds) && Number(seconds) >= 1

/** `gst` begins service tokens. */
const prefixProblems = (prefix: unknown): readonly DocumentProblem[] =>
  typeof prefix !== 'string' || (/^[a-z0-9]{2,8}$/.test(prefix) && prefix !== 'gst')
    ? []
    : [
        {
          field: 'token_prefix',
          problem: 'must be 2 to 8 characters of a-z and 0-9 (gst is taken by service tokens)',
          example: 'svt',
        },
      ]

function labelProblems(labels: unknown): readonly DocumentProblem[] {
  if (!isObject(labels)) return []
  return Object.entries(labels)
    .filter(([, label]) => label !== undefined && !(typeof label === 'string' && /^[a-z0-9]{1,16}$/.test(label)))
    .map(([environment]) => ({
      field: 'environment_labels',
      key: environment,
      sentence: `environment_labels.${environment} must be 1 to 16 characters of a-z and 0-9, for example {"${environment}":"prod"}.`,
      standsAlone: true,
    }))
}

/** `config/ttl-ceiling`: a document of its own, because who may write it is another question. */
export const ttlCeilingFields = {
  ttl_ceiling: {
    type: 'duration',
    description: 'Longest life that max_ttl of config and max_ttl_seconds of scopes may give a token, in seconds.',
    example: 86400,
    default: 86_400,
  },
} as const

export const ttlCeilingProblems = (values: KnownValues<typeof ttlCeilingFields>): readonly DocumentProblem[] =>
  typeof values.ttl_ceiling === 'number' && values.ttl_ceiling < 1
    ? [{ field: 'ttl_ceiling', problem: 'must be at least 1 second; tokens always expire', example: '24h' }]
    : shapeProblems(ttlCeilingFields, values)
