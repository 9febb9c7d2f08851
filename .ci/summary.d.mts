export interface CiStep {
  readonly name: string
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly seconds: number
  /** Why it was skipped. */
  readonly why?: string
  /** The names of failed tests. */
  readonly failures?: readonly string[]
  readonly output?: string
}
interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}
export declare function countsIn(output: string): Counts | undefined
export declare function summarize(steps: readonly CiStep[]): Counts & { readonly text: string }
