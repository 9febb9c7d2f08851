/** The types of an OpenAPI 3.0.2 document, as far as ./openapi.ts writes one. https://spec.openapis.org/oas/v3.0.2 */

export interface OpenApiSchema {
  readonly $ref?: string
  readonly type?: 'string' | 'integer' | 'boolean' | 'object' | 'array'
  readonly format?: string
  readonly description?: string
  readonly properties?: Readonly<Record<string, OpenApiSchema>>
  readonly required?: readonly string[]
  readonly items?: OpenApiSchema
  readonly additionalProperties?: OpenApiSchema
  readonly enum?: readonly string[]
  readonly default?: unknown
  readonly example?: unknown
  readonly nullable?: true
  readonly 'x-vault-displayAttrs'?: { readonly sensitive: true }
}

export interface OpenApiParameter {
  readonly name: string
  readonly description: string
  readonly in: 'path' | 'query'
  readonly schema: OpenApiSchema
  readonly required?: true
}

/** A body, in the one media type that is spoken here. */
export type OpenApiContent = Readonly<Record<'application/json', { readonly schema: OpenApiSchema }>>

export interface OpenApiOperation {
  readonly summary: string
  readonly operationId: string
  readonly tags: readonly string[]
  readonly parameters?: readonly OpenApiParameter[]
  readonly requestBody?: { readonly required?: true; readonly content: OpenApiContent }
  /** By HTTP status. */
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: OpenApiContent }>>
}

export interface OpenApiPathItem {
  readonly description: string
  readonly parameters?: readonly OpenApiParameter[]
  readonly 'x-vault-sudo'?: true
  readonly 'x-vault-unauthenticated'?: true
  readonly 'x-vault-createSupported'?: true
  readonly get?: OpenApiOperation
  readonly post?: OpenApiOperation
  readonly patch?: OpenApiOperation
  readonly delete?: OpenApiOperation
}

export interface OpenApiInfo {
  readonly title: string
  readonly description: string
  readonly version: string
  readonly license?: { readonly name: string; readonly url: string }
}

export interface OpenApiDocument {
  readonly openapi: '3.0.2'
  readonly info: OpenApiInfo
  /** Relative to the mount, with a leading `/`. Lists have a slash at the end: they share GET with reads. */
  readonly paths: Readonly<Record<string, OpenApiPathItem>>
  readonly components: { readonly schemas: Readonly<Record<string, OpenApiSchema>> }
}
