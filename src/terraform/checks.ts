/** What can be said of a configuration without a server. Unknown and absent values are passed over: they are judged when they are known. */
import { PolicyError } from '../policy/index.ts'
import { ScopeError, isName, nameRule, parseScope } from '../scope/index.ts'
import { fault, pathText, sentenceFault } from './protocol/diagnostic.ts'
import type { Diagnostic, Path } from './protocol/diagnostic.ts'
import { isList } from './protocol/value.ts'
import type { Value } from './protocol/value.ts'

/** Names are short; what is longer may be a token that went to the wrong place, and is not repeated. */
const SHOWN = 24

export function checkName(path: Path, value: Value | undefined, example: string): Diagnostic[] {
  if (typeof value !== 'string' || isName(value)) return []
  return [
    fault(
      `${pathText(path)} ${value.length > SHOWN ? `(${String(value.length)} characters)` : JSON.stringify(value)} is not a name`,
      `Names are ${nameRule}. Write for example ${example}.`,
      path,
    ),
  ]
}

export function checkNames(path: Path, value: Value | undefined, example: string): Diagnostic[] {
  return isList(value) ? value.flatMap((item, index) => checkName([...path, index], item, example)) : []
}

/** Whether wildcards are allowed is the mount's to say, so here they are. */
export function checkScopes(path: Path, value: Value | undefined): Diagnostic[] {
  if (!isList(value)) return []
  return value.flatMap((item, index) =>
    typeof item === 'string' ? parsed([...path, index], () => parseScope(item, { allowWildcards: true })) : [],
  )
}

/** What a parser of the scope or policy language has against it. */
export function parsed(path: Path, parse: () => unknown): Diagnostic[] {
  try {
    parse()
    return []
  } catch (error) {
    if (error instanceof ScopeError || error instanceof PolicyError) return [sentenceFault(path, error.message)]
    throw error
  }
}
