/** From the upstream's response to what is handed on of it: statuses, headers, decoding, projection. */
import { GatewayCallError } from '../call/call-error.ts'
import type { HeaderPairs } from '../call/credentials.ts'
import { decode, encodingOf } from '../call/decode.ts'
import { projectBody } from '../call/project.ts'
import { responseHeaders } from '../call/response.ts'
import { placementsOf } from '../call/placements.ts'
import { Delivery } from './delivery.ts'
import type { UpstreamResponseHead, UpstreamExchange } from './exchange.ts'
import { throwIfEnded } from './upstream-call.ts'
import type { UpstreamResponse, UpstreamCall } from './upstream-call.ts'

export interface Received {
  readonly head: UpstreamResponseHead
  readonly exchange: UpstreamExchange
  readonly requestUrl: URL
  /** A part of the response was asked for. */
  readonly ranged: boolean
  readonly upstreamMs: number
}

/** Throws `GatewayCallError` for a response of which nothing may be handed on. */
export async function shapeResponse(call: UpstreamCall, received: Received): Promise<UpstreamResponse> {
  const { upstream, projection } = call
  const { head, exchange } = received
  const { status, headers } = head
  await refuseStatus(call, received)
  const bodyless = hasNoBody(call, status)
  const encoding = bodyless ? 'identity' : encodingOf(upstream.name, headers)
  const plain = encoding === 'identity' ? exchange : decode(upstream.name, encoding, exchange)
  const isPlain = encoding === 'identity' && isLengthKept(call, bodyless)
  const changed = projection !== undefined || encoding !== 'identity'
  const shaped = headersOf(call, received, { untouched: !projection && isPlain, changed })
  const delivery = new Delivery(call, received.upstreamMs, shaped.matches, exchange)
  if (!projection || bodyless) return delivery.response(status, shaped.headers, plain)
  const body = await projectBody({
    upstreamName: upstream.name,
    status,
    contentType: headers['content-type'],
    body: plain,
    maxBytes: upstream.max_response_bytes,
    projection,
    reserve: call.reserve,
  })
  // A replaced body leaves the upstream's own unread.
  if (status < 200 || status > 299)
    exchange.fail(new GatewayCallError('call_ended', 'the response was not read to its end'))
  throwIfEnded(call)
  const typed: HeaderPairs = body ? [...shaped.headers, ['content-type', 'application/json']] : shaped.headers
  return delivery.response(status, typed, body ? [body] : [])
}

const headersOf = (
  { upstream, projection, callerBase = `/u/${upstream.name}`, key }: UpstreamCall,
  { head: { headers }, requestUrl }: Received,
  body: { readonly untouched: boolean; readonly changed: boolean },
): ReturnType<typeof responseHeaders> =>
  responseHeaders({
    upstream,
    places: placementsOf(upstream),
    keyPath: key?.path,
    headers,
    requestUrl,
    callerBase,
    projected: projection !== undefined,
    ...body,
    matcher: key?.matcher,
  })

async function refuseStatus(
  call: UpstreamCall,
  { head: { status, headers }, exchange, ranged }: Received,
): Promise<void> {
  const { name } = call.upstream
  if (status === 401 || status === 407)
    throw new GatewayCallError(
      'upstream_unauthorized',
      `upstream ${name} refused the gateway's key (${String(status)})`,
    )
  if (status === 206 && !(ranged && isReadablePart(name, headers)))
    throw new GatewayCallError(
      'upstream_invalid_response',
      `upstream ${name} sent a partial response that was not requested`,
    )
  // RFC 9110, 15.3.6: a 205 has no content. Some clients read what one brings all the same.
  if (status === 205 && !isHead(call) && !(await exchange.next()).done)
    throw new GatewayCallError('upstream_invalid_response', `upstream ${name} sent a body where HTTP allows none`)
}

/** RFC 9110, 15.3.7: of one range, and it says which. Half of a compressed stream cannot be read. */
const isReadablePart = (name: string, headers: UpstreamResponseHead['headers']): boolean =>
  headers['content-range'] !== undefined && encodingOf(name, headers) === 'identity'

const isHead = ({ match }: UpstreamCall): boolean => match.operation.method === 'HEAD'

const hasNoBody = (call: UpstreamCall, status: number): boolean =>
  isHead(call) || status === 204 || status === 205 || status === 304

/** Scrubbing may change a body's length; that of a HEAD speaks of a body that does not come. */
const isLengthKept = (call: UpstreamCall, bodyless: boolean): boolean =>
  isHead(call) || (!bodyless && call.key?.matcher === undefined)
