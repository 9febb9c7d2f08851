import type { CallJudgement } from '../../scope/index.ts'
import { GatewayFailure } from '../error.ts'
import type { InactiveSession } from '../../document/index.ts'
import type { EndReason } from '../knowledge/session-entry.ts'

/** A new request with a token that is over. `again` = not its first use since it expired: somebody holds on to an old token. */
export function reuse(reason: EndReason, again = false): GatewayFailure {
  return reason === 'expired'
    ? new GatewayFailure(
        'invalid_token',
        again ? 'reuse_after_expiry' : 'expired',
        "the token has expired; use the session's newest token, or open a new session",
      )
    : new GatewayFailure('invalid_token', 'reuse_after_revocation', 'the token was revoked; open a new session')
}

/** A call under way whose session is over. */
export function ended(reason: EndReason): GatewayFailure {
  return reason === 'expired'
    ? new GatewayFailure('invalid_token', 'expired', 'the token expired during the call')
    : new GatewayFailure('invalid_token', 'revoked', 'the session was ended during the call')
}

export const missing = (where: string): GatewayFailure =>
  new GatewayFailure('invalid_token', 'missing', `missing token${where}`)

export const bodyTooLarge = (upstream: string, maxBytes: number): GatewayFailure =>
  new GatewayFailure(
    'invalid_request',
    'too_large',
    `the request body is longer than upstream ${upstream} takes (max_request_bytes ${String(maxBytes)})`,
  )

export const malformed = (): GatewayFailure =>
  new GatewayFailure(
    'invalid_token',
    'malformed',
    'this is not a token of this gateway: it is truncated, mistyped or of another kind',
  )

export function inactiveToken({ reason }: InactiveSession): GatewayFailure {
  if (reason === 'expired' || reason === 'revoked') return reuse(reason)
  return reason === 'malformed' ? malformed() : new GatewayFailure('invalid_token', 'unknown', 'the token is not known')
}

/** A call that no granted tool covers. */
export function notGranted(
  judgement: CallJudgement,
  upstream: string,
  method: string,
  segments: readonly string[],
): GatewayFailure {
  if (judgement.reason === 'no_tool')
    return new GatewayFailure(
      'insufficient_scope',
      'no_tool',
      `no tool of ${upstream} covers ${method} /${segments.join('/')}`,
    )
  if (judgement.reason === 'allowed' || judgement.reason === 'needs_body')
    throw new Error('only a call that is refused has a refusal')
  return new GatewayFailure('insufficient_scope', judgement.reason, judgement.message, {
    scope: judgement.needed.join(' '),
  })
}
