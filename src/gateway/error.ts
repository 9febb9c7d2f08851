import { RequestError, errorTable } from '../logical/errors.ts'
import type { ErrorKind } from '../logical/errors.ts'

export type GatewayErrorType =
  'invalid_token' | 'insufficient_scope' | 'invalid_request' | 'unavailable' | 'upstream_error'

const kindOfType: Readonly<Record<GatewayErrorType, ErrorKind>> = {
  invalid_token: 'unauthenticated',
  insufficient_scope: 'permission_denied',
  invalid_request: 'bad_request',
  unavailable: 'unavailable',
  upstream_error: 'upstream_error',
}

const typeOfKind: Readonly<Record<ErrorKind, GatewayErrorType>> = {
  bad_request: 'invalid_request',
  invalid_request: 'invalid_request',
  unauthenticated: 'invalid_token',
  permission_denied: 'insufficient_scope',
  unsupported_path: 'unavailable',
  not_found: 'invalid_request',
  unsupported_operation: 'invalid_request',
  request_timeout: 'invalid_request',
  precondition_failed: 'unavailable',
  too_large: 'invalid_request',
  unsupported_media_type: 'invalid_request',
  rate_limited: 'unavailable',
  upstream_error: 'upstream_error',
  unavailable: 'unavailable',
  sealed: 'unavailable',
  readonly: 'unavailable',
  unrecoverable: 'unavailable',
  internal: 'unavailable',
}

export interface GatewayErrorDetails {
  /** Where the status is not the type's own: 404, 405, 413. */
  readonly kind?: ErrorKind
  /** Scopes that would help, for `WWW-Authenticate`. */
  readonly scope?: string
  /** For 429: whole seconds after which it is worth trying again. */
  readonly retryAfterSeconds?: number
  /** For 405: the methods that are served. */
  readonly allow?: readonly string[]
  readonly cause?: unknown
}

/** What every face of the gateway answers a failure with. `code` is a stable reason that callers may match on. */
export class GatewayError extends RequestError {
  readonly type: GatewayErrorType
  readonly code: string
  readonly scope: string | undefined

  constructor(type: GatewayErrorType, code: string, message: string, details: GatewayErrorDetails = {}) {
    super(details.kind ?? kindOfType[type], message, details)
    this.name = 'GatewayError'
    this.type = type
    this.code = code
    this.scope = details.scope
  }
}

export const unavailable = (code: string, message: string, cause?: unknown): GatewayError =>
  new GatewayError('unavailable', code, message, { cause })

/**
 * Anything thrown, as the gateway words it. A `RequestError` keeps its kind and text, and its `code` if it has one; the rest
 * is an internal fault whose text tells nothing.
 */
export function toGatewayError(thrown: unknown): GatewayError {
  if (thrown instanceof GatewayError) return thrown
  if (!(thrown instanceof RequestError))
    return new GatewayError('unavailable', 'internal', errorTable.internal.text, { kind: 'internal', cause: thrown })
  // Every path the gateway asks Vault for is there while the engine is; a server that is being unsealed has none of it for a while.
  if (thrown.kind === 'unsupported_path')
    return unavailable('vault_unavailable', 'Vault has no engine at the mount at the moment; try again', thrown)
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : thrown.kind
  const { kind, message, retryAfterSeconds } = thrown
  const later = retryAfterSeconds === undefined ? {} : { retryAfterSeconds }
  return new GatewayError(typeOfKind[kind], code, message, { kind, cause: thrown, ...later })
}
