import { OperationTree } from './operation-tree.ts'
import type { ToolMatch } from './operation-tree.ts'
import { readingsOf } from './reading.ts'
import { encodeSegment, isSafeSegment, parseTemplate } from './template.ts'
import type { TemplatePart } from './template.ts'
import type { Tool, ToolOperation } from './tool.ts'

export type { ToolMatch } from './operation-tree.ts'

/**
 * Every operation of every tool whose method and template fit, in the order of the list. `segments` are the call's path, split and
 * decoded, the last one empty where it ends in a slash; one that could change the path's shape fits nothing. A slash in a segment was
 * an encoded one: with `slashIsData` it is a character like others, else only a `{name...}` may hold it, which takes it either way.
 * Query parameters are not looked at here.
 */
export function matchOperations(
  tools: readonly Tool[],
  method: string,
  segments: readonly string[],
  slashIsData = false,
): readonly ToolMatch[] {
  if (!isSafePath(segments)) return []
  const found: Ends = []
  treesOf(tools).get(method)?.find(segments, slashIsData, found)
  return inOrder(found)
}

/**
 * Every tool whose operation some server may take the call for: in any case, Unicode form and trailing punctuation of its segments, with
 * and without an empty last one, with an encoded slash as a separator or a character, decoded once more, and without path parameters.
 * What is denied is denied in every reading. A server may answer HEAD by its GET.
 */
export function matchReadings(
  tools: readonly Tool[],
  method: string,
  segments: readonly string[],
): readonly ToolMatch[] {
  const found: Ends = []
  const trees = treesOf(tools)
  const readings = readingsOf(segments)
  for (const name of method === 'HEAD' ? ['HEAD', 'GET'] : [method]) {
    const tree = trees.get(name)
    if (tree) for (const reading of readings) tree.findReading(reading, found)
  }
  return inOrder(found)
}

type Ends = Parameters<OperationTree['find']>[2]

function inOrder(found: Ends): readonly ToolMatch[] {
  if (!isOrdered(found)) found.sort((a, b) => a.order - b.order)
  const matches: ToolMatch[] = []
  for (const { match } of found) if (matches.at(-1) !== match) matches.push(match)
  return matches
}

function isOrdered(found: Ends): boolean {
  for (let at = 1; at < found.length; at++) if (found[at - 1]!.order > found[at]!.order) return false
  return true
}

function isSafePath(segments: readonly string[]): boolean {
  for (let at = 0; at < segments.length; at++)
    if (!isSafeSegment(segments[at]!, at > 0 && at === segments.length - 1)) return false
  return true
}

type Trees = ReadonlyMap<string, OperationTree>

/** By method. Built once for each list: it is replaced as a whole when a tool changes. */
function treesOf(tools: readonly Tool[]): Trees {
  const known = trees.get(tools)
  if (known) return known
  const byMethod = new Map<string, ConstructorParameters<typeof OperationTree>[0][number][]>()
  let order = 0
  for (const tool of tools)
    for (const operation of tool.operations) {
      const same = byMethod.get(operation.method) ?? []
      same.push({ end: { order: order++, match: { tool, operation } }, parts: templateOf(operation) })
      byMethod.set(operation.method, same)
    }
  const built: Trees = new Map([...byMethod].map(([method, operations]) => [method, new OperationTree(operations)]))
  trees.set(tools, built)
  return built
}

const trees = new WeakMap<readonly Tool[], Trees>()

/** Templates are taken apart once per operation. */
function templateOf(operation: Pick<ToolOperation, 'path'>): readonly TemplatePart[] {
  const known = templates.get(operation)
  if (known) return known
  const template = parseTemplate(operation.path)
  templates.set(operation, template)
  return template
}

const templates = new WeakMap<Pick<ToolOperation, 'path'>, readonly TemplatePart[]>()

/**
 * The outgoing path, built from the template: what a parameter takes whole goes out as `spelled` has it, all else as the template
 * says, encoded as far as RFC 3986 asks for it. Throws `RangeError` for segments that do not fit the template, which a match's do.
 */
export function renderPath(
  operation: Pick<ToolOperation, 'path'>,
  segments: readonly string[],
  spelled: readonly string[] = segments.map(encodeSegment),
): string {
  const parts = templateOf(operation)
  const extra = segments.length - parts.length
  if (segments.length !== spelled.length || !isSafePath(segments) || extra < 0 || (extra > 0 && !parts.some(isRest)))
    throw new RangeError(`the path does not fit ${operation.path}`)
  let path = ''
  let at = 0
  for (const part of parts)
    for (const end = at + (isRest(part) ? extra : 0); at <= end; at++)
      path += `/${segmentOf(part, segments[at]!, spelled[at]!)}`
  return path === '' ? '/' : path
}

const isRest = ({ kind }: TemplatePart): boolean => kind === 'rest'

function segmentOf(part: TemplatePart, segment: string, spelled: string): string {
  if (part.kind === 'literal') return part.encoded
  if (segment === '') throw new RangeError('a parameter of the path is empty')
  // Its literal text may have been spelled in a way that a server takes for part of a parameter.
  return part.kind === 'mixed' ? encodeSegment(segment) : spelled
}
