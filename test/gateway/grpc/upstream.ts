/** A real upstream behind the port: what it was asked, how much of its response was taken, and what the gateway put on the wire. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach } from 'vitest'
import { settle } from '../../fakes/clock.ts'
import { startHarness } from '../harness.ts'
import type { GatewayHarness } from '../harness.ts'
import { startGrpcHarness } from './harness.ts'
import type { GrpcHarness } from './harness.ts'

export const KEY = 'sk_live_51HqLyjWDarjtT1zdp7dc'

export interface RecordedRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  body: string
}

export interface Behind {
  readonly harness: GatewayHarness
  readonly grpc: GrpcHarness
  /** Requests in the order they came. */
  readonly requests: RecordedRequest[]
  /** Requests whose connection the gateway broke off. */
  broken: number
}

const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** `answer` runs when the request has come in whole; `early` when its head has, and the body is left to it. */
export async function behind(
  respond: (request: IncomingMessage, response: ServerResponse, requested: RecordedRequest) => void,
  { early = false, settings = {} }: { early?: boolean; settings?: Record<string, unknown> } = {},
): Promise<Behind> {
  const harness = await startHarness()
  const state: { requests: RecordedRequest[]; broken: number } = { requests: [], broken: 0 }
  const server = createServer((request, response) => {
    const requested: RecordedRequest = {
      method: request.method!,
      url: request.url!,
      headers: request.headers,
      body: '',
    }
    state.requests.push(requested)
    response
      .on('error', () => undefined)
      .on('close', () => {
        if (!response.writableFinished) state.broken++
      })
    request.on('error', () => undefined)
    if (early) {
      respond(request, response, requested)
      return
    }
    request
      .setEncoding('utf8')
      .on('data', (text: string) => {
        requested.body += text
      })
      .on('end', () => {
        respond(request, response, requested)
      })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  harness.engine.upstream('stripe', {
    url,
    allow_private_addresses: true,
    max_request_bytes: 16 * 1024 * 1024,
    ...settings,
  })
  harness.vault.putKey('mcp/stripe', { api_key: KEY }, url)
  harness.engine.agent('claude-billing-agent', {
    scopes: ['read:stripe:invoices', 'read:stripe:customers:id-only', 'create:stripe:refunds'],
  })
  await settle()
  const grpc = await startGrpcHarness({}, harness)
  return {
    harness,
    grpc,
    requests: state.requests,
    get broken() {
      return state.broken
    },
  }
}

/** Bytes the gateway's end of gRPC connections has handed to its sockets, whoever reads them. */
export function bytesOut(address: string): () => number {
  const sockets: Socket[] = []
  const listener = (message: unknown) => {
    const { socket } = message as { socket: Socket }
    if (socket.localPort === Number(address.split(':').at(-1))) sockets.push(socket)
  }
  subscribe('net.server.socket', listener)
  cleanups.push(() => {
    unsubscribe('net.server.socket', listener)
  })
  return () => sockets.reduce((sum, socket) => sum + socket.bytesWritten, 0)
}

/** Waits until `sample` has not moved for a while of turns of the loop. */
export async function still(sample: () => number): Promise<number> {
  let last = sample()
  for (let quiet = 0; quiet < 60;) {
    await settle()
    const now = sample()
    quiet = now === last ? quiet + 1 : 0
    last = now
  }
  return last
}

export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await settle()
}
