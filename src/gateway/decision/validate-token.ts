/** Checks of a token: from the request to a decision that is on disk and still holds. */
import type { LineWaiter } from '../../audit/index.ts'
import { tokenDigest } from '../../scope/index.ts'
import { unavailable } from '../error.ts'
import type { GatewayFailure } from '../error.ts'
import type { Documents } from '../knowledge/documents.ts'
import type { FeedFollower } from '../knowledge/feed-follower.ts'
import type { Freshness } from '../knowledge/freshness.ts'
import type { SessionEntry } from '../knowledge/session-entry.ts'
import type { Limits } from '../limits/index.ts'
import { requireAgent } from './callers.ts'
import type { Callers } from './callers.ts'
import { hasScope, scopesOf } from './grants.ts'
import type { Grants, LiveGrant } from './grants.ts'
import type { LiveSessions } from './live-sessions.ts'
import { recordedRefusal } from './recorded.ts'
import { decisionNotRecorded } from './records.ts'
import type { Decision, DecisionRecords } from './records.ts'
import { requiredScopeOf, withoutScope } from './required-scope.ts'
import type { RequiredScope } from './required-scope.ts'
import type { Context, TokenValidation, ValidationRequest } from './requests.ts'

export interface TokenValidationDependencies {
  readonly follower: FeedFollower
  readonly documents: Documents
  readonly grants: Grants
  readonly freshness: Freshness
  readonly callers: Callers
  readonly records: DecisionRecords
  readonly limits: Limits
  readonly liveSessions: LiveSessions
  /** Throws what callers are told when Vault has said no. */
  readonly requireService: () => Promise<void>
}

/** Told once, by one of the two. */
export interface ValidationWaiter {
  valid(validation: TokenValidation): void
  refused(error: GatewayFailure): void
}

const ATTEMPTS = 8

/**
 * One check's way, each step with one reason to fail: caller, token shape, session, expiry, live grant, durable decision, and whether
 * that still holds. Where all it needs is at hand it waits for the disk alone.
 */
export class TokenValidations {
  readonly #dependencies: TokenValidationDependencies

  constructor(dependencies: TokenValidationDependencies) {
    this.#dependencies = dependencies
  }

  validate(request: ValidationRequest, waiter: ValidationWaiter): void {
    const { requestId, callerRequestId, caller, requiredScope } = request
    const required = requiredScope === undefined ? withoutScope : requiredScopeOf(requiredScope)
    const { requested } = required
    const context: Context = { requestId, callerRequestId, caller, session: undefined, requested }
    try {
      if (this.#validateNow(request, required, context, waiter)) return
    } catch (thrown) {
      this.#refuse(context, thrown, waiter)
      return
    }
    this.#validateAsking(request, required, context, waiter)
  }

  /** False where something has to be asked for first. Throws the refusal. */
  #validateNow(
    { token, caller }: ValidationRequest,
    required: RequiredScope,
    context: Context,
    waiter: ValidationWaiter,
  ): boolean {
    const { callers, documents, grants, liveSessions, records } = this.#dependencies
    const { upstream: upstreamName, problem } = required
    if (token === undefined || problem || !callers.mayIntrospect(caller)) return false
    const upstream = upstreamName === undefined ? undefined : documents.knownUpstream(upstreamName)
    if (upstream === undefined && upstreamName !== undefined) return false
    const entry = liveSessions.kept(tokenDigest(token))
    if (!entry) return false
    context.session = entry.facts
    requireAgent(caller, entry.agentId)
    const grant = grants.known(entry)
    if (!grant) return false
    const matched = hasScope(grant, required.scope)
    const written: LineWaiter = {
      durable: () => {
        let validation: TokenValidation | undefined
        try {
          validation = this.#confirmed(entry, required, matched, grants.known(entry), upstream?.sensitivity)
        } catch (thrown) {
          this.#refuse(context, thrown, waiter)
          return
        }
        if (validation) waiter.valid(validation)
        else this.#validateAsking({ ...context, token, requiredScope: required.scope }, required, context, waiter)
      },
      notDurable: (cause) => {
        waiter.refused(decisionNotRecorded(cause))
      },
    }
    records.recordDecision(decisionOf(context, required, matched), written)
    return true
  }

  #validateAsking(
    request: ValidationRequest,
    required: RequiredScope,
    context: Context,
    waiter: ValidationWaiter,
  ): void {
    this.#asked(request, required, context).then(
      (validation) => {
        waiter.valid(validation)
      },
      (thrown: unknown) => {
        this.#refuse(context, thrown, waiter)
      },
    )
  }

  async #asked(request: ValidationRequest, required: RequiredScope, context: Context): Promise<TokenValidation> {
    const { callers, documents, follower, grants, liveSessions, records, requireService } = this.#dependencies
    const { caller, token } = request
    if (follower.refusal !== undefined) await requireService()
    await callers.requireIntrospection(caller)
    if (required.problem) throw required.problem()
    let entry = await liveSessions.ofToken(token, context)
    requireAgent(caller, entry.agentId)
    const upstream = required.upstream === undefined ? undefined : await documents.upstream(required.upstream)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (entry.detached) entry = await liveSessions.ofToken(token, context)
      const matched = hasScope(await grants.of(entry), required.scope)
      await records.decision(decisionOf(context, required, matched))
      // Told of before the grant is derived anew: it may be older than that, never newer.
      const { position } = follower
      const after = await grants.of(entry)
      const validation = this.#confirmed(entry, required, matched, after, upstream?.sensitivity)
      if (validation) return { ...validation, position }
    }
    throw unavailable('vault_behind', 'scopes and policies are changing faster than they can be judged; try again')
  }

  /** What is told now that it is written, which took time; `undefined` where the decision holds no more. Throws where it must be refused. */
  #confirmed(
    entry: SessionEntry,
    { scope }: RequiredScope,
    matched: boolean,
    grant: LiveGrant | undefined,
    sensitivity: string | undefined,
  ): TokenValidation | undefined {
    const { follower, freshness, liveSessions } = this.#dependencies
    const holds = grant !== undefined && matched === hasScope(grant, scope)
    liveSessions.requireLive(entry, sensitivity)
    if (!holds || entry.detached) return undefined
    return {
      active: true,
      scope_match: matched,
      required_scope: scope ?? null,
      ...entry.facts,
      scopes: scopesOf(grant),
      expires_at_unix: entry.expiresAtUnix,
      issued_at_unix: entry.issuedAtUnix,
      vouched_ms: freshness.leftMs(sensitivity),
      position: follower.position,
    }
  }

  /** Recorded before it is answered. */
  #refuse(context: Context, thrown: unknown, waiter: ValidationWaiter): void {
    const recorded = recordedRefusal(this.#dependencies, context, context.requested ?? {}, thrown)
    recorded.then(
      (error) => {
        waiter.refused(error)
      },
      (error: unknown) => {
        waiter.refused(error as GatewayFailure)
      },
    )
  }
}

function decisionOf(context: Context, { requested, scope }: RequiredScope, matched: boolean): Decision {
  const covered = matched || scope === undefined
  return {
    request_id: context.requestId,
    caller_request_id: context.callerRequestId,
    caller: context.caller,
    session: context.session,
    requested,
    decision: covered ? 'allow' : 'deny',
    validation_result: covered ? 'valid' : 'insufficient_scope',
    reason: covered ? 'allowed' : 'insufficient_scope',
  }
}
