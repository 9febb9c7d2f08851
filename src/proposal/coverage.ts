/** Whether scopes and tools let a recorded call through as it was: the one question that a suggestion is built, cut and checked by. */
import { fitsTexts, matchOperations, parseTemplate, scopeCovered, scopeText, toolPath } from '../scope/index.ts'
import type { TemplatePart, Tool, ToolOperation } from '../scope/index.ts'
import type { RecordedCall } from './recorded-call.ts'

/** A recorded call with what is known of it. */
export interface UsedCall {
  readonly call: RecordedCall
  /** What it was: an operation of a tool, or one that no tool has yet. */
  readonly operation: ToolOperation
  /** Operations of those tools that it was, too. */
  readonly also: readonly ToolOperation[]
  /** The record tells all operations that it was. */
  readonly exact: boolean
  /** The tools that let it through, by how they did: the first is the one `operation` is of. */
  readonly granted: readonly GrantedTool[]
  /** What passed of the response; null = all. */
  readonly fields: readonly string[] | null
}

export interface GrantedTool {
  readonly tool: Tool
  /** Capabilities by which it did: any of the lists suffices. Of one with several, the record leaves open which it was. */
  readonly ways: readonly (readonly string[])[]
}

const scopesFor = (tool: Tool, capabilities: readonly string[]): readonly string[] =>
  capabilities.map((capability) => scopeText(capability, toolPath(tool)))

/** Scopes by which it would let the call through again. */
export const scopesOfGrant = ({ tool, ways: [first = []] }: GrantedTool): readonly string[] => scopesFor(tool, first)

export interface ProposedGrant {
  readonly scopes: readonly string[]
  /** New, or in place of those of their names. */
  readonly tools: readonly Tool[]
}

/** True only where it is certain: from a template alone it may not be known which other template its calls fit. */
export function letsThrough({ scopes, tools }: ProposedGrant, used: UsedCall): boolean {
  const replaced = new Set(tools.map(toolPath))
  const standing = used.granted.filter(({ tool }) => !replaced.has(toolPath(tool)))
  const proposed = tools
    .filter(({ upstream }) => upstream === used.call.upstream)
    .flatMap((tool) =>
      tool.operations.filter((one) => takes(one, used)).map(({ capability }) => ({ tool, ways: [[capability]] })),
    )
  const passing = [...standing, ...proposed].filter(({ tool, ways }) =>
    ways.some((way) => scopesFor(tool, way).every((scope) => scopeCovered(scopes, scope))),
  )
  return (
    passing.length > 0 &&
    isWide(
      passing.map(({ tool }) => tool.fields ?? null),
      used.fields,
    )
  )
}

/** Whether the united fields show what was seen. */
function isWide(lists: readonly (readonly string[] | null)[], seen: readonly string[] | null): boolean {
  return showsAll(lists.includes(null) ? null : lists.flatMap((list) => list ?? []), seen)
}

/** Whether fields (null = all) have those of another list among them. */
export const showsAll = (wide: readonly string[] | null, fields: readonly string[] | null): boolean =>
  wide === null || (fields !== null && fields.every((field) => wide.includes(field)))

function takes(one: ToolOperation, { call: { segments }, operation, also }: UsedCall): boolean {
  if (also.includes(one)) return true
  return (
    one.method === operation.method &&
    (one.parameters === undefined || sameList(one.parameters, operation.parameters)) &&
    (one.denied_parameters === undefined || sameList(one.denied_parameters, operation.denied_parameters)) &&
    (one.body ?? false) === (operation.body ?? false) &&
    (segments ? fits(one, segments) : covers(one.path, operation.path))
  )
}

/** Whether a path is one of the operation's. An encoded slash is taken for a character: a call that was let through had it as one. */
export const fits = (operation: ToolOperation, segments: readonly string[]): boolean =>
  matchOperations([{ upstream: '', name: '', operations: [operation] }], operation.method, segments, true).length > 0

const sameList = (a: readonly string[], b: readonly string[] | undefined): boolean =>
  b !== undefined && a.length === b.length && a.every((item) => b.includes(item))

/** Whether every path of the second template fits the first, where that is plain. */
export function covers(wide: string, narrow: string): boolean {
  if (wide === narrow) return true
  const [a, b] = [parseTemplate(wide), parseTemplate(narrow)]
  const [restA, restB] = [restOf(a), restOf(b)]
  if (restA < 0) return restB < 0 && a.length === b.length && a.every((part, at) => partCovers(part, b[at]!))
  const tail = a.length - restA - 1
  const before = restB < 0 ? b.length - tail - 1 : restB
  const behind = restB < 0 ? tail : b.length - restB - 1
  if (before < restA || behind < tail) return false
  return a.every((part, at) => at === restA || partCovers(part, at < restA ? b[at]! : b[b.length - (a.length - at)]!))
}

const restOf = (parts: readonly TemplatePart[]): number => parts.findIndex(({ kind }) => kind === 'rest')

function partCovers(wide: TemplatePart, narrow: TemplatePart): boolean {
  if (narrow.kind === 'rest') return false
  if (wide.kind === 'parameter') return narrow.kind !== 'literal' || narrow.text !== ''
  if (wide.kind === 'literal') return narrow.kind === 'literal' && narrow.text === wide.text
  if (wide.kind !== 'mixed') return false
  if (narrow.kind === 'literal') return fitsTexts(wide.texts, narrow.text)
  return narrow.kind === 'mixed' && wide.texts.join('{}') === narrow.texts.join('{}')
}

/** Whether the agent's scopes and the tools are already what is proposed. */
export function isInForce(
  { scopes, tools, kept }: ProposedGrant & { readonly kept: readonly string[] },
  declared: readonly string[] | null,
): boolean {
  const wanted = new Set([...scopes, ...kept])
  return tools.length === 0 && declared?.length === wanted.size && declared.every((scope) => wanted.has(scope))
}
