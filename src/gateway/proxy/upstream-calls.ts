import type { Clock } from '../../logical/clock.ts'
import { compileProjection } from '../../scope/index.ts'
import { CallHolds } from './call-holds.ts'
import { callUpstream } from './call-upstream.ts'
import { CallerBody } from './caller-body.ts'
import type { UpstreamResponse } from './upstream-call.ts'
import type { HeaderPairs } from '../call/credentials.ts'
import type { Egress } from './egress.ts'
import type { QueryParameter } from '../call/target.ts'
import { GatewayFailure, toGatewayFailure } from '../error.ts'
import type { Caller } from '../decision/callers.ts'
import type { Decisions } from '../decision/decide.ts'
import type { Keys } from './keys.ts'
import type { Limits } from '../limits/index.ts'
import type { OpenCall } from '../decision/open-call.ts'
import type { Outcome, DecisionRecords, RequestIds } from '../decision/records.ts'

export interface UpstreamCallRequest extends RequestIds {
  readonly token: string
  readonly upstream: string
  readonly method: string
  /** From `parseTarget`, and already without the caller's token. */
  readonly segments: readonly string[]
  readonly spelled: readonly string[]
  readonly query: readonly QueryParameter[]
  readonly headers: HeaderPairs
  /** Undefined = the request has none. */
  readonly body: AsyncIterable<Uint8Array> | undefined
  readonly contentLength: number | undefined
  /** What stands for the upstream's base URL before this caller. */
  readonly callerBase: string
  readonly caller: Caller
  readonly signal: AbortSignal
  /** Resolves when the last byte of the response has left this process, or never will; until then the call is watched. Undefined = with the last chunk read. */
  readonly delivered?: Promise<void>
}

export interface UpstreamCallResponse {
  readonly status: number
  readonly headers: HeaderPairs
  /** Milliseconds the upstream took until its headers. */
  readonly upstream_ms: number
  /** To be read once. Throws a `GatewayFailure` when the call is cut or breaks. */
  readonly body: AsyncIterable<Uint8Array>
  /** Aborts, with the `GatewayFailure` that says why, as soon as no further byte may be handed on. */
  readonly signal: AbortSignal
  /** False at this instant = no byte may be handed on, queued ones included. */
  readonly stillFresh: () => boolean
  cancel(): void
}

export interface UpstreamCallsDependencies {
  readonly decisions: Decisions
  readonly keys: Keys
  readonly records: DecisionRecords
  readonly egress: Egress
  readonly limits: Limits
  readonly clock: Clock
}

/** Allowed calls on their way: key, freshness again, call, project, scrub, outcome. */
export class UpstreamCalls {
  readonly #dependencies: UpstreamCallsDependencies

  constructor(dependencies: UpstreamCallsDependencies) {
    this.#dependencies = dependencies
  }

  /** Judges, records and makes one call. Throws `GatewayFailure` when there is no answer to hand on. */
  async perform(request: UpstreamCallRequest): Promise<UpstreamCallResponse> {
    const { limits, clock } = this.#dependencies
    const startedMs = clock.monotonic()
    const held = new CallHolds(limits, request.token)
    const body = new CallerBody(request, held)
    const call = await this.#authorize(request, body, held)
    try {
      const { response, unlistedUpstream } = await this.#send(request, call, body, held)
      void Promise.all([response.finished, request.delivered]).then(([outcome]) => {
        const reason: unknown = call.signal.reason
        call.close()
        held.release()
        const result = reason instanceof GatewayFailure ? reason.code : outcome.result
        return this.#outcome(request, call, {
          status: response.status,
          upstream_ms: outcome.upstream_ms,
          bytes: outcome.bytes,
          key_echoes: outcome.key_echoes,
          result,
          ...(unlistedUpstream ? { key_consent: 'upstream_not_listed' as const } : {}),
          startedMs,
        })
      })
      return {
        status: response.status,
        headers: response.headers,
        upstream_ms: response.upstream_ms,
        body: reworded(response.body, call),
        signal: call.signal,
        stillFresh: () => call.stillFresh(),
        cancel: () => {
          response.cancel()
        },
      }
    } catch (thrown) {
      const error = whyFailed(thrown, call)
      call.close()
      held.release()
      await this.#outcome(request, call, {
        status: error.row.http,
        upstream_ms: null,
        bytes: 0,
        key_echoes: 0,
        result: error.code,
        startedMs,
      })
      throw error
    }
  }

  async #authorize(request: UpstreamCallRequest, body: CallerBody, held: CallHolds): Promise<OpenCall> {
    try {
      const call = await this.#dependencies.decisions.authorizeCall({
        ...request,
        query: request.query.map(({ name, value }) => [name, value] as const),
        hasBody: request.body !== undefined,
        readBody: (upstream) => body.parameters(upstream),
        checkBody: (upstream) => body.refuseOverride(upstream),
      })
      held.cutsFrom(call)
      return call
    } catch (refused) {
      held.release()
      throw refused
    }
  }

  async #send(
    request: UpstreamCallRequest,
    call: OpenCall,
    body: CallerBody,
    held: CallHolds,
  ): Promise<{ response: UpstreamResponse; unlistedUpstream: boolean }> {
    const { keys, egress, clock } = this.#dependencies
    // Judged before; the upstream may have been given another content type since.
    await body.refuseOverride(call.upstream)
    const usable = await keys.get(call.upstream, call.session.environment)
    held.key(usable, call)
    await call.settled()
    call.require()
    const {
      upstream,
      judgement: { tools, fields },
    } = call.allowed
    const response = await callUpstream({
      upstream,
      match: tools[0]!,
      segments: request.segments,
      spelled: request.spelled,
      query: request.query,
      headers: request.headers,
      key: usable.key,
      callerToken: request.token,
      egress,
      clock,
      body: body.toSend(upstream, usable.key),
      contentLength: request.contentLength,
      ...(fields === null ? {} : { projection: compileProjection(fields) }),
      reserve: (bytes) => {
        held.take(bytes)
      },
      callerBase: request.callerBase,
      signal: call.signal,
      stillFresh: () => call.stillFresh(),
      keyStillVouched: usable.stillVouched,
      whyNotBegin: () => call.whyNotBegin(),
    })
    // A change that is being judged while nothing has been handed on yet is waited for.
    await call.settled()
    if (call.signal.aborted) {
      response.cancel()
      throw toGatewayFailure(call.signal.reason)
    }
    return { response, unlistedUpstream: usable.unlistedUpstream }
  }

  async #outcome(
    request: UpstreamCallRequest,
    call: OpenCall,
    {
      startedMs,
      ...what
    }: Pick<Outcome, 'status' | 'upstream_ms' | 'bytes' | 'key_echoes' | 'result' | 'key_consent'> & {
      readonly startedMs: number
    },
  ): Promise<void> {
    const { records, clock } = this.#dependencies
    await records.outcome({
      request_id: request.requestId,
      caller_request_id: request.callerRequestId,
      session: call.session,
      requested: call.requested,
      latency_ms: clock.monotonic() - startedMs,
      ...what,
    })
  }
}

/** Why a call ended: what it was cut for comes before what that looked like on the wire. */
function whyFailed(thrown: unknown, call: OpenCall): GatewayFailure {
  return toGatewayFailure(call.signal.aborted ? call.signal.reason : thrown)
}

async function* reworded(body: AsyncIterable<Uint8Array>, call: OpenCall): AsyncGenerator<Uint8Array, undefined> {
  try {
    for await (const chunk of body) yield chunk
  } catch (thrown) {
    throw whyFailed(thrown, call)
  }
  return undefined
}
