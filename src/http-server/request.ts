import { EventEmitter } from 'node:events'
import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import { headersOf } from '../http/index.ts'
import type { ReceivedHead } from './received-head.ts'

/** What is read of a body before somebody wants it. */
const READ_AHEAD = 64 * 1024

/** The connection a request came on. */
export interface RequestOwner {
  /** Somebody wants the body: more may be read. */
  wantBody(): void
}

/**
 * A request whose head has come. Its body waits until it is wanted, by `resume` and the events `data` and `end`, or by `chunks`; the
 * event `close` says that it never came whole.
 */
export class ServerRequest extends EventEmitter {
  readonly socket: Socket
  readonly method: string
  readonly url: string
  readonly httpVersion: '1.0' | '1.1'
  /** Names, in lower case, and values in turn, as they came. */
  readonly rawHeaders: readonly string[]
  /** A 100 is owed, and it has not been sent. */
  expectsContinue: boolean
  /** All of it has come. */
  complete = false
  /** The connection broke before it had come whole, or before its response was over. */
  destroyed = false
  readonly #owner: RequestOwner
  #headers: IncomingHttpHeaders | undefined
  #queue: Buffer[] = []
  #queued = 0
  #flowing = false
  #isEnded = false
  #wake: (() => void) | undefined

  constructor(owner: RequestOwner, socket: Socket, head: ReceivedHead) {
    super()
    this.#owner = owner
    this.socket = socket
    this.method = head.method
    this.url = head.target
    this.httpVersion = head.version
    this.rawHeaders = head.fields
    this.expectsContinue = head.expectsContinue
  }

  /** By name in lower case; repeats are joined, or the first counts, as node:http has it. */
  get headers(): IncomingHttpHeaders {
    return (this.#headers ??= headersOf(this.rawHeaders))
  }

  /** So much waits here already that nothing more is to be read. */
  get isFull(): boolean {
    return this.#queued >= READ_AHEAD
  }

  pause(): void {
    this.#flowing = false
  }

  resume(): void {
    if (this.#flowing) return
    this.#flowing = true
    this.#flow()
    if (this.#flowing && !this.complete) this.#owner.wantBody()
  }

  /** The body, piece by piece. Stopping early leaves the rest unread. Throws when the connection breaks first. */
  async *chunks(): AsyncGenerator<Uint8Array, undefined> {
    for (;;) {
      const chunk = this.#take()
      if (chunk) yield chunk
      else if (this.complete) return undefined
      else if (this.destroyed) throw new Error('the connection ended within the body')
      else await this.#more()
    }
  }

  /** Of the connection: a piece of the body has come. */
  push(chunk: Buffer): void {
    this.#queue.push(chunk)
    this.#queued += chunk.length
    this.#flow()
    this.#rouse()
  }

  /** Of the connection: the body has come to its end. */
  finish(): void {
    this.complete = true
    this.#flow()
    this.#rouse()
  }

  /** Of the connection: nothing more will come. */
  lose(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.#rouse()
    if (!this.#isEnded) this.emit('close')
  }

  #take(): Buffer | undefined {
    const chunk = this.#queue.shift()
    if (chunk) this.#queued -= chunk.length
    return chunk
  }

  #flow(): void {
    while (this.#flowing) {
      const chunk = this.#take()
      if (chunk) this.emit('data', chunk)
      else break
    }
    if (!this.#flowing || !this.complete || this.#isEnded) return
    this.#isEnded = true
    this.emit('end')
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
      this.#owner.wantBody()
    })
  }

  #rouse(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}
