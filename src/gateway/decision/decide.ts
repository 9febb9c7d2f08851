import { tokenShape } from '../../scope/index.ts'
import type { Limits } from '../limits/index.ts'
import { CallAuthorization } from './authorize-call.ts'
import { findSession } from './bounded-lookup.ts'
import { requireAgent } from './callers.ts'
import type { Caller, Callers } from './callers.ts'
import type { Documents } from '../knowledge/documents.ts'
import type { FeedFollower } from '../knowledge/feed-follower.ts'
import type { Freshness } from '../knowledge/freshness.ts'
import type { Grants } from './grants.ts'
import { LiveSessions } from './live-sessions.ts'
import type { OpenCall, OpenCalls } from './open-call.ts'
import { recordedRefusal } from './recorded.ts'
import type { DecisionRecords } from './records.ts'
import { malformed } from './refusals.ts'
import type { AuthorizationRequest, Context, ValidationRequest, TokenValidation, WatchingRequest } from './requests.ts'
import { TokenValidations } from './validate-token.ts'
import type { ValidationWaiter } from './validate-token.ts'
import type { EndReason, SessionEntry } from '../knowledge/session-entry.ts'
import type { SessionName } from '../knowledge/introspection.ts'
import type { SessionCache } from '../knowledge/session-cache.ts'
import type { SessionWatch } from '../knowledge/watch.ts'

export interface DecisionDependencies {
  readonly follower: FeedFollower
  readonly sessions: SessionCache
  readonly documents: Documents
  readonly grants: Grants
  readonly freshness: Freshness
  readonly callers: Callers
  readonly records: DecisionRecords
  readonly openCalls: OpenCalls
  readonly limits: Limits
}

/**
 * Every decision the gateway takes, over HTTP and gRPC. One request's way, each step with one reason to fail: caller, token
 * shape, session, expiry, live grant, operation, limits, durable decision. What follows an allowed call is `UpstreamCalls`.
 */
export class Decisions {
  readonly #dependencies: DecisionDependencies
  readonly #live: LiveSessions
  readonly #calls: CallAuthorization
  readonly #validations: TokenValidations

  constructor(dependencies: DecisionDependencies) {
    this.#dependencies = dependencies
    this.#live = new LiveSessions(dependencies)
    const requireService = () => this.requireService()
    this.#calls = new CallAuthorization({ ...dependencies, liveSessions: this.#live, requireService })
    this.#validations = new TokenValidations({ ...dependencies, liveSessions: this.#live, requireService })
  }

  /** The live session of the token with this digest, where nobody has to be asked. */
  keptSession(tokenSha256: string): SessionEntry | undefined {
    return this.#live.kept(tokenSha256)
  }

  /** Is the token live, and does its session have this scope now? Throws `GatewayFailure`; a lacking scope is a response. */
  validate(request: ValidationRequest): Promise<TokenValidation> {
    return new Promise((valid, refused) => {
      this.#validations.validate(request, { valid, refused })
    })
  }

  /** As `validate`, without a promise: `waiter` is told, at once where the request is refused. */
  validateFor(request: ValidationRequest, waiter: ValidationWaiter): void {
    this.#validations.validate(request, waiter)
  }

  /** Judges a call to an upstream. The call that comes back is recorded as allowed and watched; it must be closed. */
  authorizeCall(request: AuthorizationRequest): Promise<OpenCall> {
    return this.#calls.authorize(request)
  }

  /** Calls `onEnd` as soon as it is known that the session is over; throws what a request with the token would. */
  watch(
    { key, requestId, callerRequestId, caller }: WatchingRequest,
    onEnd: (reason: EndReason) => void,
  ): Promise<SessionWatch> {
    const context: Context = { requestId, callerRequestId, caller, session: undefined, requested: {} }
    return this.#recorded(context, async () => {
      await this.#dependencies.callers.requireIntrospection(caller)
      const entry =
        'token' in key ? await this.#live.ofToken(key.token, context) : await this.#live.ofId(key.session_id, context)
      requireAgent(caller, entry.agentId)
      this.#live.requireLive(entry, undefined)
      return this.#dependencies.sessions.watch(entry, { sessionEnded: onEnd })
    })
  }

  /** See `LiveSessions`. */
  isLive(token: string, caller: Caller = { kind: 'session' }): Promise<boolean> {
    return this.#recorded({ requestId: '', caller, session: undefined, requested: {} }, () =>
      this.#live.isLive(token, caller),
    )
  }

  /** Which agent a session belongs to, live or ended; undefined where the engine does not know it. For routing only. */
  async agentOf(name: SessionName, caller: Caller): Promise<{ session_id: string; agent_id: string } | undefined> {
    if ('token' in name && !tokenShape(name.token)) throw malformed()
    const { sessions, limits } = this.#dependencies
    const { entry, inactive } = await findSession(sessions, limits, name, caller)
    const { session_id, agent_id } = entry ? entry.facts : inactive
    return session_id !== undefined && agent_id !== undefined ? { session_id, agent_id } : undefined
  }

  /** See `SessionCache`: 0 where a refresh may be tried at once. */
  secondsToRefresh(sessionId: string): Promise<number> {
    return this.#dependencies.sessions.secondsToRefresh(sessionId)
  }

  /** This gateway has just ended a session at the engine: what it knows is brought in line before anyone hears of it. */
  sessionEnded(sessionId: string): void {
    this.#dependencies.follower.applyOwn({
      type: 'session_ended',
      session_id: sessionId,
      reason: 'revoked',
      sequence: Number.MAX_SAFE_INTEGER,
    })
  }

  /** Throws what callers are told when Vault has said no, unless it serves again by now. */
  async requireService(): Promise<void> {
    if (this.#dependencies.follower.refusal !== undefined) await this.#live.requireContact()
  }

  /** Runs the steps; a refusal is recorded before it is answered. */
  async #recorded<T>(context: Context, steps: () => Promise<T>): Promise<T> {
    try {
      await this.requireService()
      return await steps()
    } catch (thrown) {
      throw await recordedRefusal(this.#dependencies, context, context.requested ?? {}, thrown)
    }
  }
}
