/** The engine's field types in Terraform's: how they are declared, checked, sent and read. */
import { ScopeError } from '../scope/index.ts'
import { Refusal, fault, pathText } from './protocol/diagnostic.ts'
import type { Diagnostic, Path } from './protocol/diagnostic.ts'
import type { Attribute, Attributes, CtyType } from './protocol/schema.ts'
import { isList, isObject, isUnknown } from './protocol/value.ts'
import type { Value, ValueObject } from './protocol/value.ts'

/** A field as src/mcp declares it and engine-schema.ts repeats it. */
export interface EngineField {
  readonly type: 'string' | 'int' | 'bool' | 'duration' | 'list' | 'lists' | 'object' | 'objects' | 'any'
  readonly description: string
  readonly example: unknown
  readonly default?: unknown
  readonly required?: boolean
  readonly allowed?: readonly string[]
  readonly computed?: boolean
  readonly secret?: boolean
}

export interface EngineDocument {
  readonly pattern: string
  readonly synopsis: string
  readonly description: string
  readonly fields: Readonly<Record<string, EngineField>>
}

/** What a field of type `objects` holds. */
export interface Items {
  readonly attributes: Attributes
  /** Of an item as the engine answers it. */
  read(item: unknown): ValueObject
  /** With what follows from the rest filled in; anything may be unknown. */
  complete(item: ValueObject): ValueObject
}

const ctyTypes: Readonly<Record<Exclude<EngineField['type'], 'objects' | 'any'>, CtyType>> = {
  string: 'string',
  int: 'number',
  duration: 'number',
  bool: 'bool',
  list: ['list', 'string'],
  lists: ['map', ['list', 'string']],
  object: ['map', 'string'],
}

/** A field with a default is in the plan with it. */
export function attributeOf(name: string, field: EngineField, items?: Items): Attribute {
  const described = [
    field.description,
    ...(field.allowed ? [`One of ${field.allowed.map((word) => `\`${word}\``).join(', ')}.`] : []),
    ...(field.default === undefined ? [] : [`Default: \`${JSON.stringify(field.default)}\`.`]),
  ].join(' ')
  const base = { type: typeOf(name, field, items), description: described, ...(field.secret && { sensitive: true }) }
  if (field.computed) return { ...base, computed: true }
  if (field.required) return { ...base, required: true }
  return { ...base, optional: true, ...(field.default !== undefined && { computed: true }) }
}

function typeOf(name: string, { type }: EngineField, items: Items | undefined): Attribute['type'] {
  if (type === 'objects' && items) return { listOf: items.attributes }
  if (type === 'objects' || type === 'any')
    throw new Error(`the field ${name} is of type ${type}: what it holds is to be declared beside its resource`)
  return ctyTypes[type]
}

/**
 * A value of the engine's response. Throws `Refusal` for one of another type: what stands at the address may be no engine, and Terraform
 * itself crashes at an invalid number.
 */
export function fromEngine(name: string, field: EngineField, value: unknown, items?: Items): Value {
  if (value === null || value === undefined) return null
  const read = readers[field.type](value, items)
  if (read !== undefined) return read
  throw new Refusal(
    fault(
      `The server's response for ${name} is not of the type ${field.type}`,
      'Another engine, or another version of this one, may be mounted there. The state is left as it was.',
    ),
  )
}

const numberOf = (value: unknown): Value | undefined => (Number.isFinite(value) ? Number(value) : undefined)

/** A value of the engine's as one of Terraform's, by the type of its field; undefined where it is of another type. */
const readers: Readonly<Record<EngineField['type'], (value: unknown, items?: Items) => Value | undefined>> = {
  string: (value) => (typeof value === 'object' ? undefined : String(value)),
  int: numberOf,
  duration: numberOf,
  bool: (value) => (typeof value === 'boolean' ? value : undefined),
  list: (value) => (Array.isArray(value) ? value.map(String) : undefined),
  lists: (value) => (isObject(value as Value) ? listsOf(value as object) : undefined),
  object: (value) => (isObject(value as Value) ? textsOf(value as object) : undefined),
  objects: (value, items) => (Array.isArray(value) && items ? readItems(value, items) : undefined),
  any: () => null,
}

const textsOf = (value: object): Value =>
  Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, typeof member === 'string' ? member : JSON.stringify(member)]),
  )

function listsOf(value: object): Value | undefined {
  const lists = Object.entries(value) as [string, unknown][]
  if (!lists.every(([, list]) => Array.isArray(list))) return undefined
  return Object.fromEntries(lists.map(([name, list]) => [name, (list as unknown[]).map(String)]))
}

function readItems(values: readonly unknown[], items: Items): Value | undefined {
  try {
    return values.map((item) => items.read(item))
  } catch (error) {
    if (error instanceof ScopeError) return undefined
    throw error
  }
}

/** What the engine would answer for itself: values of Terraform's are JSON already, once they are known. */
export function defaultOf(field: EngineField): Value | undefined {
  return field.default === undefined ? undefined : fromEngine('default', field, field.default)
}

/** What is wrong with the value of an attribute, whatever the server. */
export function checkField(path: Path, field: EngineField, value: Value | undefined): Diagnostic[] {
  if (value === null || value === undefined || isUnknown(value)) return []
  const name = pathText(path)
  const example = `Write for example ${name} = ${JSON.stringify(field.example)}.`
  if (field.required && value === '') return [fault(`${name} is empty`, example, path)]
  if (field.allowed && typeof value === 'string' && !field.allowed.includes(value))
    return [
      fault(`${name} ${JSON.stringify(value.slice(0, 60))} is not one of ${field.allowed.join(', ')}`, example, path),
    ]
  if (isNumber(field)) return checkNumber(path, field, value, example)
  if (isList(value)) return value.flatMap((item, index) => checkItem([...path, index], item))
  return isObject(value) ? checkMembers(path, value) : []
}

const isNumber = ({ type }: EngineField): boolean => type === 'int' || type === 'duration'

function checkNumber(path: Path, { type }: EngineField, value: Value, example: string): Diagnostic[] {
  const name = pathText(path)
  if (!Number.isSafeInteger(value)) return [fault(`${name} is not a whole number`, example, path)]
  if (type === 'duration' && Number(value) < 0)
    return [fault(`${name} is negative`, `It is a number of seconds. ${example}`, path)]
  return []
}

function checkMembers(path: Path, value: ValueObject): Diagnostic[] {
  const inLists = Object.entries(value).flatMap(([key, member]) =>
    isList(member) ? member.flatMap((item, index) => checkItem([...path, { key }, index], item)) : [],
  )
  const members = Object.entries(value)
    .filter(([, member]) => member === null)
    .map(([key]) =>
      fault(`${pathText(path)}[${JSON.stringify(key)}] is null`, 'Leave the key out, or give it a value.', [
        ...path,
        { key },
      ]),
    )
  return [...members, ...inLists]
}

const checkItem = (path: Path, item: Value): readonly Diagnostic[] =>
  item === null ? [fault(`${pathText(path)} is null`, 'Leave it out, or give it a value.', path)] : []
