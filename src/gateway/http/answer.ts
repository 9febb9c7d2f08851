import type { IncomingMessage, ServerResponse } from 'node:http'
import type { GatewayError } from '../error.ts'

/** One exchange as the handlers see it. `target` is the request line's, raw. */
export interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly target: string
  readonly requestId: string
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal
}

const RETRY_AFTER_SECONDS = 1

export function sendJson(
  exchange: Exchange,
  status: number,
  body: object | undefined,
  headers: Readonly<Record<string, string>> = {},
): void {
  const { response, request, requestId } = exchange
  const text = body === undefined ? '' : `${JSON.stringify(body)}\n`
  // What is left of a request body that nobody wants is not read: the connection ends with the answer.
  if (!request.complete && hasBody(request)) response.shouldKeepAlive = false
  response.writeHead(status, {
    ...(body === undefined
      ? {}
      : { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(text)) }),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'X-Request-Id': requestId,
    ...headers,
  })
  response.end(request.method === 'HEAD' ? undefined : text)
}

/** `{"error":{"type","code","message"},"request_id"}`: the shape API clients throw on. */
export function sendError(exchange: Exchange, error: GatewayError, status = error.row.http): void {
  const { type, code, message, allow } = error
  const challenge = status === 401 || status === 403 ? { 'WWW-Authenticate': challengeOf(error) } : {}
  const retry = status === 503 ? { 'Retry-After': String(RETRY_AFTER_SECONDS) } : {}
  sendJson(
    exchange,
    status,
    { error: { type, code, message }, request_id: exchange.requestId },
    { ...challenge, ...retry, ...(allow && { Allow: allow.join(', ') }) },
  )
}

export const hasBody = (request: IncomingMessage): boolean =>
  request.headers['transfer-encoding'] !== undefined || (contentLength(request) ?? 0) > 0

export function contentLength(request: IncomingMessage): number | undefined {
  const text = request.headers['content-length']
  return text === undefined ? undefined : Number(text)
}

/** RFC 6750, section 3. Without a token there is no error to name. */
function challengeOf({ type, code, message, scope }: GatewayError): string {
  const parameters = ['realm="mcp"']
  if (code !== 'missing' && code !== 'caller_missing')
    parameters.push(`error="${type}"`, `error_description="${quotable(message)}"`)
  if (scope !== undefined && scope !== '') parameters.push(`scope="${quotable(scope)}"`)
  return `Bearer ${parameters.join(', ')}`
}

/** The characters RFC 6750 allows in a description. */
const quotable = (text: string): string => text.replaceAll('"', "'").replace(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?')
