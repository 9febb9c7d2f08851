import type { LineWaiter } from '../../audit/index.ts'
import type { Clock } from '../../logical/clock.ts'
import { isPathWord } from '../../scope/index.ts'
import { unavailable } from '../error.ts'
import type { GatewayFailure } from '../error.ts'
import { callerName, decisionRecord, outcomeRecord, refusalsRecord } from './record-fields.ts'
import type { Decision, ExtraFields, KnownSession, Outcome } from './record-fields.ts'
import { RecordLines } from './record-lines.ts'
import { SecondCount } from './second-count.ts'

export { knownSession } from './record-fields.ts'
export type { Decision, KnownSession, Outcome, RequestedAccess, ValidationResult } from './record-fields.ts'

/** What a request is called in headers, responses and records. */
export interface RequestIds {
  /** Ours, unlike any other: it joins a decision with its outcome. */
  readonly requestId: string
  /** The caller's own, which it may well repeat: it stands beside ours in the records. */
  readonly callerRequestId?: string | undefined
}

/** Where records go, each with the time it came. */
export interface RecordSink {
  /** Resolves when the record is durable. */
  append(record: object): Promise<void>
  /** See `RecordLog`: for lines that are rendered already. */
  appendMembers?(members: string, waiter: LineWaiter, mayWait: boolean): void
}

/** Running totals since start. */
export interface Counters {
  allowed: number
  denied: number
  errors: number
  /** Requests of callers who did not authenticate: counted, never written, so that unauthenticated callers cannot fill the disk. */
  unauthenticated: number
  outcomes_lost: number
}

/** What those are told who wait for a decision that could not be recorded: it is not taken. `cause` is what the log said. */
export const decisionNotRecorded = (cause: unknown): GatewayFailure =>
  unavailable('audit_unavailable', 'the decision cannot be recorded, so the request is refused; try again', cause)

/** Writes decision and outcome records. A decision that cannot be made durable is not taken. */
export class DecisionRecords {
  readonly counters: Counters = { allowed: 0, denied: 0, errors: 0, unauthenticated: 0, outcomes_lost: 0 }
  readonly #sink: RecordSink
  readonly #extraFields: ExtraFields
  readonly #lines: RecordLines
  readonly #clock: Clock
  /** Refusals for limits that are being summed up, by session (or caller) and reason. */
  readonly #summaries = new Map<string, SecondCount>()
  /** Waits for every outcome: nobody else does. */
  readonly #outcomesLost: LineWaiter = {
    durable: () => undefined,
    notDurable: () => {
      this.counters.outcomes_lost++
    },
  }

  /** Records of calls hold their paths, too. */
  readonly keepsPaths: boolean

  /** `extraFields` stand in every decision record. */
  constructor(sink: RecordSink, clock: Clock, extraFields: ExtraFields = {}, keepsPaths = false) {
    this.keepsPaths = keepsPaths
    this.#sink = sink
    this.#clock = clock
    this.#extraFields = extraFields
    this.#lines = new RecordLines(extraFields)
  }

  /** Resolves when the record is durable; rejects with `unavailable` when it cannot be written. */
  decision(taken: Decision): Promise<void> {
    return new Promise((resolve, reject) => {
      this.recordDecision(taken, {
        durable: resolve,
        notDurable: (cause) => {
          reject(decisionNotRecorded(cause))
        },
      })
    })
  }

  /** Like `decision`, without a promise: `waiter` is told, after this has returned. See `decisionNotRecorded` for what it makes of an error. */
  recordDecision(taken: Decision, waiter: LineWaiter): void {
    const { decision } = taken
    this.counters[decision === 'allow' ? 'allowed' : decision === 'deny' ? 'denied' : 'errors']++
    const members = this.#sink.appendMembers && this.#lines.decision(taken)
    if (members === undefined) this.#append(decisionRecord(taken, this.#extraFields), waiter)
    else this.#sink.appendMembers!(members, waiter, false)
  }

  /**
   * A refusal because a limit was met. The first of each second is recorded as any decision is; those that follow within it are
   * counted, and stand in one record when the second is over: who is refused by the thousand must not fill the disk.
   */
  async limited(decision: Decision): Promise<void> {
    const { reason, session, caller } = decision
    const key = `${session?.session_id ?? callerName(caller)} ${reason}`
    const known = this.#summaries.get(key)
    if (known) {
      known.add()
      this.counters.denied++
      return
    }
    this.#sumUp(key, 0, { reason, session, caller: callerName(caller) })
    await this.decision(decision)
  }

  /** A caller that did not authenticate was refused past its limit: one record a second tells how many, from all addresses. */
  limitedUnauthenticated(): void {
    const key = 'unauthenticated'
    const known = this.#summaries.get(key)
    if (known) known.add()
    else this.#sumUp(key, 1, { reason: 'refusals_limit', session: undefined, caller: key })
  }

  /** Writes the summaries that wait. */
  async flush(): Promise<void> {
    await Promise.all([...this.#summaries.values()].map((summary) => summary.end()))
  }

  #sumUp(
    key: string,
    counted: number,
    { reason, session, caller }: { reason: string; session: KnownSession | undefined; caller: string },
  ): void {
    const write = async (count: number) => {
      this.#summaries.delete(key)
      if (count === 0) return
      await this.#sink.append(refusalsRecord(count, { reason, session, caller })).catch(() => {
        this.counters.outcomes_lost++
      })
    }
    this.#summaries.set(key, new SecondCount(this.#clock, counted, write))
  }

  /** Follows a decision. The call has happened: a record that cannot be written is counted, not thrown. */
  outcome(outcome: Outcome): Promise<void> {
    return new Promise((resolve) => {
      const lost = this.#outcomesLost
      const waiter: LineWaiter = {
        durable: resolve,
        notDurable(error) {
          lost.notDurable(error)
          resolve()
        },
      }
      this.#writeOutcome(outcome, waiter, false)
    })
  }

  /** Like `outcome`, without telling when; written with the next decision, or 5 ms later. */
  recordOutcome(outcome: Outcome): void {
    this.#writeOutcome(outcome, this.#outcomesLost, true)
  }

  unauthenticated(): void {
    this.counters.unauthenticated++
  }

  #writeOutcome(outcome: Outcome, waiter: LineWaiter, mayWait: boolean): void {
    const members = this.#sink.appendMembers && this.#lines.outcome(outcome)
    if (members === undefined) this.#append(outcomeRecord(outcome), waiter)
    else this.#sink.appendMembers!(members, waiter, mayWait)
  }

  #append(record: object, waiter: LineWaiter): void {
    this.#sink.append(record).then(
      () => {
        waiter.durable()
      },
      (error: unknown) => {
        waiter.notDurable(error)
      },
    )
  }
}

/** How a refusal stands in the log. `judged` = the token had been found good before something else was refused. */
export function refusalResult(
  { type, code, kind }: GatewayFailure,
  judged: boolean,
): Pick<Decision, 'decision' | 'validation_result'> {
  if (kind === 'rate_limited') return { decision: 'deny', validation_result: judged ? 'valid' : 'unknown' }
  if (type === 'unavailable') return { decision: 'error', validation_result: 'unavailable' }
  if (type !== 'invalid_token' && !judged) return { decision: 'deny', validation_result: 'unknown' }
  if (type === 'insufficient_scope') return { decision: 'deny', validation_result: 'insufficient_scope' }
  if (type !== 'invalid_token') return { decision: 'deny', validation_result: 'valid' }
  if (code === 'expired' || code === 'reuse_after_expiry') return { decision: 'deny', validation_result: 'expired' }
  if (code === 'revoked' || code === 'reuse_after_revocation') return { decision: 'deny', validation_result: 'revoked' }
  return { decision: 'deny', validation_result: 'unknown' }
}

/** A path that may go into records where no operation fits: whatever looks like data stands as `{}`. */
export function normalisePath(segments: readonly string[]): string {
  return `/${segments.map((segment) => (isPathWord(segment) ? segment : '{}')).join('/')}`
}
