/**
 * Why a call failed. Errors of `connect` and those a caller aborts with reach the handler unchanged.
 *
 * - `invalid_request`: what was to be sent is not a request; nothing was written, or the connection was cut before its end.
 * - `closed_without_response`: the connection ended before the first byte of a response. The request may have been acted on.
 * - `broke_off`: the connection ended in the middle of the response.
 * - `invalid_response`: the response violates HTTP, or is not what one may rely on.
 * - `head_too_large`: the response's head or trailers exceed their limit.
 * - `queue_full`: too many calls wait for a connection.
 * - `pool_closed`: the pool takes no more calls.
 */
export type HttpClientErrorCode =
  | 'invalid_request'
  | 'closed_without_response'
  | 'broke_off'
  | 'invalid_response'
  | 'head_too_large'
  | 'queue_full'
  | 'pool_closed'

/** `message` never holds anything of the request or the response; `cause` is the socket's error, if there was one. */
export class HttpClientError extends Error {
  readonly code: HttpClientErrorCode

  constructor(code: HttpClientErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'HttpClientError'
    this.code = code
  }
}

export const invalidResponse = (message: string): HttpClientError => new HttpClientError('invalid_response', message)
export const invalidRequest = (message: string): HttpClientError => new HttpClientError('invalid_request', message)
