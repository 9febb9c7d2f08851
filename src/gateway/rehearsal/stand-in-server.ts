import type { Server, Socket } from 'node:net'
import type { AddressInfo } from 'node:net'

/** A server of the rehearsal's own, on a free port of this machine for as long as that takes. */
export interface StandInServer {
  /** `http://127.0.0.1:40123` */
  readonly url: string
  /** Breaks off what is left. */
  close(): Promise<void>
}

/**
 * TCP, and not a Unix socket that nobody else could reach: V8 makes its code for the kind of socket it has seen, and the first real
 * calls would cost a third more. Anyone else who connects lacks the secret that each request must present.
 */
export async function listenOnLoopback(server: Server): Promise<StandInServer> {
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.on('error', () => undefined).on('close', () => open.delete(socket))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port: 0 }, resolve)
  })
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        for (const socket of open) socket.destroy()
      }),
  }
}
