import type { Socket } from 'node:net'
import type { Clock } from '../logical/clock.ts'
import { HttpClientError } from './client-error.ts'
import { ClientConnection, type ConnectionOwner } from './connection.ts'
import { PooledExchange, type ExchangeOwner } from './exchange.ts'
import type { ClientExchange, RequestHead, ResponseHandler } from './handler.ts'
import { WaitingList } from './waiting-list.ts'

/** Where a connection is to lead. */
export interface ConnectTarget {
  readonly hostname: string
  /** Name and, unless it is the protocol's own, port: as in Host. */
  readonly host: string
  readonly protocol: string
  /** Empty: the protocol's own. */
  readonly port: string
  readonly servername?: string
}

/** Opens a connection, ready to be written to (after the TLS handshake); calls back once. */
export type Connect = (target: ConnectTarget, callback: (error: Error | null, socket?: Socket | null) => void) => void

export interface ClientPoolOptions {
  /** `https://api.example.com`: scheme, name and port; the rest is not looked at. */
  readonly origin: string
  readonly connect: Connect
  readonly clock: Clock
  /** Connections at a time, those being opened included. */
  readonly connections: number
  /** Bytes of a response's head. */
  readonly maxHeadBytes: number
  /** How long an idle connection is kept where the server does not say; 4 s by default. */
  readonly keepAliveMs?: number
  /** Calls that may wait for a connection; 10,000 by default. */
  readonly maxWaiting?: number
}

export interface ClientPoolStats {
  /** Open connections, idle or not. */
  readonly connections: number
  readonly idle: number
  readonly connecting: number
  /** Calls that wait for a connection. */
  readonly waiting: number
  /** Calls that are not over. */
  readonly calls: number
}

const DEFAULT_KEEP_ALIVE_MS = 4_000
/** However long a server would keep it. */
const LONGEST_KEEP_ALIVE_MS = 60_000
/** What a request may take to reach a server that has just begun to count. */
const KEEP_ALIVE_MARGIN_MS = 1_000
const EXPIRY_TICK_MS = 1_000
const DEFAULT_MAX_WAITING = 10_000

/** Connections to one origin; each carries one request at a time, the most recently used first. */
export class ClientPool implements ConnectionOwner, ExchangeOwner {
  readonly #options: ClientPoolOptions
  readonly #target: ConnectTarget
  readonly #keepAliveMs: number
  readonly #maxWaiting: number
  readonly #connections = new Set<ClientConnection>()
  /** By when they became idle. */
  readonly #idle: ClientConnection[] = []
  /** Free since this turn of the event loop: what the server has sent too much must have a chance to be seen. */
  readonly #resting: ClientConnection[] = []
  readonly #waiting = new WaitingList()
  /** To be sent once more, on new connections only. */
  readonly #repeats = new WaitingList()
  #connecting = 0
  #calls = 0
  /** Why no more calls are taken. */
  #closed: Error | undefined
  #destroyed = false
  #opening = false
  #whenIdle: (() => void)[] = []
  #cancelExpiry: (() => void) | undefined

  constructor(options: ClientPoolOptions) {
    const { protocol, hostname, host, port } = new URL(options.origin)
    this.#options = options
    // An IPv6 address is told without its brackets, as sockets and address checks take it.
    this.#target = { protocol, hostname: hostname.replace(/^\[|\]$/g, ''), host, port }
    this.#keepAliveMs = options.keepAliveMs ?? DEFAULT_KEEP_ALIVE_MS
    this.#maxWaiting = options.maxWaiting ?? DEFAULT_MAX_WAITING
  }

  get stats(): ClientPoolStats {
    return {
      connections: this.#connections.size,
      idle: this.#idle.length,
      connecting: this.#connecting,
      waiting: this.#waiting.size + this.#repeats.size,
      calls: this.#calls,
    }
  }

  /** Sends a request, or has it wait for a connection. Throws `invalid_request`, with nothing done; every other failure reaches the handler. */
  send(head: RequestHead, handler: ResponseHandler): ClientExchange {
    const exchange = new PooledExchange(this, head, handler, this.#target.host)
    this.#calls++
    if (this.#closed !== undefined) {
      failLater(exchange, this.#closed)
      return exchange
    }
    const connection = this.#takeIdle()
    if (connection !== undefined) {
      if (!this.#start(connection, exchange)) this.#offer(connection)
      return exchange
    }
    if (this.#waiting.size >= this.#maxWaiting) {
      failLater(exchange, new HttpClientError('queue_full', 'too many calls wait for a connection'))
      return exchange
    }
    this.#waiting.push(exchange)
    this.#openMore()
    return exchange
  }

  /** Takes no more calls; resolves when the last is over. */
  close(): Promise<void> {
    this.#closed ??= new HttpClientError('pool_closed', 'the connection pool is closed')
    this.#cutIdle()
    if (this.#calls === 0) return Promise.resolve()
    return new Promise((resolve) => this.#whenIdle.push(resolve))
  }

  /** Ends every call with `error`; resolves when every socket is closed. */
  async destroy(error: Error): Promise<void> {
    this.#closed = error
    this.#destroyed = true
    const connections = [...this.#connections]
    for (const list of [this.#repeats, this.#waiting])
      for (let next = list.shift(); next !== undefined; next = list.shift()) next.fail(error)
    this.#cutIdle()
    for (const connection of connections) connection.fail(error)
    await Promise.all(connections.map((connection) => connection.closed()))
  }

  connectionFree(connection: ClientConnection): void {
    if (this.#resting.push(connection) === 1) setImmediate(this.#endRest)
  }

  connectionGone(connection: ClientConnection): void {
    this.#connections.delete(connection)
    const at = this.#idle.indexOf(connection)
    if (at >= 0) this.#idle.splice(at, 1)
    this.#openMore()
  }

  sendAgain(exchange: PooledExchange): void {
    this.#repeats.push(exchange)
    this.#openMore()
  }

  exchangeOver(exchange: PooledExchange): void {
    this.#waiting.remove(exchange)
    this.#repeats.remove(exchange)
    if (--this.#calls > 0 || this.#closed === undefined) return
    this.#cutIdle()
    for (const resolve of this.#whenIdle.splice(0)) resolve()
  }

  readonly #endRest = (): void => {
    for (let connection = this.#resting.pop(); connection !== undefined; connection = this.#resting.pop()) {
      if (connection.gone) continue
      if (connection.quiet) this.#offer(connection)
      else connection.cut()
    }
    this.#openMore()
  }

  /** Gives a connection to the one who has waited longest, or puts it aside. */
  #offer(connection: ClientConnection): void {
    if (connection.gone) return
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift())
      if (this.#start(connection, next)) return
    if (this.#closed !== undefined || this.#keptFor(connection) <= 0) {
      connection.cut()
      return
    }
    connection.idleSince = this.#options.clock.monotonic()
    connection.idleSinceUnix = this.#options.clock.now()
    this.#idle.push(connection)
    this.#watchExpiry()
  }

  /** False: the request was not sent, and the connection is as it was. */
  #start(connection: ClientConnection, exchange: PooledExchange): boolean {
    const reason = exchange.whyNotSend() ?? (this.#destroyed ? this.#closed : undefined)
    if (exchange.over) return false
    if (reason !== undefined) {
      failLater(exchange, reason)
      return false
    }
    connection.send(exchange)
    return true
  }

  /** The connection used last, unless the server may have given it up. */
  #takeIdle(): ClientConnection | undefined {
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      if (connection.quiet && !this.#isExpired(connection)) return connection
      connection.cut()
    }
    return undefined
  }

  /** Opens a connection for every call that waits for one, as far as the limit allows. */
  #openMore(): void {
    if (this.#opening) return
    this.#opening = true
    while (this.#needed() > this.#connecting && this.#connections.size + this.#connecting < this.#options.connections)
      this.#open()
    this.#opening = false
  }

  /** New connections that calls wait for. Those at rest will take the others in a moment. */
  #needed(): number {
    return this.#repeats.size + Math.max(this.#waiting.size - this.#resting.length, 0)
  }

  #open(): void {
    this.#connecting++
    let settled = false
    const settle = (error: Error | null, socket?: Socket | null) => {
      if (settled) {
        socket?.destroy()
        return
      }
      settled = true
      this.#connecting--
      if (!socket) this.#connectFailed(error ?? new Error('there is no connection'))
      else this.#connected(socket)
      this.#openMore()
    }
    try {
      this.#options.connect(this.#target, settle)
    } catch (error) {
      settle(error as Error, null)
    }
  }

  #connected(socket: Socket): void {
    const connection = new ClientConnection(socket, this, this.#options.maxHeadBytes)
    this.#connections.add(connection)
    if (this.#destroyed) {
      connection.cut()
      return
    }
    for (let next = this.#repeats.shift(); next !== undefined; next = this.#repeats.shift())
      if (this.#start(connection, next)) return
    this.#offer(connection)
  }

  /** One call has lost its connection, unless enough others are being opened for all that wait. */
  #connectFailed(error: Error): void {
    if (this.#needed() <= this.#connecting) return
    const exchange = this.#repeats.shift() ?? this.#waiting.shift()
    if (exchange !== undefined) failLater(exchange, error)
  }

  #isExpired(connection: ClientConnection): boolean {
    const { clock } = this.#options
    // The monotonic clock stands still while the machine sleeps, and the wall clock may be set back: the longer time counts.
    const idleMs = Math.max(clock.monotonic() - connection.idleSince, clock.now() - connection.idleSinceUnix)
    return idleMs >= this.#keptFor(connection)
  }

  #keptFor({ keepAliveSeconds }: ClientConnection): number {
    if (keepAliveSeconds < 0) return this.#keepAliveMs
    return Math.min(keepAliveSeconds * 1000 - KEEP_ALIVE_MARGIN_MS, LONGEST_KEEP_ALIVE_MS)
  }

  #watchExpiry(): void {
    this.#cancelExpiry ??= this.#options.clock.after(EXPIRY_TICK_MS, () => {
      this.#cancelExpiry = undefined
      for (const connection of this.#idle.filter((one) => this.#isExpired(one))) connection.cut()
      if (this.#idle.length > 0) this.#watchExpiry()
    })
  }

  #cutIdle(): void {
    this.#cancelExpiry?.()
    this.#cancelExpiry = undefined
    for (const connection of [...this.#idle, ...this.#resting]) connection.cut()
  }
}

/** Not before the caller has got its exchange back. */
function failLater(exchange: PooledExchange, error: Error): void {
  queueMicrotask(() => {
    exchange.fail(error)
  })
}
