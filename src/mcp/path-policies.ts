import { definePath } from '../framework/path.ts'
import type { Fields } from '../framework/field.ts'
import { badRequest } from '../logical/errors.ts'
import { listResponse } from '../logical/response.ts'
import { parsePolicy } from '../policy/index.ts'
import type { PathRule, PolicyDocument } from '../policy/index.ts'
import { parseScope } from '../scope/index.ts'
import { checkName, sentence } from './check.ts'
import { documentOperations, versionField } from './document.ts'
import type { Document, DocumentSpec } from './document.ts'
import type { Engine } from './engine.ts'

const fields = {
  name: { type: 'string', description: 'Name of the tool policy.', example: 'billing-read' },
  policy: {
    type: 'string',
    required: true,
    description: "Rules in Vault's policy language, HCL or JSON, over tools.",
    example: 'path "tools/stripe/invoices" { capabilities = ["read"] }',
  },
  ...versionField,
} as const satisfies Fields

const toolCapabilities = new Set(['create', 'read', 'update', 'delete', 'list', 'deny'])

export const policySpec: DocumentSpec<typeof fields> = {
  fields,
  names: ['name'],
  key: ({ name }) => `pol/${checkName('name', name!, 'billing-read')}`,
  path: ({ name }) => `policies/${name}`,
  async check(values, engine) {
    const { allow_wildcards } = await engine.settings()
    const document = sentence('policy', () => parsePolicy(String(values.policy)))
    // Sessions have no identity to fill in: a templated rule would match nothing, a templated deny would deny nothing.
    if (document.templated)
      throw badRequest(
        'policy: templates such as {{identity.entity.name}} are not filled in for tools. Name the tool, for example path "tools/stripe/invoices".',
      )
    return [...document.warnings, ...document.paths.flatMap((rule) => checkRule(rule, allow_wildcards))]
  },
}

/** Throws for a rule that is none of tools; answers what to warn about. */
function checkRule(rule: PathRule, allowWildcards: boolean): string[] {
  const at = `policy, line ${rule.line}`
  const [root, upstream, resource = ''] = rule.pattern.split('/')
  if (root !== 'tools' || upstream === undefined || !isToolPattern(rule.pattern))
    throw badRequest(
      `${at}: path "${rule.pattern}" is not a tool. Paths are tools/<upstream>/<resource> or tools/<upstream>/<resource>/<qualifier>, for example path "tools/stripe/invoices".`,
    )
  refuseUnenforced(rule, at)
  const isWide = (segment: string) => segment === '+' || segment.endsWith('*')
  if (rule.capabilities.includes('deny') || (!isWide(upstream) && !isWide(resource))) return []
  const breadth = `${at}: path "${rule.pattern}" covers ${isWide(upstream) ? 'more than one upstream' : `more than one resource of ${upstream}`}.`
  if (!allowWildcards)
    throw badRequest(
      `${breadth} Name a resource, for example path "tools/stripe/invoices", or set allow_wildcards in config.`,
    )
  return [breadth]
}

/** What Vault has for its own paths and no call of a tool could obey. */
function refuseUnenforced(rule: PathRule, at: string): void {
  const unknown = rule.capabilities.find((capability) => !toolCapabilities.has(capability))
  if (unknown)
    throw badRequest(
      `${at}: capability "${unknown}" does not exist for tools. Use create, read, update, delete, list or deny.`,
    )
  if (rule.min_wrapping_ttl !== undefined || rule.max_wrapping_ttl !== undefined)
    throw badRequest(`${at}: wrapping TTLs mean nothing for tools. Leave min_wrapping_ttl and max_wrapping_ttl out.`)
}

/** Anything else would match no tool, and could not be spelled as a scope. */
function isToolPattern(pattern: string): boolean {
  try {
    parseScope(`read:${pattern}`, { allowWildcards: true })
    return true
  } catch {
    return false
  }
}

/** A stored policy as it is now, its text parsed once. */
export async function findPolicy(
  engine: Engine,
  name: string,
): Promise<{ readonly version: number; readonly rules: PolicyDocument } | undefined> {
  const stored = await engine.records.get<Document>(`pol/${name}`)
  if (!stored) return undefined
  const rules = parsed.get(stored) ?? parsePolicy(String(stored.values.policy))
  parsed.set(stored, rules)
  return { version: stored.version, rules }
}
const parsed = new WeakMap<Document, PolicyDocument>()

export function pathPolicies(engine: Engine) {
  const document = documentOperations(engine, policySpec)
  return definePath({
    pattern: 'policies/:name',
    active_node_only: true,
    fields,
    synopsis: 'A tool policy: which tools its agents may use.',
    description:
      "Vault's policy language with tools as paths: exact, + for one segment, trailing *, deny wins. Parameter rules are judged on query parameters and top-level body fields. Live: a change takes effect on running sessions. The text is returned as written.",
    exists: document.exists,
    operations: document.operations,
  })
}

export function pathPoliciesList(engine: Engine) {
  return definePath({
    pattern: 'policies/',
    active_node_only: true,
    fields: {},
    synopsis: 'Names of all tool policies.',
    description: 'Lists the tool policies of this mount.',
    operations: { list: async () => listResponse(await engine.records.storage.list('pol/')) },
  })
}
