import { readFile } from 'node:fs/promises'
import {
  BodyReader,
  breakOff,
  checkFrontDoor,
  defaultJsonLimits,
  originForm,
  ownHosts,
  parseListenAddress,
  singleHeader,
} from '../../http/index.ts'
import type { JsonLimits } from '../../http/index.ts'
import { Http1Server } from '../../http-server/index.ts'
import type { ServerRequest, ServerResponse, TlsMaterial } from '../../http-server/index.ts'
import type { Clock } from '../../logical/clock.ts'
import type { Logger } from '../../logical/log.ts'
import { GatewayFailure, toGatewayFailure } from '../error.ts'
import type { Limits } from '../limits/index.ts'
import { RequestIdSource, callerRequestIdOf } from '../request-id.ts'
import { withSchemes } from './challenge.ts'
import { errorFormatOf } from './error-body.ts'
import { isCheck, serveCheck } from './check.ts'
import type { CheckSettings } from './check.ts'
import { sendError, sendJson } from './response.ts'
import type { Exchange } from './response.ts'
import { RefusalLimit } from './refusal-limit.ts'
import { restRoutes } from './rest-api.ts'
import type { RestHandler, RestDependencies } from './rest-api.ts'
import { findRoute } from './router.ts'
import type { HttpRoute } from './router.ts'
import { serveUpstream } from './upstream-proxy.ts'
import type { UpstreamProxyDependencies } from './upstream-proxy.ts'

export interface HttpDependencies extends RestDependencies, UpstreamProxyDependencies {
  readonly clock: Clock
  readonly limits: Limits
  readonly logger: Logger
  readonly random: (bytes: number) => Uint8Array
  /** Is this gateway in contact with Vault? */
  readonly healthy: () => boolean
}

export interface HttpListener {
  /** `http://127.0.0.1:8251` */
  readonly url: string
  /** Takes no new connections and ends each one with the response under way; resolves when none is left. */
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
  /** Host values accepted in addition to those of the address. */
  readonly allowedHosts: readonly string[]
  /** This port stands for one upstream, at its root. */
  readonly upstream?: string
  /** Undefined = plain HTTP. */
  readonly tls?: TlsFiles | undefined
  /** What bodies may hold; the defaults for what is not given. */
  readonly json?: Partial<JsonLimits> | undefined
  /** How `/check` is served. */
  readonly check?: CheckSettings | undefined
}

const timeouts = { headersTimeout: 15_000, requestTimeout: 300_000, keepAliveTimeout: 65_000 }
const kibi = 1024
/** Of what is read whole; the bodies of upstream calls are bounded where they are judged. */
const bodyShare = { each: 256 * kibi, total: 64 * 1024 * kibi }

/** Opens one HTTP listener. Rejects when the address cannot be listened on or the TLS files cannot be read. */
export async function listenHttp(dependencies: HttpDependencies, options: ListenOptions): Promise<HttpListener> {
  const place = parseListenAddress(options.address)
  const routes = [...restRoutes(dependencies), healthRoute(dependencies)]
  const bodies = new BodyReader({ clock: dependencies.clock, authenticated: bodyShare })
  const refusals = new RefusalLimit(dependencies)
  const json = { ...defaultJsonLimits, ...options.json }
  let isOurHost: (given: string) => boolean = () => false
  const ids = new RequestIdSource(dependencies.random)
  const serve = (request: ServerRequest, response: ServerResponse): void => {
    const exchange = open(ids.next(), { bodies, json }, request, response)
    const refused = checkFrontDoor(request, isOurHost)
    if (refused) {
      sendError(exchange, new GatewayFailure('invalid_request', refused.code, refused.message), refused.status)
      return
    }
    const api = options.upstream !== undefined || exchange.target.startsWith('/u/') ? 'upstream' : 'rest'
    const refuse = (thrown: unknown) => {
      const failure = toGatewayFailure(thrown)
      if (api === 'upstream')
        exchange.errorFormat = errorFormatOf(dependencies.documents, exchange.target, options.upstream)
      const error =
        api === 'rest' ? failure : withSchemes(failure, dependencies.documents, exchange.target, options.upstream)
      if (refusals.covers(error, api) && !response.headersSent) refusals.send(exchange, error)
      else if (error.code === 'refusals_limit' && !response.headersSent) refusals.hold(exchange, error)
      else fail(dependencies, exchange, error, thrown)
    }
    const served =
      api === 'upstream'
        ? serveUpstream(dependencies, exchange, refuse, options.upstream)
        : serveRest(dependencies, { routes, check: options.check }, exchange)
    served.catch(refuse)
  }
  const server = new Http1Server({
    clock: dependencies.clock,
    tls: await readTls(options.tls),
    timeouts,
    unreadable: ({ message }) => ({
      error: { type: 'invalid_request', code: 'bad_request', message },
      request_id: ids.next(),
    }),
    serve,
  })
  const { port, url } = await server.listen(place)
  isOurHost = ownHosts({ host: place.host, port }, options.allowedHosts)
  return { url, drain: () => server.drain(), close: () => server.close() }
}

async function readTls(files: TlsFiles | undefined): Promise<TlsMaterial | undefined> {
  if (!files) return undefined
  const [cert, key] = await Promise.all([readFile(files.certFile, 'utf8'), readFile(files.keyFile, 'utf8')])
  return { cert, key }
}

function open(
  requestId: string,
  reading: Pick<Exchange, 'bodies' | 'json'>,
  request: ServerRequest,
  response: ServerResponse,
): Exchange {
  const callerRequestId = callerRequestIdOf(singleHeader(request, 'x-request-id'))
  return { request, response, target: request.url, requestId, callerRequestId, ...reading }
}

interface RestApi {
  readonly routes: readonly HttpRoute<RestHandler>[]
  readonly check: CheckSettings | undefined
}

async function serveRest(
  dependencies: RestDependencies,
  { routes, check }: RestApi,
  exchange: Exchange,
): Promise<void> {
  const { target, request } = exchange
  if (!target.startsWith('/'))
    throw new GatewayFailure('invalid_request', 'bad_request', 'the request target must start with /')
  const { path } = originForm(target)
  // Whatever the method: it is the client's.
  if (isCheck(path)) return serveCheck(dependencies, exchange, check)
  const { handle, captures } = findRoute(routes, request.method, path)
  await handle(exchange, captures)
}

function fail({ logger }: HttpDependencies, exchange: Exchange, error: GatewayFailure, thrown: unknown): void {
  const { response } = exchange
  if (error.kind === 'internal')
    logger.error(
      { request_id: exchange.requestId, error: thrown instanceof Error ? thrown.stack : 'unexpected' },
      'a request failed unexpectedly',
    )
  if (response.headersSent) {
    breakOff(exchange.request.socket)
    return
  }
  if (response.destroyed) return
  sendError(exchange, error)
}

function healthRoute({ healthy }: HttpDependencies): HttpRoute<RestHandler> {
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
