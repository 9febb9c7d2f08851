import type { Socket } from 'node:net'
import type { ServerConnection } from './connection.ts'

export interface ConnectionLimits {
  /** Connections on which no request has come yet: its head, or the TLS handshake before it, is not there. */
  readonly unfinished: number
  /** All connections. */
  readonly total: number
}

/** Milliseconds. A client that dribbles its request in holds nothing but its own socket, and not for long. */
export interface ServerTimeouts {
  /** For the request line and headers. */
  readonly headersTimeout: number
  /** For a whole request, and for the next piece of a response to be taken; 0 = no limit. */
  readonly requestTimeout: number
  /** Between two requests of a connection. */
  readonly keepAliveTimeout: number
}

interface Accepted {
  readonly socket: Socket
  /** Undefined while TLS is being agreed on. */
  connection: ServerConnection | undefined
}

/**
 * The connections of a listener, within their bounds. When there are too many, the one gives way that has been there longest without a
 * request: an honest client sends its request as soon as it is connected, so it is not the one that waits.
 */
export class OpenConnections {
  readonly #limits: ConnectionLimits
  /** By the addresses of both ends, oldest first: under TLS the socket that is read is not the one that was accepted. */
  readonly #open = new Map<string, Accepted>()
  #unfinished = 0

  constructor(limits: ConnectionLimits) {
    this.#limits = limits
  }

  accept(socket: Socket): void {
    const key = endsOf(socket)
    const accepted: Accepted = { socket, connection: undefined }
    this.#open.set(key, accepted)
    this.#unfinished += 1
    socket.once('close', () => {
      if (!hasRequested(accepted)) this.#unfinished -= 1
      if (this.#open.get(key) === accepted) this.#open.delete(key)
    })
    if (this.#unfinished > this.#limits.unfinished) this.#oldest((one) => !hasRequested(one))?.socket.destroy()
    else if (this.#open.size > this.#limits.total) (this.#oldest(isIdle) ?? accepted).socket.destroy()
  }

  /** The accepted connection can carry requests. */
  carries(socket: Socket, connection: ServerConnection): void {
    const accepted = this.#open.get(endsOf(socket))
    if (accepted) accepted.connection = connection
    else socket.destroy()
  }

  /** A first request has come on one of them. */
  requested(): void {
    this.#unfinished -= 1
  }

  /** Ends those that have been waited for too long. `now`: monotonic milliseconds. */
  expire(now: number, { headersTimeout, requestTimeout, keepAliveTimeout }: ServerTimeouts): void {
    const limits = {
      head: headersTimeout,
      body: requestTimeout === 0 ? Infinity : requestTimeout,
      next: keepAliveTimeout,
      response: Infinity,
    }
    for (const { connection } of [...this.#open.values()])
      if (
        connection &&
        (now - connection.since >= limits[connection.waiting] || connection.isStalled(now, limits.body))
      )
        connection.expire()
  }

  drain(): void {
    for (const { connection } of [...this.#open.values()]) connection?.drain()
  }

  destroy(): void {
    for (const { socket, connection } of [...this.#open.values()]) {
      connection?.destroy()
      socket.destroy()
    }
  }

  #oldest(fits: (accepted: Accepted) => boolean): Accepted | undefined {
    for (const accepted of this.#open.values()) if (fits(accepted)) return accepted
    return undefined
  }
}

const hasRequested = ({ connection }: Accepted): boolean => connection?.hasRequested === true
const isIdle = ({ connection }: Accepted): boolean => connection?.isIdle !== false

/** A peer may come from one port to several addresses of ours. */
const endsOf = ({
  remoteAddress,
  remotePort,
  localAddress,
}: Pick<Socket, 'remoteAddress' | 'remotePort' | 'localAddress'>): string =>
  `${remoteAddress ?? ''} ${String(remotePort ?? '')} ${localAddress ?? ''}`
