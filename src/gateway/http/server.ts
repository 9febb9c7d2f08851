import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Logger } from '../../logical/log.ts'
import { answerUnreadable } from '../../logical/unreadable-request.ts'
import { GatewayError, toGatewayError } from '../error.ts'
import { parseAddress } from '../listen-address.ts'
import { requestIdOf } from '../request-id.ts'
import { sendError, sendJson } from './answer.ts'
import type { Exchange } from './answer.ts'
import { guardRequest, ownHosts } from './guard.ts'
import { restRoutes } from './rest-face.ts'
import type { RestHandler, RestParts } from './rest-face.ts'
import { findRoute } from './router.ts'
import type { Route } from './router.ts'
import { serveUpstream } from './upstream-face.ts'
import type { UpstreamParts } from './upstream-face.ts'

export interface HttpParts extends RestParts, UpstreamParts {
  readonly logger: Logger
  /** Is this gateway in contact with Vault? */
  readonly healthy: () => boolean
}

export interface HttpListener {
  /** `http://127.0.0.1:8251` */
  readonly url: string
  /** Takes no new connections and ends each one with the answer under way; resolves when none is left. */
  drain(): Promise<void>
  /** Breaks off what is left. */
  close(): Promise<void>
}

/** PEM files of a listener's certificate chain and its key. */
export interface TlsFiles {
  readonly certFile: string
  readonly keyFile: string
}

export interface ListenOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string
  /** Host values answered to besides those of the address. */
  readonly allowedHosts: readonly string[]
  /** This port stands for one upstream, at its root. */
  readonly upstream?: string
  /** Undefined = plain HTTP. */
  readonly tls?: TlsFiles | undefined
}

const HEADERS_TIMEOUT_MS = 15_000
const KEEP_ALIVE_MS = 65_000

/** Opens one HTTP listener. Rejects when the address cannot be listened on or the TLS files cannot be read. */
export async function listenHttp(parts: HttpParts, options: ListenOptions): Promise<HttpListener> {
  const { host, port } = parseAddress(options.address)
  const routes = [...restRoutes(parts), healthRoute(parts)]
  let isOurHost: (given: string) => boolean = () => false
  let draining = false
  const server = await makeServer(options.tls, (request, response) => {
    response.once('finish', () => {
      if (draining) request.socket.end()
    })
    const exchange = open(parts, request, response)
    const refused = guardRequest(request, (given) => isOurHost(given))
    if (refused) {
      sendError(exchange, refused.error, refused.status)
      return
    }
    serve(parts, routes, exchange, options.upstream).catch((thrown: unknown) => {
      fail(parts, exchange, thrown)
    })
  })
  answerUnreadable(server, ({ message }) => ({
    error: { type: 'invalid_request', code: 'bad_request', message },
    request_id: requestIdOf(undefined, parts.random),
  }))
  await listening(server, host, port)
  const bound = (server.address() as AddressInfo).port
  isOurHost = ownHosts({ host, port: bound }, options.allowedHosts)
  return {
    url: `${options.tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${String(bound)}`,
    drain: () =>
      new Promise((resolve) => {
        draining = true
        server.close(() => {
          resolve()
        })
        server.closeIdleConnections()
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        server.closeAllConnections()
      }),
  }
}

async function makeServer(tls: TlsFiles | undefined, serveOne: RequestListener): Promise<Server | TlsServer> {
  const limits = { headersTimeout: HEADERS_TIMEOUT_MS, keepAliveTimeout: KEEP_ALIVE_MS, requireHostHeader: false }
  if (!tls) return createServer(limits, serveOne)
  const [cert, key] = await Promise.all([readFile(tls.certFile), readFile(tls.keyFile)])
  return createTlsServer({ ...limits, cert, key, minVersion: 'TLSv1.2' }, serveOne)
}

function open({ random }: HttpParts, request: IncomingMessage, response: ServerResponse): Exchange {
  const gone = new AbortController()
  response.on('close', () => {
    if (!response.writableFinished) gone.abort()
  })
  // A socket that breaks is told by 'close'; without a listener it would end the process.
  response.on('error', () => undefined)
  request.on('error', () => undefined)
  return {
    request,
    response,
    target: request.url ?? '',
    requestId: requestIdOf(request.headers['x-request-id'], random),
    signal: gone.signal,
  }
}

async function serve(
  parts: HttpParts,
  routes: readonly Route<RestHandler>[],
  exchange: Exchange,
  upstream: string | undefined,
): Promise<void> {
  const { target, request } = exchange
  if (upstream !== undefined || target.startsWith('/u/')) {
    await serveUpstream(parts, exchange, upstream)
    return
  }
  if (!target.startsWith('/'))
    throw new GatewayError('invalid_request', 'bad_request', 'the request target must start with /')
  const { handle, captures } = findRoute(routes, request.method ?? '', target.split('?', 1)[0]!)
  await handle(exchange, captures)
}

function fail({ logger }: HttpParts, exchange: Exchange, thrown: unknown): void {
  const error = toGatewayError(thrown)
  const { response } = exchange
  if (error.kind === 'internal')
    logger.error(
      { request_id: exchange.requestId, error: thrown instanceof Error ? thrown.stack : 'unexpected' },
      'a request failed unexpectedly',
    )
  if (response.headersSent) {
    response.socket?.resetAndDestroy()
    return
  }
  if (response.destroyed) return
  sendError(exchange, error)
}

function healthRoute({ healthy }: HttpParts): Route<RestHandler> {
  return {
    method: 'GET',
    pattern: '/healthz',
    handle: (exchange) => {
      const ok = healthy()
      sendJson(exchange, ok ? 200 : 503, { status: ok ? 'ok' : 'unavailable' })
      return Promise.resolve()
    },
  }
}

function listening(server: Server | TlsServer, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
