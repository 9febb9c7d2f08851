import { randomBytes } from 'node:crypto'
import { Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js'
import type {
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceDefinition,
  UntypedHandleCall,
  sendUnaryData,
} from '@grpc/grpc-js'
import { grpcStatusOfType } from '../error-code/index.ts'
import type { GatewayErrorType } from '../error-code/index.ts'
import { newTokenId, sessionIdOf } from '../scope/identifier.ts'
import { scopeCovered } from '../scope/containment.ts'
import { mintToken, tokenDigest } from '../scope/token.ts'
import { service } from './wire.ts'
import type {
  DelegateRequest,
  OpenRequest,
  SessionEvent,
  SessionToken,
  StreamRequest,
  StreamResponse,
  WatchRequest,
} from './wire.ts'

/**
 * A gateway for the tests of MCP servers: the real protocol on a loopback port, sessions in memory, upstreams as
 * functions. It knows no tools: any live session may call any upstream; scopes are judged by `Validate` alone.
 */
export interface FakeGateway {
  /** For `connect({ address, token })`. */
  readonly address: string
  readonly token: string
  /** Everything that was asked, in order. */
  readonly calls: readonly FakeCall[]
  /** A live session without asking for one. */
  openSession(
    session?: Partial<Pick<SessionToken, 'agent_id' | 'scopes' | 'environment' | 'purpose' | 'ttl_seconds'>>,
  ): SessionToken
  /** Ends a session: its tokens are refused, its streams are cut, its watchers are told. */
  endSession(sessionId: string, reason?: string): void
  /** Changes what a session may do; its watchers are told. */
  changeScopes(sessionId: string, scopes: readonly string[]): void
  /** The next `times` calls of a method fail so; `'silence'` never answers. */
  fail(method: FakeMethod, failure: FakeFailure | 'silence', times?: number): void
  close(): Promise<void>
}

export type FakeMethod = 'Open' | 'Refresh' | 'Close' | 'Delegate' | 'Watch' | 'Validate' | 'Introspect' | 'Stream'

export interface FakeCall {
  readonly method: FakeMethod
  /** The message; of `Stream` the head. */
  readonly request: Readonly<Record<string, unknown>>
}

export interface FakeFailure {
  /** gRPC status; default that of the type. */
  readonly grpc?: number
  /** Absent: the failure carries no metadata, as when something on the way made it. */
  readonly type?: GatewayErrorType
  readonly code?: string
  readonly message?: string
  /** Seconds after which it is worth trying again, as the gateway tells it beside a 429. */
  readonly retry_after_seconds?: number
}

export interface FakeGatewayOptions {
  /** Default: a free one. */
  readonly port?: number
  /** By name; the URL's path is the one that was asked for. */
  readonly upstreams?: Readonly<Record<string, (request: Request) => Response | Promise<Response>>>
  /** For how long each answer vouches for its session; default a day. A real gateway vouches for seconds, again and again. */
  readonly vouchedMs?: number
}

interface FakeSession {
  readonly details: SessionToken
  scopes: readonly string[]
  ended?: string
  readonly listeners: Set<(event: Pick<SessionEvent, 'kind' | 'reason'>) => void>
}

/** Listens on loopback. */
export async function startFakeGateway(options: FakeGatewayOptions = {}): Promise<FakeGateway> {
  const state = new FakeState(options)
  const server = new Server()
  for (const [name, handlers] of Object.entries(implementation(state)))
    server.addService(service(name as 'Tokens') as unknown as ServiceDefinition, handlers)
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${options.port ?? 0}`, ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(error)
      else resolve(bound)
    })
  })
  return {
    address: `127.0.0.1:${port}`,
    token: state.serviceToken,
    calls: state.calls,
    openSession: (session = {}) =>
      state.open({ agent_id: 'test-agent', purpose: '', ...session, requested_scopes: session.scopes ?? [] }),
    endSession: (sessionId, reason = 'revoked') => {
      state.end(sessionId, reason)
    },
    changeScopes: (sessionId, scopes) => {
      state.change(sessionId, scopes)
    },
    fail: (method, failure, times = 1) => {
      for (let i = 0; i < times; i++) state.failures.push({ method, failure })
    },
    close: () =>
      new Promise((resolve) => {
        server.forceShutdown()
        resolve()
      }),
  }
}

class FakeState {
  readonly serviceToken = `gst_test_${randomBytes(16).toString('hex')}`
  readonly calls: FakeCall[] = []
  readonly failures: { method: FakeMethod; failure: FakeFailure | 'silence' }[] = []
  readonly upstreams: NonNullable<FakeGatewayOptions['upstreams']>
  readonly vouchedMs: number
  readonly #byId = new Map<string, FakeSession>()
  readonly #byToken = new Map<string, { session: FakeSession; token: SessionToken }>()

  constructor({ upstreams = {}, vouchedMs = 86_400_000 }: FakeGatewayOptions) {
    this.upstreams = upstreams
    this.vouchedMs = vouchedMs
  }

  open(request: OpenRequest): SessionToken {
    const token = issue(request)
    this.#byId.set(token.session_id, { details: token, scopes: token.scopes, listeners: new Set() })
    return this.#register(token)
  }

  refresh(sessionId: string, ttlSeconds: number | undefined): SessionToken {
    const { details } = this.#live(this.#byId.get(sessionId), 'invalid_request')
    return this.#register({
      ...issue({ ...details, requested_scopes: details.scopes, ttl_seconds: ttlSeconds || details.ttl_seconds }),
      session_id: sessionId,
    })
  }

  #register(token: SessionToken): SessionToken {
    this.#byToken.set(token.token, { session: this.#byId.get(token.session_id)!, token })
    return token
  }

  end(sessionId: string, reason: string): void {
    const session = this.#byId.get(sessionId)
    if (session === undefined || session.ended !== undefined) return
    session.ended = reason
    for (const listener of [...session.listeners]) listener({ kind: 'KIND_ENDED', reason })
  }

  change(sessionId: string, scopes: readonly string[]): void {
    const session = this.#byId.get(sessionId)!
    session.scopes = scopes
    for (const listener of [...session.listeners]) listener({ kind: 'KIND_CHANGED', reason: 'scopes' })
  }

  /** The live session a token or id stands for. Throws a `Refusal`. */
  find({ token, session_id }: WatchRequest): { session: FakeSession; token: SessionToken } {
    const found = token ? this.#byToken.get(token) : undefined
    const session = this.#live(found?.session ?? this.#byId.get(session_id ?? ''), 'invalid_token')
    return { session, token: found?.token ?? session.details }
  }

  #live(session: FakeSession | undefined, type: GatewayErrorType): FakeSession {
    if (session === undefined) throw new Refusal({ type, code: 'unknown', message: 'the token is not known' })
    if (session.ended !== undefined)
      throw new Refusal({ type, code: session.ended, message: 'session is over, open a new one' })
    return session
  }

  validate({ token, required_scope = '' }: { token: string; required_scope?: string }): object {
    const { session, token: issued } = this.find({ token })
    return {
      ...issued,
      scopes: session.scopes,
      active: true,
      required_scope,
      scope_match: required_scope === '' || scopeCovered(session.scopes, required_scope),
      vouched_ms: this.vouchedMs,
    }
  }

  introspect({ token }: { token: string }): object {
    try {
      const { session, token: issued } = this.find({ token })
      return {
        active: true,
        scope: session.scopes.join(' '),
        client_id: issued.agent_id,
        sub: issued.session_id,
        jti: issued.token_id,
        token_type: 'phantom',
        exp: issued.expires_at_unix,
        iat: Date.parse(issued.issued_at) / 1000,
        environment: issued.environment,
      }
    } catch {
      return { active: false }
    }
  }
}

function issue(request: OpenRequest): SessionToken {
  const { agent_id, purpose = '', requested_scopes = [] } = request
  const environment = request.environment || 'test'
  const ttl_seconds = request.ttl_seconds || 900
  const nowMs = Math.floor(new Date().getTime() / 1000) * 1000
  const token = mintToken({ prefix: 'svt', label: 'test', random: randomBytes })
  const session_id = sessionIdOf(tokenDigest(token), nowMs)
  const iso = (ms: number) => new Date(ms).toISOString().replace('.000Z', 'Z')
  const times = {
    issued_at: iso(nowMs),
    expires_at: iso(nowMs + ttl_seconds * 1000),
    expires_at_unix: nowMs / 1000 + ttl_seconds,
    refresh_after_unix: nowMs / 1000 + Math.floor(ttl_seconds * 0.8),
  }
  return {
    session_id,
    agent_id,
    token,
    token_id: newTokenId(randomBytes, nowMs),
    scopes: requested_scopes,
    environment,
    purpose,
    ...times,
    ttl_seconds,
    lease_id: `mcp/creds/${agent_id}/${session_id}`,
    request_id: request.request_id ?? '',
  }
}

class Refusal extends Error {
  readonly failure: FakeFailure
  constructor(failure: FakeFailure) {
    super(failure.message)
    this.failure = failure
  }
}

function statusOf(thrown: unknown, grpc?: number): { code: number; details: string; metadata: Metadata } {
  const failure = thrown instanceof Refusal ? thrown.failure : { grpc: status.INTERNAL, message: String(thrown) }
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
function admit(state: FakeState, method: FakeMethod, metadata: Metadata, request: object): boolean {
  state.calls.push({ method, request: request as FakeCall['request'] })
  const index = state.failures.findIndex((entry) => entry.method === method)
  if (index >= 0) {
    const [{ failure }] = state.failures.splice(index, 1) as [FakeState['failures'][number]]
    if (failure === 'silence') return false
    throw new Refusal(failure)
  }
  if (metadata.get('authorization')[0] !== `Bearer ${state.serviceToken}`)
    throw new Refusal({
      type: 'invalid_token',
      code: 'caller_unknown',
      message: 'the service token is not known to this gateway',
    })
  return true
}

/** `ValidateStream` and `Call` answer UNIMPLEMENTED: this SDK asks neither. */
function implementation(state: FakeState): Record<string, Record<string, UntypedHandleCall>> {
  const unary = <Request extends object>(method: FakeMethod, answer: (request: Request) => object): UntypedHandleCall =>
    ((call: ServerUnaryCall<Request & { request_id: string }, object>, callback: sendUnaryData<object>) => {
      try {
        if (admit(state, method, call.metadata, call.request))
          callback(null, { ...answer(call.request), request_id: call.request.request_id })
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

function watch(state: FakeState, call: ServerWritableStream<WatchRequest, object>): void {
  try {
    if (!admit(state, 'Watch', call.metadata, call.request)) return
    const { session } = state.find(call.request)
    const tell = (event: Pick<SessionEvent, 'kind' | 'reason'>) => {
      call.write({ ...event, session_id: session.details.session_id, vouched_ms: state.vouchedMs })
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

async function stream(state: FakeState, call: ServerDuplexStream<StreamRequest, StreamResponse>): Promise<void> {
  const aborted = new AbortController()
  call.on('cancelled', () => {
    aborted.abort()
  })
  try {
    // A plain iterator would destroy both directions once the request has been read.
    const parts = call.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]() as AsyncIterator<
      StreamRequest,
      undefined
    >
    const { head } = (await parts.next()).value as StreamRequest
    if (!head || !admit(state, 'Stream', call.metadata, head)) return
    const { session } = state.find({ token: head.token })
    const upstream = state.upstreams[head.upstream]
    if (!upstream)
      throw new Refusal({
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
          new Refusal({ type: 'invalid_token', code: reason, message: `the session is over (${reason})` }),
          status.ABORTED,
        ),
      )
    })
    const response = await upstream(requestOf(head, parts, aborted.signal))
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
  parts: AsyncIterator<StreamRequest, undefined>,
  signal: AbortSignal,
): Request {
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = await parts.next()
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
