import { limited } from '../error.ts'
import type { GatewayFailure } from '../error.ts'
import { keyOf } from '../knowledge/introspection.ts'
import type { SessionName } from '../knowledge/introspection.ts'
import type { SessionCache } from '../knowledge/session-cache.ts'
import type { Found } from '../knowledge/session-entry.ts'
import type { Limits } from '../limits/index.ts'
import { originOf } from './callers.ts'
import type { Caller } from './callers.ts'
import { refusalResult } from './records.ts'
import type { Decision, DecisionRecords } from './records.ts'

/** The session of a token or id; where it is not known here yet, looked up within the limits of whose request this is. */
export async function findSession(
  sessions: SessionCache,
  limits: Limits,
  name: SessionName,
  caller: Caller,
): Promise<Found> {
  const key = keyOf(name)
  const known = sessions.atHand(key, 'token' in name ? name.token : undefined)
  if (known) return known
  const lookup = limits.lookup(originOf(caller))
  let unknown = false
  try {
    const found = await sessions.find(key)
    unknown = found.inactive !== undefined && found.inactive.session_id === undefined
    return found
  } finally {
    lookup.done(unknown)
  }
}

/**
 * Records a refusal, and returns what the caller is told: past the limit of refusals of its session, or its own where there is none,
 * that is the limit, summed up in the records.
 * Nothing that is allowed is affected by how much was refused.
 */
export async function recordRefusal(
  records: DecisionRecords,
  limits: Limits,
  error: GatewayFailure,
  refused: Pick<Decision, 'request_id' | 'caller_request_id' | 'caller' | 'session' | 'requested' | 'lateSeconds'>,
): Promise<GatewayFailure> {
  const { caller, session } = refused
  const key = session?.session_id ?? originOf(caller).key
  const result =
    error.kind === 'rate_limited' || error.type === 'unavailable' || limits.recordRefusal(key)
      ? error
      : limited(
          'refusals_limit',
          `too many requests of this ${session ? 'session' : 'caller'} were refused in this second; look at what they are refused for (refusals_per_second)`,
        )
  const decision = { ...refused, ...refusalResult(result, session !== undefined), reason: result.code }
  if (result.kind === 'rate_limited') await records.limited(decision)
  else await records.decision(decision)
  return result
}
