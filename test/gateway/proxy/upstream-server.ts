import { markerOf } from '../../../src/gateway/call/marker.ts'
import { once } from 'node:events'
import { createServer as createTlsServer } from 'node:https'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { afterEach } from 'vitest'
import { ByteQueue } from '../../../src/gateway/proxy/byte-queue.ts'
import type { CallPermit, CallResult, UpstreamHead, UpstreamCall } from '../../../src/gateway/proxy/upstream-call.ts'
import { notRead } from '../../../src/gateway/proxy/not-read.ts'
import { UpstreamFlow } from '../../../src/gateway/proxy/upstream-flow.ts'
import { GatewayCallError } from '../../../src/gateway/call/call-error.ts'
import { Egress, type EgressOptions } from '../../../src/gateway/proxy/egress.ts'
import { prepareKey } from '../../../src/gateway/call/key.ts'
import { parseTarget } from '../../../src/gateway/call/target.ts'
import type { CallableUpstream } from '../../../src/gateway/call/upstream.ts'
import { RequestError } from '../../../src/logical/errors.ts'
import { matchOperations, parseOperation } from '../../../src/scope/index.ts'
import { FakeClock } from '../../fakes/clock.ts'

export const KEY = 'sk_live_51HqLyjWDarjtT1zdp7dc'
/** What is left of it in a response: what all such keys begin with is no secret. */
export const SCRUBBED_KEY = `sk_live_${markerOf(KEY.length - 'sk_live_'.length)}`

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function listen(server: Server): Promise<string> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
}

export interface Seen {
  method: string
  url: string
  headers: Record<string, string>
  raw: string[]
  body: string
}

/** An HTTP upstream that records what it was asked. */
export async function httpUpstream(
  listener: (request: IncomingMessage, response: ServerResponse, seen: Seen) => void,
): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = []
  const onRequest: RequestListener = (request, response) => {
    const entry: Seen = {
      method: request.method!,
      url: request.url!,
      headers: request.headers as Record<string, string>,
      raw: request.rawHeaders,
      body: '',
    }
    seen.push(entry)
    request.on('error', () => undefined)
    request
      .setEncoding('utf8')
      .on('data', (text: string) => {
        entry.body += text
      })
      .on('end', () => {
        listener(request, response, entry)
      })
  }
  return { url: await listen(createServer(onRequest)), seen }
}

/** An HTTPS upstream that answers with the server name it was asked for. */
export async function tlsUpstream({ certificate, key }: { key: string; certificate: string }): Promise<number> {
  const server = createTlsServer({ cert: certificate, key }, (request, response) => {
    response.end(String((request.socket as TLSSocket).servername))
  })
  return Number(new URL(await listen(server)).port)
}

/** An upstream that speaks whatever bytes the test wants, once a request's head has come in. */
export async function rawUpstream(talk: (socket: Socket, head: string) => void): Promise<string> {
  return listen(
    createTcpServer((socket) => {
      let head = ''
      const onData = (chunk: Buffer) => {
        head += chunk.toString('latin1')
        if (!head.includes('\r\n\r\n')) return
        socket.off('data', onData)
        talk(socket, head)
      }
      socket.on('data', onData)
    }),
  )
}

export function upstreamAt(url: string, changes: Partial<CallableUpstream> = {}): CallableUpstream {
  return {
    name: 'stripe',
    url,
    auth: 'bearer',
    token_alias: null,
    headers: {},
    request_headers: {},
    response_headers: [],
    allow_range: false,
    follow_redirects: [],
    error_format: 'object',
    encoded_slash: 'refuse',
    allow_private_addresses: true,
    connect_timeout: 5,
    timeout: 60,
    idle_timeout: 300,
    max_request_bytes: 1_000_000,
    max_response_bytes: 1_000_000,
    version: 1,
    ...changes,
  }
}

export function egressFor(options: Partial<EgressOptions> = {}): Egress {
  const egress = new Egress({ clock: new FakeClock(), ...options })
  cleanups.push(() => egress.close())
  return egress
}

export interface CallChanges
  extends Partial<Omit<UpstreamCall, 'upstream' | 'match' | 'key' | 'permit'>>, Partial<CallPermit> {
  /** `GET /v1/invoices/in_1?limit=3`; the operation is a template that fits it. */
  target?: string
  operation?: unknown
  key?: string
  /** Ends the call. */
  signal?: AbortSignal
}

/** A call as the gateway would make it after it has judged the request. */
export function callInput(
  upstream: CallableUpstream,
  {
    target: ask = 'GET /v1/invoices',
    operation,
    key = KEY,
    stillFresh = () => true,
    whyNotSend = () => (stillFresh() ? undefined : new GatewayCallError('stale', 'the state is stale')),
    ...changes
  }: CallChanges = {},
): UpstreamCall {
  const [method, raw] = ask.split(' ') as [string, string]
  const target = parseTarget(raw, upstream.name)
  const tool = {
    upstream: upstream.name,
    name: 'any',
    operations: [
      parseOperation(operation ?? `${method} /${target.segments.map((_, i) => `{s${String(i)}}`).join('/')}`),
    ],
  }
  const match = matchOperations([tool], method, target.segments)[0]!
  const clock = changes.clock ?? new FakeClock()
  return {
    upstream,
    match,
    segments: target.segments,
    spelled: target.spelled,
    query: target.query,
    headers: [],
    key: prepareKey(upstream, key),
    clock,
    egress: changes.egress ?? egressFor({ clock }),
    permit: { stillFresh, whyNotSend },
    ...changes,
  }
}

interface CallEnd {
  bytes: number
  key_echoes: number
  result: CallResult
  redirects?: readonly string[]
}

export interface ReceivedResponse extends UpstreamHead {
  readonly body: AsyncIterableIterator<Uint8Array, undefined>
  /** Gives the response up. */
  cancel(): void
  /** When it is over, for whatever reason. */
  readonly finished: Promise<CallEnd>
}

/** One call, its response read as a reader does who takes what comes. Rejects when there is none. */
export function call(upstream: CallableUpstream, changes: CallChanges = {}): Promise<ReceivedResponse> {
  const { signal } = changes
  return new Promise((resolve, reject) => {
    let finish: (result: CallResult) => void = () => undefined
    const finished = new Promise<CallEnd>((over) => {
      finish = (result) => {
        over({ bytes: flow.bytes, key_echoes: flow.echoes, result, ...flow.redirected })
      }
    })
    const cancel = () => {
      flow.fail(notRead)
    }
    const body = new ByteQueue(128 * 1024, {
      room: () => {
        flow.resume()
      },
      left: cancel,
    })
    const flow = new UpstreamFlow(callInput(upstream, changes), {
      head: (head) => {
        resolve({ ...head, body, cancel, finished })
      },
      data: (chunk) => body.push(chunk),
      end: () => {
        body.end()
        finish('complete')
      },
      failed: (error) => {
        reject(error)
        body.fail(error)
        finish(error === notRead ? 'abandoned' : error instanceof GatewayCallError ? error.code : 'error')
      },
    })
    signal?.addEventListener('abort', () => {
      const reason: unknown = signal.reason
      flow.fail(reason instanceof RequestError ? reason : new GatewayCallError('call_ended', 'the call was ended'))
    })
    flow.start()
  })
}

export async function text(response: ReceivedResponse): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of response.body) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/** The error a promise rejects with; resolves are a failure. */
export async function failure(promise: Promise<unknown>): Promise<GatewayCallError & RequestError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(outcome instanceof Error)) throw new Error('expected a failure')
  return outcome as GatewayCallError & RequestError
}
