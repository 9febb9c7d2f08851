import type { Socket } from 'node:net'
import { HttpClientError } from './client-error.ts'
import type { Carrier, PooledExchange } from './exchange.ts'
import { ResponseParser, type ResponseSink } from './response-parser.ts'

/** Up to here a body is copied behind its head, and both are written at once. */
const SMALL_BODY = 16 * 1024
const LINE_END = Buffer.from('\r\n')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')

export interface ConnectionOwner {
  /** Its exchange is over, and it could carry another. */
  connectionFree(connection: ClientConnection): void
  /** It is cut, and carries nothing. */
  connectionGone(connection: ClientConnection): void
  /** It was cut by the server as it had been idle, perhaps: `exchange` is to be sent on a new one. Told after `connectionGone`. */
  sendAgain(exchange: PooledExchange): void
}

/**
 * One socket of the pool and the exchange on it, if any. What comes while there is none ends the connection: it could only be
 * taken for the response to a request that had not been sent.
 */
export class ClientConnection implements Carrier, ResponseSink {
  readonly #socket: Socket
  readonly #owner: ConnectionOwner
  readonly #parser: ResponseParser
  #exchange: PooledExchange | undefined
  #gone = false
  /** Has carried a request before the one it carries. */
  #reused = false
  #used = false
  /** The latest response began before its request had been sent whole. */
  #early = false
  /** When it became idle, kept by the pool: monotonic and Unix milliseconds. */
  idleSince = 0
  idleSinceUnix = 0

  constructor(socket: Socket, owner: ConnectionOwner, maxHeadBytes: number) {
    this.#socket = socket
    this.#owner = owner
    this.#parser = new ResponseParser(this, maxHeadBytes)
    socket.setNoDelay(true)
    socket.on('data', (bytes: Buffer) => {
      this.#read(bytes)
    })
    socket.on('drain', () => this.#exchange?.drained())
    socket.on('end', () => {
      this.#ended()
    })
    socket.on('error', (error) => {
      this.#lost(error)
    })
    socket.on('close', () => {
      this.#lost(undefined)
    })
  }

  get gone(): boolean {
    return this.#gone
  }

  /** Nothing has been read from the socket that was not handed on. */
  get quiet(): boolean {
    return this.#socket.readableLength === 0
  }

  get keepAliveSeconds(): number {
    return this.#parser.keepAliveSeconds
  }

  /** Resolves once the socket is closed. */
  closed(): Promise<void> {
    if (this.#socket.closed) return Promise.resolve()
    return new Promise((resolve) =>
      this.#socket.once('close', () => {
        resolve()
      }),
    )
  }

  /** Sends the request: head and small body in one write. */
  send(exchange: PooledExchange): void {
    this.#exchange = exchange
    this.#reused = this.#used
    this.#used = true
    this.#early = false
    this.#parser.begin(exchange.headOnly)
    const { text, body } = exchange
    if (body === null || body === 'stream') this.#socket.write(text, 'latin1')
    else if (body.length <= SMALL_BODY) {
      const bytes = Buffer.allocUnsafe(text.length + body.length)
      bytes.write(text, 0, 'latin1')
      bytes.set(body, text.length)
      this.#socket.write(bytes)
    } else {
      this.#socket.cork()
      this.#socket.write(text, 'latin1')
      this.#socket.write(body)
      this.#socket.uncork()
    }
    exchange.attach(this)
  }

  write(chunk: Uint8Array): boolean {
    return this.#socket.write(chunk)
  }

  writeChunk(chunk: Uint8Array): boolean {
    const socket = this.#socket
    socket.cork()
    socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1')
    socket.write(chunk)
    const ready = socket.write(LINE_END)
    socket.uncork()
    return ready
  }

  writeLastChunk(): void {
    this.#socket.write(LAST_CHUNK)
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  cut(): void {
    if (this.#gone) return
    this.#gone = true
    this.#exchange = undefined
    this.#parser.stop()
    this.#socket.destroy()
    this.#owner.connectionGone(this)
  }

  /** Cuts the connection and ends its exchange. */
  fail(error: Error): void {
    const exchange = this.#exchange
    this.cut()
    exchange?.fail(error)
  }

  onHead(status: number, fields: string[]): void {
    const exchange = this.#exchange!
    // The server may go by what it has seen so far, and what it does with the rest is its own affair.
    if (!exchange.bodyEnded || this.#socket.writableLength > 0) this.#early = true
    exchange.handler.onHead(status, fields)
  }

  onData(chunk: Buffer): void {
    this.#exchange!.handler.onData(chunk)
  }

  onEnd(trailers: readonly string[]): void {
    const exchange = this.#exchange!
    if (this.#parser.reusable && !this.#early && exchange.keepsConnection) {
      this.#exchange = undefined
      // Whatever comes from now on must be seen.
      if (exchange.paused) this.#socket.resume()
      this.#owner.connectionFree(this)
    } else this.cut()
    exchange.finish(trailers)
  }

  #read(bytes: Buffer): void {
    if (this.#gone) return
    if (this.#exchange === undefined) {
      this.cut()
      return
    }
    try {
      this.#parser.read(bytes)
    } catch (error) {
      this.fail(error as Error)
    }
  }

  #ended(): void {
    if (!this.#gone && !(this.#exchange !== undefined && this.#parser.close())) this.#lost(undefined)
  }

  /** The server, or the network, has ended the connection. */
  #lost(cause: Error | undefined): void {
    if (this.#gone) return
    const exchange = this.#exchange
    const { started } = this.#parser
    const stale = this.#reused && !started
    this.cut()
    if (exchange === undefined) return
    // RFC 9112, 9.3.1: nothing tells whether it arrived; only what may be done twice is sent twice.
    if (stale && exchange.takeRepeat()) this.#owner.sendAgain(exchange)
    else exchange.fail(lossError(started, cause))
  }
}

function lossError(started: boolean, cause: Error | undefined): HttpClientError {
  const options = cause === undefined ? undefined : { cause }
  return started
    ? new HttpClientError('broke_off', 'the connection ended in the middle of the response', options)
    : new HttpClientError('closed_without_response', 'the connection ended before a response', options)
}
