/** What a chain of sessions amounts to, as a list of scopes: for people and for verifiers that compare scopes literally. */
import type { PolicyDocument } from '../policy/rule.ts'
import { intersectScopes, scopeCovered } from './containment.ts'
import { ScopeError } from './error.ts'
import { parseScope, scopeText } from './grammar.ts'
import type { GrantLink } from './grant.ts'

/** Nothing is declared that could grant anything: neither scopes nor policies, or no scopes in an environment not the agent's own. */
export const declaresNothing = (link: GrantLink): boolean =>
  link.declared_scopes === null && (link.policies === null || !link.own_environment)

/**
 * The scopes a chain amounts to now, spelled out. Parameter rules of policies are not in them: they are judged with each call. A list
 * that cannot be read grants nothing, as in `scopeMatch`: it might have held a deny.
 */
export function effectiveScopes(chain: readonly GrantLink[]): string[] {
  if (chain.length === 0 || chain.some(declaresNothing)) return []
  const lists = chain
    .flatMap((link) => [link.granted, link.declared_scopes, link.policies && policyScopes(link.policies)])
    .filter((list) => list !== null)
  try {
    return [...lists.reduce(narrowScopes)]
  } catch (error) {
    if (error instanceof ScopeError) return []
    throw error
  }
}

/** A rule without capabilities hides less specific ones, as a deny does. */
function policyScopes(policies: readonly PolicyDocument[]): string[] {
  const rules = policies.flatMap((policy) => policy.paths)
  return [
    ...new Set(
      rules.flatMap(({ pattern, capabilities }) =>
        (capabilities.length > 0 ? capabilities : ['deny']).map((capability) => scopeText(capability, pattern)),
      ),
    ),
  ]
}

/** What both lists allow. Exact scopes, which most are, are looked up one by one; comparing patterns takes the square of their number. */
export function narrowScopes(scopes: readonly string[], by: readonly string[]): readonly string[] {
  if (scopes.some(isPattern)) return by.some(isPattern) ? intersectScopes(scopes, by) : narrowScopes(by, scopes)
  const covered = (scope: string) => scopeCovered(scopes, scope) && scopeCovered(by, scope)
  return scopes.flatMap((scope) => {
    if (covered(scope)) return scope
    const { capabilities, path } = parseScope(scope)
    return capabilities.map((capability) => scopeText(capability, path)).filter(covered)
  })
}

/** Whether a scope has a wildcard. */
export const isPattern = (scope: string): boolean => /[*+]/.test(scope)
