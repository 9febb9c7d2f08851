import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** The responses that are under way on a connection. */
export type RequestsOn = (socket: Duplex) => readonly ServerResponse[]

const none: readonly ServerResponse[] = []

/** Keeps count of what is under way on each connection of a server: one listener for all who ask. */
export function trackRequests(server: Server): RequestsOn {
  const bySocket = new WeakMap<Duplex, ServerResponse[]>()
  function over(this: ServerResponse): void {
    const responses = bySocket.get(this.req.socket)
    const at = responses?.indexOf(this) ?? -1
    if (at >= 0) responses?.splice(at, 1)
  }
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const known = bySocket.get(socket)
    if (known) known.push(response)
    else bySocket.set(socket, [response])
    response.on('close', over)
  })
  return (socket) => bySocket.get(socket) ?? none
}
