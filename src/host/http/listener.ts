import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Server as TlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { RequestError, badRequest } from '../../logical/errors.ts'
import { answerUnreadable } from '../../logical/unreadable-request.ts'
import { errorAnswer } from './answer.ts'
import { BodyReader } from './body.ts'
import type { HostAnswer, HostCall } from './call.ts'
import { hostNames, refusal } from './front-door.ts'
import { VerbSocket, originalMethod } from './verb-socket.ts'

export interface ListenConfig {
  /** `127.0.0.1:8200`; port 0 takes a free one. */
  readonly address: string
  /** Host header values answered besides the loopback names, with port. */
  readonly allowedHosts?: readonly string[]
  /** PEM texts; without them the listener speaks plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string }
  readonly answer: (call: HostCall) => Promise<HostAnswer>
}

export interface Listener {
  readonly url: string
  close(): Promise<void>
}

// A client that dribbles its request in holds nothing but its own socket, and not for long.
const headersTimeoutMs = 10_000
const requestTimeoutMs = 60_000
const keepAliveMs = 75_000

export async function listen(config: ListenConfig): Promise<Listener> {
  const { host, port } = splitAddress(config.address)
  let allowed: ReadonlySet<string> = new Set()
  const limits = {
    keepAliveTimeout: keepAliveMs,
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    connectionsCheckingInterval: 5_000,
    noDelay: true,
    requireHostHeader: false,
  }
  const http = config.tls ? createTlsServer({ ...limits, ...config.tls, minVersion: 'TLSv1.2' }) : createServer(limits)
  answerUnreadable(http, ({ message }) => ({ errors: [message] }))
  const bodies = new BodyReader()
  http.on('request', (request: IncomingMessage, response: ServerResponse) => {
    void serve({ config, allowed, bodies }, request, response)
  })
  // node:http reads the wrapped socket; everything else, time-outs included, stays its own.
  const accepted = config.tls ? 'secureConnection' : 'connection'
  const accept = http.listeners(accepted)
  http.removeAllListeners(accepted)
  http.on(accepted, (socket: Socket) => {
    const wrapped = new VerbSocket(socket)
    for (const listener of accept) listener.call(http, wrapped)
  })
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject)
    http.listen({ host, port }, () => {
      http.off('error', reject)
      resolve()
    })
  })
  const bound = (http.address() as AddressInfo).port
  allowed = hostNames(host, bound, config.allowedHosts ?? [])
  return {
    url: `${config.tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: () => close(http),
  }
}

function close(http: Server | TlsServer): Promise<void> {
  return new Promise((resolve) => {
    http.close(() => {
      resolve()
    })
    http.closeAllConnections()
  })
}

function splitAddress(address: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(address)
  if (!match)
    throw new RequestError(
      'bad_request',
      `address ${JSON.stringify(address)} must be host:port, for example 127.0.0.1:8200.`,
    )
  return { host: (match[1] ?? match[2])!, port: Number(match[3]) }
}

interface Serving {
  readonly config: ListenConfig
  readonly allowed: ReadonlySet<string>
  readonly bodies: BodyReader
}

async function serve(
  { config, allowed, bodies }: Serving,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) gone.abort()
  })
  const refused = refusal(request, allowed)
  if (refused) {
    send(request, response, refused)
    return
  }
  const twice = ['authorization', 'x-vault-token'].find((name) => (request.headersDistinct[name]?.length ?? 0) > 1)
  // node:http keeps one of several; a proxy in between may keep another.
  if (twice !== undefined) {
    send(request, response, errorAnswer(badRequest(`${twice} is given twice; send it once.`)))
    return
  }
  const body = await bodies.read(request, response)
  if (body === 'gone') return
  if (body === 'too many') {
    send(
      request,
      response,
      errorAnswer(new RequestError('unavailable', 'too many request bodies are being read at once; try again')),
    )
    return
  }
  if (body === 'too large') {
    send(request, response, errorAnswer(new RequestError('too_large', 'request body too large; the limit is 32 MiB')))
    return
  }
  const target = request.url ?? '/'
  const question = target.indexOf('?')
  const answered = await config.answer({
    method: originalMethod(request.method ?? 'GET'),
    path: question < 0 ? target : target.slice(0, question),
    query: new URLSearchParams(question < 0 ? '' : target.slice(question + 1)),
    headers: singleHeaders(request),
    ...(body.length > 0 && { body }),
    remoteAddr: request.socket.remoteAddress ?? '',
    signal: gone.signal,
  })
  send(request, response, answered)
}

function singleHeaders(request: IncomingMessage): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
  )
}

function send(request: IncomingMessage, response: ServerResponse, answered: HostAnswer): void {
  if (response.destroyed) return
  const socket = request.socket as unknown as VerbSocket
  // With the request not read to its end the connection cannot carry another.
  if (request.complete || isBodiless(request)) socket.expectRequest()
  else response.setHeader('connection', 'close')
  response.writeHead(answered.status, { ...answered.headers, 'content-length': Buffer.byteLength(answered.body) })
  response.end(request.method === 'HEAD' ? undefined : answered.body)
}

const isBodiless = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0
