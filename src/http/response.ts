import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { BodyReader } from './body.ts'
import type { HttpRequest, HttpResponse } from './message.ts'
import { hasBody } from './request.ts'

/**
 * Writes a whole response. What is left of a request body that nobody wants is thrown away, and the connection ends with it. True when
 * the connection can carry another request.
 */
export function writeResponse(
  bodies: BodyReader,
  request: HttpRequest,
  response: HttpResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string,
): boolean {
  const reusable = request.complete || !hasBody(request)
  if (!reusable) response.shouldKeepAlive = false
  const list: string[] = []
  for (const name in headers) list.push(name, headers[name]!)
  if (status !== 204) list.push('Content-Length', String(Buffer.byteLength(body)))
  response.writeHead(status, list)
  const content = request.method === 'HEAD' ? '' : body
  if (reusable) {
    response.end(content)
    return true
  }
  // In one write, and at once: a body that node:http cannot parse has the connection destroyed within this tick.
  if (content === '') response.flushHeaders()
  else response.write(content)
  request.socket.uncork()
  void bodies.drain(request).then(() => response.end())
  return false
}

/** A client whose machine has gone sends no end; without probes its stream would stay for ever. */
const keepAliveProbeMs = 30_000

/**
 * Writes a response whose body comes as it is made, at the pace of the reader. The stream is destroyed when the client goes, and the
 * connection when the stream breaks. `reusable` is called when the connection can carry another request.
 */
export function streamResponse(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  stream: Readable,
  reusable: () => void,
): void {
  if (response.destroyed) {
    stream.destroy()
    return
  }
  request.socket.setKeepAlive(true, keepAliveProbeMs)
  response.writeHead(status, headers)
  response.flushHeaders()
  response.once('finish', reusable)
  response.once('close', () => {
    stream.destroy()
  })
  stream.once('close', () => {
    if (!stream.readableEnded) response.destroy()
  })
  stream.pipe(response)
}
