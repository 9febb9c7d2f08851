import type { IncomingMessage, ServerResponse } from 'node:http'
import { hasBody } from './request.ts'

/**
 * Writes a whole response. What is left of a request body that nobody wants is not read: the connection ends with the response. True
 * when the connection can carry another request.
 */
export function writeResponse(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string,
): boolean {
  const reusable = request.complete || !hasBody(request)
  if (!reusable) response.shouldKeepAlive = false
  response.writeHead(status, {
    ...headers,
    ...(status === 204 ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
  })
  response.end(request.method === 'HEAD' ? undefined : body)
  return reusable
}
