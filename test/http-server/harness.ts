/** Our server on a loopback port, with a clock that is cranked by hand, and clients that write raw bytes. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { Http1Server } from '../../src/http-server/index.ts'
import type { Http1ServerOptions, ServerRequest, ServerResponse } from '../../src/http-server/index.ts'
import { FakeClock } from '../fakes/clock.ts'

export const timeouts = { headersTimeout: 15_000, requestTimeout: 300_000, keepAliveTimeout: 65_000 }

export interface Peer {
  readonly socket: Socket
  readonly received: string
  readonly isClosed: boolean
  /** Why the connection broke, if it did. */
  readonly error: string | undefined
}

export interface Served {
  readonly request: ServerRequest
  readonly response: ServerResponse
}

export interface ServerHarness {
  readonly server: Http1Server
  readonly port: number
  readonly clock: FakeClock
  /** What was served, oldest first. */
  readonly served: Served[]
  peer(text?: string): Peer
  stop(): Promise<void>
}

export type Serve = (request: ServerRequest, response: ServerResponse) => void

/** Answers with the method, the target and the body. */
export const echo: Serve = (request, response) => {
  let body = ''
  request.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')))
  request.once('end', () => {
    const text = `${request.method} ${request.url} ${body}`
    response.writeHead(200, ['Content-Length', String(text.length)])
    response.end(text)
  })
  request.resume()
}

export async function startServer(
  serve: Serve = echo,
  { host = '127.0.0.1', ...options }: Partial<Pick<Http1ServerOptions, 'limits' | 'tls'>> & { host?: string } = {},
): Promise<ServerHarness> {
  const clock = new FakeClock()
  const served: Served[] = []
  const server = new Http1Server({
    clock,
    tls: undefined,
    timeouts,
    unreadable: ({ message }) => ({ error: message }),
    serve: (request, response) => {
      served.push({ request, response })
      serve(request, response)
    },
    ...options,
  })
  const { port } = await server.listen({ host, port: 0 })
  const sockets: Socket[] = []
  return {
    server,
    port,
    clock,
    served,
    peer(text = '') {
      const socket = connect(port, '127.0.0.1')
      sockets.push(socket)
      const peer = { socket, received: '', isClosed: false, error: undefined as string | undefined }
      socket.on('data', (chunk: Buffer) => (peer.received += chunk.toString('latin1')))
      socket.on('error', (error: NodeJS.ErrnoException) => (peer.error = error.code))
      socket.on('close', () => (peer.isClosed = true))
      socket.write(text, 'latin1')
      return peer
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      await server.close()
    },
  }
}

/** Lets sockets do their work until something holds. */
export async function eventually(holds: () => boolean): Promise<void> {
  for (let turns = 0; turns < 50_000 && !holds(); turns++)
    await new Promise<void>((resolve) => {
      setImmediate(resolve)
    })
  if (!holds()) throw new Error('what was waited for did not happen')
}

/** Time for whatever is under way on the sockets of this process. */
export async function turns(count = 200): Promise<void> {
  for (let turn = 0; turn < count; turn++)
    await new Promise<void>((resolve) => {
      setImmediate(resolve)
    })
}

/** The statuses of the responses in a stream of them. */
export const statuses = (text: string): string[] => [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, code]) => code!)
