/** What a policy says, once parsed. */

/** Allowed or denied values by lower-case parameter name; an empty list stands for every value. Without prototype. */
export type ParameterValues = Readonly<Record<string, readonly unknown[]>>

/** One `path` block. Names as in the policy language. */
export interface PathRule {
  /** As written, a leading slash included; may hold `{{identity.entity.id}}` and the like. */
  readonly pattern: string
  /** Without repetitions; exactly `['deny']` when deny is among them; empty when none is given. */
  readonly capabilities: readonly string[]
  readonly allowed_parameters?: ParameterValues
  readonly denied_parameters?: ParameterValues
  /** As written. */
  readonly required_parameters?: readonly string[]
  /** Whole seconds, > 0. */
  readonly min_wrapping_ttl?: number
  /** Whole seconds, > 0. */
  readonly max_wrapping_ttl?: number
  readonly line: number
}

/** A parsed policy. Treat it as frozen: compiled forms are remembered by identity. */
export interface PolicyDocument {
  readonly paths: readonly PathRule[]
  /** Sentences for the author: accepted, but perhaps not what was meant. */
  readonly warnings: readonly string[]
  /** Some pattern holds `{{…}}`. Such a pattern matches nothing until `substituteTemplates` has filled it in. */
  readonly templated: boolean
}
