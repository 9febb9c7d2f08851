import type { PolicyDocument } from './rule.ts'
import { constrainsParameters, parameterProblem, spellingProblem } from './parameter-check.ts'
import { comparePriority, matchesSegments, overlaps, parsePattern } from './pattern.ts'
import type { Pattern } from './pattern.ts'
import { merge, permissionsOf } from './permissions.ts'
import type { Permissions } from './permissions.ts'
import { templateParameters } from './template.ts'

/** The one rule that decides about a path: the most specific pattern, merged over all documents. */
export interface AclMatch {
  /** `deny` alone when the path is denied explicitly; empty when the rule grants nothing. */
  readonly capabilities: ReadonlySet<string>
  readonly pattern: string
  /** Whether `checkParameters` can ever refuse. */
  readonly constrainsParameters: boolean
  /** Why the parameters are refused, as a sentence; `undefined` when they pass. */
  checkParameters(parameters: Readonly<Record<string, unknown>>): string | undefined
  /** What is refused in any spelling an upstream may read (`spellingProblem`): may be asked before all parameters are known. */
  checkSpellings(parameters: Readonly<Record<string, unknown>>): string | undefined
  /** Why a request with this wrapping TTL (seconds, `undefined` = not wrapped) is refused; `undefined` when it passes. */
  checkWrapping(wrapTtlSeconds: number | undefined): string | undefined
}

export interface AclRequest {
  readonly path: string
  readonly capability: string
  readonly parameters?: Readonly<Record<string, unknown>>
  readonly wrapTtlSeconds?: number
}

export interface AclResult {
  readonly allowed: boolean
  /** The deciding rule has `sudo`, whatever the operation; for root-protected paths it is needed in addition to `allowed`. */
  readonly sudo: boolean
  /** For logs and error texts that may say more than "permission denied". */
  readonly reason: string
}

/** One pattern with all it grants, for comparing access control lists with each other. */
export interface AclRule {
  readonly pattern: Pattern
  readonly capabilities: ReadonlySet<string>
}

export interface Acl {
  readonly rules: readonly AclRule[]
  /** The deciding rule for a path without leading slash; `undefined` when none matches. */
  match(path: string): AclMatch | undefined
  /**
   * Everything Vault judges about one request: capability, wrapping bounds, then parameters. Listing works on prefixes: the
   * path is taken with and without a trailing slash. An exact rule for either decides, the one with the slash first. Failing
   * that, Vault asks the inexact rule for the bare path first and OpenBao the one for the path with the slash, so that
   * `secret/*` or `secret/foo/*` decides over `LIST secret/foo/`. Here both must grant it: what passes, passes on either.
   */
  judge(request: AclRequest): AclResult
  /** Sorted; `['deny']` when the path is denied or nothing is granted. As `sys/capabilities` answers. */
  capabilities(path: string): string[]
  /** Whether some granting rule lies at or below the prefix, e.g. `secret/`: may its existence be shown to the caller? */
  grantsBelow(prefix: string): boolean
}

/** Vault judges parameters only for operations that carry some. */
const capabilitiesWithParameters: readonly string[] = ['read', 'create', 'update', 'patch']

/** Merges documents into one list, by Vault's rules. Rules whose templates were not filled in match nothing. */
export function compileAcl(documents: readonly PolicyDocument[]): Acl {
  const byText = new Map<string, Permissions>()
  for (const rule of documents.flatMap((document) => document.paths)) {
    if (templateParameters(rule.pattern).length > 0) continue
    const permissions = permissionsOf(parsePattern(rule.pattern), rule)
    const { text } = permissions.pattern
    const other = byText.get(text)
    byText.set(text, other === undefined ? permissions : merge(other, permissions))
  }
  return new CompiledAcl([...byText.values()])
}

class CompiledAcl implements Acl {
  readonly rules: readonly Permissions[]
  readonly #exact = new Map<string, Permissions>()
  /** Patterns with a trailing `*` only, by what stands before it; `#lengths` has their lengths, longest first. */
  readonly #prefixes = new Map<string, Permissions>()
  readonly #lengths: readonly number[]
  /** Patterns with `+`, the most specific first: the order does not depend on the path. */
  readonly #wildcards: readonly Permissions[]

  constructor(rules: readonly Permissions[]) {
    this.rules = rules
    for (const rule of rules) {
      if (rule.pattern.wildcards > 0) continue
      if (rule.pattern.glob) this.#prefixes.set(rule.pattern.text.slice(0, -1), rule)
      else this.#exact.set(rule.pattern.text, rule)
    }
    this.#lengths = [...new Set([...this.#prefixes.keys()].map((prefix) => prefix.length))].sort((a, b) => b - a)
    this.#wildcards = rules
      .filter((rule) => rule.pattern.wildcards > 0)
      .sort((a, b) => comparePriority(b.pattern, a.pattern))
  }

  match(path: string): AclMatch | undefined {
    const found = this.#exact.get(path) ?? this.#findInexact(path)
    return found && matchOf(found)
  }

  judge(request: AclRequest): AclResult {
    const { path, capability } = request
    const found = (capability === 'list' ? this.#listing(path) : [this.match(path)]).filter(
      (rule) => rule !== undefined,
    )
    if (found.length === 0) return { allowed: false, sudo: false, reason: 'no rule matches the path.' }
    const problem = found.map((rule) => refusal(rule, request)).find((reason) => reason !== undefined)
    return {
      allowed: problem === undefined,
      sudo: found.every((rule) => rule.capabilities.has('sudo')),
      reason: problem ?? `granted by the rule for "${found[0]!.pattern}".`,
    }
  }

  capabilities(path: string): string[] {
    const found = [...(this.#find(path)?.capabilities ?? [])].sort()
    return found.length > 0 ? found : ['deny']
  }

  grantsBelow(prefix: string): boolean {
    const granted = this.#find(prefix)
    if (granted && grants(granted)) return true
    const below = parsePattern(`${prefix}*`)
    return this.rules.some(
      (rule) =>
        grants(rule) &&
        (rule.pattern.wildcards > 0
          ? overlaps(rule.pattern, below)
          : rule.pattern.text.startsWith(below.text.slice(0, -1))),
    )
  }

  /** The rules that must all grant the listing of a path. */
  #listing(path: string): (AclMatch | undefined)[] {
    const bare = path.endsWith('/') ? path.slice(0, -1) : path
    const exact = this.#exact.get(`${bare}/`) ?? this.#exact.get(bare)
    return (exact ? [exact] : [this.#findInexact(`${bare}/`), this.#findInexact(bare)]).map(
      (rule) => rule && matchOf(rule),
    )
  }

  /** A path ending in a slash is a listing and is looked up with and without it. */
  #find(path: string): Permissions | undefined {
    const bare = path.endsWith('/') ? path.slice(0, -1) : path
    const exact = this.#exact.get(path) ?? this.#exact.get(bare)
    if (exact) return exact
    const found = this.#findInexact(path)
    const other = bare === path ? undefined : this.#findInexact(bare)
    if (found === undefined || other === undefined) return found ?? other
    return comparePriority(found.pattern, other.pattern) >= 0 ? found : other
  }

  #findInexact(path: string): Permissions | undefined {
    const length = this.#lengths.find((one) => one <= path.length && this.#prefixes.has(path.slice(0, one)))
    const prefix = length === undefined ? undefined : this.#prefixes.get(path.slice(0, length))
    if (this.#wildcards.length === 0) return prefix
    const segments = path.split('/')
    const wildcard = this.#wildcards.find((rule) => matchesSegments(rule.pattern, segments))
    if (prefix === undefined || wildcard === undefined) return prefix ?? wildcard
    return comparePriority(prefix.pattern, wildcard.pattern) > 0 ? prefix : wildcard
  }
}

/** Why one rule does not let a request through; `undefined` when it does. */
function refusal(rule: AclMatch, { capability, parameters = {}, wrapTtlSeconds }: AclRequest): string | undefined {
  if (!rule.capabilities.has(capability))
    return `the rule for "${rule.pattern}" ${rule.capabilities.has('deny') ? 'denies the path' : `does not grant ${capability}`}.`
  return (
    rule.checkWrapping(wrapTtlSeconds) ??
    (capabilitiesWithParameters.includes(capability) ? rule.checkParameters(parameters) : undefined)
  )
}

const grants = (rule: Permissions): boolean => rule.capabilities.size > 0 && !rule.capabilities.has('deny')

function matchOf(permissions: Permissions): AclMatch {
  const { capabilities, pattern, minWrappingTtlSeconds: shortest, maxWrappingTtlSeconds: longest } = permissions
  return {
    capabilities,
    pattern: pattern.text,
    constrainsParameters: constrainsParameters(permissions),
    checkParameters: (parameters) => parameterProblem(permissions, parameters),
    checkSpellings: (parameters) => spellingProblem(permissions, parameters),
    checkWrapping(wrapTtlSeconds) {
      const given = wrapTtlSeconds ?? 0
      if (shortest > 0 && longest > 0 && longest < shortest) return 'the merged wrapping bounds exclude each other.'
      if (longest > 0 && (given === 0 || given > longest))
        return `the response must be wrapped for at most ${longest} s.`
      if (shortest > 0 && given < shortest) return `the response must be wrapped for at least ${shortest} s.`
      return undefined
    },
  }
}
