import { RequestError, type ErrorKind } from '../../logical/errors.ts'

/** Stable reasons why a call to an upstream has no answer, with the error kind (and so the status) each stands for. */
export const callErrorKinds = {
  /** The key cannot be used as this upstream wants it: absent, or holding bytes no header may hold. */
  key_unavailable: 'upstream_error',
  /** The upstream refused our key: its own 401 or 407. */
  upstream_unauthorized: 'upstream_error',
  /** No connection, no TLS, or the connection broke before there was an answer. */
  upstream_unreachable: 'upstream_error',
  /** Connected or connecting, but silent for longer than the upstream's limits. */
  upstream_timeout: 'upstream_error',
  /** The address or scheme may not be called from here. */
  upstream_address_refused: 'upstream_error',
  /** The upstream's stored document cannot be used. */
  upstream_misconfigured: 'upstream_error',
  /** The answer breaks HTTP, its encoding or its content type, or ended early. */
  upstream_invalid_response: 'upstream_error',
  upstream_response_too_large: 'upstream_error',
  /** The state that allowed the call can no longer be vouched for; no further byte is used or handed out. */
  stale: 'unavailable',
  /** The caller of `callUpstream` ended it (revoked, client gone, shut down) without giving a reason of its own. */
  call_ended: 'unavailable',
} as const satisfies Record<string, ErrorKind>

export type CallErrorCode = keyof typeof callErrorKinds

/** A failed upstream call. `code` goes into answers and records; the message never holds a key, an address or a body. */
export class GatewayCallError extends RequestError {
  readonly code: CallErrorCode

  constructor(code: CallErrorCode, message: string, options?: { cause?: unknown }) {
    super(callErrorKinds[code], message, options)
    this.name = 'GatewayCallError'
    this.code = code
  }
}

/**
 * What may be kept of a foreign error for the log. Parsers put the bytes they choked on into their errors, and those may be
 * an echo of the key: only name and code are kept.
 */
export function plainCause(error: unknown): Error {
  const { name, code } =
    error instanceof Error ? (error as NodeJS.ErrnoException) : { name: typeof error, code: undefined }
  return new Error(code === undefined ? name : `${name} ${code}`)
}
