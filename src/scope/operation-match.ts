import { isSafeSegment, templateName, templateSegments } from './tool.ts'
import type { Tool, ToolOperation } from './tool.ts'

/** One operation of one tool that a call can be. */
export interface ToolMatch {
  readonly tool: Tool
  readonly operation: ToolOperation
  /** Decoded segments by template name, in the order of the template. */
  readonly params: ReadonlyMap<string, string>
}

/**
 * Every operation of every tool whose method and template fit. `segments` are the call's path, split and decoded; one
 * that could change the path's shape fits nothing. Query parameters are not looked at here.
 */
export function matchOperations(tools: readonly Tool[], method: string, segments: readonly string[]): ToolMatch[] {
  if (!segments.every(isSafeSegment)) return []
  return tools.flatMap((tool) =>
    tool.operations.flatMap((operation) => {
      const params = operation.method === method ? fit(templateOf(operation), segments) : undefined
      return params ? [{ tool, operation, params }] : []
    }),
  )
}

/**
 * Every tool whose operation some server may take the call for: in any case, Unicode form and trailing punctuation of its
 * segments, with an empty last one, and with an encoded slash as a separator. What is denied is denied in every reading.
 */
export function matchReadings(tools: readonly Tool[], method: string, segments: readonly string[]): ToolMatch[] {
  const read = segments
    .flatMap((segment) => segment.split('/'))
    .map(foldSegment)
    .filter((segment) => segment !== '')
  return tools.flatMap((tool) =>
    tool.operations.flatMap((operation) => {
      if (operation.method !== method) return []
      const template = templateOf(operation)
      const fits =
        template.length === read.length &&
        template.every(({ folded, name }, at) => name !== undefined || folded === read[at])
      return fits ? [{ tool, operation, params: new Map<string, string>() }] : []
    }),
  )
}

/** Windows servers drop dots and spaces at the end of a name; IIS, Express and many routers tell no cases apart. */
const foldSegment = (segment: string): string =>
  segment
    .normalize('NFKC')
    .toUpperCase()
    .toLowerCase()
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    .replace(/[\s.]+$/, '')

interface TemplatePart {
  /** As `foldSegment` has it. */
  readonly folded: string

  readonly text: string
  readonly name: string | undefined
}

function fit(template: readonly TemplatePart[], segments: readonly string[]): Map<string, string> | undefined {
  if (template.length !== segments.length) return undefined
  if (!template.every(({ text, name }, at) => name !== undefined || text === segments[at])) return undefined
  const params = new Map<string, string>()
  for (const [at, { name }] of template.entries()) if (name !== undefined) params.set(name, segments[at] ?? '')
  return params
}

/** A call is held against every operation of its upstream, so templates are taken apart once per operation. */
function templateOf(operation: ToolOperation): readonly TemplatePart[] {
  const known = templates.get(operation)
  if (known) return known
  const template = templateSegments(operation.path).map((text) => ({
    text,
    folded: foldSegment(text),
    name: templateName(text),
  }))
  templates.set(operation, template)
  return template
}

const templates = new WeakMap<ToolOperation, readonly TemplatePart[]>()

/**
 * The outgoing path, built from the template alone: parameters are percent-encoded whole, literal segments as far as
 * RFC 3986 asks for it. Throws `RangeError` when a parameter is missing or unsafe, which a `ToolMatch` never has.
 */
export function renderPath(operation: Pick<ToolOperation, 'path'>, params: ReadonlyMap<string, string>): string {
  const segments = templateSegments(operation.path).map((part) => {
    const name = templateName(part)
    if (name === undefined) return encodeURIComponent(part).replace(/%(?:3A|40|24|26|2B|2C|3B|3D)/g, decodeURIComponent)
    const value = params.get(name)
    if (value === undefined || !isSafeSegment(value))
      throw new RangeError(`no usable value for {${name}} of ${operation.path}`)
    return encodeURIComponent(value)
  })
  return `/${segments.join('/')}`
}
