import type { IncomingMessage, ServerResponse } from 'node:http'
import { writeResponse } from '../../http/index.ts'
import type { BodyReader, JsonLimits } from '../../http/index.ts'
import type { RequestIds } from '../decision/records.ts'
import type { GatewayFailure } from '../error.ts'
import { challengeOf } from './challenge.ts'

/** One exchange as the handlers see it. `target` is the request line's, raw. */
export interface Exchange extends RequestIds {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly target: string
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal
  /** Reads bodies that are wanted whole; those of upstream calls are streamed instead. */
  readonly bodies: BodyReader
  readonly json: JsonLimits
}

const RETRY_AFTER_SECONDS = 1

export function sendJson(
  { response, request, requestId, bodies }: Exchange,
  status: number,
  body: object | undefined,
  headers: Readonly<Record<string, string>> = {},
): void {
  writeResponse(
    bodies,
    request,
    response,
    status,
    {
      ...(body !== undefined && { 'Content-Type': 'application/json' }),
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
      'X-Request-Id': requestId,
      ...headers,
    },
    body === undefined ? '' : `${JSON.stringify(body)}\n`,
  )
}

/** `{"error":{"type","code","message"},"request_id"}`: the shape API clients throw on. */
export function sendError(exchange: Exchange, error: GatewayFailure, status = error.status): void {
  const { type, code, message, allow, retryAfterSeconds = RETRY_AFTER_SECONDS } = error
  const challenge = status === 401 || status === 403 ? { 'WWW-Authenticate': challengeOf(error) } : {}
  const retries = (status === 503 && error.retryable) || status === 429
  const retry = retries ? { 'Retry-After': String(retryAfterSeconds) } : {}
  sendJson(
    exchange,
    status,
    { error: { type, code, message }, request_id: exchange.requestId },
    { ...challenge, ...retry, ...(allow && { Allow: allow.join(', ') }) },
  )
}
