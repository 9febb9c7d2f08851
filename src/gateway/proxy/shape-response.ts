/** From the upstream's response head to what is handed on: status, headers, and what becomes of the body. */
import type { IncomingHttpHeaders } from 'node:http'
import { GatewayCallError } from '../call/call-error.ts'
import type { HeaderPairs } from '../call/credentials.ts'
import { encodingOf } from '../call/decode.ts'
import type { Encoding } from '../call/decode.ts'
import type { OutgoingRequest } from '../call/outgoing.ts'
import { responseHeaders, responseTrailers } from '../call/response.ts'
import type { ResponseHeaderOptions } from '../call/response.ts'
import { placementsOf } from '../call/placements.ts'
import type { UpstreamCall } from './upstream-call.ts'

export interface ResponseShape {
  readonly status: number
  readonly headers: HeaderPairs
  readonly contentType: string | undefined
  /** Places in the headers in which the upstream had echoed the key. */
  readonly echoes: number
  readonly encoding: Encoding
  /**
   * `passed` as it comes; `none`: HTTP allows none, and the head waits until that has shown; `projected` once it is whole; `withheld`: the
   * upstream's own is not read.
   */
  readonly body: 'passed' | 'none' | 'projected' | 'withheld'
}

/** Throws `GatewayCallError` for a response of which nothing may be handed on. */
export function shapeResponse(
  call: UpstreamCall,
  { publicUrl, ranged }: Pick<OutgoingRequest, 'publicUrl' | 'ranged'>,
  status: number,
  rawHeaders: readonly string[],
): ResponseShape {
  const { upstream, projection } = call
  const headers = byName(rawHeaders)
  refuseStatus(call, status, headers, ranged)
  const bodyless = hasNoBody(call, status)
  const encoding = bodyless ? 'identity' : encodingOf(upstream.name, headers)
  const { headers: passed, matches } = responseHeaders({
    ...viewOf(call, publicUrl),
    headers,
    untouched: !projection && encoding === 'identity' && (isHead(call) || !bodyless),
    changed: projection !== undefined || encoding !== 'identity',
  })
  return {
    status,
    headers: passed,
    contentType: headers['content-type'],
    echoes: matches,
    encoding,
    body: bodyOf(call, status, bodyless),
  }
}

const viewOf = (
  { upstream, projection, callerBase = `/u/${upstream.name}`, key }: UpstreamCall,
  requestUrl: string,
): Omit<ResponseHeaderOptions, 'headers' | 'untouched' | 'changed'> => ({
  upstream,
  places: placementsOf(upstream),
  keyPath: key?.path,
  requestUrl,
  callerBase,
  projected: projection !== undefined,
  matcher: key?.matcher,
  nameMatcher: () => key?.nameMatcher(),
})

export const noTrailers: HeaderPairs = []

/** What is handed on of the fields behind a body that went out as it came. */
export function shapeTrailers(call: UpstreamCall, requestUrl: string, rawTrailers: readonly string[]): HeaderPairs {
  if (rawTrailers.length === 0) return noTrailers
  const headers = byName(rawTrailers)
  return responseTrailers({ ...viewOf(call, requestUrl), headers, untouched: false, changed: false }).headers
}

function bodyOf({ projection }: UpstreamCall, status: number, bodyless: boolean): ResponseShape['body'] {
  if (status === 205) return 'none'
  if (!projection || bodyless) return 'passed'
  return status < 200 || status > 299 ? 'withheld' : 'projected'
}

function refuseStatus(call: UpstreamCall, status: number, headers: IncomingHttpHeaders, ranged: boolean): void {
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
}

/** RFC 9110, 15.3.6: a 205 has no content. Some clients read what one brings all the same. */
export const bodyNotAllowed = ({ upstream }: UpstreamCall): GatewayCallError =>
  new GatewayCallError('upstream_invalid_response', `upstream ${upstream.name} sent a body where HTTP allows none`)

/** RFC 9110, 15.3.7: of one range, and it says which. Half of a compressed stream cannot be read. */
const isReadablePart = (name: string, headers: IncomingHttpHeaders): boolean =>
  headers['content-range'] !== undefined && encodingOf(name, headers) === 'identity'

export const isEventStream = (contentType: string | undefined): boolean =>
  /^text\/event-stream[\t ]*(?:;|$)/i.test(contentType ?? '')

const isHead = ({ match }: UpstreamCall): boolean => match.operation.method === 'HEAD'

const hasNoBody = (call: UpstreamCall, status: number): boolean =>
  isHead(call) || status === 204 || status === 205 || status === 304

function byName(rawHeaders: readonly string[]): IncomingHttpHeaders {
  const headers = Object.create(null) as Record<string, string | string[]>
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!
    const value = rawHeaders[at + 1]!
    const known = headers[name]
    headers[name] = known === undefined ? value : [known, value].flat()
  }
  return headers
}
