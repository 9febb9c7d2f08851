import { badRequest } from '../../logical/errors.ts'
import { ScopeError, parseScope, scopeMatch, tokenShape } from '../../scope/index.ts'
import { GatewayFailure, toGatewayFailure, unavailable } from '../error.ts'
import type { Limits } from '../limits/index.ts'
import { findSession, recordRefusal } from './bounded-lookup.ts'
import { originOf, requireAgent } from './callers.ts'
import type { Caller, Callers } from './callers.ts'
import type { Documents } from '../knowledge/documents.ts'
import type { FeedFollower } from '../knowledge/feed-follower.ts'
import type { Freshness } from '../knowledge/freshness.ts'
import { scopesOf } from './grants.ts'
import type { Grants, LiveGrant } from './grants.ts'
import type { OpenCall, OpenCalls } from './open-call.ts'
import { requestedAccess, judgeOf } from './judge.ts'
import { refuseOverrides } from './overrides.ts'
import { LateUses } from './late-uses.ts'
import { knownSession } from './records.ts'
import type { DecisionRecords } from './records.ts'
import { bodyTooLarge, inactiveToken, malformed, missing, reuse } from './refusals.ts'
import type { AuthorizationRequest, Context, ValidationRequest, TokenValidation, WatchingRequest } from './requests.ts'
import type { Found, EndReason, SessionEntry } from '../knowledge/session-entry.ts'
import type { SessionName, SessionCache } from '../knowledge/session-cache.ts'
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

const ATTEMPTS = 8

/**
 * Every decision the gateway takes, over HTTP and gRPC. One request's way, each step with one reason to fail: caller, token
 * shape, session, expiry, live grant, operation, limits, durable decision. What follows an allowed call is `UpstreamCalls`.
 */
export class Decisions {
  readonly #dependencies: DecisionDependencies
  readonly #lateUses = new LateUses()

  constructor(dependencies: DecisionDependencies) {
    this.#dependencies = dependencies
  }

  /** Is the token live, and does its session have this scope now? Throws `GatewayFailure`; a lacking scope is a response. */
  validate(request: ValidationRequest): Promise<TokenValidation> {
    const { requiredScope, requestId, callerRequestId, caller } = request
    const requested = requiredScope === undefined ? {} : { required_scope: requiredScope }
    const context: Context = { requestId, callerRequestId, caller, session: undefined, requested }
    return this.#recorded(context, async () => {
      await this.#dependencies.callers.requireIntrospection(caller)
      const upstreamName = requiredScope === undefined ? undefined : upstreamOfScope(requiredScope)
      let entry = await this.#liveSession(request.token, context)
      requireAgent(caller, entry.facts.agent_id)
      const upstream =
        upstreamName === undefined ? undefined : await this.#dependencies.documents.upstream(upstreamName)
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (entry.detached) entry = await this.#liveSession(request.token, context)
        const grant = await this.#dependencies.grants.of(entry)
        const matched = hasScope(grant, requiredScope)
        const covered = matched || requiredScope === undefined
        await this.#dependencies.records.decision({
          request_id: requestId,
          caller_request_id: callerRequestId,
          caller,
          session: context.session,
          requested,
          ...(covered
            ? { decision: 'allow', validation_result: 'valid', reason: 'allowed' }
            : { decision: 'deny', validation_result: 'insufficient_scope', reason: 'insufficient_scope' }),
        })
        const { position } = this.#dependencies.follower
        // Writing took time: what was decided must still hold.
        const after = await this.#dependencies.grants.of(entry)
        const holds = matched === hasScope(after, requiredScope)
        this.#requireLive(entry, upstream?.sensitivity)
        if (!holds || entry.detached) continue
        const vouched_ms = this.#dependencies.freshness.leftMs(upstream?.sensitivity)
        return {
          active: true,
          scope_match: matched,
          required_scope: requiredScope ?? null,
          ...entry.facts,
          scopes: scopesOf(after),
          expires_at_unix: entry.expiresAtUnix,
          issued_at_unix: entry.issuedAtUnix,
          vouched_ms,
          position,
        }
      }
      throw unavailable('vault_behind', 'scopes and policies are changing faster than they can be judged; try again')
    })
  }

  /** Judges a call to an upstream. The call that comes back is recorded as allowed and watched; it must be closed. */
  authorizeCall(request: AuthorizationRequest): Promise<OpenCall> {
    const { requestId, callerRequestId, caller } = request
    const requested = requestedAccess(request, [])
    const context: Context = { requestId, callerRequestId, caller, session: undefined, requested }
    return this.#recorded(context, async () => {
      const { callers, limits } = this.#dependencies
      await callers.requireIntrospection(caller)
      const entry = await this.#liveSession(request.token, context)
      requireAgent(caller, entry.facts.agent_id)
      refuseOverrides(request)
      const leave = limits.call(entry.facts.session_id, request.upstream, originOf(caller))
      try {
        return await this.#open(entry, request, context, leave)
      } catch (error) {
        leave()
        throw error
      }
    })
  }

  /** Judges, and records what is allowed. `end` is called when the call is over. */
  async #open(
    entry: SessionEntry,
    request: AuthorizationRequest,
    context: Context,
    end: () => void,
  ): Promise<OpenCall> {
    const { openCalls, records } = this.#dependencies
    const judge = judgeOf(this.#dependencies, entry, request, context)
    const allowed = await judge()
    const { max_request_bytes } = allowed.upstream
    if ((request.contentLength ?? 0) > max_request_bytes) throw bodyTooLarge(request.upstream, max_request_bytes)
    const { requestId, callerRequestId, caller, session, requested } = context
    const call = openCalls.open({ entry, allowed, requested, judge, signal: request.signal, onClose: end })
    try {
      await request.checkBody(allowed.upstream)
      await call.settled()
      call.require()
      await records.decision({
        request_id: requestId,
        caller_request_id: callerRequestId,
        caller,
        session,
        requested,
        decision: 'allow',
        validation_result: 'valid',
        reason: 'allowed',
      })
      return call
    } catch (error) {
      call.close()
      throw error
    }
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
        'token' in key ? await this.#liveSession(key.token, context) : await this.#namedSession(key, context)
      requireAgent(caller, entry.facts.agent_id)
      this.#requireLive(entry, undefined)
      return this.#dependencies.sessions.watch(entry, onEnd)
    })
  }

  /** Is this token alive? Allows nothing: it tells what may be asked of Vault on its behalf. Throws `unavailable`. */
  isLive(token: string, caller: Caller = { kind: 'session' }): Promise<boolean> {
    return this.#recorded({ requestId: '', caller, session: undefined, requested: {} }, async () => {
      const { sessions } = this.#dependencies
      await this.#requireContact()
      const { entry } = await findSession(sessions, this.#dependencies.limits, { token }, caller)
      return entry !== undefined && entry.endOfToken(sessions.nowUnixMs()) === undefined
    })
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

  /** Brings what is known up to date where nothing is followed at the moment. Throws what callers are told when Vault has said no. */
  #requireContact(): Promise<void> {
    return this.#dependencies.follower.contact(this.#dependencies.freshness.limitMs(undefined))
  }

  /** Throws what callers are told when Vault has said no, unless it serves again by now. */
  async requireService(): Promise<void> {
    if (this.#dependencies.follower.refusal !== undefined) await this.#requireContact()
  }

  /** Runs the steps; a refusal is recorded before it is answered. */
  async #recorded<T>(context: Context, steps: () => Promise<T>): Promise<T> {
    try {
      await this.requireService()
      return await steps()
    } catch (thrown) {
      const error = toGatewayFailure(thrown)
      if (error.code === 'audit_unavailable') throw error
      const { requestId: request_id, callerRequestId: caller_request_id, caller, session, requested } = context
      if (caller.kind === 'session' && session === undefined) this.#dependencies.records.unauthenticated()
      else if (error.code !== 'caller_unknown') {
        const { records, limits } = this.#dependencies
        const refused = { request_id, caller_request_id, caller, session, requested, lateSeconds: context.lateSeconds }
        throw await recordRefusal(records, limits, error, refused)
      }
      throw error
    }
  }

  /** Token shape, session, expiry. */
  async #liveSession(token: string | undefined, context: Context): Promise<SessionEntry> {
    if (token === undefined || token === '') throw missing('')
    if (!tokenShape(token)) throw malformed()
    const { entry, inactive } = await this.#found({ token }, context)
    context.session = entry ? entry.facts : knownSession(inactive)
    const nowMs = this.#dependencies.sessions.nowUnixMs()
    const over = entry ? entry.endOfToken(nowMs) : inactive.reason
    if (over === 'expired') throw this.#lateUse(context, entry ? entry.expiresAtUnix : inactive.expires_at_unix, nowMs)
    if (!entry) throw inactiveToken(inactive)
    if (over === 'revoked') throw reuse(over)
    this.#dependencies.follower.used()
    return entry
  }

  /** The session as of now: also where its look-up took long while nothing was followed, and a revoke overtook the response. */
  async #found(name: SessionName, context: Context): Promise<Found> {
    await this.#requireContact()
    const found = await findSession(this.#dependencies.sessions, this.#dependencies.limits, name, context.caller)
    if (found.entry) await this.#requireContact()
    return found
  }

  #lateUse(context: Context, expiresAtUnix: number | undefined, nowMs: number): GatewayFailure {
    const { session } = context
    context.lateSeconds = Math.max(0, Math.floor(nowMs / 1000 - (expiresAtUnix ?? nowMs / 1000)))
    const tokenId = session?.token_id ?? undefined
    return reuse('expired', tokenId !== undefined && this.#lateUses.note(tokenId))
  }

  async #namedSession(key: { readonly session_id: string }, context: Context): Promise<SessionEntry> {
    const { entry, inactive } = await this.#found(key, context)
    context.session = entry ? entry.facts : knownSession(inactive)
    if (!entry) throw new GatewayFailure('invalid_token', 'unknown', 'the session is over or unknown')
    return entry
  }

  #requireLive(entry: SessionEntry, sensitivity: string | undefined): void {
    this.#dependencies.freshness.require(sensitivity)
    const over = entry.endOfToken(this.#dependencies.sessions.nowUnixMs())
    if (over) throw reuse(over)
  }
}

const hasScope = ({ chain }: LiveGrant, requiredScope: string | undefined): boolean =>
  requiredScope !== undefined && scopeMatch(chain, requiredScope)

/** The upstream a scope speaks of. Throws `bad_request` with the reason why it is not a scope. */
function upstreamOfScope(text: string): string | undefined {
  try {
    return parseScope(text).path.split('/')[1]
  } catch (error) {
    if (error instanceof ScopeError) throw badRequest(`required_scope: ${error.message}`)
    throw error
  }
}
