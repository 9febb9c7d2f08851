/** What an operator may write as a tool policy: its fields and every rule for them. */
import { PolicyError, parsePolicy } from '../policy/index.ts'
import type { PathRule, PolicyDocument } from '../policy/index.ts'
import { ScopeError, parseScope } from '../scope/index.ts'
import type { MountRules } from './mount-rules.ts'
import { nameProblems } from './name.ts'
import type { DocumentProblem } from './problem.ts'
import { shapeProblems } from './shape.ts'
import type { KnownValues } from './shape.ts'

export const policyFields = {
  name: { type: 'string', description: 'Name of the tool policy.', example: 'billing-read' },
  policy: {
    type: 'string',
    required: true,
    description: "Rules in Vault's policy language, HCL or JSON, over tools.",
    example: 'path "tools/stripe/invoices" { capabilities = ["read"] }',
  },
} as const

/** The values of a tool policy, as far as they are known. */
export type PolicyValues = KnownValues<typeof policyFields>

/** A policy that was read, and all that is to be said about it. */
export interface ReadPolicy {
  /** Undefined where the text does not parse. */
  readonly rules: PolicyDocument | undefined
  readonly problems: readonly DocumentProblem[]
  /** What is accepted and may still be a mistake. Whole sentences. */
  readonly warnings: readonly string[]
}

/** Everything wrong with what is there. What is absent is not judged: a plan may not know it yet. */
export const policyProblems = (values: PolicyValues, mount: MountRules = {}): readonly DocumentProblem[] => [
  ...nameProblems('name', values.name, 'billing-read'),
  ...(typeof values.policy === 'string' && values.policy !== '' ? readPolicyText(values.policy, mount).problems : []),
  ...shapeProblems(policyFields, values),
]

/** Reads the text of a policy once, for its rules and for what is wrong with it. */
export function readPolicyText(text: string, mount: MountRules = {}): ReadPolicy {
  let rules: PolicyDocument
  try {
    rules = parsePolicy(text)
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    return { rules: undefined, problems: [{ field: 'policy', sentence: error.message }], warnings: [] }
  }
  const broad = rules.paths.flatMap((rule) => breadthOf(rule) ?? [])
  const problems = [
    ...(rules.templated ? [templated] : []),
    ...rules.paths.flatMap((rule) => ruleProblems(rule)),
    ...(mount.allow_wildcards === false ? broad.map(tooBroad) : []),
  ]
  const warnings = broad.map(({ line, sentence }) => `policy, line ${String(line)}: ${sentence}.`)
  return { rules, problems: inLines(problems), warnings: [...rules.warnings, ...warnings] }
}

/** Sessions have no identity to fill in: a templated rule would match nothing, a templated deny would deny nothing. */
const templated: DocumentProblem = {
  field: 'policy',
  sentence:
    'templates such as {{identity.entity.name}} are not filled in for tools. Name the tool, for example path "tools/stripe/invoices".',
}

const inLines = (problems: readonly DocumentProblem[]): readonly DocumentProblem[] =>
  [...problems].sort((a, b) => (a.line ?? 0) - (b.line ?? 0))

const toolCapabilities = new Set(['create', 'read', 'update', 'delete', 'list', 'deny'])

function ruleProblems({ pattern, line, ...rule }: PathRule): readonly DocumentProblem[] {
  const wrong = (sentence: string): readonly DocumentProblem[] => [{ field: 'policy', line, sentence }]
  if (!isToolPattern(pattern))
    return wrong(
      `path "${pattern}" is not a tool. Paths are tools/<upstream>/<resource> or tools/<upstream>/<resource>/<qualifier>, for example path "tools/stripe/invoices".`,
    )
  // What Vault has for its own paths and no call of a tool could obey.
  const unknown = rule.capabilities.find((capability) => !toolCapabilities.has(capability))
  if (unknown !== undefined)
    return wrong(`capability "${unknown}" does not exist for tools. Use create, read, update, delete, list or deny.`)
  if (rule.min_wrapping_ttl !== undefined || rule.max_wrapping_ttl !== undefined)
    return wrong('wrapping TTLs mean nothing for tools. Leave min_wrapping_ttl and max_wrapping_ttl out.')
  return []
}

/** Anything else would match no tool, and could not be spelled as a scope. */
function isToolPattern(pattern: string): boolean {
  const [root, upstream] = pattern.split('/')
  if (root !== 'tools' || upstream === undefined) return false
  try {
    parseScope(`read:${pattern}`, { allowWildcards: true })
    return true
  } catch (error) {
    if (error instanceof ScopeError) return false
    throw error
  }
}

interface Breadth {
  readonly line: number
  readonly sentence: string
}

/** A rule that grants more than one resource. */
function breadthOf({ pattern, capabilities, line }: PathRule): Breadth | undefined {
  const [, upstream = '', resource = ''] = pattern.split('/')
  const isWide = (segment: string) => segment === '+' || segment.endsWith('*')
  if (capabilities.includes('deny') || (!isWide(upstream) && !isWide(resource))) return undefined
  const what = isWide(upstream) ? 'more than one upstream' : `more than one resource of ${upstream}`
  return { line, sentence: `path "${pattern}" covers ${what}` }
}

const tooBroad = ({ line, sentence }: Breadth): DocumentProblem => ({
  field: 'policy',
  line,
  sentence: `${sentence}. Name a resource, for example path "tools/stripe/invoices", or set allow_wildcards in config.`,
})
