import { foldedRules, nameReadings } from './parameter-name.ts'
import type { ParameterValues } from './rule.ts'
import type { Permissions } from './permissions.ts'
import { holdsListed, isEachListed } from './value-match.ts'

/** Whether a rule looks at parameters at all; if not, a request need not be read to be judged. */
export function constrainsParameters(permissions: Permissions): boolean {
  return permissions.required.length > 0 || isSet(permissions.allowed) || isSet(permissions.denied)
}

/** Why parameters are refused, as a sentence; `undefined` when they pass. Values never appear in the sentence. */
export function parameterProblem(
  permissions: Permissions,
  parameters: Readonly<Record<string, unknown>>,
): string | undefined {
  const { allowed, denied, required } = permissions
  const names = Object.keys(parameters)
  // As written or in lower case, never in a third spelling: an upstream that tells cases apart would not see that one.
  const missing = required.find(
    (name) => !Object.hasOwn(parameters, name) && !Object.hasOwn(parameters, name.toLowerCase()),
  )
  if (missing !== undefined) return `parameter "${missing}" is required here.`
  if (names.length === 0) return undefined
  const refusal = deniedProblem(denied, parameters)
  if (refusal !== undefined || !isSet(allowed)) return refusal
  for (const name of names) {
    const values = allowed[name.toLowerCase()]
    if (values === undefined && !('*' in allowed)) return `parameter "${name}" is not among the allowed ones.`
    if (values !== undefined && !isEachListed(values, parameters[name]))
      return `parameter "${name}" has a value that is not among the allowed ones.`
  }
  return undefined
}

/**
 * What a rule refuses whatever other parameters are given, judged by every name an upstream may read for the one sent (see
 * `foldName`): denied values, and values that a name listed beside `*` does not take. Vault itself compares names in lower
 * case only, so this is for calls to upstreams, whose servers are not Vault.
 */
export function spellingProblem(
  { denied, allowed }: Permissions,
  parameters: Readonly<Record<string, unknown>>,
): string | undefined {
  const refusal = deniedProblem(denied, parameters)
  if (refusal !== undefined) return refusal
  const refuses = isSet(denied) ? foldedRules(denied) : undefined
  const limits = isSet(allowed) ? foldedRules(allowed) : undefined
  if (!refuses && !limits) return undefined
  for (const [name, readings] of readingsOf(parameters)) {
    const problem = readingsProblem(readings, parameters[name], refuses, limits)
    if (problem !== undefined) return `parameter "${name}" has a value that is ${problem}.`
  }
  return undefined
}

type FoldedRules = ReturnType<typeof foldedRules>

function readingsProblem(
  readings: ReadonlySet<string>,
  value: unknown,
  refuses: FoldedRules | undefined,
  limits: FoldedRules | undefined,
): string | undefined {
  for (const reading of readings) {
    if (refuses?.get(reading)?.some((values) => holdsListed(values, value))) return 'denied here'
    if (limits?.get(reading)?.every((values) => !isEachListed(values, value))) return 'not among the allowed ones'
  }
  return undefined
}

/** Folding costs more than all that is asked of it: done once for each request, however many rules look at it. */
function readingsOf(parameters: Readonly<Record<string, unknown>>): ReadonlyMap<string, ReadonlySet<string>> {
  const known = folded.get(parameters)
  if (known) return known
  const readings = new Map(Object.keys(parameters).map((name) => [name, nameReadings(name)]))
  folded.set(parameters, readings)
  return readings
}

const folded = new WeakMap<Readonly<Record<string, unknown>>, ReadonlyMap<string, ReadonlySet<string>>>()

/** As `parameterProblem`, for `denied_parameters` alone. */
function deniedProblem(
  denied: ParameterValues | undefined,
  parameters: Readonly<Record<string, unknown>>,
): string | undefined {
  const names = Object.keys(parameters)
  if (!isSet(denied) || names.length === 0) return undefined
  if ('*' in denied) return 'no parameters may be given here.'
  const refused = names.find((name) => {
    const values = denied[name.toLowerCase()]
    return values !== undefined && holdsListed(values, parameters[name])
  })
  return refused === undefined ? undefined : `parameter "${refused}" has a value that is denied here.`
}

const isSet = (values: ParameterValues | undefined): values is ParameterValues =>
  values !== undefined && Object.keys(values).length > 0
