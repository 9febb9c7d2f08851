import type { Acl, AclRule } from '../policy/acl.ts'
import { comparePriority, covers, intersect, overlaps, parsePattern } from '../policy/pattern.ts'
import type { Pattern } from '../policy/pattern.ts'
import { compileScopes, parseScope, scopeText } from './grammar.ts'

/**
 * Whether everything a scope allows is allowed by other scopes or a compiled list. Never true without proof: a wildcard
 * scope is covered only when one rule covers all its paths and no more specific rule takes any of them back. A deny
 * scope allows nothing and is always covered. Parameter rules are not looked at: they are judged with each call.
 * Throws `ScopeError` for a malformed scope.
 */
export function scopeCovered(by: readonly string[] | Acl, scope: string): boolean {
  const acl = isList(by) ? compileScopes(by) : by
  const { capabilities, path, wildcard } = parseScope(scope, { allowWildcards: true })
  if (capabilities.includes('deny')) return true
  if (!wildcard) return capabilities.every((capability) => acl.match(path)?.capabilities.has(capability) === true)
  const pattern = parsePattern(path)
  return capabilities.every((capability) => grantsAll(acl, pattern, capability, () => false))
}

/**
 * Scopes that allow only what both lists allow; as wide as single patterns can say it. Deny scopes of both are kept.
 * In the colon spelling, sorted. Throws `ScopeError` for a malformed scope.
 */
export function intersectScopes(a: readonly string[], b: readonly string[]): string[] {
  const [left, right] = [compileScopes(a), compileScopes(b)]
  const denies = [...left.rules, ...right.rules]
    .filter((rule) => rule.capabilities.has('deny'))
    .map((rule) => rule.pattern)
  // What a deny of the result outranks needs no proof of its own.
  const isDenied = (pattern: Pattern) => (rule: AclRule) =>
    rule.capabilities.has('deny') && comparePriority(rule.pattern, pattern) > 0
  const granted = new Map<string, Set<string>>()
  for (const pattern of commonPatterns(left.rules, right.rules)) {
    const excused = isDenied(pattern)
    const [inLeft, inRight] = [granter(left, pattern, excused), granter(right, pattern, excused)]
    for (const capability of ['create', 'read', 'update', 'delete', 'list']) {
      if (!inLeft(capability) || !inRight(capability)) continue
      granted.set(pattern.text, (granted.get(pattern.text) ?? new Set()).add(capability))
    }
  }
  const result = new Set(denies.map((pattern) => scopeText('deny', pattern.text)))
  for (const [path, capabilities] of granted) for (const word of words(capabilities)) result.add(scopeText(word, path))
  return [...result].sort()
}

const isList = (by: readonly string[] | Acl): by is readonly string[] => Array.isArray(by)

const isExact = ({ firstWildcard }: Pattern): boolean => firstWildcard === Infinity

/** Two exact paths have only themselves in common, so most of a long list is looked up and not held against all of the other. */
function commonPatterns(left: readonly AclRule[], right: readonly AclRule[]): Pattern[] {
  const found = new Map<string, Pattern>()
  const wild = right.filter((rule) => !isExact(rule.pattern))
  const exact = new Map(right.filter((rule) => isExact(rule.pattern)).map((rule) => [rule.pattern.text, rule]))
  for (const a of left) {
    const same = exact.get(a.pattern.text)
    for (const b of !isExact(a.pattern) ? right : same ? [...wild, same] : wild) {
      const pattern = intersect(a.pattern, b.pattern)
      if (pattern) found.set(pattern.text, pattern)
    }
  }
  return [...found.values()]
}

/** Tells of a capability what `grantsAll` does. What an exact path may do is looked up, once: nothing outranks the rule of its own. */
function granter(acl: Acl, pattern: Pattern, excused: (rule: AclRule) => boolean): (capability: string) => boolean {
  if (!isExact(pattern)) return (capability) => grantsAll(acl, pattern, capability, excused)
  const match = acl.match(pattern.text)
  return (capability) => match?.capabilities.has(capability) === true
}

/**
 * Whether every path of a pattern has the capability: some rule that has it covers the pattern, and each overlapping
 * rule that could decide before that one has it too, or is excused.
 */
function grantsAll(acl: Acl, pattern: Pattern, capability: string, excused: (rule: AclRule) => boolean): boolean {
  const granting = acl.rules.filter((rule) => rule.capabilities.has(capability) && covers(rule.pattern, pattern))
  const best = granting.sort((a, b) => comparePriority(b.pattern, a.pattern))[0]
  if (best === undefined) return false
  return acl.rules.every(
    (rule) =>
      rule.capabilities.has(capability) ||
      excused(rule) ||
      comparePriority(rule.pattern, best.pattern) < 0 ||
      !overlaps(rule.pattern, pattern),
  )
}

function words(capabilities: ReadonlySet<string>): string[] {
  if (!capabilities.has('create') || !capabilities.has('update')) return [...capabilities]
  return ['write', ...[...capabilities].filter((word) => word !== 'create' && word !== 'update')]
}
