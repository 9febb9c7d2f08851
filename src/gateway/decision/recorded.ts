/** A refusal is recorded before it is answered. */
import { toGatewayFailure } from '../error.ts'
import type { GatewayFailure } from '../error.ts'
import type { Limits } from '../limits/index.ts'
import { recordRefusal } from './bounded-lookup.ts'
import type { DecisionRecords, RequestedAccess } from './records.ts'
import type { Context } from './requests.ts'

interface RefusalDependencies {
  readonly records: DecisionRecords
  readonly limits: Limits
}

/** What the caller is told of what was thrown, once that is recorded. */
export async function recordedRefusal(
  { records, limits }: RefusalDependencies,
  context: Context,
  requested: RequestedAccess,
  thrown: unknown,
): Promise<GatewayFailure> {
  const error = toGatewayFailure(thrown)
  if (error.code === 'audit_unavailable') return error
  const { requestId: request_id, callerRequestId: caller_request_id, caller, session, lateSeconds } = context
  if (caller.kind === 'session' && session === undefined) {
    records.unauthenticated()
    return error
  }
  if (error.code === 'caller_unknown') return error
  const refused = { request_id, caller_request_id, caller, session, requested, lateSeconds }
  return recordRefusal(records, limits, error, refused)
}
