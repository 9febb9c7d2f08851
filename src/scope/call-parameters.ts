/** What a policy's parameter rules look at in one call. */
export interface CallParameters {
  /** Decoded names and values of the query string, in order, repetitions included. */
  readonly query: readonly (readonly [string, string])[]
  readonly body: CallBody
}

/**
 * `none`: the call has no body. `unread`: it has one that was not looked at; where a rule needs it the judgement is
 * `needs_body`. `opaque`: it was looked at and is neither a JSON object nor a form; where a rule applies it is refused.
 * `fields`: the top level of a JSON object. `form`: the decoded pairs of a form, in order.
 */
export type CallBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'unread' }
  | { readonly kind: 'opaque' }
  | { readonly kind: 'fields'; readonly fields: Readonly<Record<string, unknown>> }
  | { readonly kind: 'form'; readonly pairs: readonly (readonly [string, string])[] }

/** The body of a parsed JSON text. A text that gives a name twice must have been refused: servers differ in which counts. */
export function jsonBody(value: unknown): CallBody {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { kind: 'opaque' }
  return { kind: 'fields', fields: value as Record<string, unknown> }
}

/**
 * Query and body fields together by name. What stands in both, or repeatedly, becomes a list, so that each value is
 * judged. `metadata[order]=7` is the structured parameter `metadata`, as the servers that use such names read it.
 */
export function topLevelParameters(call: CallParameters): Record<string, unknown> {
  const parameters = emptyRecord()
  for (const [name, value] of pairsOf(call)) {
    const bracket = name.indexOf('[')
    const rest = bracket < 1 ? '' : name.slice(bracket)
    add(
      parameters,
      rest === '' ? name : name.slice(0, bracket),
      rest === '' || rest === '[]' ? value : { [rest]: value },
    )
  }
  if (call.body.kind === 'fields')
    for (const [name, value] of Object.entries(call.body.fields)) add(parameters, name, value)
  return parameters
}

/** Query parameters and form fields by their whole names, brackets included: a rule may deny `created[gte]`. */
export function wholeNames(call: CallParameters): Record<string, unknown> {
  const parameters = emptyRecord()
  for (const [name, value] of pairsOf(call)) add(parameters, name, value)
  return parameters
}

/** A name with white space around it is judged as it stands and without: some servers trim names (PHP), most do not. */
function pairsOf(call: CallParameters): readonly (readonly [string, string])[] {
  const pairs = call.body.kind === 'form' ? [...call.query, ...call.body.pairs] : call.query
  return pairs.flatMap(([name, value]) =>
    name.trim() === name ? [[name, value] as const] : [[name, value] as const, [name.trim(), value] as const],
  )
}

const emptyRecord = (): Record<string, unknown> => Object.create(null) as Record<string, unknown>

function add(parameters: Record<string, unknown>, name: string, value: unknown): void {
  parameters[name] = name in parameters ? [parameters[name], value].flat() : value
}
