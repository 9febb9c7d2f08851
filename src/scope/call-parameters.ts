/** What a policy's parameter rules look at in one call. */
export interface CallParameters {
  /** Decoded names and values of the query string, in order, repetitions included. */
  readonly query: readonly (readonly [string, string])[]
  /** Headers that the upstream's document lists, by their lower-case names, repetitions joined: rules name them `header:<Name>`. */
  readonly headers?: readonly (readonly [string, string])[] | undefined
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

/** The parameters of one call, by name. */
export interface NamedParameters {
  /**
   * Query and body fields together. What stands in both, or repeatedly, becomes a list, so that each value is judged.
   * `metadata[order]=7` is the structured parameter `metadata`, as the servers that use such names read it.
   */
  readonly topLevel: Readonly<Record<string, unknown>>
  /**
   * Query parameters and form fields by their whole names, brackets included: a rule may deny `created[gte]`. Also what a
   * server that parts pairs at `;` reads. For denials: nothing is allowed or required by it.
   */
  readonly whole: Readonly<Record<string, unknown>>
}

const named = new WeakMap<CallParameters, NamedParameters>()

/** Derived once for each call, in time linear in it, however many rules look at it. */
export function namedParameters(call: CallParameters): NamedParameters {
  const known = named.get(call)
  if (known) return known
  const topLevel = new Collected()
  const whole = new Collected()
  for (const [name, value] of pairsOf(call)) {
    whole.add(name, value)
    const bracket = name.indexOf('[')
    const rest = bracket < 1 ? '' : name.slice(bracket)
    topLevel.add(rest === '' ? name : name.slice(0, bracket), rest === '' || rest === '[]' ? value : { [rest]: value })
  }
  for (const [name, value] of semicolonPairs(allPairs(call))) whole.add(name.trim(), value)
  if (call.headers !== undefined) addHeaders(call.headers, topLevel, whole)
  if (call.body.kind === 'fields')
    for (const [name, value] of Object.entries(call.body.fields)) topLevel.add(name, value)
  const parameters = { topLevel: topLevel.record(), whole: whole.record() }
  named.set(call, parameters)
  return parameters
}

const HEADER = 'header:'

function addHeaders(headers: readonly Pair[], topLevel: Collected, whole: Collected): void {
  for (const [name, value] of headers) {
    topLevel.add(HEADER + name, value)
    // Some servers take a header apart at commas, and some take the first or the last of what is there.
    for (const part of value.split(',')) whole.add(HEADER + name, part.trim())
  }
}

/** A query or body parameter that goes by the name rules have for headers: it would pass for one. */
export const posesAsHeader = (call: CallParameters): boolean =>
  [...namesOf(call)].some((name) => name.trim().toLowerCase().startsWith(HEADER))

function* namesOf(call: CallParameters): Generator<string> {
  for (const [name] of allPairs(call)) yield name
  if (call.body.kind === 'fields') yield* Object.keys(call.body.fields)
}

type Pair = readonly [string, string]

const allPairs = (call: CallParameters): readonly Pair[] =>
  call.body.kind === 'form' ? [...call.query, ...call.body.pairs] : call.query

/**
 * What pairs hold for a server that parts them at `;` too (HTML 4.01, B.2.2 recommended it; older CGI, Perl and Java servers
 * do), decoded before it splits or not: `x=1;destination=a` gives `x` and `destination`. Pairs without a `;` give none.
 */
export const semicolonPairs = (pairs: readonly Pair[]): readonly Pair[] =>
  pairs.flatMap(([name, value]) =>
    name.includes(';') || value.includes(';') ? `${name}=${value}`.split(';').map(pairOf) : [],
  )

function pairOf(text: string): Pair {
  const equals = text.indexOf('=')
  return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)]
}

/** A name with white space around it is judged as it stands and without: some servers trim names (PHP), most do not. */
function pairsOf(call: CallParameters): readonly Pair[] {
  return allPairs(call).flatMap(([name, value]) =>
    name.trim() === name ? [[name, value] as const] : [[name, value] as const, [name.trim(), value] as const],
  )
}

/** Values by name, in the order they came. */
class Collected {
  readonly #values = new Map<string, unknown[]>()

  add(name: string, value: unknown): void {
    const values = this.#values.get(name)
    if (values) values.push(value)
    else this.#values.set(name, [value])
  }

  /** What came once stands as it is; what came repeatedly is one list. Without prototype: any name may be given. */
  record(): Readonly<Record<string, unknown>> {
    const record = Object.create(null) as Record<string, unknown>
    for (const [name, values] of this.#values) record[name] = values.length === 1 ? values[0] : values.flat()
    return record
  }
}
