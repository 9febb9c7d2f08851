import type { MountRules } from './mount-rules.ts'
import type { DocumentProblem } from './problem.ts'

/** Tokens that live longer are worth a word: 15 to 30 minutes suit most tasks. */
export const LONG_SECONDS = 3600

/** What is wrong with a life in seconds. `least` says what is too short. */
export function lifeProblems(
  field: string,
  seconds: unknown,
  least: string,
  example: number,
  mount: MountRules = {},
): readonly DocumentProblem[] {
  if (typeof seconds !== 'number') return []
  if (seconds < 1) return [{ field, problem: `must be ${least}`, example }]
  return ceilingProblems(field, seconds, mount)
}

export function ceilingProblems(
  field: string,
  seconds: unknown,
  { ttl_ceiling: ceiling = Infinity }: MountRules,
): readonly DocumentProblem[] {
  if (typeof seconds !== 'number' || seconds <= ceiling) return []
  const sentence = `${field} (${String(seconds)}) is above this mount's ttl_ceiling (${String(ceiling)}); lower it, for example ${field}=${String(Math.min(LONG_SECONDS, ceiling))}, or have someone with sudo raise ttl_ceiling at config/ttl-ceiling first.`
  return [{ field, sentence, standsAlone: true }]
}

/** A sentence if a life is stored above the ceiling, and so cut; none if it is not. All in seconds. */
export function cutLife(field: string, stored: number | undefined, ceiling: number): string[] {
  if (stored === undefined || stored <= ceiling) return []
  return [
    `${field} is stored as ${String(stored)}, above this mount's ttl_ceiling, and is cut to ${String(ceiling)}. Write a lower ${field}, or have someone with sudo raise ttl_ceiling at config/ttl-ceiling.`,
  ]
}

/** What `cutLife` says is stored, in seconds; undefined where it says nothing. */
export function storedLife(field: string, warnings: readonly string[]): number | undefined {
  const start = `${field} is stored as `
  const warning = warnings.find((text) => text.startsWith(start))
  return warning === undefined ? undefined : Number.parseInt(warning.slice(start.length), 10)
}
