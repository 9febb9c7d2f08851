import { quote, ScopeError } from './error.ts'
import { operationMethods } from './method.ts'
import { isName } from './name.ts'
import { parseTemplate } from './template.ts'

/** One HTTP operation a tool covers. */
export interface ToolOperation {
  readonly capability: string
  /** Upper case; matched exactly, HEAD is not implied by GET. */
  readonly method: string
  /**
   * `/v1/invoices/{id}`: literal text in decoded form, `{name}` for one segment or a part of one, `{name...}` for one segment or more. A
   * slash at the end is part of it.
   */
  readonly path: string
  /** A body is passed on although the method usually has none (GET, OPTIONS). */
  readonly body?: boolean
  /** Query parameters that may be given; absent = any. `[]` = none. */
  readonly parameters?: readonly string[]
  /** Parameters that may not be given, in query or body: each a top-level name, in any spelling and with any value. */
  readonly denied_parameters?: readonly string[]
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

const capabilities = ['create', 'read', 'update', 'delete', 'list']
const example = 'write for example "GET /v1/invoices/{id}"'

/** Where a tool stands in policies: `tools/stripe/customers/id-only`. */
export function toolPath(tool: Pick<Tool, 'upstream' | 'name'>): string {
  return `tools/${tool.upstream}/${tool.name}`
}

/** Whether a text is `<resource>` or `<resource>/<qualifier>`. */
export function isToolName(text: string): boolean {
  const segments = text.split('/')
  return segments.length <= 2 && segments.every(isName)
}

/** Reads `"GET /v1/invoices/{id}"` or `{capability?, method, path, parameters?, denied_parameters?, body?}`. Throws `ScopeError`. */
export function parseOperation(value: unknown): ToolOperation {
  if (typeof value === 'string') return fromText(value)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ScopeError(`an operation must be a string or an object; ${example}.`)
  const {
    capability,
    method,
    path,
    parameters,
    denied_parameters: denied,
    body,
    ...rest
  } = value as Record<string, unknown>
  const unknown = Object.keys(rest)[0]
  if (unknown !== undefined)
    throw new ScopeError(
      `an operation has the unknown key ${quote(unknown)}; known are capability, method, path, parameters, denied_parameters and body.`,
    )
  if (typeof method !== 'string' || typeof path !== 'string')
    throw new ScopeError('an operation needs method and path, for example {"method": "GET", "path": "/v1/invoices"}.')
  return {
    ...build(method, path, capability ?? undefined),
    ...(isGiven(parameters) && { parameters: checkParameters(parameters) }),
    ...(isGiven(denied) && { denied_parameters: checkDenied(denied) }),
    ...(isGiven(body) && { body: checkBody(body, method) }),
  }
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null

function fromText(text: string): ToolOperation {
  const [, method, path] = /^\s*([A-Za-z]+)\s+(\S+)\s*$/.exec(text) ?? []
  if (method === undefined || path === undefined)
    throw new ScopeError(`operation ${quote(text)} is not a method and a path; ${example}.`)
  return build(method, path, undefined)
}

function build(method: string, path: string, written: unknown): ToolOperation {
  const upper = method.toUpperCase()
  const rule = operationMethods.get(upper)
  if (rule === undefined)
    throw new ScopeError(
      `operation method ${quote(method)} is not one of ${[...operationMethods.keys()].join(', ')}; ${example}.`,
    )
  parseTemplate(path)
  const capability = written === undefined ? rule.capability : checkCapability(written)
  if (capability === undefined)
    throw new ScopeError(
      `an operation with the method ${upper} must name its capability, for example {"capability": "update", "method": "${upper}", "path": "/files/{path...}"}.`,
    )
  return { capability, method: upper, path }
}

function checkBody(value: unknown, method: string): boolean {
  if (typeof value !== 'boolean') throw new ScopeError('operation body must be true or false.')
  const rule = operationMethods.get(method.toUpperCase())?.body
  if (value && rule === 'never') throw new ScopeError(`operation body: a ${method.toUpperCase()} request has none.`)
  if (!value && rule === 'usual')
    throw new ScopeError(`operation body: a body is always passed on with ${method.toUpperCase()}; leave body out.`)
  return value
}

function checkCapability(value: unknown): string {
  if (typeof value === 'string' && capabilities.includes(value)) return value
  throw new ScopeError(`operation capability ${quote(String(value))} is not one of ${capabilities.join(', ')}.`)
}

function checkDenied(value: unknown): string[] {
  // `expand[]` is a spelling of the parameter `expand`.
  if (!isNames(value) || value.some((name) => /[[\]]/.test(name)))
    throw new ScopeError(
      'operation denied_parameters is a list of parameter names without brackets, for example ["expand"].',
    )
  return value
}

const isNames = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((name) => typeof name === 'string' && name !== '')

function checkParameters(value: unknown): string[] {
  if (!isNames(value))
    throw new ScopeError(
      'operation parameters is a list of query parameter names, for example ["limit", "created[gte]"].',
    )
  return value
}
