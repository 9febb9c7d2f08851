import { RequestError } from '../logical/errors.ts'
import type { ErrorKind } from '../logical/errors.ts'

/**
 * A request to Vault that failed. `status` is the HTTP status, 0 when no response arrived; `errors` are Vault's own
 * sentences (the warnings of a response that has no errors), all of them, with the credentials of the request taken out.
 * Nothing else of the request or the response is kept, not even as `cause`: what a log or `JSON.stringify` makes of this error
 * holds no token, key or body.
 */
export class VaultError extends RequestError {
  readonly status: number
  readonly errors: readonly string[]

  constructor(kind: ErrorKind, status: number, message: string, errors: readonly string[] = []) {
    super(kind, message)
    this.name = 'VaultError'
    this.status = status
    this.errors = errors
  }
}

/** The request was never sent: an argument is wrong. */
export const refused = (message: string): VaultError => new VaultError('bad_request', 0, message)

/** No response of Vault: the fault is on the way or at the other end, so nothing is known about token or path. */
export const noResponse = (message: string, status = 0): VaultError => new VaultError('unavailable', status, message)

/** Statuses Vault itself gives to a request it has judged. Every other one says that Vault has not judged it. */
const kinds: Readonly<Record<number, ErrorKind>> = {
  400: 'bad_request',
  401: 'unauthenticated',
  403: 'permission_denied',
  404: 'not_found',
  405: 'unsupported_operation',
  412: 'precondition_failed',
  413: 'too_large',
  415: 'unsupported_media_type',
  429: 'rate_limited',
}

/** Maps a failed answer to a kind. A thing that is not there is distinguished from a route that does not exist. */
export function kindOfResponse(status: number, errors: readonly string[]): ErrorKind {
  if (status === 404 && errors.some((text) => /no handler for route|unsupported path/i.test(text)))
    return 'unsupported_path'
  if (status === 503 && errors.some((text) => /\bsealed\b/i.test(text))) return 'sealed'
  return kinds[status] ?? 'unavailable'
}

/** Vault has ended this process's token and refuses it another one; `unavailable` to callers whose request was not about the token. */
export class LoginRefused extends RequestError {
  constructor(cause: Error) {
    super('unavailable', `Vault has ended the token of this process and refuses to issue another: ${cause.message}`, {
      cause,
    })
    this.name = 'LoginRefused'
  }
}
