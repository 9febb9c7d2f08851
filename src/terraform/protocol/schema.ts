/** Schemas as this provider declares them, and as Terraform is told of them. */

/** A cty type in its JSON spelling, which is also how it is sent. */
export type CtyType =
  | 'string'
  | 'number'
  | 'bool'
  | readonly ['list' | 'map', CtyType]
  | readonly ['object', Readonly<Record<string, CtyType>>]

/** One attribute. Exactly one of `required`, `optional` and `computed` is set, or the last two together. */
export interface Attribute {
  /** For a list of objects with attributes of their own: those. */
  readonly type: CtyType | { readonly listOf: Attributes }
  readonly description: string
  readonly required?: boolean
  readonly optional?: boolean
  readonly computed?: boolean
  readonly sensitive?: boolean
  /** Given in the configuration only, in neither plan nor state. */
  readonly write_only?: boolean
}

export type Attributes = Readonly<Record<string, Attribute>>

export interface Block {
  readonly description: string
  readonly attributes: Attributes
  /** Blocks that may be given once. */
  readonly blocks?: Readonly<Record<string, Block>>
}

export interface FunctionSignature {
  readonly summary: string
  readonly description: string
  readonly parameters: readonly { readonly name: string; readonly type: CtyType; readonly description: string }[]
  readonly returns: CtyType
}

const MARKDOWN = 1
const NESTING_SINGLE = 1
const NESTING_LIST = 2

const typeBytes = (type: CtyType): Buffer => Buffer.from(JSON.stringify(type))

/** A `Schema` message. */
export function schemaMessage(block: Block): object {
  return { version: 0, block: blockMessage(block) }
}

function blockMessage({ description, attributes, blocks = {} }: Block): object {
  return {
    description,
    description_kind: MARKDOWN,
    attributes: attributeMessages(attributes),
    block_types: Object.entries(blocks).map(([name, block]) => ({
      type_name: name,
      nesting: NESTING_SINGLE,
      block: blockMessage(block),
    })),
  }
}

function attributeMessages(attributes: Attributes): object[] {
  return Object.entries(attributes).map(([name, { type, ...rest }]) => ({
    name,
    description_kind: MARKDOWN,
    ...rest,
    ...(isNested(type)
      ? { nested_type: { nesting: NESTING_LIST, attributes: attributeMessages(type.listOf) } }
      : { type: typeBytes(type) }),
  }))
}

export function isNested(type: Attribute['type']): type is { readonly listOf: Attributes } {
  return typeof type === 'object' && 'listOf' in type
}

/** A `Function` message. */
export function functionMessage({ summary, description, parameters, returns }: FunctionSignature): object {
  return {
    summary,
    description,
    description_kind: MARKDOWN,
    parameters: parameters.map((parameter) => ({
      ...parameter,
      type: typeBytes(parameter.type),
      description_kind: MARKDOWN,
    })),
    return: { type: typeBytes(returns) },
  }
}
