/** Calls that the records do not tell apart. */
export interface RecordedCall {
  readonly upstream: string
  readonly method: string
  /** The template of the first operation that fitted, or a path with `{}` in it. */
  readonly endpoint: string
  /** `<upstream>/<tool>`, once for each operation that fitted; those granted, or of a refused call all. */
  readonly tools: readonly string[]
  readonly refused: boolean
  /** Of the path, decoded, where the record has it: the first of those that differ in what looks like data alone. */
  readonly segments?: readonly string[]
  count: number
}
