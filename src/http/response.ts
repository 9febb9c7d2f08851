import type { Readable } from 'node:stream'
import type { HttpRequest, HttpResponse } from './message.ts'

/** Writes a whole response. */
export function writeResponse(
  response: HttpResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string,
): void {
  const list = flat(headers)
  if (status !== 204) list.push('Content-Length', String(Buffer.byteLength(body)))
  response.writeHead(status, list)
  response.end(body)
}

function flat(headers: Readonly<Record<string, string>>): string[] {
  const list: string[] = []
  for (const name in headers) list.push(name, headers[name]!)
  return list
}

/** A client whose machine has gone sends no end; without probes its stream would stay for ever. */
const keepAliveProbeMs = 30_000

/**
 * Writes a response whose body comes as it is made, at the pace of the reader. The stream is destroyed when the client goes, and the
 * connection when the stream breaks.
 */
export function streamResponse(
  request: HttpRequest,
  response: HttpResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  stream: Readable,
): void {
  if (response.destroyed) {
    stream.destroy()
    return
  }
  request.socket.setKeepAlive(true, keepAliveProbeMs)
  response.writeHead(status, flat(headers))
  response.flushHeaders()
  response.once('close', () => {
    stream.destroy()
  })
  response.on('drain', () => stream.resume())
  stream.once('end', () => response.end())
  stream.once('close', () => {
    if (!stream.readableEnded) response.destroy()
  })
  stream.on('data', (chunk: Uint8Array | string) => {
    if (!response.write(chunk)) stream.pause()
  })
}
