/** One thing wrong with a document, in pieces, because each place that checks words it in the way of its users. */
export interface DocumentProblem {
  readonly field: string
  /** Where it lies inside the field: the name of a header. */
  readonly key?: string
  /** What it is said of, where that is more than the field: `headers: "Connection"`. */
  readonly subject?: string
  /** The text as it was written, where repeating it helps. It may be a secret that went to the wrong place. */
  readonly value?: string
  /** Follows the subject: `must start with https://`. */
  readonly problem: string
  /** A whole sentence in place of the example. */
  readonly advice?: string
  /** A value that would be right. */
  readonly example: unknown
}

export const subjectOf = ({ field, subject = field }: DocumentProblem): string => subject
