import { badRequest } from '../logical/errors.ts'
import { FieldProblem, convertField } from './field.ts'
import type { FieldSchema, FieldValue, Fields } from './field.ts'

/**
 * The fields of one request, converted. `omitted` keeps what is stored, `null` resets it to the default: the engine's upserts
 * read both apart through `has` and `isNull`.
 */
export class FieldData<F extends Fields = Fields> {
  readonly #schema: F
  readonly #values: ReadonlyMap<string, unknown>

  constructor(schema: F, values: ReadonlyMap<string, unknown>) {
    this.#schema = schema
    this.#values = values
  }

  /** The given value, or undefined when it was omitted or null. Defaults are not applied. */
  given<K extends keyof F & string>(name: K): FieldValue<F[K]> | undefined {
    return (this.#values.get(name) ?? undefined) as FieldValue<F[K]> | undefined
  }

  /** The given value, else the schema's default, else undefined. */
  get<K extends keyof F & string>(name: K): FieldValue<F[K]> | undefined {
    return this.given(name) ?? (this.#schema[name]?.default as FieldValue<F[K]> | undefined)
  }

  /** A value that must be there: a missing or empty one is a 400 naming the field with an example. */
  require<K extends keyof F & string>(name: K): FieldValue<F[K]> {
    const value = this.given(name)
    if (value === undefined || value === '') throw badRequest(missing(name, this.#schema[name]))
    return value
  }

  has(name: keyof F & string): boolean {
    return this.#values.has(name)
  }
  isNull(name: keyof F & string): boolean {
    return this.#values.has(name) && this.#values.get(name) === null
  }
}

export function missing(name: string, schema: FieldSchema | undefined): string {
  return `${name} is required${schema ? `, for example ${name}=${exampleText(schema.example)}` : ''}.`
}

function exampleText(example: unknown): string {
  if (Array.isArray(example) && example.every((item) => typeof item === 'string')) return example.join(',')
  return typeof example === 'string' ? example : JSON.stringify(example)
}

export interface ParsedFields<F extends Fields> {
  readonly fields: FieldData<F>
  readonly warnings: string[]
}

/** Converts the body under the URL's captures. Captures win; unknown names only warn (a 400 would break newer clients). */
export function parseFields<F extends Fields>(
  schema: F,
  body: Readonly<Record<string, unknown>>,
  captures: Readonly<Record<string, string>>,
): ParsedFields<F> {
  const values = new Map<string, unknown>()
  const unknown: string[] = []
  const replaced: string[] = []
  for (const [name, value] of Object.entries(body)) {
    const field = Object.hasOwn(schema, name) ? schema[name] : undefined
    if (Object.hasOwn(captures, name)) {
      if (value !== captures[name]) replaced.push(name)
    } else if (!field || field.computed) unknown.push(name)
    else values.set(name, value === null ? null : convert(name, field, value))
  }
  for (const [name, value] of Object.entries(captures)) values.set(name, value)
  const warnings: string[] = []
  if (unknown.length > 0) warnings.push(`Endpoint ignored these unrecognized parameters: [${unknown.sort().join(' ')}]`)
  if (replaced.length > 0)
    warnings.push(
      `Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [${replaced.sort().join(' ')}]`,
    )
  return { fields: new FieldData(schema, values), warnings }
}

function convert(name: string, schema: FieldSchema, value: unknown): unknown {
  try {
    return convertField(schema, value)
  } catch (problem) {
    if (problem instanceof FieldProblem)
      throw badRequest(`${name} ${problem.message}, for example ${name}=${exampleText(schema.example)}.`)
    throw problem
  }
}
