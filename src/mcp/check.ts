/** Checks of what callers write, each refusing with a sentence that names the field. */
import { subjectOf } from '../document/index.ts'
import type { DocumentProblem } from '../document/index.ts'
import type { Data } from '../logical/data.ts'
import { badRequest } from '../logical/errors.ts'
import type { RequestError } from '../logical/errors.ts'
import { PolicyError } from '../policy/index.ts'
import { ScopeError, isName } from '../scope/index.ts'

/** Names are short; what is longer may be a token that went to the wrong place, and is not repeated. */
const SHOWN = 24

export const isShort = (text: string): boolean => text.length <= SHOWN

/** What a caller wrote where something short belongs, for a sentence: error texts stand readable in logs. */
export const shown = (text: string): string => (isShort(text) ? JSON.stringify(text) : `(${text.length} characters)`)

export function checkName(field: string, name: string, example: string): string {
  if (!isName(name))
    throw badRequest(
      `${field} ${shown(name)} is not a name: 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit, for example ${field}=${example}.`,
    )
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

/** A problem of a document as this API words it: field, problem, example. */
export function problemRequest(problem: DocumentProblem): RequestError {
  const { field, value, advice, example } = problem
  const written = value === undefined ? '' : ` ${shown(value)}`
  const text = typeof example === 'object' ? JSON.stringify(example) : String(example)
  const rest = advice === undefined ? `, for example ${field}=${text}.` : `. ${advice}`
  return badRequest(`${subjectOf(problem)}${written} ${problem.problem}${rest}`)
}
