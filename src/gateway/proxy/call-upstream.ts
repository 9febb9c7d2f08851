import { badRequest } from '../../logical/errors.ts'
import { takesBody } from '../../scope/index.ts'
import { buildOutgoing } from '../call/outgoing.ts'
import { guardBody } from '../call/request-body.ts'
import { bodyTooLarge } from '../decision/refusals.ts'
import { UpstreamExchange } from './exchange.ts'
import { shapeResponse } from './shape-response.ts'
import { endReason, throwIfEnded, whyNotSend } from './upstream-call.ts'
import type { UpstreamResponse, UpstreamCall } from './upstream-call.ts'

/**
 * Makes one call to an upstream with the real key. Rejects with a `RequestError` (most often `GatewayCallError`) when there
 * is no answer to hand on; every status but 401 and 407 is a response.
 */
export async function callUpstream(call: UpstreamCall): Promise<UpstreamResponse> {
  const { upstream, clock } = call
  const request = buildOutgoing(call)
  const body = requestBody(call, request.headers)
  const pool = call.egress.poolFor(upstream)
  const exchange = new UpstreamExchange({
    upstreamName: upstream.name,
    clock,
    timeoutMs: upstream.timeout * 1000,
    idleTimeoutMs: upstream.idle_timeout * 1000,
    whyNotSend: () => whyNotSend(call),
  })
  const stopListening = endOnAbort(call.signal, exchange)
  try {
    const startedMs = clock.monotonic()
    throwIfEnded(call)
    const head = await exchange.send(pool, request, body)
    const upstreamMs = clock.monotonic() - startedMs
    throwIfEnded(call)
    const response = await shapeResponse(call, {
      head,
      exchange,
      requestUrl: request.publicUrl,
      ranged: request.ranged,
      upstreamMs,
    })
    void response.finished.then(stopListening)
    return response
  } catch (error) {
    stopListening()
    exchange.fail(error as Error)
    throw error
  }
}

function endOnAbort(signal: AbortSignal, exchange: UpstreamExchange): () => void {
  const onAbort = () => {
    exchange.fail(endReason(signal))
  }
  signal.addEventListener('abort', onAbort, { once: true })
  return () => {
    signal.removeEventListener('abort', onAbort)
  }
}

/** The body to send, or null for none; adds its length to `headers` where it is known. */
function requestBody(call: UpstreamCall, headers: string[]): Uint8Array | AsyncIterable<Uint8Array> | null {
  const {
    body,
    match: { operation },
    upstream,
  } = call
  const length = body instanceof Uint8Array ? body.length : call.contentLength
  if (body === undefined || length === 0) return null
  if (!takesBody(operation))
    throw badRequest(
      `a ${operation.method} request takes no body here; send parameters in the query, for example ?limit=3${operation.method === 'HEAD' ? '' : ', or ask an operator to give its operation body: true'}`,
    )
  if (length !== undefined && length > upstream.max_request_bytes)
    throw bodyTooLarge(upstream.name, upstream.max_request_bytes)
  if (!(body instanceof Uint8Array) && length !== undefined) headers.push('content-length', String(length))
  const check = () => {
    throwIfEnded(call)
  }
  return guardBody(body, {
    maxBytes: upstream.max_request_bytes,
    tooLarge: () => bodyTooLarge(upstream.name, upstream.max_request_bytes),
    callerToken: call.callerToken,
    check,
  })
}
