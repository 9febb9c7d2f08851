/** What the engine says about several tokens or sessions at once. */
import { readIntrospection } from './introspection.ts'
import type { Introspection } from './introspection.ts'
import { DocumentError } from './problem.ts'
import { isObject } from './shape.ts'

/** How many one request holds at most. */
export const INTROSPECTION_BATCH = 64

export const introspectionBatchFields = {
  batch_input: {
    type: 'objects',
    secret: true,
    description:
      'Instead of one: 1 to 64 objects, each with one of token, token_sha256 and session_id, and optionally required_scope.',
    example: [{ token_sha256: 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9' }],
  },
  batch_results: {
    type: 'objects',
    computed: true,
    description:
      'With batch_input: what is said of each, in its order, but for scope, scopes and granted_scopes, times in words and the names of RFC 7662; {"error": …} of one that is wrong or could not be read. The position is that of all.',
    example: [{ active: false, reason: 'unknown' }],
  },
} as const

/** One of a batch: what is said of it, or that nothing could be said of it. */
export type IntrospectionResult = Introspection | { readonly active?: never; readonly error: string }

/** Reads a response of `mcp/introspect` to a batch of `count`. Throws `DocumentError`; one result that is none is an error by itself. */
export function readIntrospectionBatch(data: unknown, count: number): readonly IntrospectionResult[] {
  const what = 'introspection batch'
  const { batch_results: results, epoch, sequence, server_time_unix_ms } = isObject(data) ? data : {}
  if (!Array.isArray(results) || results.length !== count)
    throw new DocumentError(what, {
      field: 'batch_results',
      problem: `must be a list of ${String(count)}`,
      example: introspectionBatchFields.batch_results.example,
    })
  return results.map((result: unknown): IntrospectionResult => {
    if (isObject(result) && typeof result.error === 'string') return { error: result.error }
    try {
      return readIntrospection({ ...(isObject(result) ? result : {}), epoch, sequence, server_time_unix_ms })
    } catch (error) {
      if (error instanceof DocumentError) return { error: error.message }
      throw error
    }
  })
}
