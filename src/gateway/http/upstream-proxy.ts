/** `/u/<upstream>/…` and upstream listeners: any SDK of the upstream, with a phantom token where its key stood. */
import { TLSSocket } from 'node:tls'
import type { UpstreamDocument } from '../../document/index.ts'
import { contentLength, hasBody, singleHeader } from '../../http/index.ts'
import type { ServerRequest } from '../../http-server/index.ts'
import { tokenDigest } from '../../scope/index.ts'
import { extractToken, likelyToken } from '../call/credentials.ts'
import type { ExtractedToken } from '../call/credentials.ts'
import { placementsOf, usualPlacements } from '../call/placements.ts'
import type { CompiledPlacements } from '../call/placements.ts'
import { parseTarget } from '../call/target.ts'
import type { Target } from '../call/target.ts'
import type { Caller } from '../decision/callers.ts'
import type { Decisions } from '../decision/decide.ts'
import type { DecisionRecords } from '../decision/records.ts'
import { missing } from '../decision/refusals.ts'
import { unavailable } from '../error.ts'
import type { Documents } from '../knowledge/documents.ts'
import type { UpstreamCalls } from '../proxy/upstream-calls.ts'
import type { Ticker } from '../ticker.ts'
import { noBodyToken, readBodyToken } from './body-token.ts'
import type { BodyToken } from './body-token.ts'
import { ProxiedResponse } from './proxied-response.ts'
import type { Exchange } from './response.ts'

export interface UpstreamProxyDependencies {
  readonly decisions: Decisions
  readonly documents: Documents
  readonly calls: UpstreamCalls
  readonly records: DecisionRecords
  readonly ticker: Ticker
}

/** Serves one call. `listener` = the upstream this port stands for, under which no `/u/<upstream>` prefix is expected. Rejects with what is told to the client. */
export async function serveUpstream(
  dependencies: UpstreamProxyDependencies,
  exchange: Exchange,
  refuse: (error: Error) => void,
  listener?: string,
): Promise<void> {
  const { request, requestId, callerRequestId } = exchange
  const caller: Caller = { kind: 'session', address: request.socket.remoteAddress }
  const target = parseTarget(exchange.target, listener)
  const { token, tokenSha256, extracted, body } = await presentedToken(dependencies, exchange, target, caller)
  const response = new ProxiedResponse(exchange, dependencies.ticker, refuse)
  const call = dependencies.calls.begin(
    {
      token,
      tokenSha256,
      upstream: target.upstream,
      method: request.method,
      segments: extracted.segments,
      // What carried the token stood at the beginning.
      spelled: target.spelled.slice(target.segments.length - extracted.segments.length),
      query: extracted.query,
      headers: extracted.headers,
      body: bodyOf(request, body),
      contentLength: contentLength(request),
      callerBase: `${originOf(request)}${listener === undefined ? `/u/${target.upstream}` : ''}`,
      requestId,
      callerRequestId,
      caller,
      tellsDelivery: true,
    },
    response,
  )
  response.belongsTo(call)
}

interface PresentedToken {
  readonly token: string
  readonly tokenSha256: string | undefined
  /** The request without it. */
  readonly extracted: ExtractedToken
  /** Where it had to be read. */
  readonly body: Buffer | undefined
}

/** The caller's token, from wherever clients of the upstream put its key. Throws `missing`. */
async function presentedToken(
  { decisions, documents, records }: UpstreamProxyDependencies,
  exchange: Exchange,
  target: Target,
  caller: Caller,
): Promise<PresentedToken> {
  const { request } = exchange
  const given = { rawHeaders: request.rawHeaders, query: target.query, segments: target.segments }
  const inHead = likelyToken(given)
  const read = inHead === undefined ? await readBodyToken(exchange, documents, target.upstream) : noBodyToken
  const likely = inHead ?? read.token
  const likelySha256 = likely && tokenDigest(likely)
  const isLive = likely !== undefined && (await isLiveToken(decisions, likely, likelySha256!, caller))
  const upstream = documents.knownUpstream(target.upstream) ?? (await upstreamFor(isLive, documents, target.upstream))
  // Where an unknown upstream's key would stand cannot be known; the usual place is looked at, and the token judged all the same.
  const places = upstream ? placementsOf(upstream) : usualPlacements
  const extracted = extractToken(places, given)
  const token = extracted.token ?? (upstream && isLive ? tokenOfBody(places, read) : likely)
  if (token === undefined) {
    records.unauthenticated()
    throw missing(': send it as "Authorization: Bearer <token>", or where this upstream takes its key')
  }
  return { token, tokenSha256: token === likely ? likelySha256 : undefined, extracted, body: read.body }
}

const tokenOfBody = ({ body }: CompiledPlacements, read: BodyToken): string | undefined =>
  body.size > 0 ? read.token : undefined

/** `read` where it has been read. Stopping early must not destroy the socket: a refusal still has to go out. */
function bodyOf(request: ServerRequest, read: Buffer | undefined): AsyncIterable<Uint8Array> | undefined {
  if (read) return inOnePiece(read)
  return hasBody(request) ? sentBy(request) : undefined
}

async function* sentBy(request: ServerRequest): AsyncGenerator<Uint8Array, undefined> {
  try {
    yield* request.chunks()
  } catch (error) {
    throw unavailable('caller_gone', 'the caller has gone', error)
  }
  return undefined
}

async function* inOnePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array, undefined> {
  yield await Promise.resolve(bytes)
  return undefined
}

const isLiveToken = (decisions: Decisions, token: string, sha256: string, caller: Caller): Promise<boolean> | boolean =>
  decisions.keptSession(sha256) !== undefined || decisions.isLive(token, caller)

/**
 * Only callers with a live token make this gateway read documents: others could ask for ever new ones. One that is at hand says to all
 * where to look for what is no token at all, so that nobody is told that it is missing.
 */
const upstreamFor = (
  isLive: boolean,
  documents: Documents,
  name: string,
): Promise<UpstreamDocument | undefined> | undefined => (isLive ? documents.upstream(name) : undefined)

/**
 * How the client reaches this listener; its Host has been checked. Links are absolute, because some clients join a relative one to a
 * base URL that holds `/u/<upstream>` already. A proxy in front that speaks TLS says so, and is believed: the worst that
 * brings is a link that does not work, while plain `http:` would bring the token onto the wire.
 */
function originOf(request: ServerRequest): string {
  const encrypted = request.socket instanceof TLSSocket || singleHeader(request, 'x-forwarded-proto') === 'https'
  return `${encrypted ? 'https' : 'http'}://${singleHeader(request, 'host') ?? ''}`
}
