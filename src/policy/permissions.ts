import type { ParameterValues, PathRule } from './rule.ts'
import type { Pattern } from './pattern.ts'

/** What all rules with one and the same pattern grant together. */
export interface Permissions {
  readonly pattern: Pattern
  readonly capabilities: ReadonlySet<string>
  /** Absent or empty: no restriction. */
  readonly allowed: ParameterValues | undefined
  readonly denied: ParameterValues | undefined
  readonly required: readonly string[]
  /** Seconds; 0 = no bound. After a merge the minimum may exceed the maximum: then nothing is granted. */
  readonly minWrappingTtlSeconds: number
  readonly maxWrappingTtlSeconds: number
}

export function permissionsOf(pattern: Pattern, rule: PathRule): Permissions {
  return {
    pattern,
    capabilities: new Set(rule.capabilities),
    allowed: rule.allowed_parameters,
    denied: rule.denied_parameters,
    required: rule.required_parameters ?? [],
    minWrappingTtlSeconds: rule.min_wrapping_ttl ?? 0,
    maxWrappingTtlSeconds: rule.max_wrapping_ttl ?? 0,
  }
}

/**
 * Two rules with the same pattern, by Vault's rules: capabilities are united, deny swallows everything, parameter maps
 * are united (lists appended, an empty list wins), the lower of two wrapping bounds holds.
 */
export function merge(a: Permissions, b: Permissions): Permissions {
  if (a.capabilities.has('deny')) return a
  if (b.capabilities.has('deny')) return b
  return {
    pattern: a.pattern,
    capabilities: new Set([...a.capabilities, ...b.capabilities]),
    allowed: mergeValues(a.allowed, b.allowed),
    denied: mergeValues(a.denied, b.denied),
    required: [...new Set([...a.required, ...b.required])],
    minWrappingTtlSeconds: lowerBound(a.minWrappingTtlSeconds, b.minWrappingTtlSeconds),
    maxWrappingTtlSeconds: lowerBound(a.maxWrappingTtlSeconds, b.maxWrappingTtlSeconds),
  }
}

const lowerBound = (a: number, b: number): number => (a === 0 ? b : b === 0 ? a : Math.min(a, b))

function mergeValues(a: ParameterValues | undefined, b: ParameterValues | undefined): ParameterValues | undefined {
  if (a === undefined || b === undefined) return a ?? b
  const values = Object.assign(Object.create(null), a) as Record<string, readonly unknown[]>
  for (const [parameter, list] of Object.entries(b)) {
    const other = values[parameter]
    values[parameter] = other === undefined ? list : other.length === 0 || list.length === 0 ? [] : [...other, ...list]
  }
  return values
}
