/** What the fake gateway of ./testing.ts knows: its sessions and their tokens, in memory, and the failures a test has scripted. */
import { randomBytes } from 'node:crypto'
import type { GatewayErrorType } from '../error-code/index.ts'
import { scopeCovered } from '../scope/containment.ts'
import { newTokenId, sessionIdOf } from '../scope/identifier.ts'
import { mintToken, tokenDigest } from '../scope/token.ts'
import type { OpenRequest, SessionEvent, SessionToken, WatchRequest } from './wire.ts'

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

export interface FakeSessionsOptions {
  /** By name; the URL's path is the one that was asked for. */
  readonly upstreams?: Readonly<Record<string, (request: Request) => Response | Promise<Response>>>
  /** For how long each response vouches for its session; default a day. A real gateway vouches for seconds, again and again. */
  readonly vouchedMs?: number
}

interface FakeSession {
  readonly details: SessionToken
  scopes: readonly string[]
  ended?: string
  readonly listeners: Set<(event: Pick<SessionEvent, 'kind' | 'reason'>) => void>
}

export class FakeSessions {
  readonly serviceToken = `gst_test_${randomBytes(16).toString('hex')}`
  readonly calls: FakeCall[] = []
  readonly failures: { method: FakeMethod; failure: FakeFailure | 'silence' }[] = []
  readonly upstreams: NonNullable<FakeSessionsOptions['upstreams']>
  readonly vouchedMs: number
  /** Grows with every change of what sessions may do. */
  position = { feed_epoch: 'fake', feed_sequence: 0 }
  readonly #byId = new Map<string, FakeSession>()
  readonly #byToken = new Map<string, { session: FakeSession; token: SessionToken }>()

  constructor({ upstreams = {}, vouchedMs = 86_400_000 }: FakeSessionsOptions) {
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
    this.position = { ...this.position, feed_sequence: this.position.feed_sequence + 1 }
    for (const listener of [...session.listeners]) listener({ kind: 'KIND_CHANGED', reason: 'scopes' })
  }

  /** The live session a token or id stands for. Throws a `FakeRefusal`. */
  find({ token, session_id }: WatchRequest): { session: FakeSession; token: SessionToken } {
    const found = token ? this.#byToken.get(token) : undefined
    const session = this.#live(found?.session ?? this.#byId.get(session_id ?? ''), 'invalid_token')
    return { session, token: found?.token ?? session.details }
  }

  #live(session: FakeSession | undefined, type: GatewayErrorType): FakeSession {
    if (session === undefined) throw new FakeRefusal({ type, code: 'unknown', message: 'the token is not known' })
    if (session.ended !== undefined)
      throw new FakeRefusal({ type, code: session.ended, message: 'session is over, open a new one' })
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
      ...this.position,
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

/** Thrown to answer with a failure. */
export class FakeRefusal extends Error {
  readonly failure: FakeFailure
  constructor(failure: FakeFailure) {
    super(failure.message)
    this.failure = failure
  }
}
