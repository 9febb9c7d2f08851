import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server, Socket } from 'node:net'

export interface ConnectionLimits {
  /** Connections on which no request has come in whole yet: its head, or the TLS handshake before it. */
  readonly unfinished: number
  /** All connections. */
  readonly total: number
}

interface Connection {
  readonly socket: Socket
  /** Requests under way. */
  underway: number
  /** Has carried a request before. */
  used: boolean
}

/**
 * Bounds the connections of a listener. When there are too many, the one gives way that has been there longest without a request:
 * an honest client sends its request as soon as it is connected, so it is not the one that waits.
 */
export function limitConnections(server: Server, limits: ConnectionLimits): void {
  // By the peer's address and port: node:http sees wrapped sockets, never the one that was accepted.
  const open = new Map<string, Connection>()
  const waiting = (fits: (connection: Connection) => boolean): Connection[] => [...open.values()].filter(fits)
  let unfinished = 0
  server.on('connection', (socket: Socket) => {
    const key = peerOf(socket)
    const connection: Connection = { socket, underway: 0, used: false }
    open.set(key, connection)
    unfinished += 1
    socket.once('close', () => {
      if (!connection.used) unfinished -= 1
      if (open.get(key) === connection) open.delete(key)
    })
    if (unfinished > limits.unfinished) waiting(({ used }) => !used)[0]?.socket.destroy()
    else if (open.size > limits.total) (waiting(({ underway }) => underway === 0)[0] ?? connection).socket.destroy()
  })
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const connection = open.get(peerOf(request.socket))
    if (!connection) return
    if (!connection.used) unfinished -= 1
    connection.used = true
    connection.underway += 1
    response.once('close', () => {
      connection.underway -= 1
    })
  })
}

const peerOf = ({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string =>
  `${remoteAddress ?? ''} ${String(remotePort ?? '')}`
