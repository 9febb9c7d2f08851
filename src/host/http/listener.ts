import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import {
  BodyReader,
  bindServer,
  checkFrontDoor,
  closeServer,
  contentLength,
  createHttpServer,
  defaultJsonLimits,
  isRepeated,
  originForm,
  ownHosts,
  parseListenAddress,
  streamResponse,
  unauthenticatedBodyBytes,
  writeResponse,
} from '../../http/index.ts'
import type { HttpServer, JsonLimits, TlsMaterial } from '../../http/index.ts'
import type { Clock } from '../../logical/clock.ts'
import { badRequest, fromUnknown } from '../../logical/errors.ts'
import { errorResponse, jsonResponse } from './response.ts'
import type { HostResponse, HostCall, Standing } from './call.ts'
import { VerbSocket, originalMethod } from './verb-socket.ts'

export interface ListenConfig {
  /** `127.0.0.1:8200`; port 0 takes a free one. */
  readonly address: string
  /** Host header values accepted in addition to the loopback names, with port. */
  readonly allowedHosts?: readonly string[]
  /** Without it the listener speaks plain HTTP. */
  readonly tls?: TlsMaterial
  /** Bytes of one body of a known caller; 32 MiB unless given. */
  readonly maxRequestSize?: number
  /** What bodies may hold; the defaults for what is not given. */
  readonly json?: Partial<JsonLimits>
  readonly clock: Clock
  /** Asked before a body is read. */
  readonly standing: (head: Pick<HostCall, 'path' | 'headers'>) => Standing
  readonly respond: (call: HostCall) => Promise<HostResponse>
}

export interface Listener {
  readonly url: string
  close(): Promise<void>
}

const timeouts = { headersTimeout: 10_000, requestTimeout: 60_000, keepAliveTimeout: 75_000 }
const mebi = 1024 * 1024
const defaultRequestSize = 32 * mebi
const totalBodies = 128 * mebi

export async function listen(config: ListenConfig): Promise<Listener> {
  const place = parseListenAddress(config.address)
  let isOurHost: (host: string) => boolean = () => false
  const http = createHttpServer(config.tls, timeouts, ({ message }) => ({ errors: [message] }))
  const each = config.maxRequestSize ?? defaultRequestSize
  const bodies = new BodyReader({
    clock: config.clock,
    authenticated: { each, total: Math.max(totalBodies, 2 * each) },
  })
  http.on('request', (request: IncomingMessage, response: ServerResponse) => {
    void serve({ config, isOurHost: (host) => isOurHost(host), bodies }, request, response)
  })
  readVerbs(http, config.tls ? 'secureConnection' : 'connection')
  const { port, url } = await bindServer(http, place)
  isOurHost = ownHosts({ host: place.host, port }, config.allowedHosts ?? [])
  return { url, close: () => closeServer(http) }
}

/** node:http reads the wrapped socket; everything else, time-outs included, stays its own. */
function readVerbs(http: HttpServer, accepted: 'connection' | 'secureConnection'): void {
  const accept = http.listeners(accepted)
  http.removeAllListeners(accepted)
  http.on(accepted, (socket: Socket) => {
    const wrapped = new VerbSocket(socket)
    for (const listener of accept) listener.call(http, wrapped)
  })
}

interface Serving {
  readonly config: ListenConfig
  readonly isOurHost: (host: string) => boolean
  readonly bodies: BodyReader
}

async function serve(serving: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const refused = checkFrontDoor(request, serving.isOurHost)
  if (refused) {
    send(serving.bodies, request, response, jsonResponse(refused.status, { errors: [refused.message] }))
    return
  }
  const result = await respond(serving, request, response).catch((thrown: unknown) =>
    errorResponse(fromUnknown(thrown)),
  )
  if (result) send(serving.bodies, request, response, result)
}

/** Undefined when the client is gone. */
async function respond(
  { config, bodies }: Serving,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<HostResponse | undefined> {
  const gone = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) gone.abort()
  })
  const twice = ['authorization', 'x-vault-token'].find((name) => isRepeated(request, name))
  if (twice !== undefined) throw badRequest(`${twice} is given twice; send it once.`)
  const { path, query } = originForm(request.url ?? '/')
  const headers = singleHeaders(request)
  const standing = config.standing({ path, headers })
  const body =
    standing.kind === 'refused'
      ? await unreadBytes(bodies, request, response)
      : await bodies.read(request, response, standing.kind === 'known' ? standing.caller : undefined)
  if (body === undefined) return undefined
  return config.respond({
    method: originalMethod(request.method ?? 'GET'),
    path,
    query: new URLSearchParams(query),
    headers,
    ...(config.json && { json: { ...defaultJsonLimits, ...config.json } }),
    ...(typeof body === 'number' ? body > 0 && { unread: body } : body.length > 0 && { body }),
    remoteAddr: request.socket.remoteAddress ?? '',
    signal: gone.signal,
  })
}

/** Reads a short body to its end all the same, so that the connection lives on; a long one is left where it is. */
async function unreadBytes(
  bodies: BodyReader,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<number | undefined> {
  const declared = contentLength(request)
  try {
    return (await bodies.read(request, response, undefined))?.length
  } catch (thrown) {
    if (fromUnknown(thrown).kind === 'too_large') return declared ?? unauthenticatedBodyBytes
    throw thrown
  }
}

function singleHeaders(request: IncomingMessage): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
  )
}

function send(bodies: BodyReader, request: IncomingMessage, response: ServerResponse, result: HostResponse): void {
  const { status, headers, body, stream } = result
  const socket = request.socket as unknown as VerbSocket
  const reusable = (): void => {
    socket.expectRequest()
  }
  if (stream) {
    streamResponse(request, response, status, headers, stream, reusable)
    return
  }
  if (response.destroyed) return
  if (writeResponse(bodies, request, response, status, headers, body)) reusable()
}
