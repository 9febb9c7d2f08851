import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** The responses that are under way on a connection. */
export type RequestsOn = (socket: Duplex) => ReadonlySet<ServerResponse>

const none: ReadonlySet<ServerResponse> = new Set()

/** Keeps count of what is under way on each connection of a server: one listener for all who ask. */
export function trackRequests(server: Server): RequestsOn {
  const bySocket = new WeakMap<Duplex, Set<ServerResponse>>()
  function over(this: ServerResponse): void {
    bySocket.get(this.req.socket)?.delete(this)
  }
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const known = bySocket.get(socket)
    if (known) known.add(response)
    else bySocket.set(socket, new Set([response]))
    response.on('close', over)
  })
  return (socket) => bySocket.get(socket) ?? none
}
