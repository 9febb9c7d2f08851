import { constants } from 'node:http2'
import type { ServerHttp2Stream } from 'node:http2'
import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js'
import { RequestError } from '../../logical/errors.ts'
import type { GatewayFailure } from '../error.ts'
import { failureStatus, shuttingDown } from './status.ts'
import type { FailureStatus } from './status.ts'

/** Ends a call at once: nothing of it that has not left this process is sent any more; the peer sees RST_STREAM (CANCEL). */
export function reset(stream: ServerHttp2Stream): void {
  if (stream.destroyed) return
  stream.close(constants.NGHTTP2_CANCEL)
  // Behind a busy socket the RST_STREAM has to wait, and a stream that still exists may be asked for data meanwhile.
  stream.destroy()
}

/**
 * The HTTP/2 stream below a call. grpc-js has no way to break off a response that is queued, so this reaches inside it; a
 * version that is built otherwise fails here, before anything is sent.
 */
export function http2StreamOf(call: object): ServerHttp2Stream {
  const stream = (call as { readonly call?: { readonly stream?: Partial<ServerHttp2Stream> } }).call?.stream
  if (typeof stream?.close !== 'function' || typeof stream.destroy !== 'function')
    throw new RequestError('internal', 'this version of @grpc/grpc-js does not expose its HTTP/2 streams')
  return stream as ServerHttp2Stream
}

type WritingCall<Response> = ServerDuplexStream<never, Response> | ServerWritableStream<never, Response>

/** The answering side of a streaming call. Everything may be called at any time; after the end nothing has an effect. */
export class Outbox<Response> {
  /** Aborts when the call is over, for whatever reason: nothing of it is in this process any more. */
  readonly gone: AbortSignal
  /** Aborts when it is over without having come to its end: the caller left, its deadline passed, or it failed. */
  readonly broken: AbortSignal
  readonly #call: WritingCall<Response>
  readonly #stream: ServerHttp2Stream
  readonly #gone = new AbortController()
  readonly #broken = new AbortController()
  readonly #waiting = new Set<() => void>()
  #ending = false

  constructor(call: object) {
    this.#call = call as WritingCall<Response>
    this.#stream = http2StreamOf(call)
    this.gone = this.#gone.signal
    this.broken = this.#broken.signal
    // Told of a caller that left, a deadline that passed and our own end alike.
    this.#call.on('cancelled', () => {
      this.#finish()
    })
    this.#stream.once('close', () => {
      this.#finish()
    })
    if (this.#stream.destroyed) this.#finish()
  }

  /** No further message will be sent. */
  get over(): boolean {
    return this.#ending || this.gone.aborted
  }
  /** Nothing waits on its way out. */
  get idle(): boolean {
    return this.#waiting.size === 0
  }

  /** Resolves when the message has left this process, or the call is over. To be awaited: that is the back-pressure. */
  send(message: Response): Promise<void> {
    if (this.over) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        this.#waiting.delete(done)
        resolve()
      }
      this.#waiting.add(done)
      this.#call.write(message, done)
    })
  }

  /** Ends the call with OK, after what has been sent. */
  end(): void {
    if (this.over) return
    this.#ending = true
    this.#call.end()
  }

  /** Ends the call with a status, after what has been sent. */
  fail(reply: FailureStatus): void {
    if (this.over) return
    this.#ending = true
    this.#broken.abort()
    this.#call.emit('error', reply)
  }

  /** Ends the call at once. The reason is sent only where nothing is queued ahead of it. */
  cut(reply: FailureStatus): void {
    if (this.idle) {
      this.fail(reply)
      return
    }
    if (this.gone.aborted) return
    this.#broken.abort()
    reset(this.#stream)
    this.#finish()
  }

  #finish(): void {
    if (!this.#ending) this.#broken.abort()
    this.#ending = true
    this.#gone.abort()
    for (const done of [...this.#waiting]) done()
  }
}

/** Streams that last until somebody ends them: told when the server closes. */
export class OpenStreams {
  readonly #streams = new Set<Outbox<never>>()

  add(outbox: Outbox<never>): void {
    this.#streams.add(outbox)
    outbox.gone.addEventListener(
      'abort',
      () => {
        this.#streams.delete(outbox)
      },
      { once: true },
    )
  }

  endAll(error: GatewayFailure = shuttingDown()): void {
    for (const outbox of [...this.#streams]) outbox.cut(failureStatus(error, ''))
  }
}
