/** The gateway's HTTP API on a loopback port, over the harness's fake Vault, and a real upstream beside it. */
import { createServer, request as httpRequest } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { silentLogger } from '../../../src/logical/log.ts'
import type { CheckSettings } from '../../../src/gateway/http/check.ts'
import { listenHttp } from '../../../src/gateway/http/server.ts'
import { startHarness } from '../harness.ts'
import type { GatewayHarness } from '../harness.ts'

export interface HttpHarness extends GatewayHarness {
  readonly url: string
  /** A listener that stands for the upstream `stripe`. */
  readonly stripeUrl: string
  readonly upstreamUrl: string
  /** What the upstream got, newest last. */
  readonly received: {
    readonly method: string
    readonly url: string
    readonly headers: IncomingHttpHeaders
    body: string
  }[]
  /** How the upstream answers; by default `{"data":[…],"has_more":false}`. */
  respond(listener: RequestListener): void
}

export interface HttpResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: Record<string, unknown>
}

export interface SendOptions {
  readonly method?: string
  readonly headers?: Record<string, string | string[]>
  readonly body?: string
}

let made = 0
/** As many different ones as are asked for. */
const counted = (bytes: number): Uint8Array => {
  const random = Buffer.alloc(bytes, 7)
  for (let at = 0; at + 4 <= bytes; at += 16) random.writeUInt32BE((made += 1), at)
  return random
}

export async function startHttpHarness(
  settings: Parameters<typeof startHarness>[0] & { readonly check?: CheckSettings } = {},
): Promise<HttpHarness> {
  const harness = await startHarness(settings)
  const received: HttpHarness['received'] = []
  let respond: RequestListener = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'set-cookie': 'a=b' })
    response.end(JSON.stringify({ data: [{ id: 'cus_1', email: 'jane@example.com' }], has_more: false }))
  }
  const upstream = createServer((request, response) => {
    const entry = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body: '' }
    received.push(entry)
    request.on('data', (chunk: Buffer) => {
      entry.body += chunk.toString()
    })
    respond(request, response)
  })
  await new Promise<void>((resolve) => {
    upstream.listen(0, '127.0.0.1', resolve)
  })
  const upstreamUrl = `http://127.0.0.1:${String((upstream.address() as AddressInfo).port)}`
  harness.engine.upstream('stripe', { url: upstreamUrl, allow_private_addresses: true })
  harness.vault.putKey('mcp/stripe', { api_key: 'sk_live_secret' }, upstreamUrl)
  await harness.flush()
  const parts = {
    ...harness.core,
    clock: harness.clock,
    random: counted,
    logger: silentLogger,
    healthy: () => harness.core.freshness.isFresh(undefined),
  }
  const main = await listenHttp(parts, {
    address: '127.0.0.1:0',
    allowedHosts: ['gateway.internal'],
    check: settings.check,
  })
  const stripe = await listenHttp(parts, { address: '127.0.0.1:0', allowedHosts: [], upstream: 'stripe' })
  return {
    ...harness,
    url: main.url,
    stripeUrl: stripe.url,
    upstreamUrl,
    received,
    respond(listener) {
      respond = listener
    },
    async stop() {
      await Promise.all([main.close(), stripe.close()])
      upstream.closeAllConnections()
      await new Promise((resolve) => {
        upstream.close(resolve)
      })
      await harness.stop()
    },
  }
}

/** One request on a connection of its own; the path goes out as it is written. */
export function sendRequest(url: string, path: string, options: SendOptions = {}): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const sent = httpRequest(
      { hostname, port, path, method: options.method ?? 'GET', headers: options.headers ?? {}, agent: false },
      (response) => {
        readAll(response).then((text) => {
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            get json() {
              return JSON.parse(text) as Record<string, unknown>
            },
          })
        }, reject)
      },
    )
    sent.on('error', reject)
    sent.end(options.body)
  })
}

/** As `ask`, but hands over the answer as soon as its head is there. */
export function openStream(url: string, path: string, headers: Record<string, string>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const sent = httpRequest({ hostname, port, path, headers, agent: false }, resolve)
    sent.on('error', reject)
    sent.end()
  })
}

export async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

export const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` })

/** The error body's type and code. */
export function refusal({ status, json }: HttpResponse): string {
  const { type, code } = json.error as { type: string; code: string }
  return `${String(status)} ${type} ${code}`
}

/** Lets sockets do their work until something holds. */
export async function eventually(holds: () => boolean): Promise<void> {
  for (let turns = 0; turns < 20_000 && !holds(); turns++)
    await new Promise<void>((resolve) => {
      setImmediate(resolve)
    })
  if (!holds()) throw new Error('what was waited for did not happen')
}
