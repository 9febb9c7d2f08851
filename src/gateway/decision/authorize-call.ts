import { tokenDigest } from '../../scope/index.ts'
import type { Limits } from '../limits/index.ts'
import type { Documents } from '../knowledge/documents.ts'
import type { FeedFollower } from '../knowledge/feed-follower.ts'
import type { SessionEntry } from '../knowledge/session-entry.ts'
import { originOf, requireAgent } from './callers.ts'
import type { Callers } from './callers.ts'
import type { Grants } from './grants.ts'
import { CallJudge, requestedAccess } from './judge.ts'
import type { LiveSessions } from './live-sessions.ts'
import type { OpenCall, OpenCalls } from './open-call.ts'
import { refuseOverrides } from './overrides.ts'
import { recordedRefusal } from './recorded.ts'
import type { DecisionRecords } from './records.ts'
import { bodyTooLarge } from './refusals.ts'
import type { AuthorizationRequest, Context } from './requests.ts'

export interface CallAuthorizationDependencies {
  readonly follower: FeedFollower
  readonly documents: Documents
  readonly grants: Grants
  readonly callers: Callers
  readonly records: DecisionRecords
  readonly openCalls: OpenCalls
  readonly limits: Limits
  readonly liveSessions: LiveSessions
  /** Throws what callers are told when Vault has said no. */
  readonly requireService: () => Promise<void>
}

/**
 * One upstream call's way to its decision, each step with one reason to fail: caller, token shape, session, expiry, live grant,
 * operation, limits, durable record. What is at hand is used at once: a step waits only where it has to ask.
 */
export class CallAuthorization {
  readonly #dependencies: CallAuthorizationDependencies

  constructor(dependencies: CallAuthorizationDependencies) {
    this.#dependencies = dependencies
  }

  /** The call that comes back is recorded as allowed and watched; it must be closed. */
  async authorize(request: AuthorizationRequest): Promise<OpenCall> {
    const { requestId, callerRequestId, caller } = request
    const context: Context = { requestId, callerRequestId, caller, session: undefined }
    const { follower, callers, limits, liveSessions, requireService } = this.#dependencies
    let leave: (() => void) | undefined
    try {
      if (follower.refusal !== undefined) await requireService()
      if (caller.kind === 'vault') await callers.requireIntrospection(caller)
      const kept = liveSessions.kept(request.tokenSha256 ?? tokenDigest(request.token))
      if (kept) context.session = kept.facts
      const entry = kept ?? (await liveSessions.ofToken(request.token, context))
      requireAgent(caller, entry.agentId)
      refuseOverrides(request)
      leave = limits.call(entry.sessionId, request.upstream, originOf(caller))
      return await this.#open(entry, request, context, leave)
    } catch (thrown) {
      leave?.()
      throw await recordedRefusal(
        this.#dependencies,
        context,
        requestedAccess(request, context.matches ?? [], this.#dependencies.records.keepsPaths),
        thrown,
      )
    }
  }

  /** Judges, and records what is allowed. `end` is called when the call is over. */
  async #open(
    entry: SessionEntry,
    request: AuthorizationRequest,
    context: Context,
    end: () => void,
  ): Promise<OpenCall> {
    const { openCalls, records } = this.#dependencies
    const judge = new CallJudge(this.#dependencies, entry, request, context)
    const allowed = judge.judgeNow() ?? (await judge.judge())
    const { max_request_bytes } = allowed.upstream
    if ((request.contentLength ?? 0) > max_request_bytes) throw bodyTooLarge(request.upstream, max_request_bytes)
    const requested = requestedAccess(request, allowed.judgement.tools, records.keepsPaths)
    const call = openCalls.open({
      entry,
      allowed,
      requested,
      judge: () => judge.judge(),
      signal: request.signal,
      onClose: end,
    })
    try {
      request.opened?.(call)
      if (request.hasBody) await request.checkBody(allowed.upstream)
      if (call.isSettling) await call.settled()
      call.require()
      await records.decision({
        request_id: context.requestId,
        caller_request_id: context.callerRequestId,
        caller: context.caller,
        session: context.session,
        requested,
        decision: 'allow',
        validation_result: 'valid',
        reason: 'allowed',
      })
      return call
    } catch (error) {
      call.close()
      throw call.cutFor ?? error
    }
  }
}
