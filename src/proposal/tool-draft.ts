/** Groups operations into tools by one rule for names: see `toolNameOf`. */
import { LONGEST_LIST, summaryOf, toolFields, toolProblems } from '../document/index.ts'
import { isName, nameRule, operationMethods, toolPath, scopeText } from '../scope/index.ts'
import type { ToolOperation } from '../scope/index.ts'
import { DescriptionError, operationName } from './description.ts'
import type { LeftOut } from './description.ts'
import type { ImportedOperation } from './imported-operation.ts'

export const groupings = ['tag', 'path', 'operation'] as const
export type Grouping = (typeof groupings)[number]

export const riskLevels = toolFields.risk.allowed
export type RiskLevel = (typeof riskLevels)[number]

/** A tool as the document would have it. */
export interface ToolDraft {
  readonly upstream: string
  readonly name: string
  readonly operations: readonly ToolOperation[]
  readonly risk: RiskLevel
}

export interface DraftSettings {
  readonly upstream: string
  readonly groupBy: Grouping
  /** Names of tools for groups that have none of their own, or share one: by tag, path segment or operation id. */
  readonly names: Readonly<Record<string, string>>
  /** By method, in place of what the method stands for. */
  readonly risks: ReadonlyMap<string, RiskLevel>
}

/** What a method does to data: each is a tool of its own, so that reading can be granted alone. */
const effects = ['read', 'write', 'delete'] as const
type Effect = (typeof effects)[number]
const usualRisk: Readonly<Record<Effect, RiskLevel>> = { read: 'low', write: 'medium', delete: 'high' }

const effectOf = (capability: string): Effect =>
  capability === 'delete' ? 'delete' : capability === 'read' || capability === 'list' ? 'read' : 'write'

/** The risk of an operation, by its method. */
export const riskOf = ({ method, capability }: Pick<ToolOperation, 'method' | 'capability'>): RiskLevel =>
  usualRisk[effectOf(operationMethods.get(method)?.capability ?? capability)]

export const highestRisk = (levels: readonly RiskLevel[]): RiskLevel =>
  riskLevels.findLast((level) => levels.includes(level)) ?? 'low'

/** The scopes that grant all of a tool, one a capability. */
export const scopesOf = (tool: Pick<ToolDraft, 'upstream' | 'name' | 'operations'>): readonly string[] =>
  [...new Set(tool.operations.map(({ capability }) => scopeText(capability, toolPath(tool))))].sort()

/**
 * Drafts in order of their names, their operations by path. Throws `DescriptionError` for two groups of one name, a group without a
 * usable one, or one with more operations than a tool holds: nothing is cut or renamed in silence.
 */
export function draftTools(
  imported: readonly ImportedOperation[],
  settings: DraftSettings,
): { readonly drafts: readonly ToolDraft[]; readonly leftOut: readonly LeftOut[] } {
  const leftOut: LeftOut[] = []
  const groups = new Map<string, ImportedOperation[]>()
  for (const one of imported) {
    const group = groupOf(one, settings.groupBy)
    const members = group === undefined ? undefined : groups.get(group)
    if (group === undefined)
      leftOut.push({ operation: operationName(one.described), reason: 'it has no operationId to name a tool by' })
    else if (members === undefined) groups.set(group, [one])
    else members.push(one)
  }
  const named = nameGroups([...groups.keys()], settings)
  const drafts = [...groups].flatMap(([group, members]) => toolsOf(named.get(group)!, members, settings))
  for (const draft of drafts) check(draft)
  return { drafts: drafts.sort((a, b) => inOrder(a.name, b.name)), leftOut }
}

const inOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** The first tag, or without one the first segment of the path that is neither a version nor a parameter. */
function groupOf({ described, operation }: ImportedOperation, groupBy: Grouping): string | undefined {
  if (groupBy === 'operation') return described.operationId
  const tag = groupBy === 'tag' ? described.tags[0] : undefined
  return tag ?? firstWord(operation) ?? 'root'
}

export const firstWord = ({ path }: Pick<ToolOperation, 'path'>): string | undefined =>
  path.split('/').find((segment) => segment !== '' && !segment.includes('{') && !/^v\d+$/.test(segment))

/**
 * The rule for names: lower case, a capital behind a small letter or digit begins a word, whatever is no letter or digit joins words as
 * one `-`. One slash in an operation's id stays, for resource and qualifier. `PetStore`, `Pet Store` and `pet-store` are one name.
 */
export function toolNameOf(group: string, groupBy: Grouping): string {
  const parts = groupBy === 'operation' && group.split('/').length === 2 ? group.split('/') : [group]
  return parts.map(plainName).join('/')
}

/** One segment of a tool's name, by the same rule; it may come out empty or too long. */
export const plainName = (text: string): string =>
  text
    .replaceAll(/(?<=[\p{Ll}\d])(?=\p{Lu})/gu, '-')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')

function nameGroups(groups: readonly string[], { names, groupBy }: DraftSettings): ReadonlyMap<string, string> {
  for (const group of Object.keys(names))
    if (!groups.includes(group))
      throw new DescriptionError(
        `-name: nothing is grouped under ${JSON.stringify(group)}; grouped by ${groupBy} are ${listed(groups)}`,
      )
  const named = new Map(
    groups.map((group) => [group, Object.hasOwn(names, group) ? names[group]! : toolNameOf(group, groupBy)]),
  )
  const owners = new Map<string, string>()
  for (const [group, name] of named) {
    const option = `-name=${JSON.stringify(`${group}=tool-name`)}`
    if (!name.split('/').every(isName) || name.split('/').length > 2)
      throw new DescriptionError(
        `No tool can be named after ${groupBy} ${JSON.stringify(group)}: ${JSON.stringify(name)} is not a name (${nameRule}). Choose one with ${option}.`,
      )
    const other = owners.get(name)
    if (other !== undefined)
      throw new DescriptionError(
        `${groupBy} ${JSON.stringify(other)} and ${JSON.stringify(group)} would both be the tool ${name}. Give one of them another name with ${option}.`,
      )
    owners.set(name, group)
  }
  return named
}

const listed = (groups: readonly string[]): string => groups.slice(0, 10).join(', ') + (groups.length > 10 ? ', …' : '')

/** Reads have the group's name, writes and deletions a qualifier; a single operation needs none. */
function toolsOf(name: string, members: readonly ImportedOperation[], settings: DraftSettings): readonly ToolDraft[] {
  const { upstream, groupBy, risks } = settings
  const levelOf = (operation: ToolOperation): RiskLevel => risks.get(operation.method) ?? riskOf(operation)
  return effects.flatMap((effect) => {
    const operations = members
      .map(({ operation }) => operation)
      .filter(({ method, capability }) => effectOf(operationMethods.get(method)?.capability ?? capability) === effect)
      // Literal text comes before "{", so the more exact of two templates that fit a call is the one recorded.
      .sort((a, b) => inOrder(a.path, b.path) || inOrder(a.method, b.method))
    if (operations.length === 0) return []
    const isWhole = effect === 'read' || groupBy === 'operation'
    if (!isWhole && name.includes('/')) throw qualified(name, effect)
    return [
      { upstream, name: isWhole ? name : `${name}/${effect}`, operations, risk: highestRisk(operations.map(levelOf)) },
    ]
  })
}

const qualified = (name: string, effect: Effect): DescriptionError =>
  new DescriptionError(
    `-name: ${name} already has a qualifier, so its tool for "${effect}" could not be named; give a name without a slash.`,
  )

/** The engine's own rules, before anything is written. */
function check(draft: ToolDraft): void {
  if (draft.operations.length > LONGEST_LIST)
    throw new DescriptionError(
      `The tool ${draft.name} would have ${String(draft.operations.length)} operations, and a tool holds at most ${String(LONGEST_LIST)}. Group more finely with -group-by=path or -group-by=operation, or choose fewer with -include.`,
    )
  const [problem] = toolProblems(draft)
  if (problem) throw new DescriptionError(`The tool ${draft.name} cannot be written: ${summaryOf(problem)}`)
}
