/**
 * What operators write and what the engine says on the wire, described and checked once. The engine's paths, the gateway and
 * the provider call this and add no rule of their own: what one of them accepts, all of them do (test/document). Pure: knows
 * neither requests nor servers; imports only `src/scope` and `src/policy`. What the engine's documents look like to a reader stands in
 * `documents.ts`, imported by its own name: it needs a validator that plugin and provider do not carry.
 */
export { subjectOf } from './problem.ts'
export type { DocumentProblem } from './problem.ts'
export {
  isFramingHeader,
  isHeaderName,
  readAuth,
  upstreamFields,
  upstreamProblems,
  upstreamWarnings,
} from './upstream.ts'
export type { UpstreamAuth, UpstreamValues } from './upstream.ts'
