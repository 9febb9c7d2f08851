import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { breakOff } from '../http/index.ts'
import { writeAtOnce } from './one-write.ts'
import { SentHead } from './sent-head.ts'
import type { ServerRequest } from './request.ts'

const CRLF = Buffer.from('\r\n')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')
const LAST_BEHIND_DATA = Buffer.from('\r\n0\r\n\r\n')

/** The connection a response goes out on. */
export interface ResponseOwner {
  readonly keepAliveSeconds: number
  readonly date: string
  /** No further request is taken on this connection. */
  readonly isLast: boolean
  /** Its last byte has left this process. */
  responseOver(): void
}

/**
 * The response to one request: its head, then its body, in a length it declared or in chunks. Events: `drain`, `finish` when its last
 * byte has left this process, and `close` after that or when the connection broke.
 */
export class ServerResponse extends EventEmitter {
  readonly req: ServerRequest
  /** Whether the connection may carry another request after this one. */
  shouldKeepAlive: boolean
  headersSent = false
  writableFinished = false
  /** Nothing more can be written. */
  destroyed = false
  closed = false
  readonly #socket: Socket
  readonly #owner: ResponseOwner
  #head: SentHead | undefined
  #headIsHeld = false
  #isEnded = false
  /** Bytes of a declared length that have not been written. */
  #left = 0
  #trailers = ''

  constructor(owner: ResponseOwner, request: ServerRequest, persistent: boolean) {
    super()
    this.#owner = owner
    this.#socket = request.socket
    this.req = request
    this.shouldKeepAlive = persistent
  }

  /** `headers`: names and values in turn. They go out with what is written next. Throws for what cannot stand in a head. */
  writeHead(status: number, headers: readonly string[]): void {
    if (this.headersSent) throw new Error('the head of this response has been written already')
    // A body that is still coming may never end.
    if (this.#owner.isLast || !this.req.complete) this.shouldKeepAlive = false
    const head = new SentHead(status, headers, {
      method: this.req.method,
      version: this.req.httpVersion,
      date: this.#owner.date,
      keepAliveSeconds: this.shouldKeepAlive ? this.#owner.keepAliveSeconds : 0,
    })
    if (head.body === 'until close') this.shouldKeepAlive = false
    this.#left = head.contentLength
    this.#head = head
    this.#headIsHeld = true
    this.headersSent = true
  }

  /** False: the bytes wait in this process, and `drain` tells when they have gone. */
  write(chunk: Uint8Array | string): boolean {
    return this.#write(typeof chunk === 'string' ? Buffer.from(chunk) : chunk, false)
  }

  /** Fields behind the body; where it is not sent in chunks there is no place for them. */
  addTrailers(fields: readonly (readonly [string, string])[]): void {
    for (const [name, value] of fields) this.#trailers += SentHead.fieldLine(name, value)
  }

  end(chunk?: Uint8Array | string): void {
    if (this.#isEnded) return
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    this.#write(bytes, true)
  }

  /** The head goes out now, though nothing of the body is there yet. */
  flushHeaders(): void {
    if (this.#headIsHeld && !this.destroyed) this.#write(undefined, false)
  }

  /** Breaks the connection, so that what has been sent does not look whole. */
  destroy(): void {
    if (this.headersSent) breakOff(this.#socket)
    else this.#socket.destroy()
  }

  /** All of it has been written; it may still wait in this process. */
  get writableEnded(): boolean {
    return this.#isEnded
  }

  /** Of the connection: it takes more again. */
  drained(): void {
    if (!this.#isEnded) this.emit('drain')
  }

  /** Of the connection: it has gone. */
  lose(): void {
    if (this.closed) return
    this.destroyed = true
    this.closed = true
    this.emit('close')
  }

  #write(chunk: Uint8Array | undefined, isLast: boolean): boolean {
    if (this.destroyed || this.#isEnded) return false
    const head = this.#head
    if (!head) throw new Error('a response begins with its head')
    this.#isEnded = isLast
    const data = dataOf(head, chunk)
    if (head.body === 'length' && !this.#takesOff(data ? data.length : 0, isLast)) return false
    const text = this.#headIsHeld ? head.text : ''
    this.#headIsHeld = false
    if (head.body === 'chunked') return this.#writeChunk(text, data, isLast)
    if (isLast) return writeAtOnce(this.#socket, text, data, undefined, this.#flushed)
    return text === '' && !data ? true : writeAtOnce(this.#socket, text, data)
  }

  #writeChunk(head: string, data: Uint8Array | undefined, isLast: boolean): boolean {
    const text = data ? `${head}${data.length.toString(16)}\r\n` : head
    if (isLast) return writeAtOnce(this.#socket, text, data, this.#lastChunk(data !== undefined), this.#flushed)
    return text === '' ? true : writeAtOnce(this.#socket, text, data, data && CRLF)
  }

  /** With the end of the chunk before it. */
  #lastChunk(hasData: boolean): Buffer {
    if (this.#trailers === '') return hasData ? LAST_BEHIND_DATA : LAST_CHUNK
    return Buffer.from(`${hasData ? '\r\n' : ''}0\r\n${this.#trailers}\r\n`, 'latin1')
  }

  /** A body of another length than it declared would be read as another one, or the next response as part of it. */
  #takesOff(bytes: number, isLast: boolean): boolean {
    this.#left -= bytes
    if (this.#left === 0 || (this.#left > 0 && !isLast)) return true
    breakOff(this.#socket)
    return false
  }

  readonly #flushed = (): void => {
    // What a broken connection takes with it is called back as well, and not always as an error.
    if (this.closed || this.#socket.destroyed) return
    this.writableFinished = true
    this.emit('finish')
    this.closed = true
    this.emit('close')
    this.#owner.responseOver()
  }
}

const dataOf = ({ body }: SentHead, chunk: Uint8Array | undefined): Uint8Array | undefined =>
  body === 'none' || chunk?.length === 0 ? undefined : chunk
