/** What an import would change in the tools of an upstream. */
import { operationMethods } from '../scope/index.ts'
import type { Tool, ToolOperation } from '../scope/index.ts'
import { shapeOf } from './imported-operation.ts'
import { riskLevels, scopesOf } from './tool-draft.ts'
import type { RiskLevel, ToolDraft } from './tool-draft.ts'

export interface ProposedTool {
  readonly name: string
  readonly change: 'create' | 'update' | 'none'
  readonly risk: RiskLevel
  /** Null where there was none. */
  readonly risk_before: string | null
  /** All it will have, as they are written. */
  readonly operations: readonly unknown[]
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly scopes: readonly string[]
}

export interface ToolPlan {
  readonly tools: readonly ProposedTool[]
  /** Tools of the upstream that the import says nothing about. */
  readonly others: readonly string[]
}

/**
 * Each draft beside the tool of its name. What an operator set on an operation that stays (capability, parameters, denied ones, body) stays with it,
 * and so does a tool's risk unless `setsRisk`: an import never widens in silence what was narrowed by hand.
 */
export function planTools(
  drafts: readonly ToolDraft[],
  standing: ReadonlyMap<string, Tool>,
  setsRisk: boolean,
): ToolPlan {
  const names = new Set(drafts.map(({ name }) => name))
  return {
    tools: drafts.map((draft) => planTool(draft, standing.get(draft.name), setsRisk)),
    others: [...standing.keys()].filter((name) => !names.has(name)),
  }
}

function planTool(draft: ToolDraft, before: Tool | undefined, setsRisk: boolean): ProposedTool {
  const stood = new Map((before?.operations ?? []).map((operation) => [shapeOf(operation), operation]))
  const wanted = new Set(draft.operations.map(shapeOf))
  const operations = draft.operations.map((operation) => stood.get(shapeOf(operation)) ?? operation)
  const risk = setsRisk ? draft.risk : (riskLevels.find((level) => level === before?.risk) ?? draft.risk)
  const added = draft.operations.filter((operation) => !stood.has(shapeOf(operation))).map(operationText)
  const removed = [...stood].filter(([shape]) => !wanted.has(shape)).map(([, operation]) => operationText(operation))
  const isSame = before !== undefined && added.length + removed.length === 0 && before.risk === risk
  return {
    name: draft.name,
    change: before === undefined ? 'create' : isSame ? 'none' : 'update',
    risk,
    risk_before: before?.risk ?? null,
    operations: operations.map(writtenOperation),
    added,
    removed,
    scopes: scopesOf({ ...draft, operations }),
  }
}

export const operationText = ({ method, path }: Pick<ToolOperation, 'method' | 'path'>): string => `${method} ${path}`

/** The shortest spelling that the engine reads the same; a text has no room for spaces. */
export function writtenOperation(operation: ToolOperation): unknown {
  const { capability, method, path, ...more } = operation
  const isUsual = operationMethods.get(method)?.capability === capability
  if (isUsual && Object.keys(more).length === 0 && !/\s/.test(path)) return operationText(operation)
  return { method, path, ...(!isUsual && { capability }), ...more }
}
