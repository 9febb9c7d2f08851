import { invalidRequest } from './client-error.ts'
import type { ClientExchange, RequestHead, ResponseHandler } from './handler.ts'
import { isIdempotent, keepsConnection, requestText } from './request-text.ts'

/** The connection an exchange is on. */
export interface Carrier {
  /** False: the bytes wait in this process. */
  write(chunk: Uint8Array): boolean
  /** One chunk of a chunked body, with its framing. */
  writeChunk(chunk: Uint8Array): boolean
  writeLastChunk(): void
  pause(): void
  resume(): void
  /** Cuts the connection; its exchange has been ended by somebody else. */
  cut(): void
}

/** The pool an exchange belongs to. */
export interface ExchangeOwner {
  /** It is over: in no list any more, from no connection waited for. Told once. */
  exchangeOver(exchange: PooledExchange): void
}

/** A call in a pool: waiting for a connection, on one, or over. Never on a second one unless nothing came from the first. */
export class PooledExchange implements ClientExchange {
  readonly handler: ResponseHandler
  readonly text: string
  readonly body: RequestHead['body']
  readonly headOnly: boolean
  /** The connection may carry another request after this one. */
  readonly keepsConnection: boolean
  readonly #owner: ExchangeOwner
  readonly #idempotent: boolean
  #carrier: Carrier | undefined
  #over = false
  #paused = false
  #bodyEnded: boolean
  /** Bytes of a streamed body that were promised and have not come yet; -1: sent chunked. */
  #bodyLeft = -1
  /** What was written before there was a connection. */
  #early: Uint8Array[] | undefined
  #wantsDrain = false
  #repeated = false
  /** Neighbours in a waiting list, and the list; kept by the list. */
  list: object | undefined
  previous: PooledExchange | undefined
  next: PooledExchange | undefined

  /** Throws `invalid_request`. */
  constructor(owner: ExchangeOwner, head: RequestHead, handler: ResponseHandler, host: string) {
    this.#owner = owner
    this.handler = handler
    this.text = requestText(head, host)
    this.body = head.body
    this.headOnly = head.method === 'HEAD'
    this.keepsConnection = keepsConnection(head)
    this.#idempotent = isIdempotent(head.method)
    this.#bodyEnded = head.body !== 'stream'
    if (head.body === 'stream' && head.contentLength !== undefined) this.#bodyLeft = head.contentLength
  }

  get over(): boolean {
    return this.#over
  }

  get paused(): boolean {
    return this.#paused
  }

  /** All of the request has been handed to the connection. */
  get bodyEnded(): boolean {
    return this.#bodyEnded
  }

  /** Whether it may be sent again, which is then taken for done: once, and only what means the same twice (RFC 9110, 9.2.2). */
  takeRepeat(): boolean {
    if (this.#repeated || !this.#idempotent || this.body === 'stream') return false
    this.#repeated = true
    this.#carrier = undefined
    return true
  }

  whyNotSend(): Error | undefined {
    try {
      return this.handler.whyNotSend()
    } catch (error) {
      return asError(error)
    }
  }

  /** The head is on its way on `carrier`. */
  attach(carrier: Carrier): void {
    this.#carrier = carrier
    if (this.#paused) carrier.pause()
    if (this.#early === undefined) return
    const early = this.#early
    this.#early = undefined
    let ready = true
    for (const chunk of early) ready = this.#send(carrier, chunk)
    if (this.#bodyEnded) this.#sendEnd(carrier)
    else if (ready) this.drained()
  }

  drained(): void {
    if (!this.#wantsDrain) return
    this.#wantsDrain = false
    this.handler.onDrain()
  }

  finish(trailers: readonly string[]): void {
    if (!this.#settle()) return
    try {
      this.handler.onEnd(trailers)
    } catch (error) {
      this.handler.onError(asError(error))
    }
  }

  fail(error: Error): void {
    if (this.#settle()) this.handler.onError(error)
  }

  abort(error: Error): void {
    const carrier = this.#carrier
    if (!this.#settle()) return
    carrier?.cut()
    this.handler.onError(error)
  }

  write(chunk: Uint8Array): boolean {
    if (this.#over) return true
    if (this.#bodyEnded) throw invalidRequest('the body has been sent already')
    if (chunk.length === 0) return !this.#wantsDrain
    if (this.#bodyLeft >= 0) {
      if (chunk.length > this.#bodyLeft) {
        this.abort(invalidRequest('the body is longer than its Content-Length'))
        return true
      }
      this.#bodyLeft -= chunk.length
    }
    if (this.#carrier !== undefined && this.#send(this.#carrier, chunk)) return true
    if (this.#carrier === undefined) (this.#early ??= []).push(chunk)
    this.#wantsDrain = true
    return false
  }

  end(): void {
    if (this.#over || this.#bodyEnded) return
    if (this.#bodyLeft > 0) {
      this.abort(invalidRequest('the body is shorter than its Content-Length'))
      return
    }
    this.#bodyEnded = true
    this.#wantsDrain = false
    if (this.#carrier === undefined) this.#early ??= []
    else this.#sendEnd(this.#carrier)
  }

  pause(): void {
    if (this.#over || this.#paused) return
    this.#paused = true
    this.#carrier?.pause()
  }

  resume(): void {
    if (this.#over || !this.#paused) return
    this.#paused = false
    this.#carrier?.resume()
  }

  #send(carrier: Carrier, chunk: Uint8Array): boolean {
    return this.#isChunked() ? carrier.writeChunk(chunk) : carrier.write(chunk)
  }

  #sendEnd(carrier: Carrier): void {
    if (this.#isChunked()) carrier.writeLastChunk()
  }

  #isChunked(): boolean {
    return this.#bodyLeft < 0
  }

  #settle(): boolean {
    if (this.#over) return false
    this.#over = true
    this.#carrier = undefined
    this.#early = undefined
    this.#owner.exchangeOver(this)
    return true
  }
}

const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error('the handler of a response threw', { cause: thrown })
