import type { Readable } from 'node:stream'
import { unavailable } from '../error.ts'

/**
 * The messages a caller streams to us, read one at a time: what is not asked for stays with the caller, but for one message.
 */
export class Inbox<Request extends object> {
  readonly #call: Readable & { readonly cancelled: boolean }
  readonly #messages: AsyncIterator<Request, undefined>

  constructor(call: Readable & { readonly cancelled: boolean }) {
    this.#call = call
    // Sixteen messages of full size would be read ahead otherwise. Nothing breaks where this is not heeded.
    const { _readableState: state } = call as unknown as { readonly _readableState?: { highWaterMark: number } }
    if (state) state.highWaterMark = 1
    // Ending the reading side must not end the response.
    this.#messages = (call.iterator({ destroyOnReturn: false }) as AsyncIterable<Request, undefined>)[
      Symbol.asyncIterator
    ]()
  }

  /** The next message; undefined once the caller has ended its side. Throws when the call is gone. */
  async next(): Promise<Request | undefined> {
    try {
      const { value, done } = await this.#messages.next()
      return done === true ? undefined : value
    } catch (error) {
      throw this.#call.cancelled ? unavailable('caller_gone', 'the caller has gone', error) : error
    }
  }
}
