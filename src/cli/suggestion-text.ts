import { writtenOperation } from '../proposal/index.ts'
import type { Suggestion } from '../proposal/index.ts'
import { toolPath } from '../scope/index.ts'
import type { Tool } from '../scope/index.ts'
import { counted, printable } from './table.ts'

/** A suggestion as lines for a shell, and as Terraform has it. */

export interface ShownSuggestion extends Suggestion {
  readonly mount: string
  readonly scopes_path: string
  readonly own_environment: boolean
  readonly scopes_before: readonly string[] | null
  readonly max_ttl_seconds: number | null
  /** `<upstream>/<name>` of the tools that are there. */
  readonly standing: ReadonlySet<string>
}

interface Totals {
  readonly used: number
  readonly unreadable: number
  /** Whole sentences: whether it was written. */
  readonly outcome: string
}

/** What is written of a tool; a field that is absent keeps what it has, so nothing is. */
export const toolDocument = ({ operations, fields, risk }: Tool): Readonly<Record<string, unknown>> => ({
  operations: operations.map(writtenOperation),
  fields: fields ?? null,
  risk: risk ?? null,
})

export function suggestionCommands(suggestions: readonly ShownSuggestion[], totals: Totals): string {
  const blocks = suggestions.map((one) =>
    [
      ...remarks(one),
      ...one.tools.map((tool) => {
        const { operations, fields, risk } = toolDocument(tool)
        return [
          `vault write ${one.mount}/${toolPath(tool)}`,
          shellWord(`operations=${JSON.stringify(operations)}`),
          ...(fields === null ? [] : [shellWord(`fields=${JSON.stringify(fields)}`)]),
          ...(risk === null ? [] : [`risk=${String(risk)}`]),
        ].join(' ')
      }),
      `vault write ${one.scopes_path} ${shellWord(`scopes=${JSON.stringify([...one.scopes, ...one.kept])}`)}`,
    ].join('\n'),
  )
  return `${[...blocks, closing(totals)].join('\n\n')}\n`
}

export function suggestionTerraform(suggestions: readonly ShownSuggestion[], totals: Totals): string {
  const blocks = suggestions.flatMap((one) => [
    ...(remarks(one).length === 0 ? [] : [remarks(one).join('\n')]),
    ...one.tools.map((tool) => toolResource(tool)),
    scopesResource(one),
  ])
  return `${[...blocks, closing(totals)].join('\n\n')}\n`
}

function remarks(one: ShownSuggestion): string[] {
  const { agent_id: agent, environment, calls, scopes, kept, scopes_before: before } = one
  const were = before === null ? 'none were set' : `${String(before.length)} before`
  return [
    `Agent ${agent} in ${environment}: ${counted(calls, 'call')}; ${counted(scopes.length + kept.length, 'scope')} (${were}), ${counted(one.tools.length, 'tool')} to write.`,
    ...one.notes,
    ...(kept.length === 0 ? [] : [`These stay, so that what is denied stays denied, and no more: ${kept.join(', ')}.`]),
    ...one.left_out.map(
      ({ call, reason }) => `Not covered: ${call.method} ${call.endpoint} of ${call.upstream}: ${reason}`,
    ),
    'Sessions that were opened with scopes named one by one keep only what is in both lists: open them again.',
  ].map(comment)
}

const closing = ({ used, unreadable, outcome }: Totals): string =>
  [
    `From ${counted(used, 'record')}.`,
    ...(unreadable === 0 ? [] : [`Lines that are no records: ${String(unreadable)}.`]),
    outcome,
  ]
    .map(comment)
    .join('\n')

/** What stands in a record must not end the comment. */
const comment = (text: string): string => `# ${printable(text).replaceAll(/[\n\u2028\u2029]/g, ' ')}`

const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`

function toolResource(tool: Tool): string {
  const attributes = [
    `  upstream = ${hcl(tool.upstream)}`,
    `  name     = ${hcl(tool.name)}`,
    '  operations = [',
    ...tool.operations.map(({ method, path, capability, parameters, denied_parameters: denied, body }) => {
      const members = [
        `method = ${hcl(method)}`,
        `path = ${hcl(path)}`,
        `capability = ${hcl(capability)}`,
        ...(parameters ? [`parameters = ${hclList(parameters)}`] : []),
        ...(denied ? [`denied_parameters = ${hclList(denied)}`] : []),
        ...(body === undefined ? [] : [`body = ${String(body)}`]),
      ]
      return `    { ${members.join(', ')} },`
    }),
    '  ]',
    ...(tool.fields ? [`  fields = ${hclList(tool.fields)}`] : []),
    ...(tool.risk ? [`  risk = ${hcl(tool.risk)}`] : []),
  ]
  return `resource "mcp_tool" ${hcl(label(`${tool.upstream}_${tool.name}`))} {\n${attributes.join('\n')}\n}`
}

function scopesResource(one: ShownSuggestion): string {
  const made = one.tools.map((tool) => `mcp_tool.${label(`${tool.upstream}_${tool.name}`)}`)
  const attributes = [
    `  agent = ${hcl(one.agent_id)}`,
    ...(one.own_environment ? [] : [`  environment = ${hcl(one.environment)}`]),
    `  scopes = ${hclList([...one.scopes, ...one.kept])}`,
    ...(one.max_ttl_seconds === null ? [] : [`  max_ttl_seconds = ${String(one.max_ttl_seconds)}`]),
    ...(made.length === 0 ? [] : [`  depends_on = [${made.join(', ')}]`]),
  ]
  const name = label(one.own_environment ? one.agent_id : `${one.agent_id}_${one.environment}`)
  return `resource "mcp_agent_scopes" ${hcl(name)} {\n${attributes.join('\n')}\n}`
}

/** Names of resources begin with a letter or an underscore. */
const label = (text: string): string => text.replaceAll(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d)/, '_')

/** HCL reads `${` and `%{` in a text as the beginning of an expression. */
const hcl = (value: string): string => JSON.stringify(value).replaceAll(/([$%])\{/g, '$1$1{')
const hclList = (values: readonly string[]): string => `[${values.map(hcl).join(', ')}]`
