import { once } from 'node:events'
import { connect as tcpConnect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach } from 'vitest'
import { FakeClock } from '../fakes/clock.ts'
import { ClientPool } from '../../src/http-client/index.ts'
import type {
  ClientExchange,
  ClientPoolOptions,
  Connect,
  RequestHead,
  ResponseHandler,
} from '../../src/http-client/index.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Listens on loopback until the test is over; resolves with the port. */
export async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return (server.address() as AddressInfo).port
}

/** One connection as the server sees it. */
export interface Peer {
  readonly socket: Socket
  /** All that has come, as Latin-1. */
  received: string
  /** Counted from 0, in the order they were accepted. */
  readonly index: number
  readonly closed: Promise<void>
}

export interface RawServer {
  readonly origin: string
  readonly peers: Peer[]
}

/**
 * A server that speaks whatever bytes the test wants: `talk` is called with every request whose head has come in whole, `nth` on its
 * connection (from 0); bodies are not counted as requests as long as they hold no empty line.
 */
export async function rawServer(
  talk: (peer: Peer, nth: number, head: string) => void,
  onConnection: (peer: Peer) => void = () => undefined,
): Promise<RawServer> {
  const peers: Peer[] = []
  const server = createServer({ noDelay: true }, (socket) => {
    const closed = new Promise<void>((resolve) =>
      socket.once('close', () => {
        resolve()
      }),
    )
    const peer: Peer = { socket, received: '', index: peers.length, closed }
    peers.push(peer)
    onConnection(peer)
    let seen = 0
    let nth = 0
    socket.on('data', (chunk: Buffer) => {
      peer.received += chunk.toString('latin1')
      for (let end = peer.received.indexOf('\r\n\r\n', seen); end >= 0; end = peer.received.indexOf('\r\n\r\n', seen)) {
        const head = peer.received.slice(seen, end + 4)
        seen = end + 4
        talk(peer, nth++, head)
      }
    })
  })
  return { origin: `http://127.0.0.1:${await listen(server)}`, peers }
}

export const tcp: Connect = ({ hostname, port }, callback) => {
  const socket = tcpConnect({ host: hostname, port: Number(port) })
  const failed = (error: Error) => {
    callback(error, null)
  }
  socket.once('error', failed)
  socket.once('connect', () => {
    socket.off('error', failed)
    callback(null, socket)
  })
}

export function poolFor(origin: string, changes: Partial<ClientPoolOptions> = {}): ClientPool {
  const pool = new ClientPool({
    origin,
    connect: tcp,
    // Nothing expires unless a test has it so.
    clock: new FakeClock(),
    connections: 8,
    maxHeadBytes: 65_536,
    ...changes,
  })
  cleanups.push(() => pool.destroy(new Error('the test is over')))
  return pool
}

export interface Outcome {
  status: number
  headers: string[]
  body: string
  trailers: readonly string[]
}

/** Collects what a call comes to, and sees to it that nothing comes after its end. */
export class Call implements ResponseHandler {
  readonly events: string[] = []
  readonly head: Promise<number>
  readonly over: Promise<Outcome>
  status = 0
  headers: string[] = []
  body = ''
  asked = 0
  drains = 0
  exchange!: ClientExchange
  refusal: () => Error | undefined = () => undefined
  onChunk: (chunk: Buffer) => void = () => undefined
  atHead: () => void = () => undefined
  atEnd: () => void = () => undefined
  #settleHead!: { resolve: (status: number) => void; reject: (error: Error) => void }
  #settle!: { resolve: (outcome: Outcome) => void; reject: (error: Error) => void }
  #ended = false

  constructor() {
    this.head = new Promise((resolve, reject) => {
      this.#settleHead = { resolve, reject }
    })
    this.over = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    this.head.catch(() => undefined)
    this.over.catch(() => undefined)
  }

  whyNotSend(): Error | undefined {
    this.asked++
    return this.refusal()
  }
  onHead(status: number, headers: string[]): void {
    this.#note('head')
    this.status = status
    this.headers = headers
    this.#settleHead.resolve(status)
    this.atHead()
  }
  onData(chunk: Buffer): void {
    this.#note('data')
    this.body += chunk.toString('latin1')
    this.onChunk(chunk)
  }
  onEnd(trailers: readonly string[]): void {
    this.#note('end')
    this.#ended = true
    this.#settle.resolve({ status: this.status, headers: this.headers, body: this.body, trailers })
    this.atEnd()
  }
  onError(error: Error): void {
    this.#note('error')
    this.#ended = true
    this.#settleHead.reject(error)
    this.#settle.reject(error)
  }
  onDrain(): void {
    this.#note('drain')
    this.drains++
  }

  #note(event: string): void {
    if (this.#ended) this.#settle.reject(new Error(`${event} after the end`))
    this.events.push(this.#ended ? `${event} after the end` : event)
  }
}

export const get: RequestHead = { method: 'GET', path: '/', headers: [], body: null }

/** Starts a call; `prepare` sets it up before it is sent. */
export function start(
  pool: ClientPool,
  request: Partial<RequestHead> = {},
  prepare: (call: Call) => void = () => undefined,
): Call {
  const call = new Call()
  prepare(call)
  call.exchange = pool.send({ ...get, ...request }, call)
  return call
}

/** The code, or the error itself where it has none, of what fails. */
export async function failure(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
  } catch (error) {
    return (error as { code?: string }).code ?? error
  }
  throw new Error('it did not fail')
}

/** Waits, without a fixed time, until `condition` holds. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

export const ok = (body = 'ok', head = ''): string =>
  `HTTP/1.1 200 OK\r\n${head}content-length: ${body.length}\r\n\r\n${body}`
