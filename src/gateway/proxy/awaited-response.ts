import type { GatewayFailure } from '../error.ts'
import { ByteQueue } from './byte-queue.ts'
import type { RunningCall } from './running-call.ts'
import type { UpstreamCallResponse } from './upstream-request.ts'
import type { UpstreamHead, CallSink } from './upstream-call.ts'

/** Bytes read ahead of the reader before the upstream's connection is paused. */
const READ_AHEAD = 128 * 1024

/** A response for those who wait for it and then read it, as gRPC does: the head as a promise, the body as an iterator. */
export class AwaitedResponse implements CallSink {
  readonly response: Promise<UpstreamCallResponse>
  #resolve!: (response: UpstreamCallResponse) => void
  #reject!: (error: Error) => void
  readonly #body: ByteQueue
  #call: RunningCall | undefined

  constructor() {
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#body = new ByteQueue(READ_AHEAD, {
      room: () => {
        this.#call?.resume()
      },
      left: () => {
        this.#call?.giveUp()
      },
    })
  }

  /** The call whose response this is. */
  belongsTo(call: RunningCall): void {
    this.#call = call
  }

  head({ status, headers, upstream_ms }: UpstreamHead): void {
    const call = this.#call!
    this.#resolve({
      status,
      headers,
      upstream_ms,
      body: this.#body,
      signal: call.signal,
      stillFresh: () => call.stillFresh(),
      cancel: () => {
        call.giveUp()
      },
    })
  }

  data(chunk: Uint8Array): boolean {
    return this.#body.push(chunk)
  }
  end(): void {
    this.#body.end()
  }
  failed(error: GatewayFailure): void {
    this.#reject(error)
    this.#body.fail(error)
  }
}
