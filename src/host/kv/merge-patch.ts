import type { Data } from '../../logical/data.ts'

export const isObject = (value: unknown): value is Data =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * JSON merge patch (RFC 7396) of one object into another: null removes, objects merge, everything else replaces. Neither argument
 * is changed. Built with `fromEntries`, which treats a member called `__proto__` like any other.
 */
export function mergePatch(target: Data, patch: Data): Data {
  const merged = new Map(Object.entries(target))
  for (const [name, value] of Object.entries(patch)) {
    const before = merged.get(name)
    if (value === null) merged.delete(name)
    else merged.set(name, isObject(value) ? mergePatch(isObject(before) ? before : {}, value) : value)
  }
  return Object.fromEntries(merged)
}
