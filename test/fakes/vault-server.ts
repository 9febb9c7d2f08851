/** The in-memory Vault behind real HTTP on loopback, and what may stand in its place: a sealed one, a standby, a proxy, nothing. */
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { VaultError } from '../../src/vault-client/index.ts'
import type { VaultMethod } from '../../src/vault-client/index.ts'
import type { FakeVault } from './vault.ts'

/** Answered to every request in place of Vault's own response; `undefined` in place of a response leaves the request hanging. */
export interface Fault {
  readonly status: number
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

export class VaultServer {
  readonly vault: FakeVault
  /** While set, every request is answered so, polls that wait included. */
  fault: Fault | 'hang' | undefined
  /** Requests that have come and are not answered yet. */
  holding = 0
  /** Polls of the feed under way, and the most there were at once. */
  polling = 0
  mostPolling = 0
  #server: Server | undefined
  #port = 0

  constructor(vault: FakeVault) {
    this.vault = vault
  }

  get address(): string {
    return `http://127.0.0.1:${String(this.#port)}`
  }

  /** Listens where it listened before. */
  async listen(): Promise<void> {
    const server = createServer((request, response) => {
      void this.#serve(request, response)
    })
    await new Promise<void>((resolve) => {
      server.listen(this.#port, '127.0.0.1', resolve)
    })
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
  }

  /** The process is gone: connections break, new ones are refused. */
  async die(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    const closed = new Promise((resolve) => {
      server.close(resolve)
    })
    server.closeAllConnections()
    await closed
  }

  /** What waits is answered with the fault at once, as by a server that seals or steps down. */
  breakWith(fault: Fault | 'hang'): void {
    this.fault = fault
    for (const end of [...this.#waiting]) end()
  }

  readonly #waiting = new Set<() => void>()

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const gone = new AbortController()
    const end = (): void => {
      gone.abort()
    }
    response.on('close', end)
    this.#waiting.add(end)
    this.holding++
    response.on('close', () => {
      this.holding--
    })
    const result = this.fault ?? (await this.#ask(request, Buffer.concat(chunks).toString(), gone.signal))
    this.#waiting.delete(end)
    const said = this.fault ?? result
    if (said === 'hang') return
    response.writeHead(said.status, { 'content-type': 'application/json', ...said.headers }).end(said.body)
  }

  async #ask(request: IncomingMessage, text: string, signal: AbortSignal): Promise<Fault> {
    const url = new URL(request.url!, this.address)
    const path = url.pathname.slice('/v1/'.length)
    const method = (url.searchParams.get('list') === 'true' ? 'LIST' : request.method) as VaultMethod
    const query = {
      epoch: url.searchParams.get('epoch') ?? '',
      after: Number(url.searchParams.get('after')),
      wait: Number(url.searchParams.get('wait')),
    }
    const poll = path === 'mcp/feed'
    if (poll) this.mostPolling = Math.max(this.mostPolling, ++this.polling)
    try {
      const client = this.vault.client(String(request.headers['x-vault-token'] ?? ''))
      const { status, data } = await client.request(method, path, {
        query,
        signal,
        ...(text !== '' && { body: JSON.parse(text) as object }),
      })
      return { status, ...(data && { body: JSON.stringify({ request_id: 'r', data }) }) }
    } catch (error) {
      const { status, errors } = error instanceof VaultError ? error : new VaultError('internal', 500, '')
      return errorResponse(status, ...errors)
    } finally {
      if (poll) this.polling--
    }
  }
}

export const errorResponse = (status: number, ...errors: string[]): Fault => ({
  status,
  body: JSON.stringify({ errors }),
})
