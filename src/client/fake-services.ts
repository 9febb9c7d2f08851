/** The fake gateway of ./testing.ts on the wire: the gRPC services, each call answered by its sessions. */
import { Metadata, status } from '@grpc/grpc-js'
import type {
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedHandleCall,
  sendUnaryData,
} from '@grpc/grpc-js'
import { grpcStatusOfType } from '../error-code/index.ts'
import { FakeRefusal } from './fake-sessions.ts'
import type { FakeCall, FakeMethod, FakeSessions } from './fake-sessions.ts'
import type { DelegateRequest, OpenRequest, SessionEvent, StreamRequest, StreamResponse, WatchRequest } from './wire.ts'

function statusOf(thrown: unknown, grpc?: number): { code: number; details: string; metadata: Metadata } {
  const failure = thrown instanceof FakeRefusal ? thrown.failure : { grpc: status.INTERNAL, message: String(thrown) }
  const metadata = new Metadata()
  if (failure.type !== undefined) {
    metadata.set('mcp-error-type', failure.type)
    metadata.set('mcp-error-code', failure.code ?? failure.type)
    if (failure.retry_after_seconds !== undefined) metadata.set('mcp-retry-after', String(failure.retry_after_seconds))
  }
  return {
    code: grpc ?? failure.grpc ?? (failure.type === undefined ? status.UNAVAILABLE : grpcStatusOfType(failure.type)),
    details: failure.message ?? '',
    metadata,
  }
}

/** Notes the call, and lets a scripted failure or a wrong caller have it. Resolves to false when nothing shall ever be answered. */
function admit(state: FakeSessions, method: FakeMethod, metadata: Metadata, request: object): boolean {
  state.calls.push({ method, request: request as FakeCall['request'] })
  const index = state.failures.findIndex((entry) => entry.method === method)
  if (index >= 0) {
    const [{ failure }] = state.failures.splice(index, 1) as [FakeSessions['failures'][number]]
    if (failure === 'silence') return false
    throw new FakeRefusal(failure)
  }
  if (metadata.get('authorization')[0] !== `Bearer ${state.serviceToken}`)
    throw new FakeRefusal({
      type: 'invalid_token',
      code: 'caller_unknown',
      message: 'the service token is not known to this gateway',
    })
  return true
}

/** `ValidateStream` and `Call` answer UNIMPLEMENTED: this SDK asks neither. */
export function fakeServices(state: FakeSessions): Record<string, Record<string, UntypedHandleCall>> {
  const unary = <Request extends object>(
    method: FakeMethod,
    respond: (request: Request) => object,
  ): UntypedHandleCall =>
    ((call: ServerUnaryCall<Request & { request_id: string }, object>, callback: sendUnaryData<object>) => {
      try {
        if (admit(state, method, call.metadata, call.request))
          callback(null, { ...respond(call.request), request_id: call.request.request_id })
      } catch (thrown) {
        callback(statusOf(thrown))
      }
    }) as UntypedHandleCall
  return {
    Sessions: {
      Open: unary('Open', (request: OpenRequest) => state.open(request)),
      Refresh: unary('Refresh', ({ session_id, ttl_seconds }: { session_id: string; ttl_seconds?: number }) =>
        state.refresh(session_id, ttl_seconds),
      ),
      Close: unary('Close', ({ session_id }: { session_id: string }) => {
        state.end(session_id, 'revoked')
        return {}
      }),
      Delegate: unary('Delegate', (request: DelegateRequest) => {
        state.find({ token: request.parent_token })
        return state.open(request)
      }),
      Watch: ((call: ServerWritableStream<WatchRequest, object>) => {
        watch(state, call)
      }) as UntypedHandleCall,
    },
    Tokens: {
      Validate: unary('Validate', (request: { token: string; required_scope?: string }) => state.validate(request)),
      Introspect: unary('Introspect', (request: { token: string }) => state.introspect(request)),
    },
    Upstreams: {
      Stream: ((call: ServerDuplexStream<StreamRequest, StreamResponse>) => {
        void stream(state, call)
      }) as UntypedHandleCall,
    },
  }
}

function watch(state: FakeSessions, call: ServerWritableStream<WatchRequest, object>): void {
  try {
    if (!admit(state, 'Watch', call.metadata, call.request)) return
    const { session } = state.find(call.request)
    const tell = (event: Pick<SessionEvent, 'kind' | 'reason'>) => {
      const { session_id } = session.details
      call.write({ ...event, session_id, vouched_ms: state.vouchedMs, ...state.position })
      if (event.kind === 'KIND_ENDED') call.end()
    }
    session.listeners.add(tell)
    call.on('cancelled', () => {
      session.listeners.delete(tell)
    })
    tell({ kind: 'KIND_LIVE', reason: '' })
  } catch (thrown) {
    call.emit('error', statusOf(thrown))
  }
}

async function stream(state: FakeSessions, call: ServerDuplexStream<StreamRequest, StreamResponse>): Promise<void> {
  const aborted = new AbortController()
  call.on('cancelled', () => {
    aborted.abort()
  })
  try {
    // A plain iterator would destroy both directions once the request has been read.
    const messages = call.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]() as AsyncIterator<
      StreamRequest,
      undefined
    >
    const { head } = (await messages.next()).value as StreamRequest
    if (!head || !admit(state, 'Stream', call.metadata, head)) return
    const { session } = state.find({ token: head.token })
    const upstream = state.upstreams[head.upstream]
    if (!upstream)
      throw new FakeRefusal({
        type: 'insufficient_scope',
        code: 'no_tool',
        message: `no tool of ${head.upstream} covers ${head.method} ${head.path}`,
      })
    session.listeners.add(({ kind, reason }) => {
      if (kind !== 'KIND_ENDED' || aborted.signal.aborted) return
      aborted.abort()
      call.emit(
        'error',
        statusOf(
          new FakeRefusal({ type: 'invalid_token', code: reason, message: `the session is over (${reason})` }),
          status.ABORTED,
        ),
      )
    })
    const response = await upstream(requestOf(head, messages, aborted.signal))
    call.write({
      head: {
        status: response.status,
        headers: [...response.headers].map(([name, value]) => ({ name, value })),
        request_id: head.request_id,
        upstream_ms: 1,
      },
    })
    for await (const body of (response.body ?? []) as AsyncIterable<Buffer>) {
      if (aborted.signal.aborted) return
      if (!call.write({ body }))
        await new Promise<void>((resolve) => {
          call.once('drain', resolve)
          call.once('cancelled', resolve)
        })
    }
    call.end()
  } catch (thrown) {
    if (!aborted.signal.aborted) call.emit('error', statusOf(thrown))
  }
}

function requestOf(
  head: NonNullable<StreamRequest['head']>,
  messages: AsyncIterator<StreamRequest, undefined>,
  signal: AbortSignal,
): Request {
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = await messages.next()
      if (done === true) controller.close()
      else controller.enqueue(value.body!)
    },
  })
  const headers = head.headers.map(({ name, value }): [string, string] => [name, value])
  const hasBody = head.method !== 'GET' && head.method !== 'HEAD'
  return new Request(`http://${head.upstream}.invalid${head.path}`, {
    method: head.method,
    headers,
    signal,
    ...(hasBody ? { body, duplex: 'half' } : {}),
  })
}
