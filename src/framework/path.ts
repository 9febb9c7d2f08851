import type { Request } from '../logical/request.ts'
import type { Response } from '../logical/response.ts'
import type { FieldData } from './field-data.ts'
import type { Fields } from './field.ts'

/** What a handler is given. Throw `RequestError` to refuse; return undefined for "nothing there" (404) or "done" (204). */
export interface Call<F extends Fields = Fields> {
  readonly request: Request
  readonly fields: FieldData<F>
}

export type Handler<F extends Fields = Fields> = (call: Call<F>) => Promise<Response | undefined> | Response | undefined

/** `write` serves create and update alike: PUT and POST are one upsert. */
export interface Operations<F extends Fields> {
  readonly read?: Handler<F>
  readonly write?: Handler<F>
  readonly patch?: Handler<F>
  readonly delete?: Handler<F>
  readonly list?: Handler<F>
}

export interface PathSpec<F extends Fields> {
  /** See pattern.ts: `agents/:id/scopes/:environment`, `tools/:upstream/:tool...`, `upstreams/`. */
  readonly pattern: string
  /** Captures are fields too and must be declared. */
  readonly fields: F
  readonly operations: Operations<F>
  /** Present = Vault tells create from update by it. Must be cheap, read-only and safe for callers who will be denied. */
  readonly exists?: (call: Call<F>) => Promise<boolean> | boolean
  /** Needs the sudo capability. */
  readonly sudo?: boolean
  /**
   * On a node that cannot write, answers `readonly` before anything else, so that the host forwards the request. For reading as
   * well: such a node applies what others wrote some time later, so that one who writes through it would not find what he wrote.
   */
  readonly active_node_only?: boolean
  /** Fields that are not declared are what the path is for: no warning about them. */
  readonly takes_arbitrary_input?: boolean
  /** Fields an example of a write gives; by default those that are required. */
  readonly example_fields?: readonly (keyof F & string)[]
  readonly synopsis: string
  readonly description: string
}

/** A path with its field types erased, as a backend keeps it. */
export type PathDef = PathSpec<Fields>

/** Declares a path; handlers see their fields typed. */
export function definePath<const F extends Fields>(spec: PathSpec<F>): PathDef {
  return spec as unknown as PathDef
}
