/**
 * The values a parameter rule lists, prepared once for each list: one look-up judges a scalar however long the list is, and a
 * structure is compared no further than the rule's own size. So judging a request is linear in the request.
 */
interface ListedValues {
  /** Nothing is listed, which stands for every value. */
  readonly any: boolean
  /** Texts that must be met exactly; numbers and booleans by their text. */
  readonly texts: ReadonlySet<string>
  readonly globs: readonly string[]
  /** Lists, objects and null. */
  readonly structures: readonly unknown[]
}

const prepared = new WeakMap<readonly unknown[], ListedValues>()

function listed(values: readonly unknown[]): ListedValues {
  const known = prepared.get(values)
  if (known) return known
  const scalars = values.filter(isScalar)
  const isGlob = (value: unknown): value is string =>
    typeof value === 'string' && (value.startsWith('*') || value.endsWith('*'))
  const list: ListedValues = {
    any: values.length === 0,
    texts: new Set(scalars.filter((value) => !isGlob(value)).map(String)),
    globs: scalars.filter(isGlob),
    structures: values.filter((value) => !isScalar(value)),
  }
  prepared.set(values, list)
  return list
}

/** Whether a value is among the listed ones or holds one of them, at any depth: hiding a value in a structure does not carry it past. */
export function holdsListed(values: readonly unknown[], given: unknown): boolean {
  const list = listed(values)
  if (list.any) return true
  // Not by recursion: how deep a value is nested is the caller's choice.
  const waiting: unknown[] = [given]
  while (waiting.length > 0) {
    const value = waiting.pop()
    if (isListed(list, value)) return true
    if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) waiting.push(inner)
  }
  return false
}

/** Whether a value is among the listed ones, or is a list that has elements and each of them is. */
export function isEachListed(values: readonly unknown[], given: unknown): boolean {
  const list = listed(values)
  if (list.any || isListed(list, given)) return true
  return Array.isArray(given) && given.length > 0 && given.every((element) => isListed(list, element))
}

/**
 * Scalars are compared by their text, because query strings and forms know no others: a rule for 10 or false holds for
 * "10" and "false" too. Texts of a rule may begin or end with `*`.
 */
function isListed({ texts, globs, structures }: ListedValues, given: unknown): boolean {
  if (!isScalar(given)) return structures.some((structure) => isSameStructure(structure, given))
  const text = String(given)
  return texts.has(text) || globs.some((glob) => globMatches(glob, text))
}

const isScalar = (value: unknown): value is string | number | boolean =>
  ['string', 'number', 'boolean'].includes(typeof value)

function globMatches(rule: string, text: string): boolean {
  const open = rule.startsWith('*')
  const body = rule.slice(open ? 1 : 0, rule.endsWith('*') ? -1 : undefined)
  if (open && rule.endsWith('*')) return text.includes(body)
  return open ? text.endsWith(body) : text.startsWith(body)
}

/** Equal JSON values. Recursion goes as deep as the rule, which a policy's author wrote, and ends at the first difference. */
function isSameStructure(rule: unknown, given: unknown): boolean {
  if (typeof rule !== 'object' || rule === null || typeof given !== 'object' || given === null)
    return Object.is(rule, given)
  if (Array.isArray(rule) !== Array.isArray(given)) return false
  const names = Object.keys(rule)
  if (names.length !== Object.keys(given).length) return false
  return names.every(
    (name) =>
      Object.hasOwn(given, name) &&
      isSameStructure((rule as Record<string, unknown>)[name], (given as Record<string, unknown>)[name]),
  )
}
