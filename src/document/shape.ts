/**
 * Fields of documents and responses, described once: the engine's paths, OpenAPI, the CLI reference and the provider's schema declare
 * them from it, and anyone who reads them from the wire checks them by it.
 */
import { DocumentError } from './problem.ts'
import type { DocumentProblem } from './problem.ts'

interface ShapeValues {
  readonly string: string
  /** Whole, and exact: at most 2^53. */
  readonly int: number
  readonly bool: boolean
  /** Whole seconds. */
  readonly duration: number
  readonly list: readonly string[]
  readonly lists: Readonly<Record<string, readonly string[]>>
  readonly object: Readonly<Record<string, unknown>>
  readonly objects: readonly unknown[]
  readonly any: unknown
}

/** The part of a field's declaration that says what it holds. */
export interface FieldShape {
  readonly type: keyof ShapeValues
  readonly example?: unknown
  readonly required?: boolean
  /** Only responses hold it: no list of it is too long, for nobody wrote it. */
  readonly computed?: boolean
  /** In every response; for what is not written. */
  readonly always?: boolean
  readonly default?: unknown
  /** A string that engines take a list for, too. */
  readonly joined?: boolean
  readonly allowed?: readonly string[]
  /** The smallest number. */
  readonly least?: number
}

export type Shape = Readonly<Record<string, FieldShape>>

type ValueOf<S extends FieldShape> = S extends { readonly allowed: readonly (infer A)[] } ? A : ShapeValues[S['type']]
type IsThere = { readonly required: true } | { readonly always: true } | { readonly default: unknown }

/** What a reader of a document finds: every field, null where there is none and no default. */
export type ReadValues<F extends Shape> = {
  readonly [K in keyof F]: F[K] extends IsThere ? ValueOf<F[K]> : ValueOf<F[K]> | null
}

type KeysOf<F extends Shape, P> = { [K in keyof F]: F[K] extends P ? K : never }[keyof F]

/** What a reader of a response finds: what was there, and defaults. */
export type PresentValues<F extends Shape> = {
  readonly [K in KeysOf<F, IsThere>]: ValueOf<F[K]>
} & { readonly [K in Exclude<keyof F, KeysOf<F, IsThere>>]?: ValueOf<F[K]> }

type AlwaysSent = { readonly required: true } | { readonly always: true }

/** What a response may be made of. */
export type SentValues<F extends Shape> = {
  readonly [K in KeysOf<F, AlwaysSent>]: ValueOf<F[K]>
} & { readonly [K in Exclude<keyof F, KeysOf<F, AlwaysSent>>]?: ValueOf<F[K]> | null | undefined }

/** The same field, in every response. */
export const always = <S extends FieldShape>(field: S) => ({ ...field, always: true }) as const

/** Fields as far as they are known. */
export type KnownValues<F extends Shape> = Readonly<Partial<Record<keyof F, unknown>>>

/** A longer list is carried by every response about what it belongs to; nobody writes one by hand. */
export const LONGEST_LIST = 1_000
/** What Go's durations, 63 bits of nanoseconds, hold in seconds: Vault reads no longer one. */
const LONGEST_SECONDS = 9_223_372_036

type Declared = readonly (readonly [field: string, shape: FieldShape])[]

const declared = new WeakMap<Shape, Declared>()

/** The fields of a shape, listed once: shapes are constants, and read by at every response. */
function fieldsOf(shape: Shape): Declared {
  const known = declared.get(shape)
  if (known) return known
  const listed = Object.entries(shape)
  declared.set(shape, listed)
  return listed
}

/** What is there and of another type than its field says. What is absent or null is not judged: a plan may not know it yet. */
export function shapeProblems<F extends Shape>(shape: F, values: KnownValues<F>): readonly DocumentProblem[] {
  const problems: DocumentProblem[] = []
  for (const [field, fieldShape] of fieldsOf(shape)) {
    const value = values[field]
    if (value === undefined || value === null) continue
    const problem = typeProblem(fieldShape, value)
    if (problem) problems.push({ field, example: fieldShape.example ?? fieldShape.default, ...problem })
  }
  return problems
}

type Found = { readonly problem: string; readonly index?: number; readonly key?: string } | undefined

function typeProblem({ type, computed, allowed, required, least }: FieldShape, value: unknown): Found {
  const found = checks[type](value)
  if (found) return found
  if (computed !== true && Array.isArray(value) && value.length > LONGEST_LIST)
    return { problem: `must have at most ${String(LONGEST_LIST)} items` }
  if (required && value === '') return { problem: 'is required' }
  if (least !== undefined && Number(value) < least) return { problem: `must be at least ${String(least)}` }
  if (allowed && !(allowed as readonly unknown[]).includes(value))
    return { problem: `must be one of ${allowed.join(', ')}` }
  return undefined
}

const must = (right: boolean, what: string): Found => (right ? undefined : { problem: `must be ${what}` })

function listProblem(value: unknown): Found {
  if (!Array.isArray(value)) return { problem: 'must be a list' }
  // An item that a plan does not know yet is undefined.
  const index = value.findIndex((item) => item !== undefined && typeof item !== 'string')
  return index < 0 ? undefined : { index, problem: 'must be a string' }
}

function listsProblem(value: unknown): Found {
  if (!isObject(value)) return { problem: 'must be an object of lists' }
  const lists = Object.entries(value).filter(([, list]) => list !== undefined)
  if (lists.reduce((sum, [, list]) => sum + (Array.isArray(list) ? list.length : 1), 0) > LONGEST_LIST)
    return { problem: `must have at most ${String(LONGEST_LIST)} items` }
  for (const [key, list] of lists) {
    const found = listProblem(list)
    if (found) return { ...found, key }
  }
  return undefined
}

const checks: Readonly<Record<FieldShape['type'], (value: unknown) => Found>> = {
  string: (value) => must(typeof value === 'string', 'a string'),
  int: (value) => must(Number.isSafeInteger(value), 'a whole number'),
  bool: (value) => must(typeof value === 'boolean', 'true or false'),
  duration: (value) => {
    if (!Number.isSafeInteger(value)) return { problem: 'must be a whole number of seconds' }
    if (Number(value) < 0) return { problem: 'must not be negative' }
    return must(Number(value) <= LONGEST_SECONDS, `at most ${String(LONGEST_SECONDS)} seconds`)
  },
  list: listProblem,
  lists: listsProblem,
  object: (value) => must(isObject(value), 'an object'),
  objects: (value) => must(Array.isArray(value), 'a list'),
  any: () => undefined,
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Reads what the engine responded. Throws `DocumentError`; `what` names it there. Fields that are not described are left out, and so are
 * those that are absent or null and have no default.
 */
export function readPresent<F extends Shape>(what: string, shape: F, data: unknown): PresentValues<F> {
  if (!isObject(data)) throw new DocumentError(what, { field: 'data', problem: 'must be an object', example: {} })
  const [problem] = shapeProblems(shape, data as KnownValues<F>)
  if (problem) throw new DocumentError(what, problem)
  const read: Record<string, unknown> = {}
  for (const [field, { required, always: isAlways, default: absent, example }] of fieldsOf(shape)) {
    const value = data[field] ?? absent ?? undefined
    if (value !== undefined) read[field] = value
    else if (required === true || isAlways === true)
      throw new DocumentError(what, { field, problem: 'is missing', example })
  }
  return read as PresentValues<F>
}

/** The same of a document, where null says that nothing is set. */
export function readShape<F extends Shape>(what: string, shape: F, data: unknown): ReadValues<F> {
  const read: Record<string, unknown> = { ...readPresent(what, shape, data) }
  for (const [field] of fieldsOf(shape)) read[field] ??= null
  return read as ReadValues<F>
}
