import { quote, ScopeError } from './error.ts'

/** What passes of the value at one place of a document. */
export interface FieldFilter {
  /** The value passes whole. */
  readonly whole: boolean
  /** A string, a number, true, false or null passes. */
  readonly scalar: boolean
  readonly members: ReadonlyMap<string, FieldFilter>
  /** What passes of each element, when the value is a list; undefined = a list does not pass. */
  readonly elements: FieldFilter | undefined
}

interface Filter extends FieldFilter {
  whole: boolean
  scalar: boolean
  readonly members: Map<string, Filter>
  elements: Filter | undefined
}

/** Keeps the listed fields of a JSON value; never throws, never changes its input. */
export interface Projection {
  (json: unknown): unknown
  /** The same as data, for documents that are read piece by piece. */
  readonly filter: FieldFilter
}

const maxFieldLength = 512
const maxFieldDepth = 32

/**
 * A function that keeps the listed fields of a JSON value and nothing else: `has_more`, `data[].id`, `[].name`. A field
 * that ends at an object or a list passes it whole, but for one that ends with `[scalar]`: an API may let its callers say what stands
 * under a name. Unlisted members, and members of another type than the field says,
 * vanish; elements of a list stay in place as far as they have the right type. Where nothing passes the response is null.
 * The function never throws and never changes its input. Throws `ScopeError` for a malformed field.
 */
export function compileProjection(fields: readonly string[]): Projection {
  const root = emptyFilter()
  for (const field of fields) addField(root, field)
  return Object.assign((json: unknown) => project(root, json) ?? null, { filter: root })
}

const emptyFilter = (): Filter => ({
  whole: false,
  scalar: false,
  members: new Map(),
  elements: undefined,
})

function addField(root: Filter, field: string): void {
  const steps = fieldSteps(field)
  let filter = root
  for (const step of steps) {
    if (step === SCALAR) {
      filter.scalar = true
      return
    }
    if (step === '[]') filter = filter.elements ??= emptyFilter()
    else {
      const next = filter.members.get(step) ?? emptyFilter()
      filter.members.set(step, next)
      filter = next
    }
  }
  filter.whole = true
  filter.scalar = true
}

const SCALAR = '[scalar]'

/** `data[].id` as `data`, `[]`, `id`; at the end there may be `[scalar]`. */
function fieldSteps(field: string): string[] {
  const isField =
    field.length <= maxFieldLength &&
    /^(?:[^.[\]]+(?:\[\])*|(?:\[\])+)(?:\.[^.[\]]+(?:\[\])*)*(?:\[scalar\])?$/.test(field)
  if (!isField)
    throw new ScopeError(
      `field ${quote(field)} is not a path into a JSON response; write for example has_more or data[].id.`,
    )
  const steps = field.match(/\[(?:scalar)?\]|[^.[\]]+/g) ?? []
  if (steps.length > maxFieldDepth)
    throw new ScopeError(`field ${quote(field)} is more than ${maxFieldDepth} steps deep.`)
  return steps
}

/** `undefined` when nothing of the value may pass. */
function project(filter: FieldFilter, value: unknown): unknown {
  const isScalar = typeof value !== 'object' || value === null
  if (isScalar ? filter.scalar : filter.whole) return value
  if (Array.isArray(value)) {
    const { elements } = filter
    return (
      elements &&
      value.flatMap((element: unknown) => {
        const kept = project(elements, element)
        return kept === undefined ? [] : [kept]
      })
    )
  }
  if (isScalar || filter.members.size === 0) return undefined
  // No prototype: an upstream may name a member "__proto__".
  const result = Object.create(null) as Record<string, unknown>
  for (const [name, inner] of filter.members) {
    const kept = Object.hasOwn(value, name) ? project(inner, (value as Record<string, unknown>)[name]) : undefined
    if (kept !== undefined) result[name] = kept
  }
  return result
}
