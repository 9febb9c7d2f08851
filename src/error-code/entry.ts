import type { ErrorKind } from '../logical/errors.ts'

/** Who can do something about a failure. `nobody`: it passes by itself. */
export type ErrorActor = 'agent' | 'MCP server' | 'operator' | 'key owner' | 'nobody'

export interface ErrorCodeEntry {
  /** Decides the HTTP and the gRPC status, by the table of `src/logical/errors.ts`; the type's own where it is not given. */
  readonly kind?: ErrorKind
  /** HTTP status where it is not the kind's. */
  readonly http?: number
  /** `sdk`: the client library says it, and no wire carries it. `gateway` where it is not given. */
  readonly origin?: 'gateway' | 'sdk'
  /** `false`: waiting changes nothing, so that nobody is told to try again: no `Retry-After`, and clients do not by themselves. */
  readonly retry?: false
  /** What has happened. A whole sentence. */
  readonly meaning: string
  readonly actor: ErrorActor
  /** What that one does about it. A whole sentence. */
  readonly action: string
}
