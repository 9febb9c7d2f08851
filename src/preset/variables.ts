/** `{{site}}`: what stands in a preset's texts for a value that differs from customer to customer. */

const placeholder = /\{\{([a-z][a-z0-9_]*)\}\}/g

type Values = Readonly<Record<string, string>>

/** Every string below `value`, at any depth, keys left out. */
function* texts(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value
  else if (typeof value === 'object' && value !== null) for (const member of Object.values(value)) yield* texts(member)
}

/** The names that stand in braces in any text of `value`. */
export const namesIn = (value: unknown): ReadonlySet<string> =>
  new Set([...texts(value)].flatMap((text) => [...text.matchAll(placeholder)].map(([, name]) => name!)))

/** The same value with `values` in its texts; what they do not name stays. */
export function fill<T>(value: T, values: Values): T {
  return filled(value, values) as T
}

function filled(value: unknown, values: Values): unknown {
  if (typeof value === 'string')
    return value.replaceAll(placeholder, (whole, name: string) => (Object.hasOwn(values, name) ? values[name]! : whole))
  if (Array.isArray(value)) return value.map((item) => filled(item, values))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, filled(member, values)]))
}
