import type { CallJudgement } from '../../scope/index.ts'
import { GatewayError } from '../error.ts'
import type { InactiveSession } from '../../document/index.ts'
import type { EndReason } from '../knowledge/session-entry.ts'

/** A new request with a token that is over. `again` = not its first use since it expired: somebody holds on to an old token. */
export function reuse(reason: EndReason, again = false): GatewayError {
  return reason === 'expired'
    ? new GatewayError(
        'invalid_token',
        again ? 'reuse_after_expiry' : 'expired',
        "the token has expired; use the session's newest token, or open a new session",
      )
    : new GatewayError('invalid_token', 'reuse_after_revocation', 'the token was revoked; open a new session')
}

/** A call under way whose session is over. */
export function ended(reason: EndReason): GatewayError {
  return reason === 'expired'
    ? new GatewayError('invalid_token', 'expired', 'the token expired during the call')
    : new GatewayError('invalid_token', 'revoked', 'the session was ended during the call')
}

export const missing = (where: string): GatewayError =>
  new GatewayError('invalid_token', 'missing', `missing token${where}`)

export const bodyTooLarge = (upstream: string, maxBytes: number): GatewayError =>
  new GatewayError(
    'invalid_request',
    'too_large',
    `the request body is longer than upstream ${upstream} takes (max_request_bytes ${String(maxBytes)})`,
  )

export const malformed = (): GatewayError =>
  new GatewayError(
    'invalid_token',
    'malformed',
    'this is not a token of this gateway: it is truncated, mistyped or of another kind',
  )

export function inactiveToken({ reason }: InactiveSession): GatewayError {
  if (reason === 'expired' || reason === 'revoked') return reuse(reason)
  return reason === 'malformed' ? malformed() : new GatewayError('invalid_token', 'unknown', 'the token is not known')
}

/** A call that no granted tool covers. */
export function notGranted(
  judgement: CallJudgement,
  upstream: string,
  method: string,
  segments: readonly string[],
): GatewayError {
  if (judgement.reason === 'no_tool')
    return new GatewayError(
      'insufficient_scope',
      'no_tool',
      `no tool of ${upstream} covers ${method} /${segments.join('/')}`,
    )
  if (judgement.reason === 'allowed' || judgement.reason === 'needs_body')
    throw new Error('only a call that is refused has a refusal')
  return new GatewayError('insufficient_scope', judgement.reason, judgement.message, {
    scope: judgement.needed.join(' '),
  })
}
