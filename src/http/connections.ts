import type { IncomingMessage } from 'node:http'
import type { Server, Socket } from 'node:net'
import type { RequestsOn } from './requests.ts'

export interface ConnectionLimits {
  /** Connections on which no request has come in whole yet: its head, or the TLS handshake before it. */
  readonly unfinished: number
  /** All connections. */
  readonly total: number
}

interface Connection {
  readonly socket: Socket
  /** As node:http sees it, once it has carried a request. */
  carrier: Socket | undefined
}

/**
 * Bounds the connections of a listener. When there are too many, the one gives way that has been there longest without a request:
 * an honest client sends its request as soon as it is connected, so it is not the one that waits.
 */
export function limitConnections(server: Server, limits: ConnectionLimits, requestsOn: RequestsOn): void {
  // By the peer's address and port: node:http sees wrapped sockets, never the one that was accepted.
  const open = new Map<string, Connection>()
  const carriers = new WeakSet<Socket>()
  const isIdle = ({ carrier }: Connection) => carrier === undefined || requestsOn(carrier).length === 0
  const waiting = (fits: (connection: Connection) => boolean): Connection[] => [...open.values()].filter(fits)
  let unfinished = 0
  server.on('connection', (socket: Socket) => {
    const key = peerOf(socket)
    const connection: Connection = { socket, carrier: undefined }
    open.set(key, connection)
    unfinished += 1
    socket.once('close', () => {
      if (!connection.carrier) unfinished -= 1
      if (open.get(key) === connection) open.delete(key)
    })
    if (unfinished > limits.unfinished) waiting(({ carrier }) => !carrier)[0]?.socket.destroy()
    else if (open.size > limits.total) (waiting(isIdle)[0] ?? connection).socket.destroy()
  })
  server.on('request', ({ socket }: IncomingMessage) => {
    if (carriers.has(socket)) return
    const connection = open.get(peerOf(socket))
    if (!connection) return
    carriers.add(socket)
    connection.carrier = socket
    unfinished -= 1
  })
}

const peerOf = ({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string =>
  `${remoteAddress ?? ''} ${String(remotePort ?? '')}`
