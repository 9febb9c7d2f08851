import { errorCode } from '../../error-code/index.ts'
import type { CodesOf } from '../../error-code/index.ts'
import { RequestError } from '../../logical/errors.ts'

/** Why a call to an upstream has no response. `stale`: no further byte is used or handed out. `call_ended`: its caller ended it. */
export type CallErrorCode =
  | Exclude<CodesOf<'upstream_error'>, 'key_consent_missing' | 'key_field_missing' | 'key_secret_missing'>
  | 'stale'
  | 'call_ended'

/** A failed upstream call. `code` goes into answers and records; the message never holds a key, an address or a body. */
export class GatewayCallError extends RequestError {
  readonly code: CallErrorCode

  constructor(code: CallErrorCode, message: string, options?: { cause?: unknown }) {
    super(errorCode(code).kind, message, options)
    this.name = 'GatewayCallError'
    this.code = code
  }
}

/** A request that may not be sent upstream as it is. The message names what of it, and holds no values. */
export class RefusedRequest extends RequestError {
  readonly code: CodesOf<'invalid_request'>

  constructor(code: CodesOf<'invalid_request'>, message: string) {
    super(errorCode(code).kind, message)
    this.name = 'RefusedRequest'
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
