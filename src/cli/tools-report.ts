import type { LeftOut, ProposedTool, SharedCalls, ToolPlan } from '../proposal/index.ts'
import { counted, printable } from './table.ts'

/** How the plan of an import is shown. */

export interface ImportPlan extends ToolPlan {
  /** Of the document, with its version. */
  readonly title: string
  readonly left_out: readonly LeftOut[]
  readonly not_selected: number
  readonly shared_calls: readonly SharedCalls[]
  readonly notes: readonly string[]
}

const marks = { create: '+', update: '~', none: '=' } as const

/** `path` is where the tools are: `mcp/tools/github/`. */
export function importReport(path: string, plan: ImportPlan, written: boolean): string {
  const { title, tools, others, left_out: leftOut, not_selected: unselected, notes } = plan
  return printable(
    [
      `${oneLine(title)} → ${path}\n`,
      ...tools.map(toolLines),
      ...(leftOut.length === 0
        ? []
        : [
            '\nNot imported:',
            ...leftOut.map(({ operation, reason }) => `  ${oneLine(operation)}: ${oneLine(reason)}`),
          ]),
      ...sharedLines(plan.shared_calls),
      ...(others.length === 0 ? [] : [`\nTools that this import leaves as they are: ${others.join(', ')}`]),
      ...notes.map((note) => `\n${note}`),
      `\n${summary(tools, leftOut.length, unselected)}`,
      closing(tools, written),
      '',
    ].join('\n'),
  )
}

/** A text of the document must not look like lines of the plan. */
const oneLine = (text: string): string =>
  text.replaceAll(/[\n\t\u2028\u2029]/g, (character) => JSON.stringify(character).slice(1, -1))

function toolLines({
  name,
  change,
  risk,
  risk_before: before,
  operations,
  added,
  removed,
  scopes,
}: ProposedTool): string {
  const level = change === 'update' && before !== risk ? `${before ?? 'none'} → ${risk}` : risk
  const head = `${marks[change]} ${name}  risk ${level}, ${counted(operations.length, 'operation')}  ${scopes.join(' ')}`
  return [head, ...added.map((line) => `    + ${line}`), ...removed.map((line) => `    - ${line}`)].join('\n')
}

/** Who grants one of the tools grants these calls of the other. */
const sharedLines = (shared: readonly SharedCalls[]): string[] =>
  shared.length === 0
    ? []
    : [
        '\nSome calls fit operations of two tools; the scope of either lets them through:',
        ...shared.map(
          ({ method, first, second }) => `  ${method} ${first.path} (${first.tool}), ${second.path} (${second.tool})`,
        ),
      ]

function summary(tools: readonly ProposedTool[], leftOut: number, unselected: number): string {
  const count = (change: ProposedTool['change']): number => tools.filter((tool) => tool.change === change).length
  const operations = tools.reduce((sum, tool) => sum + tool.operations.length, 0)
  return `${counted(operations, 'operation')} in ${counted(tools.length, 'tool')}: ${String(count('create'))} new, ${String(count('update'))} changed, ${String(count('none'))} as they are. ${String(leftOut)} not imported, ${String(unselected)} not selected.`
}

function closing(tools: readonly ProposedTool[], written: boolean): string {
  if (tools.every(({ change }) => change === 'none')) return 'Nothing to write.'
  return written ? 'Written.' : 'Nothing was written. To write it, add -yes.'
}
