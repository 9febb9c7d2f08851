/**
 * The decoder a Vault or OpenBao server puts a plugin's document through, as far as it can fail or lose something: every member has
 * the type of its Go field, status codes are numbers from 100 to 599, `$ref` is not known (a reference is a member `ref`), and what
 * is not known is dropped in silence. `decodeAsHost` answers what the server's own document then holds.
 */
import { z } from 'zod'

export interface DecodedOperation {
  operationId?: string | undefined
  parameters?: z.output<typeof parameter>[] | undefined
  requestBody?:
    | { required?: boolean | undefined; content?: Record<string, { schema?: DecodedSchema | undefined }> | undefined }
    | undefined
  responses: Record<
    string,
    { description?: string | undefined; content?: Record<string, { schema?: DecodedSchema | undefined }> | undefined }
  >
}

export interface DecodedSchema {
  ref?: string | undefined
  type?: string | undefined
  format?: string | undefined
  description?: string | undefined
  properties?: Record<string, DecodedSchema> | undefined
  required?: string[] | undefined
  items?: DecodedSchema | undefined
  enum?: unknown[] | undefined
  default?: unknown
  example?: unknown
  'x-vault-displayAttrs'?: { sensitive?: boolean | undefined } | undefined
}

const schema: z.ZodType<DecodedSchema> = z.lazy(() =>
  z.object({
    ref: z.string().optional(),
    type: z.string().optional(),
    format: z.string().optional(),
    description: z.string().optional(),
    properties: z.record(z.string(), schema).optional(),
    required: z.array(z.string()).optional(),
    items: schema.optional(),
    enum: z.array(z.unknown()).optional(),
    default: z.unknown().optional(),
    example: z.unknown().optional(),
    'x-vault-displayAttrs': z.object({ sensitive: z.boolean().optional() }).optional(),
  }),
)

const content = z.record(z.string(), z.object({ schema: schema.optional() })).optional()

const parameter = z.object({
  name: z.string(),
  description: z.string().optional(),
  in: z.enum(['path', 'query']),
  required: z.boolean().optional(),
  schema: schema.optional(),
})

const operation: z.ZodType<DecodedOperation> = z.object({
  summary: z.string().optional(),
  description: z.string().optional(),
  operationId: z.string().optional(),
  tags: z.array(z.string()).optional(),
  parameters: z.array(parameter).optional(),
  requestBody: z.object({ description: z.string().optional(), required: z.boolean().optional(), content }).optional(),
  responses: z.record(z.string().regex(/^[1-5]\d\d$/), z.object({ description: z.string(), content })),
})

const pathItem = z.object({
  description: z.string().optional(),
  parameters: z.array(parameter).optional(),
  'x-vault-sudo': z.boolean().optional(),
  'x-vault-unauthenticated': z.boolean().optional(),
  'x-vault-createSupported': z.boolean().optional(),
  get: operation.optional(),
  post: operation.optional(),
  patch: operation.optional(),
  delete: operation.optional(),
})

const document = z.object({
  openapi: z.literal('3.0.2'),
  info: z.object({
    title: z.string(),
    description: z.string(),
    version: z.string(),
    license: z.object({ name: z.string(), url: z.string() }).optional(),
  }),
  paths: z.record(z.string().startsWith('/'), pathItem),
  components: z.object({ schemas: z.record(z.string().regex(/^[A-Za-z0-9._-]+$/), schema) }),
})

export type DecodedDocument = z.output<typeof document>

/** Throws where the server's decoder fails. The document is taken over the wire first. */
export function decodeAsHost(answered: unknown): DecodedDocument {
  return document.parse(JSON.parse(JSON.stringify(answered)))
}

/** Every operation of a document with the parameters of its path. */
export function operationsOf({ paths }: DecodedDocument): {
  readonly at: string
  readonly path: string
  readonly operation: DecodedOperation
  readonly parameters: z.output<typeof parameter>[]
}[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    (['get', 'post', 'patch', 'delete'] as const).flatMap((method) => {
      const found = item[method]
      return found
        ? [
            {
              at: `${method} ${path}`,
              path,
              operation: found,
              parameters: [...(item.parameters ?? []), ...(found.parameters ?? [])],
            },
          ]
        : []
    }),
  )
}

/** Names of component schemas that a document refers to. */
export function referencesOf(part: unknown): string[] {
  if (typeof part !== 'object' || part === null) return []
  return Object.entries(part).flatMap(([name, value]) =>
    name === 'ref' && typeof value === 'string' ? [value.replace('#/components/schemas/', '')] : referencesOf(value),
  )
}
