import { readFileSync, readdirSync } from 'node:fs'
import { z } from 'zod'

/** One row of `vault-config/policies/expectations.json`: a call and whether the policy lets it through. */
export interface PolicyRow {
  readonly policy: string
  readonly method: string
  /** Below `/v1/`, under the mounts the policies are written for, `mcp/` and `secret/`; may hold a query. */
  readonly path: string
  readonly expected: 'allow' | 'deny'
}

/** The entity the rows of `mcp-agent` are for. */
export const AGENT = 'billing-agent'

const folder = new URL('../../vault-config/policies/', import.meta.url)
const row = z.string().regex(/^(GET|LIST|POST|DELETE) \S+$/)
const table = z.record(z.string(), z.strictObject({ allow: z.array(row).min(1), deny: z.array(row).min(1) }))

export const shippedPolicies: readonly string[] = readdirSync(folder)
  .filter((file) => file.endsWith('.hcl'))
  .map((file) => file.slice(0, -'.hcl'.length))
  .sort()

export const policyText = (name: string): string => readFileSync(new URL(`${name}.hcl`, folder), 'utf8')

const { about: _about, ...written } = JSON.parse(readFileSync(new URL('expectations.json', folder), 'utf8')) as Record<
  string,
  unknown
>
export const expectations = table.parse(written)

export const policyRows: readonly PolicyRow[] = Object.entries(expectations).flatMap(([policy, { allow, deny }]) => [
  ...allow.map((text) => policyRow(policy, text, 'allow')),
  ...deny.map((text) => policyRow(policy, text, 'deny')),
])

function policyRow(policy: string, text: string, expected: 'allow' | 'deny'): PolicyRow {
  const [method = '', path = ''] = text.split(' ')
  return { policy, method, path, expected }
}
