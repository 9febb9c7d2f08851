import type { PathRule, PolicyDocument } from './rule.ts'

/** `{{identity.entity.id}}` and its like in paths: filled in with what is known of the caller, never with wildcards. */

const template = /\{\{([^{}]*)\}\}/g

/** The names between double braces, in order. */
export function templateParameters(pattern: string): string[] {
  return [...pattern.matchAll(template)].map(([, parameter = '']) => parameter.trim())
}

/** Why the templates of a path cannot be read, as a sentence without its subject; `undefined` when they can. */
export function templateProblem(pattern: string): string | undefined {
  const rest = pattern.replace(template, '')
  if (rest.includes('{{') || rest.includes('}}'))
    return 'has unbalanced template braces; write for example {{identity.entity.id}}.'
  return templateParameters(pattern).includes('')
    ? 'has an empty template; write for example {{identity.entity.id}}.'
    : undefined
}

/**
 * The document for one caller. `valueOf` answers for a parameter such as `identity.entity.name`; a rule one of whose
 * parameters has no value is left out, so its path never matches. The same holds for a value with `/`, `*`, `+`, a brace
 * or a control character: a caller who can choose a name must not thereby choose a pattern.
 */
export function substituteTemplates(
  document: PolicyDocument,
  valueOf: (parameter: string) => string | undefined,
): PolicyDocument {
  if (!document.templated) return document
  return { ...document, paths: document.paths.flatMap((rule) => filledIn(rule, valueOf)), templated: false }
}

function filledIn(rule: PathRule, valueOf: (parameter: string) => string | undefined): PathRule[] {
  let usable = true
  const pattern = rule.pattern.replace(template, (_whole, parameter: string) => {
    const value = valueOf(parameter.trim())
    if (value === undefined || !isPlain(value)) usable = false
    return value ?? ''
  })
  return usable ? [{ ...rule, pattern }] : []
}

const isPlain = (value: string): boolean =>
  value !== '' && value !== '.' && value !== '..' && !/[/*+{}\x00-\x1f\x7f]/.test(value)
