/** One thing wrong with a document, in pieces, because each place that checks words it in the way of its users. */
export type DocumentProblem = RuleProblem | SentenceProblem

interface ProblemPlace {
  readonly field: string
  /** Which item of a list. */
  readonly index?: number | undefined
  /** Which member of an object: the name of a header. */
  readonly key?: string | undefined
  /** Which line of a text, from 1. */
  readonly line?: number | undefined
}

/** A rule of this folder is broken: `<subject> <value> <problem>`. */
export interface RuleProblem extends ProblemPlace {
  /** What it is said of, where that is more than the place: `headers: "Connection"`. */
  readonly subject?: string
  /** The text as it was written, where repeating it helps. It may be a secret that went to the wrong place: see `shown`. */
  readonly value?: string
  /** Follows the subject: `must start with https://`. */
  readonly problem: string
  /** What would be right, after a colon or as a sentence: `write a resource, or resource/qualifier`. */
  readonly rule?: string
  /** A whole sentence in place of the example. */
  readonly advice?: string
  /** A value that would be right. */
  readonly example: unknown
}

/** What a parser of the scope or policy language says, advice included. It stands behind the place and a colon. */
export interface SentenceProblem extends ProblemPlace {
  readonly sentence: string
  /** The sentence says itself what it is about. */
  readonly standsAlone?: boolean
}

/** Names are short; what is longer may be a token that went to the wrong place, and is not repeated. */
const SHOWN = 24

export const isShort = (text: string): boolean => text.length <= SHOWN

/** What somebody wrote where something short belongs, for a sentence: error texts stand readable in logs. */
export const shown = (text: string): string =>
  isShort(text) ? JSON.stringify(text) : `(${String(text.length)} characters)`

/** `scopes[0]`, `environment_labels.production-eu`, `policy, line 3`. */
export function placeOf({ field, index, key, line }: ProblemPlace): string {
  return [
    field,
    ...(index === undefined ? [] : [`[${String(index)}]`]),
    ...(key === undefined ? [] : [`.${key}`]),
    ...(line === undefined ? [] : [`, line ${String(line)}`]),
  ].join('')
}

/** What is wrong, without advice and without repeating what was written. */
export function summaryOf(problem: DocumentProblem): string {
  if (!('sentence' in problem)) return `${problem.subject ?? placeOf(problem)} ${problem.problem}`
  return problem.standsAlone === true ? problem.sentence : `${placeOf(problem)}: ${problem.sentence}`
}

/** A document or response that came from the engine does not read: it is never guessed at. */
export class DocumentError extends Error {
  constructor(what: string, problem: DocumentProblem) {
    super(`${what}: ${summaryOf(problem)}`)
    this.name = 'DocumentError'
  }
}
