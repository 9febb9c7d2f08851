/** A proxy between gateway and server that delivers answers late: the request is answered at once, its response kept. */
import { once } from 'node:events'
import { createServer, request as ask } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface HeldAnswers {
  /** Resolves when a response is being kept. */
  readonly caught: Promise<void>
  release(): void
}

export class DelayingProxy {
  readonly #target: URL
  readonly #server = createServer((request, response) => {
    void this.#forward(request, response)
  })
  readonly #holds = new Map<string, { released: Promise<void>; caught: () => void }>()
  /** Milliseconds the answer to a request for `path` is delayed by. */
  delayMs: (path: string) => number = () => 0

  constructor(target: string) {
    this.#target = new URL(target)
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return `http://127.0.0.1:${String((this.#server.address() as AddressInfo).port)}`
  }

  /** Keeps the responses to requests whose path ends so, from now until released. */
  hold(path: string): HeldAnswers {
    let release = (): void => undefined
    let caught = (): void => undefined
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const first = new Promise<void>((resolve) => {
      caught = resolve
    })
    this.#holds.set(path, { released, caught })
    return {
      caught: first,
      release: () => {
        this.#holds.delete(path)
        release()
      },
    }
  }

  async close(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  async #forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { hostname, port, host } = this.#target
    const onward = ask({
      hostname,
      port,
      method: request.method,
      path: request.url,
      headers: { ...request.headers, host },
    })
    response.on('close', () => {
      onward.destroy()
    })
    onward.on('error', () => {
      response.destroy()
    })
    request.pipe(onward)
    const [answer] = (await once(onward, 'response').catch(() => [undefined])) as [IncomingMessage | undefined]
    if (!answer) return
    const chunks = (await answer.toArray().catch(() => undefined)) as Buffer[] | undefined
    const requested = request.url!.split('?')[0]!
    const held = [...this.#holds].find(([path]) => requested.endsWith(path))?.[1]
    held?.caught()
    await held?.released
    await new Promise((resolve) => {
      setTimeout(resolve, this.delayMs(requested))
    })
    if (chunks) response.writeHead(answer.statusCode!, answer.headers).end(Buffer.concat(chunks))
  }
}
