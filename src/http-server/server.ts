import { METHODS } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { bracketed } from '../http/index.ts'
import type { ListenAddress } from '../http/index.ts'
import { ServerConnection } from './connection.ts'
import type { ConnectionServer } from './connection.ts'
import { OpenConnections } from './open-connections.ts'
import type { ConnectionLimits, ServerTimeouts } from './open-connections.ts'
import type { ServerRequest } from './request.ts'
import type { ServerResponse } from './response.ts'
import type { Unreadable } from './unreadable.ts'

/** PEM texts of a listener's certificate chain and its key. */
export interface TlsMaterial {
  readonly cert: string
  readonly key: string
}

/** Time as a server needs it. */
export interface ServerClock {
  /** Unix milliseconds. */
  now(): number
  monotonic(): number
  after(ms: number, callback: () => void): () => void
}

export interface Http1ServerOptions {
  readonly clock: ServerClock
  /** Undefined = plain HTTP. */
  readonly tls: TlsMaterial | undefined
  readonly timeouts: ServerTimeouts
  readonly limits?: ConnectionLimits
  /** Beside those that are registered, in capitals. */
  readonly moreMethods?: readonly string[]
  /** The JSON for what no handler gets to see. */
  readonly unreadable: (refused: Unreadable) => object
  /** Serves one request. Must not throw. */
  readonly serve: (request: ServerRequest, response: ServerResponse) => void
}

const usualLimits: ConnectionLimits = { unfinished: 512, total: 4096 }
const LOOK_EVERY_MS = 5_000
const LINGER_MS = 5_000
const MOST_LINGERING = 256

/** An HTTP/1.1 server (RFC 9112) on sockets, within bounds of number and time. */
export class Http1Server implements ConnectionServer {
  readonly keepAliveSeconds: number
  isDraining = false
  readonly methods: ReadonlySet<string>
  readonly #options: Http1ServerOptions
  readonly #server: Server
  readonly #connections: OpenConnections
  #stopLooking: (() => void) | undefined
  #lingering = 0
  #dateSecond = -1
  #dateText = ''

  constructor(options: Http1ServerOptions) {
    this.#options = options
    this.keepAliveSeconds = Math.floor(options.timeouts.keepAliveTimeout / 1000)
    this.methods = new Set([...METHODS, ...(options.moreMethods ?? [])])
    this.#connections = new OpenConnections(options.limits ?? usualLimits)
    this.#server = options.tls ? this.#overTls(options.tls) : this.#plain()
  }

  /** Listens; rejects with the system's error. */
  listen({ host, port }: ListenAddress): Promise<{ port: number; url: string }> {
    return new Promise((resolve, reject) => {
      // Once it listens, what is wrong with one connection (no file left for it, for example) is no matter of the others.
      this.#server.on('error', reject)
      this.#server.listen({ host, port }, () => {
        this.#look()
        const bound = (this.#server.address() as AddressInfo).port
        const scheme = this.#options.tls ? 'https' : 'http'
        resolve({ port: bound, url: `${scheme}://${bracketed(host)}:${String(bound)}` })
      })
    })
  }

  /** Takes no new connections, and ends each with the response under way; resolves when none is left. */
  drain(): Promise<void> {
    const closed = this.#close()
    this.#connections.drain()
    return closed
  }

  /** Takes no new connections and breaks off those there are. */
  close(): Promise<void> {
    const closed = this.#close()
    this.#connections.destroy()
    return closed
  }

  now(): number {
    return this.#options.clock.monotonic()
  }

  date(): string {
    const now = this.#options.clock.now()
    const second = Math.floor(now / 1000)
    if (second !== this.#dateSecond) {
      this.#dateSecond = second
      this.#dateText = new Date(now).toUTCString()
    }
    return this.#dateText
  }

  serve(request: ServerRequest, response: ServerResponse): void {
    this.#options.serve(request, response)
  }

  wording(refused: Unreadable): object {
    return this.#options.unreadable(refused)
  }

  hasRequested(): void {
    this.#connections.requested()
  }

  linger(over: () => void): (() => void) | undefined {
    if (this.#lingering >= MOST_LINGERING) return undefined
    this.#lingering += 1
    const cancel = this.#options.clock.after(LINGER_MS, over)
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      this.#lingering -= 1
      cancel()
    }
  }

  #plain(): Server {
    return createServer({ allowHalfOpen: true }, (socket) => {
      this.#connections.accept(socket)
      this.#carry(socket)
    })
  }

  #overTls(tls: TlsMaterial): Server {
    // Nothing half-open: a client that closes its side within the handshake would be waited for.
    const server = createTlsServer({
      ...tls,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['http/1.1'],
      handshakeTimeout: this.#options.timeouts.headersTimeout,
    })
    server.on('connection', (socket: Socket) => {
      this.#connections.accept(socket)
    })
    server.on('secureConnection', (socket: Socket) => {
      this.#carry(socket)
    })
    server.on('tlsClientError', (_error: Error, socket: Socket) => {
      socket.destroy()
    })
    return server
  }

  #carry(socket: Socket): void {
    this.#connections.carries(socket, new ServerConnection(socket, this))
  }

  #look(): void {
    this.#stopLooking = this.#options.clock.after(LOOK_EVERY_MS, () => {
      this.#connections.expire(this.now(), this.#options.timeouts)
      this.#look()
    })
  }

  #close(): Promise<void> {
    this.isDraining = true
    return new Promise((resolve) => {
      this.#server.close(() => {
        this.#stopLooking?.()
        resolve()
      })
    })
  }
}
