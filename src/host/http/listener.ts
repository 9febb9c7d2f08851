import {
  BodyReader,
  checkFrontDoor,
  contentLength,
  defaultJsonLimits,
  isRepeated,
  originForm,
  ownHosts,
  parseListenAddress,
  streamResponse,
  unauthenticatedBodyBytes,
  writeResponse,
} from '../../http/index.ts'
import type { JsonLimits } from '../../http/index.ts'
import { Http1Server } from '../../http-server/index.ts'
import type { ServerRequest, ServerResponse, TlsMaterial } from '../../http-server/index.ts'
import type { Clock } from '../../logical/clock.ts'
import { badRequest, fromUnknown } from '../../logical/errors.ts'
import { errorResponse, jsonResponse } from './response.ts'
import type { HostResponse, HostCall, Standing } from './call.ts'

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
/** Of Vault's API alone. */
const verbs = ['LIST', 'SCAN', 'HELP']
const mebi = 1024 * 1024
const defaultRequestSize = 32 * mebi
const totalBodies = 128 * mebi

export async function listen(config: ListenConfig): Promise<Listener> {
  const place = parseListenAddress(config.address)
  let isOurHost: (host: string) => boolean = () => false
  const each = config.maxRequestSize ?? defaultRequestSize
  const bodies = new BodyReader({
    clock: config.clock,
    authenticated: { each, total: Math.max(totalBodies, 2 * each) },
  })
  const http = new Http1Server({
    clock: config.clock,
    tls: config.tls,
    timeouts,
    moreMethods: verbs,
    unreadable: ({ message }) => ({ errors: [message] }),
    serve: (request, response) => {
      void serve({ config, isOurHost: (host) => isOurHost(host), bodies }, request, response)
    },
  })
  const { port, url } = await http.listen(place)
  isOurHost = ownHosts({ host: place.host, port }, config.allowedHosts ?? [])
  return { url, close: () => http.close() }
}

interface Serving {
  readonly config: ListenConfig
  readonly isOurHost: (host: string) => boolean
  readonly bodies: BodyReader
}

async function serve(serving: Serving, request: ServerRequest, response: ServerResponse): Promise<void> {
  const refused = checkFrontDoor(request, serving.isOurHost)
  if (refused) {
    send(request, response, jsonResponse(refused.status, { errors: [refused.message] }))
    return
  }
  const result = await respond(serving, request, response).catch((thrown: unknown) =>
    errorResponse(fromUnknown(thrown)),
  )
  if (result) send(request, response, result)
}

/** Undefined when the client is gone. */
async function respond(
  { config, bodies }: Serving,
  request: ServerRequest,
  response: ServerResponse,
): Promise<HostResponse | undefined> {
  const gone = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) gone.abort()
  })
  const twice = ['authorization', 'x-vault-token'].find((name) => isRepeated(request, name))
  if (twice !== undefined) throw badRequest(`${twice} is given twice; send it once.`)
  const { path, query } = originForm(request.url)
  const headers = singleHeaders(request)
  const standing = config.standing({ path, headers })
  const body =
    standing.kind === 'refused'
      ? await unreadBytes(bodies, request, response)
      : await bodies.read(request, response, standing.kind === 'known' ? standing.caller : undefined)
  if (body === undefined) return undefined
  return config.respond({
    method: request.method,
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
  request: ServerRequest,
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

function singleHeaders(request: ServerRequest): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
  )
}

function send(request: ServerRequest, response: ServerResponse, result: HostResponse): void {
  const { status, headers, body, stream } = result
  if (stream) streamResponse(request, response, status, headers, stream)
  else if (!response.destroyed) writeResponse(response, status, headers, body)
}
