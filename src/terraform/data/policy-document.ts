import { parsePolicy } from '../../policy/index.ts'
import { parsed } from '../checks.ts'
import { Refusal, fault, pathText } from '../protocol/diagnostic.ts'
import type { Diagnostic, Path } from '../protocol/diagnostic.ts'
import type { DataSource } from '../protocol/provider.ts'
import type { Attributes } from '../protocol/schema.ts'
import { isList, isObject, isWhollyKnown } from '../protocol/value.ts'
import type { Value, ValueObject } from '../protocol/value.ts'
import { toolPathOf } from '../tool-name.ts'

const capabilities = ['create', 'read', 'update', 'delete', 'list', 'deny']

const rule: Attributes = {
  tool: {
    type: 'string',
    required: true,
    description: "The tool: an `mcp_tool`'s id, `stripe/invoices`, or with wildcards `stripe/customers/*`.",
  },
  capabilities: {
    type: ['list', 'string'],
    required: true,
    description: `Any of ${capabilities.map((word) => `\`${word}\``).join(', ')}; \`deny\` wins.`,
  },
  description: { type: 'string', optional: true, description: 'Written above the rule as a comment.' },
  allowed_parameters: {
    type: ['map', ['list', 'string']],
    optional: true,
    description: 'Parameters that may be given, each with its values; `[]`: any. `*` stands for every other parameter.',
  },
  denied_parameters: {
    type: ['map', ['list', 'string']],
    optional: true,
    description: 'Parameters that may not be given, each with the values meant; `[]`: any.',
  },
  required_parameters: { type: ['list', 'string'], optional: true, description: 'Parameters that must be given.' },
}

/** Nothing is asked of any server: rules are written out as text. */
export const policyDocument: DataSource = {
  schema: {
    description: 'Writes rules as the text of a tool policy, for `mcp_policy.policy`. Contacts no server.',
    attributes: {
      rules: { type: { listOf: rule }, required: true, description: 'The rules, in the order they are written.' },
      policy: { type: 'string', computed: true, description: "The policy, in Vault's policy language." },
    },
  },
  validate({ rules }) {
    if (!isList(rules)) return []
    return rules.flatMap((item, index) => (isObject(item) ? checkRule(['rules', index], item) : []))
  },
  read(config) {
    const rules = isList(config.rules) ? config.rules.filter(isObject) : []
    const policy = rules.map(ruleText).join('\n')
    const [first, ...others] = rules.length === 0 ? [] : parsed(['rules'], () => parsePolicy(policy))
    if (first) throw new Refusal(first, ...others)
    return Promise.resolve({ ...config, policy })
  },
}

/** Points at the rule: Terraform finds no line for what is deeper. */
function checkRule(path: Path, { tool, capabilities: words }: ValueObject): Diagnostic[] {
  const found: Diagnostic[] = []
  if (typeof tool === 'string' && toolPathOf(tool) === undefined)
    found.push(
      fault(
        `${pathText(path)}.tool ${JSON.stringify(tool.slice(0, 120))} is not a tool`,
        'Write for example mcp_tool.invoices.id, or "stripe/invoices".',
        path,
      ),
    )
  if (isList(words)) {
    const strange = words.find((word) => isWhollyKnown(word) && !capabilities.includes(String(word)))
    if (strange !== undefined)
      found.push(
        fault(
          `${pathText(path)}.capabilities: ${JSON.stringify(strange)} is not a capability of tools`,
          `Write any of ${capabilities.join(', ')}.`,
          path,
        ),
      )
  }
  return found
}

function ruleText({ tool, capabilities: words, description, ...parameters }: ValueObject): string {
  const lines = [`  capabilities = ${listText(words)}`]
  for (const name of ['allowed_parameters', 'denied_parameters'] as const) {
    const given = parameters[name]
    if (isObject(given))
      lines.push(
        `  ${name} = {`,
        ...Object.entries(given).map(([key, values]) => `    ${quoted(key)} = ${listText(values)}`),
        '  }',
      )
  }
  if (isList(parameters.required_parameters))
    lines.push(`  required_parameters = ${listText(parameters.required_parameters)}`)
  const comment = typeof description === 'string' ? description.split(/\r?\n/).map((line) => `# ${line}\n`) : []
  return `${comment.join('')}path ${quoted(toolPathOf(String(tool)) ?? '')} {\n${lines.join('\n')}\n}\n`
}

const listText = (values: Value | undefined): string =>
  `[${(isList(values) ? values : []).map((value) => quoted(String(value))).join(', ')}]`
/** HCL escapes what JSON does, in the same way, for all that a policy may hold. */
const quoted = (text: string): string => JSON.stringify(text)
