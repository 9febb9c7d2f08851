import { badRequest, RequestError } from '../../logical/errors.ts'
import { buildOutgoing } from '../call/outgoing.ts'
import { guardBody } from '../call/request-body.ts'
import type { Upstream } from '../call/upstream.ts'
import { UpstreamExchange } from './exchange.ts'
import { shapeAnswer } from './shape-response.ts'
import { endReason, throwIfEnded, whyNotSend } from './upstream-call.ts'
import type { CallAnswer, CallInput } from './upstream-call.ts'

/**
 * Makes one call to an upstream with the real key. Rejects with a `RequestError` (most often `GatewayCallError`) when there
 * is no answer to hand on; every status but 401 and 407 is an answer.
 */
export async function callUpstream(input: CallInput): Promise<CallAnswer> {
  const { upstream, clock } = input
  const request = buildOutgoing(input)
  const body = requestBody(input, request.headers)
  const pool = input.egress.poolFor(upstream)
  const exchange = new UpstreamExchange({
    upstreamName: upstream.name,
    clock,
    timeoutMs: upstream.timeout * 1000,
    idleTimeoutMs: upstream.idle_timeout * 1000,
    whyNotSend: () => whyNotSend(input),
  })
  const stopListening = endOnAbort(input.signal, exchange)
  try {
    const startedMs = clock.monotonic()
    throwIfEnded(input)
    const head = await exchange.send(pool, request, body)
    const upstreamMs = clock.monotonic() - startedMs
    throwIfEnded(input)
    const answer = await shapeAnswer(input, { head, exchange, requestUrl: request.publicUrl, upstreamMs })
    void answer.finished.then(stopListening)
    return answer
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
function requestBody(input: CallInput, headers: string[]): Uint8Array | AsyncIterable<Uint8Array> | null {
  const {
    body,
    match: {
      operation: { method },
    },
    upstream,
  } = input
  const length = body instanceof Uint8Array ? body.length : input.contentLength
  if (body === undefined || length === 0) return null
  if (method === 'GET' || method === 'HEAD')
    throw badRequest(`a ${method} request takes no body; send parameters in the query, for example ?limit=3`)
  if (length !== undefined && length > upstream.max_request_bytes) throw tooLarge(upstream)
  if (!(body instanceof Uint8Array) && length !== undefined) headers.push('content-length', String(length))
  const check = () => {
    throwIfEnded(input)
  }
  return guardBody(body, {
    maxBytes: upstream.max_request_bytes,
    tooLarge: () => tooLarge(upstream),
    callerToken: input.callerToken,
    check,
  })
}

const tooLarge = (upstream: Upstream): RequestError =>
  new RequestError(
    'too_large',
    `the request body is longer than upstream ${upstream.name} takes (max_request_bytes ${String(upstream.max_request_bytes)})`,
  )
