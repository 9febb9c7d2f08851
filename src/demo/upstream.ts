/**
 * Local stand-ins for the APIs of the article. They demand their real key, which is random per start, and answer in the
 * shapes of the real ones, so that the real SDKs work against them.
 */
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface LocalUpstream {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** The only credential it accepts. */
  readonly key: string
  /** Requests that brought the key. */
  calls(): number
  /** Requests that did not. */
  refused(): number
  /** Event streams open at this moment. */
  openStreams(): number
  close(): Promise<void>
}

export interface LocalUpstreamOptions {
  /** Default: a free port. */
  readonly port?: number
  /** Milliseconds between two events of a stream. */
  readonly tickMs?: number
}

export interface ReceivedRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface DemoResponse {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: unknown
  /** Sent as server-sent events, one per tick, until the other side goes. */
  readonly events?: (count: number) => unknown
}

export interface LocalApi {
  readonly key: string
  isAuthorized(headers: IncomingMessage['headers']): boolean
  readonly unauthorized: DemoResponse
  respond(request: ReceivedRequest): DemoResponse
}

const LARGEST_BODY = 1_000_000
const DEFAULT_TICK_MS = 200

/** Serves an API on loopback. */
export async function listen(
  api: LocalApi,
  { port = 0, tickMs = DEFAULT_TICK_MS }: LocalUpstreamOptions = {},
): Promise<LocalUpstream> {
  const counts = { calls: 0, refused: 0, streams: 0 }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!api.isAuthorized(request.headers)) {
      counts.refused += 1
      send(response, api.unauthorized)
      return
    }
    counts.calls += 1
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://local')
    const result = api.respond({
      method: request.method ?? 'GET',
      path: pathname,
      query: searchParams,
      headers: request.headers,
      body: await readBody(request),
    })
    if (result.events === undefined) {
      send(response, result)
      return
    }
    counts.streams += 1
    response.on('close', () => {
      counts.streams -= 1
    })
    stream(response, result.events, tickMs)
  }

  const server = createServer((request, response) => {
    serve(request, response).catch(() => {
      response.destroy()
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    key: api.key,
    calls: () => counts.calls,
    refused: () => counts.refused,
    openStreams: () => counts.streams,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > LARGEST_BODY) throw new Error('body too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function send(response: ServerResponse, { status, headers = {}, body }: DemoResponse): void {
  const text = body === undefined ? '' : JSON.stringify(body)
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...headers,
  })
  response.end(text)
}

function stream(response: ServerResponse, event: (count: number) => unknown, tickMs: number): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  let count = 0
  const tick = () => {
    response.write(`data: ${JSON.stringify(event(++count))}\n\n`)
  }
  tick()
  const timer = setInterval(tick, tickMs)
  response.on('close', () => {
    clearInterval(timer)
  })
}
