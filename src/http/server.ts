import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { Server as TlsServer, createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { limitConnections } from './connections.ts'
import { bracketed } from './listen-address.ts'
import type { ListenAddress } from './listen-address.ts'
import { trackRequests } from './requests.ts'
import { respondUnreadable } from './unreadable-request.ts'
import type { Unreadable } from './unreadable-request.ts'

export type HttpServer = Server | TlsServer

/** PEM texts of a listener's certificate chain and its key. */
export interface TlsMaterial {
  readonly cert: string
  readonly key: string
}

/** Milliseconds. A client that dribbles its request in holds nothing but its own socket, and not for long. */
export interface ServerTimeouts {
  /** For the request line and headers. */
  readonly headersTimeout: number
  /** For a whole request; 0 = no limit. */
  readonly requestTimeout: number
  /** Between two requests of a connection. */
  readonly keepAliveTimeout: number
}

const connectionLimits = { unfinished: 512, total: 4096 }

/** A server that listens nowhere yet. `unreadable` words the JSON for what node:http would refuse without one. */
export function createHttpServer(
  tls: TlsMaterial | undefined,
  timeouts: ServerTimeouts,
  unreadable: (refused: Unreadable) => object,
): HttpServer {
  const options = {
    ...timeouts,
    connectionsCheckingInterval: 5_000,
    noDelay: true,
    // A missing Host is refused in the API's own words.
    requireHostHeader: false,
  }
  const server = tls
    ? createTlsServer({ ...options, ...tls, minVersion: 'TLSv1.2', handshakeTimeout: timeouts.headersTimeout })
    : createServer(options)
  const requestsOn = trackRequests(server)
  limitConnections(server, connectionLimits, requestsOn)
  respondUnreadable(server, unreadable, requestsOn)
  return server
}

/** Listens; rejects with the system's error. */
export function bindServer(server: HttpServer, { host, port }: ListenAddress): Promise<{ port: number; url: string }> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      const bound = (server.address() as AddressInfo).port
      const scheme = server instanceof TlsServer ? 'https' : 'http'
      resolve({ port: bound, url: `${scheme}://${bracketed(host)}:${String(bound)}` })
    })
  })
}

/** Takes no new connections; resolves when none is left. */
export function drainServer(server: HttpServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve()
    })
    server.closeIdleConnections()
  })
}

/** Takes no new connections and breaks off those there are. */
export function closeServer(server: HttpServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve()
    })
    server.closeAllConnections()
  })
}
