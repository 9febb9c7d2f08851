/** What can be said of a configuration without a server. Unknown and absent values are passed over: they are judged when they are known. */
import { nameProblems, placeOf, shown } from '../document/index.ts'
import type { DocumentProblem } from '../document/index.ts'
import { PolicyError } from '../policy/index.ts'
import { ScopeError, parseScope } from '../scope/index.ts'
import { fault, pathText, sentenceFault, splitSentence } from './protocol/diagnostic.ts'
import type { Diagnostic, Path } from './protocol/diagnostic.ts'
import { isList, isObject, isUnknown, isWhollyKnown } from './protocol/value.ts'
import type { Value } from './protocol/value.ts'

export function checkName(path: Path, value: Value | undefined, example: string): Diagnostic[] {
  return nameProblems(pathText(path), value, example).map((problem) => ({ ...problemFault(problem), path }))
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

/** A problem of a document as this provider words it; `attribute` is what its field is called here. */
export function problemFault(problem: DocumentProblem, attribute = problem.field): Diagnostic {
  const { index, key } = problem
  const path: Path = [attribute, ...(index === undefined ? [] : [index]), ...(key === undefined ? [] : [{ key }])]
  const place = placeOf({ ...problem, field: attribute })
  if ('sentence' in problem) {
    const { summary, detail } = splitSentence(problem.standsAlone === true ? '' : place, problem.sentence)
    return fault(summary, detail, path)
  }
  const { subject = place, value, rule, advice, example } = problem
  const written = value === undefined ? '' : ` ${shown(value)}`
  return fault(
    `${subject}${written} ${problem.problem}`,
    [
      ...(rule === undefined ? [] : [`${rule.charAt(0).toUpperCase()}${rule.slice(1)}.`]),
      advice ??
        `Write for example ${placeOf({ ...problem, field: attribute, key: undefined })} = ${JSON.stringify(example)}.`,
    ].join(' '),
    path,
  )
}

/** A value as the rules for documents take it: what is unknown is undefined. Of an item with members all or nothing is known. */
export function knownValue(value: Value): unknown {
  if (isUnknown(value)) return undefined
  if (isList(value)) return value.map((item) => (isWhollyKnown(item) ? item : undefined))
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, knownValue(member)]))
}
