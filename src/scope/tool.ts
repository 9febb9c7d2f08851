import { quote, ScopeError } from './error.ts'
import { isName } from './name.ts'

/** One HTTP operation a tool covers. */
export interface ToolOperation {
  readonly capability: string
  /** Upper case; matched exactly, HEAD is not implied by GET. */
  readonly method: string
  /** `/v1/invoices/{id}`: literal segments in decoded form, `{name}` for exactly one segment. */
  readonly path: string
  /** Query parameters that may be given; absent = any. `[]` = none. */
  readonly parameters?: readonly string[]
}

/** A tool as stored: `mcp/tools/<upstream>/<name>`. */
export interface Tool {
  readonly upstream: string
  /** `<resource>` or `<resource>/<qualifier>`. */
  readonly name: string
  readonly operations: readonly ToolOperation[]
  /** Response fields that may pass; absent or null = the whole response, `[]` = none of it. */
  readonly fields?: readonly string[] | null
  readonly mcp_tools?: readonly string[] | null
  readonly risk?: string | null
}

const capabilityByMethod: ReadonlyMap<string, string> = new Map([
  ['GET', 'read'],
  ['HEAD', 'read'],
  ['POST', 'create'],
  ['PUT', 'update'],
  ['PATCH', 'update'],
  ['DELETE', 'delete'],
])
const capabilities = ['create', 'read', 'update', 'delete', 'list']
const example = 'write for example "GET /v1/invoices/{id}"'
const maxPathLength = 1024

/** Where a tool stands in policies: `tools/stripe/customers/id-only`. */
export function toolPath(tool: Pick<Tool, 'upstream' | 'name'>): string {
  return `tools/${tool.upstream}/${tool.name}`
}

/** Whether a text is `<resource>` or `<resource>/<qualifier>`. */
export function isToolName(text: string): boolean {
  const segments = text.split('/')
  return segments.length <= 2 && segments.every(isName)
}

/** Reads `"GET /v1/invoices/{id}"` or `{capability?, method, path, parameters?}`. Throws `ScopeError`. */
export function parseOperation(value: unknown): ToolOperation {
  if (typeof value === 'string') return fromText(value)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ScopeError(`an operation must be a string or an object; ${example}.`)
  const { capability, method, path, parameters, ...rest } = value as Record<string, unknown>
  const unknown = Object.keys(rest)[0]
  if (unknown !== undefined)
    throw new ScopeError(
      `an operation has the unknown key ${quote(unknown)}; known are capability, method, path and parameters.`,
    )
  if (typeof method !== 'string' || typeof path !== 'string')
    throw new ScopeError('an operation needs method and path, for example {"method": "GET", "path": "/v1/invoices"}.')
  const operation = build(method, path)
  return {
    ...operation,
    ...(capability !== undefined && capability !== null && { capability: checkCapability(capability) }),
    ...(parameters !== undefined && parameters !== null && { parameters: checkParameters(parameters) }),
  }
}

function fromText(text: string): ToolOperation {
  const [, method, path] = /^\s*([A-Za-z]+)\s+(\S+)\s*$/.exec(text) ?? []
  if (method === undefined || path === undefined)
    throw new ScopeError(`operation ${quote(text)} is not a method and a path; ${example}.`)
  return build(method, path)
}

function build(method: string, path: string): ToolOperation {
  const upper = method.toUpperCase()
  const capability = capabilityByMethod.get(upper)
  if (capability === undefined)
    throw new ScopeError(
      `operation method ${quote(method)} is not one of ${[...capabilityByMethod.keys()].join(', ')}; ${example}.`,
    )
  checkPath(path)
  return { capability, method: upper, path }
}

function checkCapability(value: unknown): string {
  if (typeof value === 'string' && capabilities.includes(value)) return value
  throw new ScopeError(`operation capability ${quote(String(value))} is not one of ${capabilities.join(', ')}.`)
}

function checkParameters(value: unknown): string[] {
  const isList = Array.isArray(value) && value.every((name) => typeof name === 'string' && name !== '')
  if (!isList)
    throw new ScopeError(
      'operation parameters is a list of query parameter names, for example ["limit", "created[gte]"].',
    )
  return value as string[]
}

function checkPath(path: string): void {
  const fault = (problem: string) => new ScopeError(`operation path ${quote(path)} ${problem}; ${example}.`)
  if (path.length > maxPathLength) throw fault(`is longer than ${maxPathLength} characters`)
  if (!path.startsWith('/')) throw fault('does not begin with a slash')
  if (/[?#]/.test(path)) throw fault('holds a query or fragment; query parameters go into parameters')
  const names = new Set<string>()
  for (const segment of templateSegments(path)) {
    if (!isSafeSegment(segment)) throw fault('has an empty, "." or ".." segment, a backslash or a control character')
    const name = templateName(segment)
    if (name !== undefined && names.has(name)) throw fault(`names {${name}} twice`)
    if (name !== undefined) names.add(name)
    else if (/[{}]/.test(segment)) throw fault('has braces inside a segment; {name} stands for one whole segment')
    else if (segment.includes('*')) throw fault('has a "*"; {name} stands for one whole segment')
    else if (segment.includes('%')) throw fault('is percent-encoded; write it decoded')
  }
}

/** Segments of a template or concrete path; `/` has none. */
export function templateSegments(path: string): string[] {
  return path === '/' ? [] : path.slice(1).split('/')
}

/** `id` of `{id}`; `undefined` for a literal segment. */
export function templateName(segment: string): string | undefined {
  return /^\{([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(segment)?.[1]
}

/** Whether a decoded segment can stand in a path without changing the path's shape, in any server's reading. */
export function isSafeSegment(segment: string): boolean {
  return segment !== '' && segment !== '.' && segment !== '..' && !/[/\\\x00-\x1f\x7f]|\p{Surrogate}/u.test(segment)
}
