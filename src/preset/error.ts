/** A preset cannot be used as it was asked for: `field` is what was chosen wrongly, in this folder's names. */
export class PresetError extends Error {
  readonly field: string
  readonly problem: string
  /** A value that would be right. */
  readonly example: string | undefined
  /** A whole sentence in place of the example. */
  readonly advice: string | undefined

  constructor(field: string, problem: string, { example, advice }: { example?: string; advice?: string } = {}) {
    super(`${field} ${problem}`)
    this.name = 'PresetError'
    this.field = field
    this.problem = problem
    this.example = example
    this.advice = advice
  }
}
