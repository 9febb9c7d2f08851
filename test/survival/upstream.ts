/** An API that demands its real key, counts who asked, and streams for as long as it is listened to. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export const REAL_KEY = 'sk_live_51HqLyjWDarjtT1zdp7dc'
const TICK_MS = 20
const SLOW_MS = 300

export interface CountingUpstream {
  readonly url: string
  /** Requests that came with the real key. */
  readonly calls: () => number
  close(): Promise<void>
}

/** `GET /v1/invoices` answers at once, `GET /v1/slow` after a while, `GET /v1/events` never ends. */
export async function startUpstream(): Promise<CountingUpstream> {
  let calls = 0
  const server = createServer((request, response) => {
    if (request.headers.authorization !== `Bearer ${REAL_KEY}`) {
      response.writeHead(401).end()
      return
    }
    calls++
    const answer = (): void => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"data":[{"id":"in_1"}]}')
    }
    if (request.url === '/v1/invoices') {
      answer()
      return
    }
    if (request.url === '/v1/slow') {
      setTimeout(answer, SLOW_MS)
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const timer = setInterval(() => {
      response.write('data: tick\n\n')
    }, TICK_MS)
    response.on('close', () => {
      clearInterval(timer)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    calls: () => calls,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
