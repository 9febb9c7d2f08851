import type { ParameterValues } from './rule.ts'

/**
 * One spelling for all that some server takes for the same parameter name, so that a rule about a name holds whatever the
 * server behind it reads: Unicode's NFKC_Casefold (Go's encoding/json finds fields by folded case, databases and proxies fold
 * width and compatibility forms), cut at NUL (C strings), and without white space and `_ . - [ ]` (PHP turns space, dot and an
 * unclosed bracket into `_`, Rack drops brackets at either end, protobuf's JSON takes `sourceId` for `source_id`, Spring and
 * qs read `created.gte` as `created[gte]`).
 */
export function foldName(name: string): string {
  const text = name.split('\0', 1)[0]!.normalize('NFKC')
  // Upper case first: "ß" and "ſ" have no other way to "ss" and "s".
  const folded = text.toUpperCase().toLowerCase().normalize('NFKC')
  return folded.replace(/[\p{Default_Ignorable_Code_Point}\p{Control}\s_.[\]-]/gu, '')
}

/** Folded: the whole name, and the names of the structures it may stand for a member of, such as `a` of `a[b]` and of `a.b`. */
export function nameReadings(name: string): ReadonlySet<string> {
  const inner = name.replace(/^[\s[\].]+/, '')
  const names = new Set([name, inner.split('[', 1)[0]!, inner.split('.', 1)[0]!])
  return new Set([...names].map(foldName))
}

/** The lists of values a rule gives, by folded name. Two names of a rule may fold alike. */
export function foldedRules(values: ParameterValues): ReadonlyMap<string, readonly (readonly unknown[])[]> {
  const known = folded.get(values)
  if (known) return known
  const rules = new Map<string, (readonly unknown[])[]>()
  for (const [name, list] of Object.entries(values)) {
    if (name === '*') continue
    const key = foldName(name)
    rules.set(key, [...(rules.get(key) ?? []), list])
  }
  folded.set(values, rules)
  return rules
}

const folded = new WeakMap<ParameterValues, ReadonlyMap<string, readonly (readonly unknown[])[]>>()
