import { elapsedSince } from '../../logical/clock.ts'
import type { Clock, Moment } from '../../logical/clock.ts'
import { Slots } from '../../logical/slots.ts'
import { GatewayCallError } from '../call/call-error.ts'
import { toGatewayFailure, unavailable } from '../error.ts'
import type { GatewayFailure } from '../error.ts'
import { slotOf } from '../knowledge/documents.ts'
import type { NumberedEvent, UpstreamDocument } from '../../document/index.ts'
import type { FeedListener } from '../knowledge/listeners.ts'
import { restsOn } from './allowed-call.ts'
import type { AllowedCall } from './allowed-call.ts'
import type { Freshness } from '../knowledge/freshness.ts'
import type { RequestedAccess } from './records.ts'
import { ended, reuse } from './refusals.ts'
import type { EndReason, SessionEntry, SessionFacts } from '../knowledge/session-entry.ts'
import type { SessionCache } from '../knowledge/session-cache.ts'
import type { SessionWatch, SessionWatcher } from '../knowledge/watch.ts'

export interface OpenCallConfig {
  readonly entry: SessionEntry
  readonly allowed: AllowedCall
  readonly requested: RequestedAccess
  /** Judges the same call again by the documents as they then are; throws the refusal. */
  readonly judge: () => Promise<AllowedCall>
  /** The call is over; called at least once. */
  readonly onClose?: () => void
  /** The caller's own: aborts when it has gone away. */
  readonly signal?: AbortSignal | undefined
}

interface OpenCallDependencies {
  readonly sessions: SessionCache
  readonly freshness: Freshness
  readonly clock: Clock
  readonly nextResponse: (timeoutMs: number) => Promise<void>
  readonly onClose: (call: OpenCall) => void
}

const RETRY_MS = 1_000

/**
 * A call from its judgement to its last byte. It is cut, for the `GatewayFailure` that says why, as soon as it is known that the session
 * ended, expired, or may no longer do this; also when the caller has gone. `onCut` hears of it then; `signal` aborts with the reason.
 */
export class OpenCall implements SessionWatcher {
  readonly session: SessionFacts
  readonly requested: RequestedAccess
  readonly #config: OpenCallConfig
  readonly #dependencies: OpenCallDependencies
  /** Made when it is asked for: most calls are over before anybody would listen. */
  #controller: AbortController | undefined
  #cutFor: GatewayFailure | undefined
  #closed = false
  readonly #watch: SessionWatch
  readonly #onCallerGone = () => {
    this.cut(unavailable('caller_gone', 'the caller has gone'))
  }
  #allowed: AllowedCall
  /** Among the calls under way; kept by `OpenCalls`. */
  slot = -1
  #rejudging: Promise<void> | undefined
  #rejudgeAgain = false
  #doubtSince: Moment | undefined
  /** Called at most once, in the moment the call is cut; not for a call that was cut before. */
  onCut: ((reason: GatewayFailure) => void) | undefined

  constructor(config: OpenCallConfig, dependencies: OpenCallDependencies) {
    this.#config = config
    this.#dependencies = dependencies
    this.#allowed = config.allowed
    this.session = config.entry.facts
    this.requested = config.requested
    config.signal?.addEventListener('abort', this.#onCallerGone, { once: true })
    this.#watch = dependencies.sessions.watch(config.entry, this)
    // Ends the watch too, unless the session's end has done so.
    if (config.signal?.aborted) this.#onCallerGone()
  }

  sessionEnded(reason: EndReason): void {
    this.cut(ended(reason))
  }

  /** Why the call was cut; undefined = it was not. */
  get cutFor(): GatewayFailure | undefined {
    return this.#cutFor
  }
  get signal(): AbortSignal {
    if (this.#controller) return this.#controller.signal
    this.#controller = new AbortController()
    if (this.#cutFor) this.#controller.abort(this.#cutFor)
    return this.#controller.signal
  }
  /** The judgement in force: replaced when documents changed and still allow the call. */
  get allowed(): AllowedCall {
    return this.#allowed
  }
  get upstream(): UpstreamDocument {
    return this.#allowed.upstream
  }

  /** Asked before every byte in either direction: may this go on at this instant? Where not, the call is cut. */
  stillFresh(): boolean {
    if (this.#cutFor) return false
    const over = this.#watch.stale ? undefined : this.#watch.entry.endOfCalls(this.#dependencies.sessions.nowUnixMs())
    if (over) {
      this.cut(ended(over))
      return false
    }
    if (this.#isVouchedFor()) return true
    this.cut(
      toGatewayFailure(
        new GatewayCallError('stale', 'this gateway can no longer vouch for the session; keep the token and try again'),
      ),
    )
    return false
  }

  /** Throws when a new request with this token would be refused now, or when nothing recent enough is known about it. */
  require(): void {
    if (this.#cutFor) throw this.#cutFor
    this.#dependencies.freshness.require(this.upstream.sensitivity)
    const over = this.#config.entry.endOfToken(this.#dependencies.sessions.nowUnixMs())
    if (over) throw reuse(over)
    if (this.#watch.stale || !this.#isVouchedFor())
      throw unavailable('stale', 'what this session may do cannot be confirmed at the moment; try again')
  }

  /** Why the key may not go out for this call any more: its own token is over, though calls that have begun may go on by a younger one. */
  whyNotBegin(): GatewayFailure | undefined {
    const over = this.#config.entry.endOfToken(this.#dependencies.sessions.nowUnixMs())
    return over && ended(over)
  }

  /** A re-judgement is under way. */
  get isSettling(): boolean {
    return this.#rejudging !== undefined
  }

  /** Resolves when no re-judgement is under way. */
  async settled(): Promise<void> {
    while (this.#rejudging) await this.#rejudging
  }

  cut(reason: GatewayFailure): void {
    if (this.#cutFor) return
    this.#cutFor = reason
    this.#controller?.abort(reason)
    try {
      this.onCut?.(reason)
    } finally {
      this.close()
    }
  }

  /** The call is over: nothing is watched any more. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#config.signal?.removeEventListener('abort', this.#onCallerGone)
    // Undefined while the constructor runs: a session that is over cuts at once.
    ;(this.#watch as SessionWatch | undefined)?.cancel()
    this.#dependencies.onClose(this)
    this.#config.onClose?.()
  }

  /** Documents changed: judges again if the call rests on one of them. `all` = everything known was dropped. */
  review(changed: ReadonlySet<string> | 'all'): void {
    if (this.#cutFor || (changed !== 'all' && ![...changed].some((path) => restsOn(this.#allowed, path)))) return
    // What was judged from held as of then. The change may be that old already, or what was known before a reset.
    this.#doubtSince ??= this.#dependencies.freshness.asOf
    this.#rejudgeAgain = true
    this.#rejudging ??= this.#rejudge().finally(() => {
      this.#rejudging = undefined
      // A change that came after the last look of the loop.
      if (this.#rejudgeAgain) this.review('all')
    })
  }

  #isVouchedFor(): boolean {
    const { freshness, clock } = this.#dependencies
    const limitMs = freshness.limitMs(this.upstream.sensitivity)
    const doubtMs = this.#doubtSince === undefined ? 0 : elapsedSince(clock, this.#doubtSince)
    return freshness.isFresh(this.upstream.sensitivity) && this.#watch.staleMs() <= limitMs && doubtMs <= limitMs
  }

  async #rejudge(): Promise<void> {
    while (this.#rejudgeAgain && !this.#cutFor) {
      this.#rejudgeAgain = false
      try {
        const allowed = await this.#config.judge()
        const change = whatChanged(this.#allowed, allowed)
        if (change) {
          this.cut(change)
          return
        }
        this.#allowed = allowed
      } catch (thrown) {
        const error = toGatewayFailure(thrown)
        if (error.type !== 'unavailable' || !this.stillFresh()) {
          this.cut(error)
          return
        }
        this.#rejudgeAgain = true
        await this.#dependencies.nextResponse(RETRY_MS)
      }
    }
    this.#doubtSince = undefined
  }
}

/** Why a call that is still allowed cannot go on as it was begun: its key would now go elsewhere, or less of the response may pass. */
function whatChanged(before: AllowedCall, after: AllowedCall): GatewayFailure | undefined {
  const target = ({ upstream: { url, kv_mount, kv_path, kv_field, auth } }: AllowedCall) =>
    JSON.stringify([url, kv_mount, kv_path, kv_field, auth])
  if (target(before) !== target(after))
    return unavailable('upstream_changed', `upstream ${after.upstream.name} was changed during the call; try again`)
  const [had, has] = [before.judgement.fields, after.judgement.fields]
  const narrower = has !== null && (had === null || !had.every((field) => has.includes(field)))
  return narrower
    ? unavailable('grant_changed', 'less of the response may be passed on than when the call began; try again')
    : undefined
}

/** Every call under way, so that a change of a document reaches those that rest on it. */
export class OpenCalls implements FeedListener {
  readonly #calls = new Slots<OpenCall>()
  readonly #dependencies: OpenCallDependencies

  constructor(dependencies: Omit<OpenCallDependencies, 'onClose'>) {
    this.#dependencies = {
      ...dependencies,
      onClose: (call) => {
        this.#calls.delete(call.slot, call)
      },
    }
  }

  get size(): number {
    return this.#calls.size
  }

  open(config: OpenCallConfig): OpenCall {
    const call = new OpenCall(config, this.#dependencies)
    if (!call.cutFor) call.slot = this.#calls.add(call)
    return call
  }

  changed(events: readonly NumberedEvent[]): void {
    const paths = new Set(events.flatMap((event) => (event.type === 'document' ? [slotOf(event.path)] : [])))
    if (paths.size > 0) for (const call of this.#calls.all()) call.review(paths)
  }

  reset(): void {
    for (const call of this.#calls.all()) call.review('all')
  }

  /** Vault said no: no call may go on, whatever vouched for it. */
  refused(reason: GatewayFailure): void {
    this.closeAll(reason)
  }

  /** The gateway stops: every call ends. */
  closeAll(reason: GatewayFailure): void {
    for (const call of this.#calls.all()) call.cut(reason)
  }
}
