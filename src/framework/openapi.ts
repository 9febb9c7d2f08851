/**
 * OpenAPI 3.0.2 of an engine, out of the same declarations that route its requests. The shape is the part of the standard that
 * Vault's hosts decode from a plugin's help response: they reject the document of the WHOLE server over one member of another type.
 * Schemas describe what lies in `data` of Vault's envelope. https://spec.openapis.org/oas/v3.0.2
 */
import type { FieldSchema, FieldType, Fields } from './field.ts'
import type { Operations, PathDef } from './path.ts'
import type {
  OpenApiContent,
  OpenApiDocument,
  OpenApiInfo,
  OpenApiOperation,
  OpenApiParameter,
  OpenApiPathItem,
  OpenApiSchema,
} from './openapi-document.ts'
import { pageFields } from './paging.ts'
import { matchesSpecial, segmentsOf } from './pattern.ts'

export interface OpenApiOptions {
  readonly info: OpenApiInfo
  /** First word of operation and schema names, so that engines of several types share one document: the mount's type. */
  readonly prefix?: string
  readonly tag?: string
  /** Paths that need no token, as `SpecialPaths` has them. */
  readonly unauthenticated?: readonly string[]
}

type Verb = keyof Operations<never>
interface Part {
  readonly paths: Record<string, OpenApiPathItem>
  readonly schemas: Record<string, OpenApiSchema>
}

export function openApiDocument(paths: readonly PathDef[], options: OpenApiOptions): OpenApiDocument {
  const part: Part = { paths: {}, schemas: {} }
  for (const path of paths) addPath(part, path, options)
  return { openapi: '3.0.2', info: options.info, paths: part.paths, components: { schemas: part.schemas } }
}

/**
 * The same for a help response. Vault's and OpenBao's decoder of plugins' documents knows a reference by the name of its Go field and
 * drops `$ref`, so that every schema would come out empty: there each has both. The standard ignores what stands beside a `$ref`.
 */
export function toHelpDocument(document: OpenApiDocument): OpenApiDocument {
  return mapReferences(document, ($ref) => ({ $ref, ref: $ref }))
}

/** Takes back what `toHelpDocument` added. */
export function fromHelpDocument(document: OpenApiDocument): OpenApiDocument {
  return mapReferences(document, ($ref) => ({ $ref }))
}

function mapReferences(document: OpenApiDocument, reference: ($ref: string) => object): OpenApiDocument {
  const target = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && '$ref' in value ? value.$ref : undefined
  return JSON.parse(JSON.stringify(document), (_key, value: unknown) => {
    const $ref = target(value)
    return typeof $ref === 'string' ? reference($ref) : value
  }) as OpenApiDocument
}

/** `agents/:id/scopes/` → `agents/{id}/scopes` */
const template = (pattern: string): string =>
  segmentsOf(pattern)
    .map((segment) => segment.replace(/^:(\w+)(?:\.\.\.)?$/, '{$1}'))
    .join('/')

/** Two patterns may share a path; of an operation both have, the first one serves. */
function addPath(part: Part, path: PathDef, options: OpenApiOptions): void {
  const at = `/${template(path.pattern)}`
  const verbs = (['read', 'write', 'patch', 'delete'] as const).filter((verb) => path.operations[verb])
  if (verbs.length > 0) {
    const methods = verbs.map((verb) => [methodOf[verb], operation(part, path, verb, options)])
    part.paths[at] = {
      ...pathItem(path, at, options),
      ...(path.exists && path.operations.write && { 'x-vault-createSupported': true }),
      ...(Object.fromEntries(methods) as object),
      ...part.paths[at],
    }
  }
  if (path.operations.list) {
    const collection = at.endsWith('/') ? at : `${at}/`
    part.paths[collection] = {
      ...pathItem(path, at, options),
      get: operation(part, path, 'list', options),
      ...part.paths[collection],
    }
  }
}

const methodOf = { read: 'get', write: 'post', patch: 'patch', delete: 'delete' } as const

function pathItem(path: PathDef, at: string, options: OpenApiOptions): OpenApiPathItem {
  const captured = capturesOf(path).map((name): OpenApiParameter => {
    const field = path.fields[name] ?? { type: 'string', description: '', example: undefined }
    return {
      name,
      description: field.description,
      in: 'path',
      required: true,
      schema: { ...valueSchema(field), ...exampleOf(field) },
    }
  })
  return {
    description: `${path.synopsis} ${path.description}`,
    ...(captured.length > 0 && { parameters: captured }),
    ...(path.sudo && { 'x-vault-sudo': true }),
    ...(matchesSpecial(options.unauthenticated ?? [], at.slice(1)) && { 'x-vault-unauthenticated': true }),
  }
}

const capturesOf = (path: PathDef): string[] =>
  [...template(path.pattern).matchAll(/\{(\w+)\}/g)].map(([, name]) => name!)

function operation(part: Part, path: PathDef, verb: Verb, options: OpenApiOptions): OpenApiOperation {
  const words = `${options.prefix ?? ''} ${verb} ${template(path.pattern)}`
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '')
  const operationId = words.join('-').toLowerCase()
  const name = words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('')
  const body = verb === 'write' || verb === 'patch' ? bodySchema(path) : undefined
  if (body) part.schemas[`${name}Request`] = body
  const parameters = queryParameters(path, verb)
  return {
    summary: path.synopsis,
    operationId,
    tags: [options.tag ?? 'secrets'],
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { ...(body.required && { required: true }), content: jsonOf(`${name}Request`) } }),
    responses: responsesOf(part, path, verb, `${name}Response`),
  }
}

const jsonOf = (schema: string): OpenApiContent => ({
  'application/json': { schema: { $ref: `#/components/schemas/${schema}` } },
})

/** What may be given and is not in the URL, by name. */
function givenFields(path: PathDef): [string, FieldSchema][] {
  const captured = capturesOf(path)
  return Object.entries(path.fields).filter(([name, field]) => !captured.includes(name) && !field.computed)
}

function bodySchema(path: PathDef): OpenApiSchema | undefined {
  const given = givenFields(path)
  if (given.length === 0) return path.takes_arbitrary_input ? { type: 'object' } : undefined
  const required = given
    .filter(([, field]) => field.required)
    .map(([name]) => name)
    .sort()
  return {
    type: 'object',
    properties: Object.fromEntries(given.map(([name, field]) => [name, fieldSchema(field)])),
    ...(required.length > 0 && { required }),
  }
}

/** Reads and lists are asked by query parameters; where a path is also written, its fields are those of the body. */
function queryParameters(path: PathDef, verb: Verb): OpenApiParameter[] {
  if (verb !== 'read' && verb !== 'list') return []
  const requested =
    path.operations.write || path.operations.patch
      ? []
      : givenFields(path).map(([name, field]) => queryParameter(name, field))
  const list: OpenApiParameter = {
    name: 'list',
    description: 'Must be set to `true`',
    in: 'query',
    required: true,
    schema: { type: 'string', enum: ['true'] },
  }
  const known = new Set([...Object.keys(path.fields), ...capturesOf(path)])
  const pages = known.has('after') || known.has('limit') ? [] : Object.entries(pageFields)
  return verb === 'list'
    ? [...requested, ...pages.map(([name, field]) => queryParameter(name, field)), list]
    : requested
}

function queryParameter(name: string, field: FieldSchema): OpenApiParameter {
  const { description = '', ...schema } = fieldSchema(field)
  return { name, description, in: 'query', ...(field.required && { required: true }), schema }
}

const done = { description: 'empty body' }

function responsesOf(part: Part, path: PathDef, verb: Verb, name: string): OpenApiOperation['responses'] {
  if (verb === 'delete') return { 204: done }
  if (verb === 'list') {
    // The name and shape under which Vault documents every list; it puts its own in its place.
    part.schemas.StandardListResponse = {
      type: 'object',
      properties: { keys: { type: 'array', items: { type: 'string' } } },
    }
    return { 200: { description: 'OK', content: jsonOf('StandardListResponse') } }
  }
  // What can be told to exist is a document: written without a response, read with all that was written.
  if (path.exists && verb !== 'read') return { 200: { description: 'done, with warnings' }, 204: done }
  const fields = responseFields(path)
  if (Object.keys(fields).length === 0) return verb === 'read' ? { 200: { description: 'OK' } } : { 204: done }
  part.schemas[name] = {
    type: 'object',
    properties: Object.fromEntries(
      Object.entries(fields).map(([field, schema]) => [field, responseSchema(schema, path)]),
    ),
  }
  return { 200: { description: 'OK', content: jsonOf(name) } }
}

function responseFields(path: PathDef): Fields {
  return Object.fromEntries(
    Object.entries(path.fields).filter(
      ([, field]) => (field.computed || field.echoed || path.exists !== undefined) && !field.secret,
    ),
  )
}

function fieldSchema(field: FieldSchema): OpenApiSchema {
  return {
    ...valueSchema(field),
    description: field.description,
    ...(field.default !== undefined && field.default !== null && { default: field.default }),
    ...exampleOf(field),
  }
}

/** A document's field without default is null until it is written. */
function responseSchema(field: FieldSchema, path: PathDef): OpenApiSchema {
  const unset = path.exists !== undefined && !field.computed && !field.required && field.default === undefined
  return {
    ...valueSchema(field),
    description: field.description,
    ...((field.nullable || unset) && { nullable: true }),
    ...exampleOf(field),
  }
}

const exampleOf = ({ example }: FieldSchema): OpenApiSchema =>
  example === undefined || example === null ? {} : { example }

const types: Readonly<Record<FieldType, OpenApiSchema>> = {
  string: { type: 'string' },
  int: { type: 'integer', format: 'int64' },
  bool: { type: 'boolean' },
  // Answered in seconds, and best asked so; `15m` is understood too.
  duration: { type: 'integer', format: 'seconds' },
  list: { type: 'array', items: { type: 'string' } },
  lists: { type: 'object', additionalProperties: { type: 'array', items: { type: 'string' } } },
  object: { type: 'object' },
  objects: { type: 'array', items: {} },
  any: {},
}

const valueSchema = (field: FieldSchema): OpenApiSchema => ({
  ...types[field.type],
  ...(field.allowed && { enum: field.allowed }),
  ...(field.secret && { 'x-vault-displayAttrs': { sensitive: true } }),
})
