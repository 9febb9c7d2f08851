/** What differs between the documents of the engine, and how their fields become attributes. */
import type { DocumentProblem, MountRules } from '../../document/index.ts'
import type { VaultResponse } from '../../vault-client/index.ts'
import { attributeOf } from '../engine-field.ts'
import type { EngineDocument, EngineField, Items } from '../engine-field.ts'
import type { Diagnostic } from '../protocol/diagnostic.ts'
import type { Attribute, Attributes } from '../protocol/schema.ts'
import { isList, isObject } from '../protocol/value.ts'
import type { Value, ValueObject } from '../protocol/value.ts'
import type { Server } from '../server.ts'

export interface ResourceSpec {
  readonly document: EngineDocument
  /** Fields that are called otherwise here. */
  readonly rename?: Readonly<Record<string, string>>
  /** The name that may be left out. */
  readonly optionalName?: string
  /** Fields that are not attributes. */
  readonly omit?: readonly string[]
  /** What the fields of type `objects` hold. */
  readonly items?: Readonly<Record<string, Items>>
  /** Defaults that follow from other attributes, which may be unknown. */
  readonly defaults?: Readonly<Record<string, (config: ValueObject) => Value>>
  /** Attributes the engine knows nothing of. What is not write-only is kept as configured. */
  readonly extra?: Attributes
  /** The document's rules (src/document), by the engine's names of the fields. */
  problems?(values: Readonly<Record<string, unknown>>, mount?: MountRules): readonly DocumentProblem[]
  /** The field with a life that the mount's ceiling bounds. */
  readonly livesField?: string
  /** Of a problem as it is worded for every document: as it is worded for this one. */
  reword?(found: Diagnostic): Diagnostic
  /** Beyond what the document's rules say: of attributes the engine knows nothing of. */
  check?(config: ValueObject): readonly Diagnostic[]
  /** Notes what other resources of this run need to know of it. */
  planned?(planned: ValueObject, server: Server): void
  /** Writes what belongs to the document beside it; `put` sends the document itself, once. Default: just that. */
  writeWith?(write: DocumentWrite, put: () => Promise<VaultResponse>): Promise<VaultResponse>
  /** Where it fails, the document and the state stay. */
  beforeDelete?(prior: ValueObject, server: Server): Promise<void>
}

export interface DocumentWrite {
  /** Of the document, mount included. */
  readonly path: string
  readonly server: Server
  /** Null at creation. */
  readonly prior: ValueObject | null
  readonly planned: ValueObject
  /** With the write-only attributes. */
  readonly config: ValueObject
}

/** A field of the document and the attribute it is. */
export interface ResourceMember {
  readonly name: string
  readonly attribute: string
  readonly field: EngineField
  readonly items: Items | undefined
  /** It names the document and is not part of it. */
  readonly isName: boolean
}

export function declaration(spec: ResourceSpec, { name, attribute, field, items, isName }: ResourceMember): Attribute {
  const base = attributeOf(name, field, items)
  if (!isName) return spec.defaults?.[attribute] ? { ...base, computed: true } : base
  return { ...base, optional: name === spec.optionalName, required: name !== spec.optionalName }
}

export function completed(value: Value, items: Items | undefined): Value {
  return items && isList(value) ? value.map((item) => (isObject(item) ? items.complete(item) : item)) : value
}
