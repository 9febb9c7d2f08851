import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { breakOff } from '../http/index.ts'
import { RequestParser } from './request-parser.ts'
import type { RequestSink } from './request-parser.ts'
import type { ReceivedHead } from './received-head.ts'
import { ServerRequest } from './request.ts'
import type { RequestOwner } from './request.ts'
import { ServerResponse } from './response.ts'
import type { ResponseOwner } from './response.ts'
import { late, unreadable } from './unreadable.ts'
import type { UnreadableRequest } from './unreadable.ts'

/** Read beyond the request that is being served: the beginning of others, or of a body that nobody wants yet. */
const READ_AHEAD = 64 * 1024
/** A body nobody wants is thrown away up to here; a client that sends more, or longer than the server waits, may lose the response. */
const MOST_DROPPED = 64 * 1024 * 1024
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const methods = 'GET, HEAD, POST, PUT, PATCH, DELETE'

/** What is waited for: the head of a request, the rest of its body, the next request, or our own response. */
export type Waiting = 'head' | 'body' | 'next' | 'response'

/** The server a connection belongs to. */
export interface ConnectionServer {
  readonly keepAliveSeconds: number
  readonly isDraining: boolean
  readonly methods: ReadonlySet<string>
  /** Monotonic milliseconds. */
  now(): number
  /** `Sun, 06 Nov 1994 08:49:37 GMT` */
  date(): string
  serve(request: ServerRequest, response: ServerResponse): void
  /** The JSON a client is told that sent what cannot be read. */
  wording(refused: UnreadableRequest): object
  /** A first request has come on it. */
  hasRequested(connection: ServerConnection): void
  /** A connection waits for the end of a body that nobody wants, until `over` is called or it calls what is returned; undefined: not this one. */
  linger(over: () => void): (() => void) | undefined
}

/** One connection: requests one after another, each with its response before the next is looked at. */
export class ServerConnection implements RequestSink, RequestOwner, ResponseOwner {
  readonly #socket: Socket
  readonly #owner: ConnectionServer
  readonly #parser: RequestParser
  #request: ServerRequest | undefined
  #response: ServerResponse | undefined
  /** Read, and not looked at yet. */
  #rest: Buffer | undefined
  #isReading = false
  /** Ends the waiting for the rest of a body that is thrown away. */
  #stopLingering: (() => void) | undefined
  #dropped = 0
  /** Bytes that had left when it was last looked at, and since when there are no more. */
  #taken = 0
  #takenSince: number
  #isOver = false
  #gone = false
  /** Requests have come on it. */
  hasRequested = false
  waiting: Waiting = 'head'
  /** The server's `now()` when the request began, or the waiting for the next. */
  since: number

  constructor(socket: Socket, owner: ConnectionServer) {
    this.#socket = socket
    this.#owner = owner
    this.#parser = new RequestParser(this, owner.methods)
    this.since = this.#takenSince = owner.now()
    socket.setNoDelay(true)
    socket.on('data', (bytes: Buffer) => {
      this.#read(bytes)
    })
    socket.on('drain', () => this.#response?.drained())
    socket.on('end', () => {
      this.#halfClosed()
    })
    // 'close' follows.
    socket.on('error', ignored)
    socket.on('close', () => {
      this.#lose()
    })
  }

  get keepAliveSeconds(): number {
    return this.#owner.keepAliveSeconds
  }

  get date(): string {
    return this.#owner.date()
  }

  get isLast(): boolean {
    return this.#owner.isDraining
  }

  /** No request is being served. */
  get isIdle(): boolean {
    return this.#response === undefined
  }

  /** Ends it now if nothing is under way on it, and otherwise with the response. */
  drain(): void {
    if (this.isIdle && !this.#parser.isUnderWay) this.#end()
  }

  destroy(): void {
    if (this.#response) this.#response.destroy()
    else this.#socket.destroy()
  }

  /** Whether the peer has taken nothing of what waits for it for `limitMs`, as far as was seen when this was asked. */
  isStalled(now: number, limitMs: number): boolean {
    const { bytesWritten, writableLength } = this.#socket
    const taken = bytesWritten - writableLength
    if (writableLength === 0 || taken !== this.#taken) {
      this.#taken = taken
      this.#takenSince = now
    }
    return now - this.#takenSince >= limitMs
  }

  /** The request has not come in time, or the response is not read. */
  expire(): void {
    if (this.waiting === 'next') this.#socket.destroy()
    else this.#refuse(late())
  }

  wantBody(): void {
    const request = this.#request
    if (request?.expectsContinue && !this.#response!.headersSent) {
      request.expectsContinue = false
      this.#socket.write(CONTINUE)
    }
    this.#readOn()
  }

  responseOver(): void {
    const isWhole = this.#request?.complete === true
    const reusable = isWhole && this.#response!.shouldKeepAlive && !this.#owner.isDraining
    this.#request = undefined
    this.#response = undefined
    if (reusable) {
      this.waiting = 'next'
      this.since = this.#owner.now()
      this.#readOn()
    } else if (isWhole) this.#end()
    else this.#linger()
  }

  onHead(head: ReceivedHead, isFollowed: boolean): void {
    const request = new ServerRequest(this, this.#socket, head)
    const response = new ServerResponse(this, request, head.persistent)
    this.#request = request
    this.#response = response
    this.waiting = head.hasBody ? 'body' : 'response'
    request.complete = !head.hasBody
    // Who sends its body at once does not wait for a 100 (RFC 9110, 10.1.1).
    if (isFollowed) request.expectsContinue = false
    if (!this.hasRequested) {
      this.hasRequested = true
      this.#owner.hasRequested(this)
    }
    this.#owner.serve(request, response)
  }

  onData(chunk: Buffer): void {
    this.#request?.push(chunk)
    if (this.#stopLingering && (this.#dropped += chunk.length) > MOST_DROPPED) this.#end()
  }

  onEnd(): void {
    if (this.#stopLingering) {
      this.#end()
      return
    }
    this.waiting = 'response'
    // It may have been broken off within its own head.
    if (this.#request?.complete === false) this.#request.finish()
  }

  #read(bytes: Buffer): void {
    if (this.#isOver) return
    this.#rest = this.#rest ? Buffer.concat([this.#rest, bytes]) : bytes
    this.#readOn()
    if (this.#rest && this.#rest.length >= READ_AHEAD) this.#socket.pause()
  }

  /** Goes through what has been read, as far as somebody wants it. */
  #readOn(): void {
    if (this.#isReading || this.#isOver) return
    this.#isReading = true
    const bytes = this.#rest
    this.#rest = undefined
    try {
      const at = bytes ? this.#parse(bytes) : 0
      if (bytes && at < bytes.length) this.#rest = at === 0 ? bytes : bytes.subarray(at)
    } catch (thrown) {
      this.#isReading = false
      this.#refuse(unreadable(thrown))
      return
    }
    this.#isReading = false
    if (this.#rest === undefined && this.#socket.isPaused()) this.#socket.resume()
  }

  #parse(bytes: Buffer): number {
    let at = 0
    while (at < bytes.length && this.#isWanted()) {
      if (!this.#parser.isUnderWay) {
        this.since = this.#owner.now()
        this.waiting = 'head'
      }
      at = this.#parser.step(bytes, at)
    }
    return at
  }

  /** Bodies up to what one may read ahead; the next request only once this one is over. */
  #isWanted(): boolean {
    const request = this.#request
    if (request === undefined) return !this.#isOver
    return !request.complete && !request.isFull
  }

  /**
   * The response is over, and the request is not. A connection that is closed with bytes unread is reset, and a client that was still
   * sending loses the response it was sent (RFC 9112, 9.6): they are thrown away first, within bounds.
   */
  #linger(): void {
    this.waiting = 'response'
    this.#stopLingering = this.#owner.linger(() => {
      this.#end()
    })
    if (this.#stopLingering) this.#readOn()
    else this.#end()
  }

  /** Who has closed its side waits for nothing any more but what is on its way, as everybody takes it who keeps connections. */
  #halfClosed(): void {
    const response = this.#response
    if (!response) this.#socket.end()
    else if (response.writableEnded) response.shouldKeepAlive = false
    else response.destroy()
  }

  #refuse(refused: UnreadableRequest): void {
    const isAnswered = this.#response?.headersSent === true || this.#stopLingering !== undefined
    this.#isOver = true
    const socket = this.#socket
    // Within another response's body these words would look like part of it.
    if (isAnswered) {
      breakOff(socket)
      return
    }
    const body = `${JSON.stringify(this.#owner.wording(refused))}\n`
    const { status } = refused
    const head = [
      `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? 'Bad Request'}`,
      'Content-Type: application/json',
      `Content-Length: ${String(Buffer.byteLength(body))}`,
      'Cache-Control: no-store',
      ...(status === 405 ? [`Allow: ${methods}`] : []),
      'Connection: close',
    ]
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => {
      socket.destroy()
    })
    this.#loseExchange()
  }

  #end(): void {
    this.#isOver = true
    this.#stopLingering?.()
    this.#socket.destroySoon()
  }

  #lose(): void {
    if (this.#gone) return
    this.#gone = true
    this.#isOver = true
    this.#stopLingering?.()
    this.#rest = undefined
    this.#loseExchange()
  }

  #loseExchange(): void {
    const [request, response] = [this.#request, this.#response]
    this.#request = undefined
    this.#response = undefined
    request?.lose()
    response?.lose()
  }
}

const ignored = (): void => undefined
