/**
 * What an import needs of an OpenAPI 3 document: paths, methods, tags, servers and which parameters take several segments. Everything
 * else is passed over, so a reader of seven members does: parsers that check or dereference a whole document make hundreds of
 * megabytes of a large one, and most fetch what it refers to.
 */
import { z } from 'zod'
import { isObject } from '../document/index.ts'
import { NotImportable, resolved } from './reference.ts'
import type { JsonObject } from './reference.ts'

/** One operation, as the document has it. */
export interface DescribedOperation {
  /** Upper case. */
  readonly method: string
  readonly path: string
  readonly operationId: string | undefined
  readonly tags: readonly string[]
  readonly deprecated: boolean
  /** Path parameters that are said to take more than one segment. */
  readonly multiSegment: ReadonlySet<string>
  readonly hasBody: boolean
  /** Its own or its path's; undefined where the document's hold. */
  readonly servers: readonly ApiServer[] | undefined
}

export interface ApiServer {
  /** Undefined where the server's URL is relative to where the document was found. */
  readonly origin: string | undefined
  /** Without a slash at its end: `''`, `/api/v3`. */
  readonly path: string
}

/** What is left out, with the reason. */
export interface LeftOut {
  readonly operation: string
  readonly reason: string
}

export interface ApiDescription {
  readonly title: string
  readonly version: string
  readonly servers: readonly ApiServer[]
  readonly operations: readonly DescribedOperation[]
  readonly leftOut: readonly LeftOut[]
}

/** The whole document cannot be imported. Whole sentences. */
export class DescriptionError extends Error {}

const server = z.looseObject({
  url: z.string(),
  variables: z.record(z.string(), z.looseObject({ default: z.string() })).optional(),
})
const serverList = z.array(server).optional()
const pathItem = z.looseObject({ parameters: z.array(z.unknown()).optional(), servers: serverList })
const operationObject = z.looseObject({
  operationId: z.string().optional(),
  tags: z.array(z.string()).optional(),
  deprecated: z.boolean().optional(),
  parameters: z.array(z.unknown()).optional(),
  servers: serverList,
})
const parameterObject = z.looseObject({ name: z.string(), in: z.string() })

/** Fields of a path item that are operations; OpenAPI 3.2 has others under `additionalOperations`. */
const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace', 'query']

/** Reads a parsed document. Throws `DescriptionError`; what is wrong with one operation is told of that one. */
export function readDescription(document: unknown): ApiDescription {
  if (!isObject(document)) throw new DescriptionError('The document must be a JSON object.')
  checkVersion(document)
  const paths = document.paths ?? {}
  if (!isObject(paths)) throw new DescriptionError('paths of the document must be an object.')
  const servers = documentServers(document.servers)
  const info = isObject(document.info) ? document.info : {}
  const operations: DescribedOperation[] = []
  const leftOut: LeftOut[] = []
  for (const [path, item] of Object.entries(paths)) {
    if (path.startsWith('x-')) continue
    attempt(leftOut, `every method of ${path}`, () => {
      const found = resolved(document, item)
      // What stands beside a reference comes first (OpenAPI 3.1, 4.8.9.1).
      const whole = { ...found, ...(item as JsonObject), $ref: undefined }
      for (const [method, operation] of operationsOf(whole))
        attempt(leftOut, nameOf(method, path, operation), () => {
          operations.push(describe(document, path, whole, method, operation))
        })
    })
  }
  if (operations.length + leftOut.length === 0) throw new DescriptionError('The document has no operations.')
  return {
    title: textOf(info.title) ?? 'untitled',
    version: textOf(info.version) ?? '',
    servers,
    operations,
    leftOut,
  }
}

/** How an operation is called in lists: with its id, where it has one. */
export const operationName = ({ method, path, operationId }: NamedOperation): string =>
  operationId === undefined ? `${method} ${path}` : `${method} ${path} (${operationId})`

type NamedOperation = Pick<DescribedOperation, 'method' | 'path' | 'operationId'>

function nameOf(method: string, path: string, operation: unknown): string {
  return operationName({ method, path, operationId: isObject(operation) ? textOf(operation.operationId) : undefined })
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

function checkVersion(document: JsonObject): void {
  if (document.swagger !== undefined)
    throw new DescriptionError(
      `The document is Swagger ${JSON.stringify(document.swagger)}; convert it to OpenAPI 3 first, for example with: npx swagger2openapi`,
    )
  if (typeof document.openapi !== 'string' || !/^3\.\d/.test(document.openapi))
    throw new DescriptionError('The document is not OpenAPI 3: it has no member openapi such as "3.1.0".')
}

function documentServers(value: unknown): readonly ApiServer[] {
  try {
    return serversOf(value) ?? [{ origin: undefined, path: '' }]
  } catch (error) {
    if (error instanceof NotImportable) throw new DescriptionError(`The document cannot be used: ${error.message}.`)
    throw error
  }
}

function attempt(leftOut: LeftOut[], operation: string, read: () => void): void {
  try {
    read()
  } catch (error) {
    if (!(error instanceof NotImportable)) throw error
    leftOut.push({ operation, reason: error.message })
  }
}

function* operationsOf(item: JsonObject): Generator<[string, unknown]> {
  for (const method of methods) if (Object.hasOwn(item, method)) yield [method.toUpperCase(), item[method]]
  if (isObject(item.additionalOperations)) yield* Object.entries(item.additionalOperations)
}

function describe(
  document: JsonObject,
  path: string,
  item: JsonObject,
  method: string,
  value: unknown,
): DescribedOperation {
  const around = checked(pathItem, item)
  const operation = checked(operationObject, resolved(document, value))
  const own = serversOf(operation.servers ?? around.servers)
  return {
    method,
    path,
    operationId: textOf(operation.operationId),
    tags: operation.tags ?? [],
    deprecated: operation.deprecated === true,
    multiSegment: multiSegmentNames(document, [...(around.parameters ?? []), ...(operation.parameters ?? [])]),
    hasBody: operation.requestBody !== undefined,
    servers: own,
  }
}

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const { success, data, error } = schema.safeParse(value)
  if (success) return data
  const [issue] = error.issues
  throw new NotImportable(`its ${issue?.path.join('.') ?? ''} is not as OpenAPI has it`)
}

/** `allowReserved` is defined for a path's parameters by OpenAPI 3.2 only, and used before; the other is GitHub's word for it. */
function multiSegmentNames(document: JsonObject, parameters: readonly unknown[]): ReadonlySet<string> {
  const named = new Map<string, boolean>()
  for (const value of parameters) {
    const parameter = checked(parameterObject, resolved(document, value))
    if (parameter.in === 'path')
      named.set(parameter.name, parameter.allowReserved === true || parameter['x-multi-segment'] === true)
  }
  return new Set([...named].flatMap(([name, several]) => (several ? [name] : [])))
}

function serversOf(value: unknown): readonly ApiServer[] | undefined {
  const list = checked(serverList, value)
  return list === undefined || list.length === 0 ? undefined : list.map(readServer)
}

function readServer({ url, variables }: z.output<typeof server>): ApiServer {
  const filled = url.replace(/\{([^{}]*)\}/g, (whole, name: string) => variables?.[name]?.default ?? whole)
  if (/[{}]/.test(filled)) throw new NotImportable(`its server ${JSON.stringify(url)} has a variable without a default`)
  const isAbsolute = /^[a-z][a-z0-9+.-]*:\/\//i.test(filled)
  if (isAbsolute && !URL.canParse(filled)) throw new NotImportable(`its server ${JSON.stringify(url)} is not a URL`)
  const path = isAbsolute ? filled.replace(/^[^/]*\/\/[^/]*/, '') : `/${filled.replace(/^\/+/, '')}`
  if (/[?#]/.test(path)) throw new NotImportable(`its server ${JSON.stringify(url)} has no fixed path`)
  // Looking behind, so that a long run of slashes in the middle is read once and not from each of them.
  return { origin: isAbsolute ? new URL(filled).origin : undefined, path: path.replace(/(?<!\/)\/+$/, '') }
}
