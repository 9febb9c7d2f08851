/** `mcp.gateway.v1.Upstreams`: calls an upstream with the real key, whole or streamed. */
import { status } from '@grpc/grpc-js'
import type { ServerDuplexStream, UntypedServiceImplementation } from '@grpc/grpc-js'
import { isName } from '../../scope/index.ts'
import { GatewayCallError } from '../call/call-error.ts'
import { parseTarget } from '../call/target.ts'
import type { AwaitedCallRequest, UpstreamCallResponse } from '../proxy/upstream-request.ts'
import { GatewayFailure, toGatewayFailure, unavailable } from '../error.ts'
import type { Undecodable } from './definitions.ts'
import { callerOf, callerRequestIdFor, failureOf, requestIdFor, requireToken, wrongField } from './exchange.ts'
import type { GrpcDependencies } from './exchange.ts'
import { Inbox } from './inbox.ts'
import type { CallRequest, CallResponse, StreamRequest, StreamedResponse } from './messages.ts'
import { Outbox, http2StreamOf, reset } from './outbox.ts'
import { failureStatus } from './status.ts'
import { takeHead, uploadOf } from './upload.ts'
import { unary } from './unary.ts'
import type { UnaryExchange } from './unary.ts'

/** Of a response to `Call`, so that with its headers it stays within what clients accept of one message. */
export const MAX_CALL_BODY_BYTES = 4 * 1024 * 1024 - 128 * 1024
/** Of one part of a streamed response: what may be on its way out when a call is cut. */
const PART_BYTES = 32 * 1024

export function upstreamsService(dependencies: GrpcDependencies): UntypedServiceImplementation {
  return {
    Call: unary(dependencies, (request: CallRequest, exchange) => callWhole(dependencies, request, exchange), codeOf),
    Stream: (call: ServerDuplexStream<StreamRequest | Undecodable, StreamedResponse>) => {
      const outbox = new Outbox<StreamedResponse>(call)
      const stream = new UpstreamStream(dependencies, call, outbox)
      stream.run().catch((thrown: unknown) => {
        outbox.cut(stream.failureFor(thrown))
      })
    },
  }
}

/** Reasons to end a call that was under way: it may have reached the upstream. */
const cutCodes = new Set(['expired', 'revoked', 'upstream_changed', 'grant_changed', 'caller_gone'])

/**
 * UNAVAILABLE invites clients to send the call again by themselves, so it is answered only where the upstream has seen nothing
 * of it. What an upstream did wrong is FAILED_PRECONDITION by the error table, for the same reason.
 */
function codeOf(error: GatewayFailure): number {
  const begun = error.type === 'unavailable' && error.cause instanceof GatewayCallError
  return begun || cutCodes.has(error.code) ? status.ABORTED : error.row.grpc
}

const stale = (): GatewayFailure =>
  unavailable('stale', 'the gateway can no longer vouch for this session; keep the token and try again')

type Way = Pick<
  AwaitedCallRequest,
  'caller' | 'requestId' | 'callerRequestId' | 'body' | 'contentLength' | 'signal'
> & {
  readonly delivered: Promise<void>
}

/** Throws for a head that cannot be one, naming the field. */
function upstreamCallRequest(head: CallRequest, way: Way): AwaitedCallRequest {
  const token = requireToken(head.token)
  if (!isName(head.upstream))
    throw wrongField('upstream: is not a name of 1 to 64 characters a-z, 0-9, _ and -, for example stripe')
  if (!/^[A-Z]{1,16}$/.test(head.method)) throw wrongField('method: is missing or not in capitals, for example GET')
  if (!head.path.startsWith('/'))
    throw wrongField("path: must start with / and lead below the upstream's base URL, for example /v1/invoices?limit=3")
  const { segments, spelled, query } = parseTarget(head.path, head.upstream, 'path')
  const headers = head.headers.map(({ name, value }) => [name, value] as const)
  // Locations in the response are paths that can be asked for here again.
  const { upstream, method } = head
  return { ...way, token, upstream, method, segments, spelled, query, headers, callerBase: '', decodes: true }
}

function headOf({ status: code, headers, upstream_ms }: UpstreamCallResponse, requestId: string): CallResponse {
  return {
    status: code,
    headers: headers.map(([name, value]) => ({ name, value })),
    request_id: requestId,
    upstream_ms: Math.round(upstream_ms),
  }
}

async function callWhole(
  dependencies: GrpcDependencies,
  request: CallRequest,
  { caller, requestId, callerRequestId, call }: UnaryExchange,
): Promise<CallResponse> {
  const stream = http2StreamOf(call)
  const left = new AbortController()
  let finished = false
  const leave = () => {
    if (!finished) left.abort()
  }
  call.on('cancelled', leave)
  const delivered = new Promise<void>((resolve) => {
    if (stream.destroyed) resolve()
    else
      stream.once('close', () => {
        leave()
        resolve()
      })
  })
  if (stream.destroyed) leave()
  const { body } = request
  const way: Way = {
    caller,
    requestId,
    callerRequestId,
    delivered,
    signal: left.signal,
    ...(body.length === 0
      ? { body: undefined, contentLength: undefined }
      : { body: once(body), contentLength: body.length }),
  }
  const response = await dependencies.calls.perform(upstreamCallRequest(request, way))
  const whole = await collect(response)
  if (response.signal.aborted) throw toGatewayFailure(response.signal.reason)
  if (!response.stillFresh()) throw stale()
  // From here on the response may wait in queues we cannot look into; when the call is cut it goes down with its stream.
  response.signal.addEventListener(
    'abort',
    () => {
      reset(stream)
    },
    { once: true },
  )
  const stopTicking = dependencies.ticker.every(() => {
    if (!response.stillFresh()) reset(stream)
  })
  void delivered.then(stopTicking)
  finished = true
  return { ...headOf(response, requestId), body: whole }
}

async function* once(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body
}

async function collect(response: UpstreamCallResponse): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body) {
    bytes += chunk.length
    if (bytes > MAX_CALL_BODY_BYTES) {
      response.cancel()
      throw new GatewayFailure(
        'invalid_request',
        'response_too_large',
        `the upstream's response is longer than Call carries (${String(MAX_CALL_BODY_BYTES)} bytes); use Stream`,
      )
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** One `Stream` call: head, body parts as the upstream takes them, the response likewise. */
class UpstreamStream {
  readonly #dependencies: GrpcDependencies
  readonly #call: ServerDuplexStream<StreamRequest | Undecodable, StreamedResponse>
  readonly #outbox: Outbox<StreamedResponse>
  readonly #requestId: string
  #answer: UpstreamCallResponse | undefined

  constructor(
    dependencies: GrpcDependencies,
    call: ServerDuplexStream<StreamRequest | Undecodable, StreamedResponse>,
    outbox: Outbox<StreamedResponse>,
  ) {
    this.#dependencies = dependencies
    this.#call = call
    this.#outbox = outbox
    this.#requestId = requestIdFor(dependencies)
  }

  async run(): Promise<void> {
    const caller = callerOf(this.#dependencies, this.#call)
    const inbox = new Inbox<StreamRequest | Undecodable>(this.#call)
    const head = await takeHead(inbox)
    const { gone, broken } = this.#outbox
    const delivered = new Promise<void>((resolve) => {
      if (gone.aborted) resolve()
      else
        gone.addEventListener(
          'abort',
          () => {
            resolve()
          },
          { once: true },
        )
    })
    const request = upstreamCallRequest(head, {
      caller,
      requestId: this.#requestId,
      callerRequestId: callerRequestIdFor(this.#call.metadata, head.request_id),
      delivered,
      signal: broken,
      body: undefined,
      contentLength: undefined,
    })
    const upload = await uploadOf(head, inbox, (thrown) => {
      this.#outbox.cut(this.failureFor(thrown))
    })
    this.#answer = await this.#dependencies.calls.perform({ ...request, ...upload })
    await this.#deliver(this.#answer)
  }

  async #deliver(response: UpstreamCallResponse): Promise<void> {
    const cut = () => {
      this.#outbox.cut(this.failureFor(response.signal.reason))
    }
    if (response.signal.aborted) {
      cut()
      return
    }
    response.signal.addEventListener('abort', cut, { once: true })
    // A part may wait for a slow reader longer than this gateway stays in contact with Vault.
    const stopTicking = this.#dependencies.ticker.every(() => {
      if (!response.stillFresh()) this.#outbox.cut(this.failureFor(stale()))
    })
    this.#outbox.gone.addEventListener('abort', stopTicking, { once: true })
    try {
      await this.#send(response, { head: headOf(response, this.#requestId) })
      for await (const chunk of response.body) {
        for (let start = 0; start < chunk.length; start += PART_BYTES)
          await this.#send(response, { body: chunk.subarray(start, start + PART_BYTES) })
        if (this.#outbox.over) break
      }
      this.#outbox.end()
    } finally {
      response.cancel()
    }
  }

  /** One part at a time: the next is taken from the upstream when this one has left. */
  async #send(response: UpstreamCallResponse, message: StreamedResponse): Promise<void> {
    if (this.#outbox.over) return
    if (!response.stillFresh()) throw stale()
    await this.#outbox.send(message)
  }

  failureFor(thrown: unknown) {
    const error = failureOf(this.#dependencies, thrown, this.#requestId)
    // Once there is a response, the upstream has done its work whatever becomes of the rest.
    return failureStatus(
      error,
      this.#requestId,
      this.#answer && error.type !== 'upstream_error' ? status.ABORTED : codeOf(error),
    )
  }
}
