import type { ClientExchange } from '../../http-client/index.ts'
import type { Patience } from './patience.ts'

/** A request's body on its way to the upstream. While the caller's next bytes are awaited, no time runs against the upstream. */
export class Upload {
  readonly #exchange: ClientExchange
  readonly #patience: Patience
  #writable: (() => void) | undefined
  #hasResponse = false
  #over = false

  /** `owner` is told where the body cannot be read, or not be sent. */
  constructor(
    exchange: ClientExchange,
    patience: Patience,
    body: AsyncIterable<Uint8Array>,
    owner: { fail(error: Error): void },
  ) {
    this.#exchange = exchange
    this.#patience = patience
    this.#send(body).catch((error: unknown) => {
      owner.fail(error as Error)
    })
  }

  async #send(body: AsyncIterable<Uint8Array>): Promise<void> {
    if (!this.#hasResponse) this.#patience.stop()
    for await (const chunk of body) {
      if (this.#over) return
      if (!this.#hasResponse) this.#patience.waitForHead()
      if (!this.#exchange.write(chunk))
        await new Promise<void>((resolve) => {
          this.#writable = resolve
        })
      this.#patience.moved(chunk.length)
      if (!this.#hasResponse) this.#patience.stop()
    }
    if (!this.#hasResponse) this.#patience.waitForHead()
    this.#exchange.end()
  }

  /** The response has begun: from here on the time of its bytes is kept. */
  responseBegun(): void {
    this.#hasResponse = true
  }

  drained(): void {
    this.#writable?.()
    this.#writable = undefined
  }

  stop(): void {
    this.#over = true
    this.#writable?.()
  }
}
