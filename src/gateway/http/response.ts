import { writeResponse } from '../../http/index.ts'
import type { BodyReader, JsonLimits } from '../../http/index.ts'
import type { ServerRequest, ServerResponse } from '../../http-server/index.ts'
import type { RequestIds } from '../decision/records.ts'
import type { GatewayFailure } from '../error.ts'
import { challengeOf } from './challenge.ts'
import { errorBody, statusOf } from './error-body.ts'
import type { ErrorBody, ErrorFormat } from './error-body.ts'

/** One exchange as the handlers see it. `target` is the request line's, raw. */
export interface Exchange extends RequestIds {
  readonly request: ServerRequest
  readonly response: ServerResponse
  readonly target: string
  /** Reads bodies that are wanted whole; those of upstream calls are streamed instead. */
  readonly bodies: BodyReader
  readonly json: JsonLimits
  /** How refusals are worded; undefined = as everywhere. */
  errorFormat?: ErrorFormat | undefined
}

const RETRY_AFTER_SECONDS = 1

export function sendJson(
  exchange: Exchange,
  status: number,
  body: object | undefined,
  headers: Readonly<Record<string, string>> = {},
): void {
  const json = body && { contentType: 'application/json', text: `${JSON.stringify(body)}\n` }
  send(exchange, status, json, headers)
}

function send(
  { response, requestId }: Exchange,
  status: number,
  body: ErrorBody | undefined,
  headers: Readonly<Record<string, string>>,
): void {
  writeResponse(
    response,
    status,
    {
      ...(body !== undefined && { 'Content-Type': body.contentType }),
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      'X-Request-Id': requestId,
      ...headers,
    },
    body?.text ?? '',
  )
}

/** `{"error":{"type","code","message"},"request_id"}`: the shape API clients throw on, unless the exchange has another. */
export function sendError(exchange: Exchange, error: GatewayFailure, status = error.status): void {
  const told = status === error.status ? statusOf(exchange.errorFormat, error) : status
  const { allow, retryAfterSeconds = RETRY_AFTER_SECONDS } = error
  const challenge = status === 401 || status === 403 ? { 'WWW-Authenticate': challengeOf(error) } : {}
  const retries = (status === 503 && error.retryable) || status === 429
  const retry = retries ? { 'Retry-After': String(retryAfterSeconds) } : {}
  send(exchange, told, errorBody(exchange.errorFormat, error, exchange.requestId), {
    ...challenge,
    ...retry,
    ...(allow && { Allow: allow.join(', ') }),
  })
}
