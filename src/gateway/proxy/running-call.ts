import type { Clock } from '../../logical/clock.ts'
import type { RequestError } from '../../logical/errors.ts'
import { GatewayCallError } from '../call/call-error.ts'
import type { Decisions } from '../decision/decide.ts'
import type { OpenCall } from '../decision/open-call.ts'
import type { DecisionRecords, Outcome } from '../decision/records.ts'
import { GatewayFailure, toGatewayFailure, unavailable } from '../error.ts'
import type { Limits } from '../limits/index.ts'
import { AskedCall } from './asked-call.ts'
import { CallHolds } from './call-holds.ts'
import { CallerBody } from './caller-body.ts'
import type { Egress } from './egress.ts'
import type { Keys, OngoingUse, UsableKey } from './keys.ts'
import { signedCall } from './signed-call.ts'
import type { UpstreamCallRequest } from './upstream-request.ts'
import { projectionOf } from './projection-of.ts'
import { notRead } from './not-read.ts'
import { UpstreamFlow } from './upstream-flow.ts'
import type { CallPermit, CallResult, UpstreamCall, UpstreamHead, CallSink } from './upstream-call.ts'

export interface RunningCallDependencies {
  readonly decisions: Decisions
  readonly keys: Keys
  readonly records: DecisionRecords
  readonly egress: Egress
  readonly limits: Limits
  readonly clock: Clock
}

/**
 * One call from its request to its outcome, as the one object that everybody who has to do with it knows: it is judged and recorded, gets
 * its key, is judged fresh again, and is made; what comes back goes to the sink. In the moment it is cut nothing further leaves.
 */
export class RunningCall implements CallSink, CallPermit, OngoingUse {
  readonly #dependencies: RunningCallDependencies
  readonly #request: UpstreamCallRequest
  readonly #sink: CallSink
  readonly #held: CallHolds
  readonly #body: CallerBody
  readonly #startedMs: number
  #open: OpenCall | undefined
  #usable: UsableKey | undefined
  #releaseKey: (() => void) | undefined
  #flow: UpstreamFlow | undefined
  #status: number | undefined
  /** What came while a change is being judged: it waits, and the upstream with it. */
  #waiting: { head: UpstreamHead; chunks: Uint8Array[]; ended: UpstreamHead['headers'] | undefined } | undefined
  #result: string | undefined
  #gone = false
  #isDelivered: boolean
  #isAuthorized = false
  #isFailed = false
  #isSettled = false

  constructor(dependencies: RunningCallDependencies, request: UpstreamCallRequest, sink: CallSink) {
    this.#dependencies = dependencies
    this.#request = request
    this.#sink = sink
    this.#isDelivered = request.tellsDelivery !== true
    this.#held = new CallHolds(dependencies.limits, request.token, (reason) => {
      this.#open?.cut(reason)
    })
    this.#body = new CallerBody(request, this.#held)
    this.#startedMs = dependencies.clock.monotonic()
  }

  /** Never rejects: whatever goes wrong is told to the sink. */
  async run(): Promise<void> {
    try {
      const { decisions } = this.#dependencies
      const open = await decisions.authorizeCall(new AskedCall(this.#request, this.#body, this))
      this.#isAuthorized = true
      await this.#send(open)
    } catch (thrown) {
      this.#fail(thrown)
    }
  }

  /** The sink takes more again. */
  resume(): void {
    this.#flow?.resume()
  }

  /** The caller has gone. */
  abandon(): void {
    this.#gone = true
    // What it failed with is why the caller's connection was broken.
    if (this.#isFailed) return
    this.#open?.cut(callerGone())
  }

  /** The last byte of the response has left this process, or never will. */
  delivered(): void {
    this.#isDelivered = true
    this.#settle()
  }

  /** Nobody reads the response any further. */
  giveUp(): void {
    this.#flow?.fail(notRead)
  }

  /** Aborts, with the `GatewayFailure` that says why, as soon as no further byte may be handed on. There is one once a response has begun. */
  get signal(): AbortSignal {
    return this.#open!.signal
  }

  /** It is judged allowed; its decision is not recorded yet. */
  opened(call: OpenCall): void {
    this.#open = call
    call.onCut = (reason) => {
      this.#cut(reason)
    }
    if (this.#gone) this.abandon()
  }

  stillFresh(): boolean {
    return this.#open?.stillFresh() === true
  }

  whyNotSend(): RequestError | undefined {
    const open = this.#open!
    if (!open.stillFresh()) return open.cutFor
    if (this.#usable?.stillVouched() === false)
      return new GatewayCallError('stale', 'the gateway can no longer vouch for the upstream key; try again')
    return open.whyNotBegin()
  }

  sensitivity(): string {
    return this.#open!.upstream.sensitivity
  }
  keyEnded(reason: GatewayFailure): void {
    this.#open?.cut(reason)
  }

  head(head: UpstreamHead): void {
    // A change that is being judged while nothing has been handed on yet is waited for.
    if (this.#open!.isSettling) {
      this.#waiting = { head, chunks: [], ended: undefined }
      void this.#afterJudgement(this.#open!)
      return
    }
    this.#status = head.status
    this.#sink.head(head)
  }

  data(chunk: Uint8Array): boolean {
    if (!this.#waiting) return this.#sink.data(chunk)
    this.#waiting.chunks.push(chunk)
    return false
  }

  end(trailers: UpstreamHead['headers']): void {
    if (this.#waiting) {
      this.#waiting.ended = trailers
      return
    }
    this.#result ??= 'complete'
    this.#sink.end(trailers)
    this.#settle()
  }

  failed(error: Error): void {
    this.#fail(error)
  }

  async #afterJudgement(open: OpenCall): Promise<void> {
    await open.settled()
    const waiting = this.#waiting
    this.#waiting = undefined
    if (open.cutFor) this.#fail(open.cutFor)
    if (!waiting || open.cutFor) return
    this.head(waiting.head)
    let wantsMore = true
    for (const chunk of waiting.chunks) wantsMore = this.data(chunk)
    if (waiting.ended) this.end(waiting.ended)
    else if (wantsMore) this.resume()
  }

  async #send(open: OpenCall): Promise<void> {
    const { keys, egress, clock } = this.#dependencies
    // Judged before; the upstream may have been given another content type since.
    if (this.#request.body) await this.#body.refuseOverride(open.upstream)
    const usable =
      keys.kept(open.upstream, open.session.environment) ?? (await keys.get(open.upstream, open.session.environment))
    this.#usable = usable
    this.#releaseKey = usable.watch(this)
    if (open.isSettling) await open.settled()
    open.require()
    const { upstream, judgement, sent } = open.allowed
    const { token, segments, spelled, query, headers, contentLength, callerBase, decodes } = this.#request
    const call: UpstreamCall = {
      upstream,
      match: judgement.tools[0]!,
      segments,
      spelled,
      query,
      headers,
      sent,
      key: usable.key,
      callerToken: token,
      egress,
      clock,
      permit: this,
      body: this.#body.toSend(upstream, usable.key),
      contentLength,
      projection: projectionOf(judgement),
      reserve: this.#reserve,
      callerBase,
      decodes,
    }
    const signed = usable.key?.signing ? await signedCall(call, usable.key.signing, this.#body) : call
    if (signed !== call) open.require()
    this.#flow = new UpstreamFlow(signed, this)
    this.#flow.start()
  }

  readonly #reserve = (bytes: number): void => {
    this.#held.take(bytes)
  }

  #cut(reason: GatewayFailure): void {
    if (this.#flow && !this.#flow.isOver) this.#flow.fail(reason)
    // Everything was handed over, but not all of it has left.
    else if (this.#status !== undefined && !this.#isDelivered) this.#fail(reason)
  }

  #fail(thrown: unknown): void {
    if (this.#isFailed) return
    this.#isFailed = true
    this.#waiting = undefined
    // What a call was cut for comes before what that looked like on the wire.
    const error = this.#open?.cutFor ?? toGatewayFailure(thrown)
    if (this.#status !== undefined) {
      this.#result = thrown === notRead ? 'abandoned' : resultOf(thrown)
      this.#sink.failed(error)
      this.#settle()
    } else if (this.#isAuthorized) void this.#failBeforeResponse(error)
    else {
      this.#release()
      this.#sink.failed(error)
    }
  }

  /** The outcome is recorded before the caller hears of it. */
  async #failBeforeResponse(error: GatewayFailure): Promise<void> {
    this.#isSettled = true
    this.#release()
    await this.#dependencies.records.outcome(this.#outcome(error.status, error.code))
    this.#sink.failed(error)
  }

  /** Once the response is over and has left, whichever is later. */
  #settle(): void {
    if (this.#isSettled || !this.#isDelivered || this.#result === undefined || this.#status === undefined) return
    this.#isSettled = true
    const outcome = this.#outcome(this.#status, this.#open?.cutFor?.code ?? this.#result, this.#flow)
    this.#release()
    this.#dependencies.records.recordOutcome(outcome)
  }

  #release(): void {
    this.#open?.close()
    this.#releaseKey?.()
    this.#held.release()
  }

  /** `flow` of a response that has begun. */
  #outcome(status: number, result: string, flow?: UpstreamFlow): Outcome {
    const { session, requested } = this.#open!
    return {
      request_id: this.#request.requestId,
      caller_request_id: this.#request.callerRequestId,
      session,
      requested,
      status,
      latency_ms: this.#dependencies.clock.monotonic() - this.#startedMs,
      upstream_ms: flow?.upstreamMs ?? null,
      bytes: flow?.bytes ?? 0,
      key_echoes: flow?.echoes ?? 0,
      result,
      ...(flow && this.#usable?.unlistedUpstream === true && { key_consent: 'upstream_not_listed' }),
      ...this.#flow?.redirected,
    }
  }
}

const callerGone = (): GatewayFailure => unavailable('caller_gone', 'the caller has gone')

const resultOf = (thrown: unknown): CallResult => (thrown instanceof GatewayCallError ? thrown.code : 'error')
