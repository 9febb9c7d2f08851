/** Finds for recorded calls the operations that they were. */
import { operationMethods, parseOperation, ScopeError, scopeCovered, scopeText, toolPath } from '../scope/index.ts'
import type { Tool, ToolOperation } from '../scope/index.ts'
import { covers, fits } from './coverage.ts'
import type { GrantedTool, UsedCall } from './coverage.ts'
import { shapeOf } from './imported-operation.ts'
import { patternOf, templateOf } from './narrowed.ts'
import { mayMeet } from './overlap.ts'
import type { RecordedCall } from './recorded-call.ts'

export interface FoundCalls {
  readonly used: readonly UsedCall[]
  readonly leftOut: readonly { readonly call: RecordedCall; readonly reason: string }[]
}

/** `tools` are those that stand, of every upstream in the records; `declared` is what the agent has now, null = not set. */
export function findCalls(
  calls: readonly RecordedCall[],
  tools: readonly Tool[],
  declared: readonly string[] | null,
): FoundCalls {
  const byName = new Map(tools.map((tool) => [nameOf(tool), tool]))
  const used: UsedCall[] = []
  const leftOut: { call: RecordedCall; reason: string }[] = []
  for (const call of calls) {
    const found = call.tools.length === 0 ? withoutTool(call) : ofTools(call, byName, declared)
    if (typeof found === 'string') leftOut.push({ call, reason: found })
    else used.push(found)
  }
  return { used, leftOut }
}

const withoutPath = ({ segments: _segments, ...call }: RecordedCall): RecordedCall => call

const nameOf = ({ upstream, name }: Tool): string => `${upstream}/${name}`

/** A sentence's end where there is none. */
function ofTools(
  written: RecordedCall,
  byName: ReadonlyMap<string, Tool>,
  declared: readonly string[] | null,
): UsedCall | string {
  const wanted = shapeOf({ method: written.method, path: written.endpoint })
  const standing = [...new Set(written.tools)].flatMap((name) => byName.get(name) ?? [])
  const source = standing
    .map((tool) => ({ tool, operation: tool.operations.find((one) => shapeOf(one) === wanted) }))
    .find(({ operation }) => operation !== undefined)
  if (source?.operation === undefined)
    return `${written.tools.join(' and ')} no longer ${written.tools.length === 1 ? 'has' : 'have'} this operation`
  const { tool, operation } = source
  // Redaction may have made another path of it.
  if (written.segments && !fits(operation, written.segments)) return ofTools(withoutPath(written), byName, declared)
  const call = written
  const ways = [operation, ...certainly(call, tool, operation)].map(({ capability }) => [capability])
  // One of them would have sufficed for a call that was refused.
  const others = call.refused ? [] : standing.filter((one) => one !== tool)
  const granted = [{ tool, ways }, ...others.map((one) => grantedBy(one, call, operation, declared))]
  const lists = granted.map((one) => one.tool.fields ?? null)
  const fields = lists.includes(null) ? null : [...new Set(lists.flatMap((list) => list ?? []))]
  const also = granted.flatMap((one) => certainly(call, one.tool, operation))
  const exact =
    call.refused || granted.every((one) => timesOf(call, one.tool) === meeting(one.tool, call, operation).length)
  return { call, operation, also, exact, granted, fields }
}

/** What another tool granted it by: what it certainly was, else whatever it may have been and the agent may do. */
function grantedBy(
  tool: Tool,
  call: RecordedCall,
  operation: ToolOperation,
  declared: readonly string[] | null,
): GrantedTool {
  const certain = certainly(call, tool, operation)
  if (certain.length > 0) return { tool, ways: certain.map(({ capability }) => [capability]) }
  const possible = [...new Set(meeting(tool, call, operation).map(({ capability }) => capability))]
  const held = possible.filter(
    (capability) => declared === null || scopeCovered(declared, scopeText(capability, toolPath(tool))),
  )
  return { tool, ways: [held.length > 0 ? held : possible] }
}

/** Operations of a tool that the call may have been. */
const meeting = (tool: Tool, { segments }: RecordedCall, { method, path }: ToolOperation): readonly ToolOperation[] =>
  tool.operations.filter((one) => one.method === method && (segments ? fits(one, segments) : mayMeet(one.path, path)))

const timesOf = (call: RecordedCall, tool: Tool): number => call.tools.filter((name) => name === nameOf(tool)).length

/** Those it was without doubt: a record names a tool once for each, and what takes every path of the template took this one. */
function certainly(call: RecordedCall, tool: Tool, operation: ToolOperation): readonly ToolOperation[] {
  if (call.refused) return []
  const all = meeting(tool, call, operation)
  return timesOf(call, tool) === all.length
    ? all
    : all.filter((one) => takesAnyParameters(one) && covers(one.path, operation.path))
}

const takesAnyParameters = ({ parameters, denied_parameters: denied }: ToolOperation): boolean =>
  parameters === undefined && denied === undefined

/** What looks like data in a refused call's path becomes a parameter. */
function withoutTool(call: RecordedCall): UsedCall | string {
  if (operationMethods.get(call.method)?.capability === undefined)
    return `no capability follows from ${call.method}; declare the operation by hand`
  const path = templateOf(call.segments ? patternOf(call.segments) : call.endpoint.slice(1).split('/'))
  try {
    const operation = parseOperation({ method: call.method, path })
    return { call, operation, also: [], exact: true, granted: [], fields: null }
  } catch (error) {
    if (error instanceof ScopeError) return error.message
    throw error
  }
}
