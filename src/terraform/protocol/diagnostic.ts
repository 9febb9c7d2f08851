/** A diagnostic for a user of Terraform, and where in the configuration it points. */

/** Steps from the resource's own attributes: a name, the key of a map, the index of a list. */
export type Path = readonly (string | number | { readonly key: string })[]

export interface Diagnostic {
  readonly severity: 'error' | 'warning'
  /** One line without a full stop. */
  readonly summary: string
  readonly detail: string
  readonly path?: Path
}

/** Ends an operation with diagnostics. Never holds a secret; the caller shows all of it. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly diagnostics: readonly Diagnostic[]

  constructor(...diagnostics: readonly [Diagnostic, ...Diagnostic[]]) {
    super(diagnostics[0].summary)
    this.diagnostics = diagnostics
  }
}

export const fault = (summary: string, detail: string, path?: Path): Diagnostic => ({
  severity: 'error',
  summary,
  detail,
  ...(path && { path }),
})
export const warning = (summary: string, detail: string, path?: Path): Diagnostic => ({
  severity: 'warning',
  summary,
  detail,
  ...(path && { path }),
})

const severities = { error: 1, warning: 2 } as const

/** Values are quoted, and some are long. */
const LONGEST_SUMMARY = 600
const LONGEST_DETAIL = 6_000
const clipped = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most)}…` : text)

/** A `Diagnostic` message. */
export function diagnosticMessage({ severity, summary, detail, path }: Diagnostic): object {
  return {
    severity: severities[severity],
    summary: clipped(summary, LONGEST_SUMMARY),
    detail: clipped(detail, LONGEST_DETAIL),
    ...(path && { attribute: pathMessage(path) }),
  }
}

/** An `AttributePath` message. */
export function pathMessage(path: Path): object {
  return {
    steps: path.map((step) => {
      if (typeof step === 'string') return { attribute_name: step }
      return typeof step === 'number' ? { element_key_int: step } : { element_key_string: step.key }
    }),
  }
}

/** `scopes[0]`, `environment_labels.production-eu`: a path as people and the engine write it. */
export function pathText(path: Path): string {
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${String(step)}]`
      const name = typeof step === 'string' ? step : step.key
      return index === 0 ? name : `.${name}`
    })
    .join('')
}

/**
 * Splits a sentence of the engine's or a parser's into what is wrong and what to do: `"read:*" covers every upstream. Name a
 * resource, …` becomes the two. `subject` is put in front of the first.
 */
export function splitSentence(
  subject: string,
  sentence: string,
): { readonly summary: string; readonly detail: string } {
  const text = sentence.trim()
  const cut = /(?:\.\s+(?=[A-Z{])|;\s+|,\s+(?=for example\b))/.exec(text)
  const [first, rest] = cut
    ? [text.slice(0, cut.index), text.slice(cut.index + cut[0].length)]
    : [text.replace(/\.$/, ''), '']
  const summary = [subject, first].filter((part) => part !== '').join(' ')
  return { summary, detail: rest.charAt(0).toUpperCase() + rest.slice(1) }
}

/** A refusal of a parser, at the attribute it is about. */
export function sentenceFault(path: Path, sentence: string): Diagnostic {
  const { summary, detail } = splitSentence(pathText(path), sentence)
  return fault(summary, detail, path)
}
