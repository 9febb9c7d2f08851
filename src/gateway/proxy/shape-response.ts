/** From the upstream's response head to what is handed on: status, headers, and what becomes of the body. */
import { takesCoding } from '../call/accept-encoding.ts'
import { GatewayCallError, RefusedRequest } from '../call/call-error.ts'
import type { HeaderPairs } from '../call/credentials.ts'
import { encodingOf } from '../call/decode.ts'
import { fieldValue } from '../call/field-value.ts'
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
  /** As the upstream tells it. */
  readonly contentLength: number | undefined
  /**
   * `passed` as it comes; `searched`: as it comes, once its decoded form has been searched for the key; `decoded`; `none`: HTTP allows none, and the head waits until that has shown; `projected` once it is whole; `withheld`: the
   * upstream's own is not read.
   */
  readonly body: 'passed' | 'searched' | 'decoded' | 'none' | 'projected' | 'withheld'
  /** The same for a body that is not handed on in its coding after all. */
  decoded(): ResponseShape
}

/** Throws `GatewayCallError` for a response of which nothing may be handed on. */
export function shapeResponse(
  call: UpstreamCall,
  { publicUrl, ranged }: Pick<OutgoingRequest, 'publicUrl' | 'ranged'>,
  status: number,
  fields: readonly string[],
): ResponseShape {
  const { upstream, projection } = call
  refuseStatus(call, status, fields, ranged)
  const bodyless = hasNoBody(call, status)
  const coding = isRead(call) && (!bodyless || isHead(call)) ? encodingOf(upstream.name, fields) : 'identity'
  const encoding = bodyless ? 'identity' : coding
  const isDecoded = coding !== 'identity' && (call.decodes === true || takesCoding(call.headers, coding))
  const body = bodyOf(call, status, bodyless, encoding, isDecoded)
  const contentLength = fieldValue(fields, 'content-length')
  const shape = (as: ResponseShape['body']): ResponseShape => {
    // HEAD tells what GET would (RFC 9110, 9.3.2).
    const changed = projection !== undefined || as === 'decoded' || (bodyless && isDecoded)
    const untouched = !changed && (isHead(call) || !bodyless)
    const { headers, matches } = responseHeaders(optionsOf(call, publicUrl, fields, untouched, changed))
    return {
      status,
      headers,
      contentType: fieldValue(fields, 'content-type'),
      contentLength: contentLength === undefined ? undefined : Number(contentLength),
      echoes: matches,
      encoding,
      body: as,
      decoded: () => shape('decoded'),
    }
  }
  return shape(body)
}

/** Whether anything is looked for in its body. */
const isRead = ({ projection, key, decodes }: UpstreamCall): boolean =>
  projection !== undefined || decodes === true || key?.matcher !== undefined

const optionsOf = (
  { upstream, projection, callerBase = `/u/${upstream.name}`, key, decodes }: UpstreamCall,
  requestUrl: string,
  fields: readonly string[],
  untouched: boolean,
  changed: boolean,
): ResponseHeaderOptions => ({
  upstream,
  places: placementsOf(upstream),
  keyPath: key?.path,
  requestUrl,
  callerBase,
  fields,
  projected: projection !== undefined,
  untouched,
  changed,
  coded: decodes !== true,
  key,
})

export const noTrailers: HeaderPairs = []

/** What is handed on of the fields behind a body that went out as it came. */
export function shapeTrailers(call: UpstreamCall, requestUrl: string, fields: readonly string[]): HeaderPairs {
  if (fields.length === 0) return noTrailers
  return responseTrailers(optionsOf(call, requestUrl, fields, false, false)).headers
}

function bodyOf(
  { projection }: UpstreamCall,
  status: number,
  bodyless: boolean,
  encoding: Encoding,
  isDecoded: boolean,
): ResponseShape['body'] {
  if (status === 205) return 'none'
  if (bodyless) return 'passed'
  if (!projection) return encoding === 'identity' ? 'passed' : isDecoded ? 'decoded' : 'searched'
  return status < 200 || status > 299 ? 'withheld' : 'projected'
}

function refuseStatus(call: UpstreamCall, status: number, fields: readonly string[], ranged: boolean): void {
  const { name } = call.upstream
  if (status === 401 || status === 407)
    throw new GatewayCallError(
      'upstream_unauthorized',
      `upstream ${name} refused the gateway's key (${String(status)})`,
    )
  if (status !== 206) return
  // RFC 9110, 15.3.7: of one range, and it says which.
  if (!ranged || fieldValue(fields, 'content-range') === undefined)
    throw new GatewayCallError(
      'upstream_invalid_response',
      `upstream ${name} sent a partial response that was not requested`,
    )
  if (isRead(call) && encodingOf(name, fields) !== 'identity')
    throw new RefusedRequest(
      'range_not_allowed',
      `header range: upstream ${name} sent a part of a compressed body, in which nothing can be looked for; ask for the whole, without Range`,
    )
}

/** RFC 9110, 15.3.6: a 205 has no content. Some clients read what one brings all the same. */
export const bodyNotAllowed = ({ upstream }: UpstreamCall): GatewayCallError =>
  new GatewayCallError('upstream_invalid_response', `upstream ${upstream.name} sent a body where HTTP allows none`)

export const isEventStream = (contentType: string | undefined): boolean =>
  /^text\/event-stream[\t ]*(?:;|$)/i.test(contentType ?? '')

const isHead = ({ match }: UpstreamCall): boolean => match.operation.method === 'HEAD'

const hasNoBody = (call: UpstreamCall, status: number): boolean =>
  isHead(call) || status === 204 || status === 205 || status === 304
