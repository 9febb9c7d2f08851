import { badRequest } from '../../logical/errors.ts'
import { takesBody } from '../../scope/index.ts'
import { GatewayCallError } from '../call/call-error.ts'
import { guardBody } from '../call/request-body.ts'
import { bodyTooLarge } from '../decision/refusals.ts'
import type { UpstreamCall } from './upstream-call.ts'

/** The body to send, guarded in passing, or null for none. Throws for one that is not taken. */
export function requestBody({
  body,
  match,
  upstream,
  contentLength,
  callerToken,
  permit,
}: UpstreamCall): Uint8Array | AsyncIterable<Uint8Array> | null {
  const { operation } = match
  const length = body instanceof Uint8Array ? body.length : contentLength
  if (body === undefined || length === 0) return null
  if (!takesBody(operation))
    throw badRequest(
      `a ${operation.method} request takes no body here; send parameters in the query, for example ?limit=3${operation.method === 'HEAD' ? '' : ', or ask an operator to give its operation body: true'}`,
    )
  const tooLarge = () => bodyTooLarge(upstream.name, upstream.max_request_bytes)
  if (length !== undefined && length > upstream.max_request_bytes) throw tooLarge()
  const check = () => {
    if (!permit.stillFresh()) throw stale()
  }
  return guardBody(body, { maxBytes: upstream.max_request_bytes, tooLarge, callerToken, check })
}

export const stale = (): GatewayCallError =>
  new GatewayCallError('stale', 'the gateway can no longer vouch for this session; try again')
