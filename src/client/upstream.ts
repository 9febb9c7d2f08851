import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js'
import type { Channel } from './channel.ts'
import type { IntervalClock } from './clock.ts'
import { GatewayError, fromGrpc } from './error.ts'
import { requestContent } from './request-content.ts'
import type { ResponseHead, StreamRequest, StreamResponse } from './wire.ts'

export type UpstreamInit = Pick<RequestInit, 'method' | 'headers' | 'body'> & {
  readonly signal?: AbortSignal | null | undefined
}

/** An API behind the gateway, called under one session. The real key never comes near this process. */
export interface Upstream {
  readonly name: string
  /**
   * As the platform's `fetch`, but `path` is below the upstream's base URL: `/v1/invoices?limit=3`. Bodies stream both
   * ways. Resolves with whatever status the upstream answered. Rejects, as reading the body does, with `GatewayError`
   * when the gateway refuses or cuts the call, or with the reason of an aborted signal.
   */
  fetch(path: string, init?: UpstreamInit): Promise<Response>
}

export interface UpstreamTiming {
  /** Milliseconds from the request to the head of the response. */
  readonly total_ms: number
  /** The upstream's part of it. */
  readonly upstream_ms: number
}

export interface UpstreamSession {
  readonly token: string
  /** Ends every call made here, answered or not. */
  readonly signal?: AbortSignal | undefined
  requestId(): string
  onTiming?(timing: UpstreamTiming): void
}

export function createUpstream(
  channel: Channel,
  clock: IntervalClock,
  name: string,
  session: UpstreamSession,
): Upstream {
  async function fetch(path: string, init: UpstreamInit = {}): Promise<Response> {
    if (typeof path !== 'string' || !path.startsWith('/') || path.startsWith('//')) {
      throw new GatewayError(
        'invalid_request',
        'wrong_path',
        `upstream ${name}: fetch takes a path below the upstream's base URL, for example /v1/invoices?limit=3`,
      )
    }
    const signals = [session.signal, init.signal].filter((signal) => signal !== undefined && signal !== null)
    const signal = AbortSignal.any(signals)
    signal.throwIfAborted()
    const requestId = session.requestId()
    const { headers, body } = await requestContent(init)
    // Reading the body took time, and an abort in it is told to no listener of the exchange.
    signal.throwIfAborted()
    const requestedAt = clock.monotonic()
    const method = (init.method ?? 'GET').toUpperCase()
    const exchange = startExchange(channel, requestId, signal)
    exchange.send({ token: session.token, upstream: name, method, path, headers, request_id: requestId }, body)
    const head = await exchange.head()
    session.onTiming?.({ total_ms: clock.monotonic() - requestedAt, upstream_ms: head.upstream_ms })
    return toResponse(head, method, exchange)
  }
  return { name, fetch }
}

interface Exchange {
  send(head: NonNullable<StreamRequest['head']>, body: AsyncIterable<Uint8Array>): void
  head(): Promise<ResponseHead>
  /** Undefined at the end. */
  next(): Promise<Buffer | undefined>
  /** Called once when the signal cuts the response short. */
  onCut(listener: (reason: unknown) => void): void
  cancel(): void
}

function startExchange(channel: Channel, requestId: string, signal: AbortSignal): Exchange {
  const call = channel.stream()
  const responses = call[Symbol.asyncIterator]() as AsyncIterator<StreamResponse, undefined>
  let failure: { readonly reason: unknown } | undefined
  let cutListener: (reason: unknown) => void = () => undefined
  const fail = (reason: unknown) => {
    failure ??= { reason }
    call.cancel()
  }
  const onAbort = () => {
    fail(signal.reason)
    cutListener(signal.reason)
  }
  signal.addEventListener('abort', onAbort, { once: true })
  call.once('status', () => {
    signal.removeEventListener('abort', onAbort)
  })
  // Late errors, after the last read, have no reader left to tell.
  call.on('error', () => undefined)

  async function next(): Promise<StreamResponse | undefined> {
    try {
      const { value, done } = await responses.next()
      if (failure) throw failure.reason
      return done === true ? undefined : value
    } catch (thrown) {
      if (failure) throw failure.reason
      throw fromGrpc(thrown as ServiceError, requestId)
    }
  }

  return {
    send: (head, body) => {
      write(call, head, body).catch(fail)
    },
    async head() {
      const first = await next()
      if (first?.head) return first.head
      call.cancel()
      throw new GatewayError('unavailable', 'empty_answer', 'the response of the gateway has no head', {
        request_id: requestId,
      })
    },
    next: async () => (await next())?.body,
    onCut: (listener) => {
      cutListener = listener
    },
    cancel: () => {
      call.cancel()
    },
  }
}

/** Small enough for any message limit on the way, large enough that framing does not show. */
const PART_BYTES = 65_536

async function write(
  call: ClientDuplexStream<StreamRequest, StreamResponse>,
  head: NonNullable<StreamRequest['head']>,
  body: AsyncIterable<Uint8Array>,
): Promise<void> {
  let isOver = false
  const over = new Promise<void>((resolve) => {
    call.once('status', () => {
      isOver = true
      resolve()
    })
  })
  // A call that ended takes no more parts, and may never say so to the one it was given last.
  const part = (message: StreamRequest) =>
    Promise.race([
      over,
      new Promise<void>((resolve) => {
        call.write(message, () => {
          resolve()
        })
      }),
    ])
  await part({ head })
  for await (const chunk of body) {
    for (let start = 0; start < chunk.length && !isOver; start += PART_BYTES)
      await part({ body: chunk.subarray(start, start + PART_BYTES) })
    if (isOver) return
  }
  call.end()
}

/** Statuses that never have a body; `Response` refuses one. */
const bodyless = new Set([204, 205, 304])

async function toResponse(head: ResponseHead, method: string, exchange: Exchange): Promise<Response> {
  if (head.status < 200 || head.status > 599) {
    exchange.cancel()
    throw new GatewayError(
      'upstream_error',
      'upstream_invalid_response',
      `the upstream answered with status ${head.status}`,
      { request_id: head.request_id },
    )
  }
  const headers = new Headers()
  for (const { name, value } of head.headers) headers.append(name, value)
  const init = { status: head.status, headers }
  if (method !== 'HEAD' && !bodyless.has(head.status)) return new Response(bodyStream(exchange), init)
  // Read to its end, not cancelled: the audit log would show a caller that left.
  while ((await exchange.next()) !== undefined);
  return new Response(null, init)
}

function bodyStream(exchange: Exchange): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      // Parts that wait here unread are dropped at a cut.
      start: (controller) => {
        exchange.onCut((reason) => {
          controller.error(reason)
        })
      },
      async pull(controller) {
        const chunk = await exchange.next()
        if (chunk === undefined) controller.close()
        else controller.enqueue(chunk)
      },
      cancel: () => {
        exchange.cancel()
      },
    },
    { highWaterMark: 0 },
  )
}
