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
  return tools.flatMap((tool) => tool.operations.flatMap((operation) => {
    const params = operation.method === method ? fit(operation.path, segments) : undefined
    return params ? [{ tool, operation, params }] : []
  }))
}

function fit(path: string, segments: readonly string[]): Map<string, string> | undefined {
  const template = templateSegments(path)
  if (template.length !== segments.length) return undefined
  const params = new Map<string, string>()
  for (const [at, part] of template.entries()) {
    const name = templateName(part)
    const given = segments[at] ?? ''
    if (name !== undefined) params.set(name, given)
    else if (part !== given) return undefined
  }
  return params
}

/**
 * The outgoing path, built from the template alone: parameters are percent-encoded whole, literal segments as far as
 * RFC 3986 asks for it. Throws `RangeError` when a parameter is missing or unsafe, which a `ToolMatch` never has.
 */
export function renderPath(operation: Pick<ToolOperation, 'path'>, params: ReadonlyMap<string, string>): string {
  const segments = templateSegments(operation.path).map((part) => {
    const name = templateName(part)
    if (name === undefined) return encodeURIComponent(part).replace(/%(?:3A|40|24|26|2B|2C|3B|3D)/g, decodeURIComponent)
    const value = params.get(name)
    if (value === undefined || !isSafeSegment(value)) throw new RangeError(`no usable value for {${name}} of ${operation.path}`)
    return encodeURIComponent(value)
  })
  return `/${segments.join('/')}`
}
