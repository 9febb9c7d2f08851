/** `/u/<upstream>/…` and upstream listeners: any SDK of the upstream, with a phantom token where its key stood. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { TLSSocket } from 'node:tls'
import { contentLength, hasBody } from '../../http/index.ts'
import { extractToken, likelyToken } from '../call/credentials.ts'
import type { HeaderPairs } from '../call/credentials.ts'
import { parseTarget } from '../call/target.ts'
import { placementsOf, usualPlacements } from '../call/placements.ts'
import type { Caller } from '../decision/callers.ts'
import type { Decisions } from '../decision/decide.ts'
import type { Documents } from '../knowledge/documents.ts'
import type { UpstreamCallResponse, UpstreamCalls } from '../proxy/upstream-calls.ts'
import type { DecisionRecords } from '../decision/records.ts'
import { missing } from '../decision/refusals.ts'
import type { Ticker } from '../ticker.ts'
import { noBodyToken, readBodyToken } from './body-token.ts'
import type { Exchange } from './response.ts'

export interface UpstreamProxyDependencies {
  readonly decisions: Decisions
  readonly documents: Documents
  readonly calls: UpstreamCalls
  readonly records: DecisionRecords
  readonly ticker: Ticker
}

/** Serves one call. `listener` = the upstream this port stands for, under which no `/u/<upstream>` prefix is expected. */
export async function serveUpstream(
  dependencies: UpstreamProxyDependencies,
  exchange: Exchange,
  listener?: string,
): Promise<void> {
  const { decisions, documents, calls, records } = dependencies
  const { request, response, requestId, callerRequestId, signal } = exchange
  // Comes after 'finish', when everything has left this process, and when the connection breaks.
  const delivered = new Promise<void>((resolve) => {
    response.once('close', resolve)
  })
  const caller: Caller = { kind: 'session', address: request.socket.remoteAddress }
  const target = parseTarget(exchange.target, listener)
  const given = { rawHeaders: request.rawHeaders, query: target.query, segments: target.segments }
  const inHead = likelyToken(given)
  const read = inHead === undefined ? await readBodyToken(exchange, documents, target.upstream) : noBodyToken
  const likely = inHead ?? read.token
  // Only callers with a live token make this gateway read documents: others could ask for ever new ones.
  const upstream =
    likely !== undefined && (await decisions.isLive(likely, caller))
      ? await documents.upstream(target.upstream)
      : undefined
  // Where an unknown upstream's key would stand cannot be known; the usual place is looked at, and the token judged all the same.
  const places = upstream ? placementsOf(upstream) : usualPlacements
  const { headers, query, segments, ...extracted } = extractToken(places, given)
  const elsewhere = places.body.size > 0 ? read.token : undefined
  const token = extracted.token ?? (upstream ? elsewhere : likely)
  if (token === undefined) {
    records.unauthenticated()
    throw missing(': send it as "Authorization: Bearer <token>", or where this upstream takes its key')
  }
  const upstreamResponse = await calls.perform({
    token,
    upstream: target.upstream,
    method: request.method ?? '',
    segments,
    // What carried the token stood at the beginning.
    spelled: target.spelled.slice(target.segments.length - segments.length),
    query,
    headers,
    body: bodyOf(request, read.body),
    contentLength: contentLength(request),
    callerBase: `${originOf(request)}${listener === undefined ? `/u/${target.upstream}` : ''}`,
    requestId,
    callerRequestId,
    caller,
    signal,
    delivered,
  })
  await deliver(dependencies.ticker, exchange, upstreamResponse, delivered)
}

/** `read` where it has been read. Stopping early must not destroy the socket: a refusal still has to go out. */
function bodyOf(request: IncomingMessage, read: Buffer | undefined): AsyncIterable<Uint8Array> | undefined {
  if (read) return inOnePiece(read)
  return hasBody(request) ? (request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>) : undefined
}

async function* inOnePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array, undefined> {
  yield await Promise.resolve(bytes)
  return undefined
}

/**
 * How the client reaches this listener; its Host has been checked. Links are absolute, because some clients join a relative one to a
 * base URL that holds `/u/<upstream>` already. A proxy in front that speaks TLS says so, and is believed: the worst that
 * brings is a link that does not work, while plain `http:` would bring the token onto the wire.
 */
function originOf({ headers, socket }: IncomingMessage): string {
  const encrypted = socket instanceof TLSSocket || headers['x-forwarded-proto'] === 'https'
  return `${encrypted ? 'https' : 'http'}://${headers.host ?? ''}`
}

/**
 * Hands the response on as it comes. In the moment the call is cut the connection is reset, until the last byte has left: what Node
 * still holds of it is dropped, and the client sees a broken response, never a short one that looks whole.
 */
async function deliver(
  ticker: Ticker,
  { request, response, requestId }: Exchange,
  upstreamResponse: UpstreamCallResponse,
  delivered: Promise<void>,
): Promise<void> {
  const reset = () => {
    response.socket?.resetAndDestroy()
  }
  if (upstreamResponse.signal.aborted) {
    upstreamResponse.cancel()
    throw upstreamResponse.signal.reason
  }
  upstreamResponse.signal.addEventListener('abort', reset, { once: true })
  // A slow reader may leave bytes waiting here for longer than this gateway stays in contact with Vault.
  const stopTicking = ticker.every(() => {
    if (!upstreamResponse.stillFresh()) reset()
  })
  void delivered.then(() => {
    stopTicking()
    upstreamResponse.signal.removeEventListener('abort', reset)
  })
  try {
    if (!request.complete && hasBody(request)) response.shouldKeepAlive = false
    response.writeHead(upstreamResponse.status, headersFor(upstreamResponse, requestId).flat())
    response.flushHeaders()
    for await (const chunk of upstreamResponse.body) {
      if (!upstreamResponse.stillFresh()) {
        reset()
        break
      }
      if (!response.write(chunk)) await drained(response)
      if (response.destroyed) break
    }
    if (!upstreamResponse.signal.aborted && !response.destroyed) response.end()
  } catch {
    // The status has gone out; all that is left is to break off.
    reset()
  } finally {
    upstreamResponse.cancel()
  }
}

/** `x-request-id` is the id in our audit log. An upstream that tells its own id under that name is passed on under another. */
function headersFor({ headers }: UpstreamCallResponse, requestId: string): HeaderPairs {
  const upstreams = headers.map(
    ([name, value]) => [name === 'x-request-id' ? 'x-upstream-request-id' : name, value] as const,
  )
  return [...upstreams, ['x-request-id', requestId]]
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      response.off('drain', finish)
      response.off('close', finish)
      resolve()
    }
    response.on('drain', finish)
    response.on('close', finish)
  })
}
