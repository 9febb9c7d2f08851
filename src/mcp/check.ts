/** Checks of what callers write, each refusing with a sentence that names the field. */
import { nameProblems, placeOf, shown, summaryOf } from '../document/index.ts'
import type { DocumentProblem } from '../document/index.ts'
import type { Data } from '../logical/data.ts'
import { badRequest } from '../logical/errors.ts'
import type { RequestError } from '../logical/errors.ts'
import { PolicyError } from '../policy/index.ts'
import { ScopeError } from '../scope/index.ts'

/** Throws the first of them. */
export function refuse(problems: readonly DocumentProblem[]): void {
  const [problem] = problems
  if (problem) throw problemRequest(problem)
}

export function checkName(field: string, name: string, example: string): string {
  refuse(nameProblems(field, name, example))
  return name
}

export const checkAgentName = (field: 'agent' | 'agent_id', name: string): string =>
  checkName(field, name, 'claude-billing-agent')

/** An empty text could mean either, and the two are opposites: one leaves the agent with nothing, the other with no bound here. */
export function refuseEmptyText(data: Data, field: string): void {
  if (data[field] !== '') return
  throw badRequest(
    `${field} is an empty text, which could mean two things: write [] to grant nothing (${field}=[]), or null to unset it ({"${field}": null} as JSON, with the CLI: echo '{"${field}":null}' | vault write <path> -).`,
  )
}

/** Runs a parser of the scope or policy language; what it refuses becomes a 400 that starts with the field. */
export function sentence<T>(field: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof ScopeError || error instanceof PolicyError) throw badRequest(`${field}: ${error.message}`)
    throw error
  }
}

/** A problem of a document as this API words it: place, problem, example. */
function problemRequest(problem: DocumentProblem): RequestError {
  if ('sentence' in problem) return badRequest(summaryOf(problem))
  const { value, rule, advice, example } = problem
  const text = typeof example === 'object' ? JSON.stringify(example) : String(example)
  const place = placeOf({ ...problem, key: undefined })
  return badRequest(
    [
      problem.subject ?? place,
      ...(value === undefined ? [] : [` ${shown(value)}`]),
      ` ${problem.problem}`,
      ...(rule === undefined ? [] : [`: ${rule}`]),
      advice === undefined ? `, for example ${place}=${text}.` : `. ${advice}`,
    ].join(''),
  )
}
