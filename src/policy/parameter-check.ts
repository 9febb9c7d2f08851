import { isDeepStrictEqual } from 'node:util'
import { foldedRules, nameReadings } from './parameter-name.ts'
import type { ParameterValues } from './rule.ts'
import type { Permissions } from './permissions.ts'

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
    if (values !== undefined && !isAllowed(values, parameters[name]))
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
  for (const [name, value] of Object.entries(parameters)) {
    for (const reading of nameReadings(name)) {
      if (refuses?.get(reading)?.some((values) => isDenied(values, value)))
        return `parameter "${name}" has a value that is denied here.`
      if (limits?.get(reading)?.every((values) => !isAllowed(values, value)))
        return `parameter "${name}" has a value that is not among the allowed ones.`
    }
  }
  return undefined
}

/** As `parameterProblem`, for `denied_parameters` alone. */
function deniedProblem(
  denied: ParameterValues | undefined,
  parameters: Readonly<Record<string, unknown>>,
): string | undefined {
  const names = Object.keys(parameters)
  if (!isSet(denied) || names.length === 0) return undefined
  if ('*' in denied) return 'no parameters may be given here.'
  const refused = names.find((name) => isDenied(denied[name.toLowerCase()], parameters[name]))
  return refused === undefined ? undefined : `parameter "${refused}" has a value that is denied here.`
}

const isSet = (values: ParameterValues | undefined): values is ParameterValues =>
  values !== undefined && Object.keys(values).length > 0

/** A list is denied for one denied element, at any depth: hiding a value in a structure does not carry it past. */
function isDenied(values: readonly unknown[] | undefined, given: unknown): boolean {
  if (values === undefined) return false
  if (values.length === 0 || values.some((value) => isSame(value, given))) return true
  return typeof given === 'object' && given !== null && Object.values(given).some((part) => isDenied(values, part))
}

/** A list is allowed when it is listed itself or when it has elements and each of them is allowed. */
function isAllowed(values: readonly unknown[], given: unknown): boolean {
  if (values.length === 0 || values.some((value) => isSame(value, given))) return true
  return (
    Array.isArray(given) && given.length > 0 && given.every((element) => values.some((value) => isSame(value, element)))
  )
}

/**
 * Scalars are compared by their text, because query strings and forms know no others: a rule for 10 or false holds for
 * "10" and "false" too. Texts of a rule may begin or end with `*`.
 */
function isSame(rule: unknown, given: unknown): boolean {
  if (!isScalar(rule) || !isScalar(given)) return isDeepStrictEqual(plain(rule), plain(given))
  if (typeof rule !== 'string') return String(rule) === String(given)
  return globMatches(rule, String(given))
}

const isScalar = (value: unknown): value is string | number | boolean =>
  ['string', 'number', 'boolean'].includes(typeof value)

function globMatches(rule: string, text: string): boolean {
  const open = rule.startsWith('*')
  const body = rule.slice(open ? 1 : 0, rule.endsWith('*') ? -1 : undefined)
  if (open && rule.endsWith('*')) return text.includes(body)
  if (open) return text.endsWith(body)
  return rule.endsWith('*') ? text.startsWith(body) : text === rule
}

/** Objects of either origin compared as equals: with and without prototype. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.assign(
    Object.create(null),
    Object.fromEntries(Object.entries(value).map(([key, part]) => [key, plain(part)])),
  )
}
