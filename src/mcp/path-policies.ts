import { policyFields, readPolicyText } from '../document/index.ts'
import { definePath } from '../framework/path.ts'
import type { Fields } from '../framework/field.ts'
import { listResponse } from '../logical/response.ts'
import { parsePolicy } from '../policy/index.ts'
import type { PolicyDocument } from '../policy/index.ts'
import { checkName, refuse } from './check.ts'
import { documentOperations, versionField } from './document.ts'
import type { Document, DocumentSpec } from './document.ts'
import type { Engine } from './engine.ts'

const fields = { ...policyFields, ...versionField } as const satisfies Fields

export const policySpec: DocumentSpec<typeof fields> = {
  fields,
  names: ['name'],
  key: ({ name }) => `pol/${checkName('name', name!, 'billing-read')}`,
  path: ({ name }) => `policies/${name}`,
  async check(values, engine) {
    const { problems, warnings } = readPolicyText(String(values.policy), await engine.settings())
    refuse(problems)
    return warnings
  },
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
