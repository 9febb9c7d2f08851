import { PolicyError } from '../policy/index.ts'
import { ScopeError } from '../scope/index.ts'
import type { DocumentProblem } from './problem.ts'

/** What a parser of the scope or policy language has against it, at a place of a document. */
export function parseProblems(
  place: { readonly field: string; readonly index?: number },
  parse: () => unknown,
): readonly DocumentProblem[] {
  try {
    parse()
    return []
  } catch (error) {
    if (error instanceof ScopeError || error instanceof PolicyError) return [{ ...place, sentence: error.message }]
    throw error
  }
}
