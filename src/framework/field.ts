import { lostNumber, parseJsonExactly } from '../logical/json.ts'
import { durationSeconds } from './duration.ts'

/**
 * Field types and their coercions. Everything may arrive as a string: that is what `vault write p k=v`, query parameters and
 * forms send. The rules follow Vault's framework, so that one engine behaves the same behind every client.
 */
export type FieldType = 'string' | 'int' | 'bool' | 'duration' | 'list' | 'lists' | 'object' | 'objects' | 'any'

export interface FieldSchema {
  readonly type: FieldType
  readonly description: string
  readonly example: unknown
  /** Value when the stored record has none; shown in help. */
  readonly default?: unknown
  /** Must be given when the object is created. */
  readonly required?: boolean
  /** The only values accepted (strings). */
  readonly allowed?: readonly string[]
  /** Answered by reads, not accepted on writes (a write naming it gets the unknown-field warning). */
  readonly computed?: boolean
  /** Given, and answered too where else only computed fields are. */
  readonly echoed?: boolean
  /** Null in responses while there is none. */
  readonly nullable?: boolean
  /** A list of texts is taken too, and kept as one text with commas between them (strings). */
  readonly joined?: boolean
  /** Never answered, never logged. */
  readonly secret?: boolean
}

export type Fields = Readonly<Record<string, FieldSchema>>

interface FieldValues {
  string: string
  int: number
  bool: boolean
  duration: number
  list: string[]
  lists: Record<string, string[]>
  object: Record<string, unknown>
  objects: unknown[]
  any: unknown
}
export type FieldValue<S extends FieldSchema> = FieldValues[S['type']]

/** Thrown by converters: what is wrong with the value, as the end of a sentence that starts with the field's name. */
export class FieldProblem extends Error {}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function asString(value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  throw new FieldProblem('must be a string')
}

function asInt(value: unknown): number {
  const number = typeof value === 'string' && /^[+-]?\d+$/.test(value.trim()) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isSafeInteger(number)) throw new FieldProblem('must be a whole number')
  return number
}

// Go's strconv.ParseBool, which Vault's clients rely on.
const booleans: Readonly<Record<string, boolean>> = {
  '1': true,
  t: true,
  T: true,
  true: true,
  TRUE: true,
  True: true,
  '0': false,
  f: false,
  F: false,
  false: false,
  FALSE: false,
  False: false,
  '': false,
}

function asBool(value: unknown): boolean {
  if (typeof value === 'boolean') return value
  const parsed = typeof value === 'string' || typeof value === 'number' ? booleans[String(value)] : undefined
  if (parsed === undefined) throw new FieldProblem('must be true or false')
  return parsed
}

function asDuration(value: unknown): number {
  const seconds = durationSeconds(value)
  if (seconds === undefined) throw new FieldProblem('must be a duration in seconds, or a string such as 15m or 1h30m')
  if (seconds < 0) throw new FieldProblem('must not be negative')
  return seconds
}

/** A number that came back as another would be a value nobody wrote: as in bodies, it is kept or refused. */
function parseJsonText(text: string): unknown {
  let value: unknown
  try {
    value = parseJsonExactly(text)
  } catch {
    throw new FieldProblem('starts like JSON but does not parse as JSON')
  }
  const lost = lostNumber(text)
  if (lost === undefined) return value
  throw new FieldProblem(`holds a number that cannot be kept as it is (${lost.slice(0, 40)}); write it as a string`)
}

function asList(value: unknown): string[] {
  if (typeof value === 'string') {
    const text = value.trim()
    if (text.startsWith('[')) return asList(parseJsonText(text))
    return text === ''
      ? []
      : text
          .split(',')
          .map((part) => part.trim())
          .filter((part) => part !== '')
  }
  if (!Array.isArray(value)) throw new FieldProblem('must be a list of strings, or one string with commas')
  return value.map((item, index) => {
    if (typeof item !== 'string' && typeof item !== 'number' && typeof item !== 'bigint')
      throw new FieldProblem(`has an item at [${index}] that is not a string`)
    return String(item)
  })
}

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value === 'string' && value.trim().startsWith('{')) return asObject(parseJsonText(value.trim()))
  if (typeof value === 'string') return asPairs([value])
  if (Array.isArray(value)) return asPairs(value)
  if (!isObject(value)) throw new FieldProblem('must be an object, or key=value strings')
  return value
}

/** Lists by name; each may be given as a list may: `Stripe-Account=acct_1,acct_2`. */
function asLists(value: unknown): Record<string, string[]> {
  return Object.fromEntries(Object.entries(asObject(value)).map(([name, list]) => [name, asList(list)]))
}

/** `key=value` texts, as the CLI sends for `-custom-metadata` style fields. */
function asPairs(items: unknown[]): Record<string, unknown> {
  const pairs: [string, unknown][] = items.map((item) => {
    const at = typeof item === 'string' ? item.indexOf('=') : -1
    if (typeof item !== 'string' || at < 1) throw new FieldProblem('must be an object, or key=value strings')
    return [item.slice(0, at), item.slice(at + 1)]
  })
  return Object.fromEntries(pairs)
}

function asObjects(value: unknown): unknown[] {
  if (typeof value === 'string') {
    const text = value.trim()
    if (text.startsWith('[')) return asObjects(parseJsonText(text))
    if (text.startsWith('{')) return [parseJsonText(text)]
    return asList(text)
  }
  if (isObject(value)) return [value]
  if (!Array.isArray(value)) throw new FieldProblem('must be a list')
  return value as unknown[]
}

const converters: Readonly<Record<FieldType, (value: unknown) => unknown>> = {
  string: asString,
  int: asInt,
  bool: asBool,
  duration: asDuration,
  list: asList,
  lists: asLists,
  object: asObject,
  objects: asObjects,
  any: (value) => value,
}

/** Lists are compared with other lists, stored, and carried by every response about what they belong to; nobody writes longer ones by hand. */
const LONGEST_LIST = 1_000

/** Converts one value, or throws `FieldProblem`. */
export function convertField(schema: FieldSchema, value: unknown): unknown {
  const converted = converters[schema.type](schema.joined && Array.isArray(value) ? asList(value).join(',') : value)
  if (schema.type !== 'any' && Array.isArray(converted) && converted.length > LONGEST_LIST)
    throw new FieldProblem(`must have at most ${LONGEST_LIST} items`)
  if (schema.allowed && !schema.allowed.includes(String(converted)))
    throw new FieldProblem(`must be one of ${schema.allowed.join(', ')}`)
  return converted
}
