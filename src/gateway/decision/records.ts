import type { Clock } from '../../logical/clock.ts'
import { unavailable } from '../error.ts'
import { SecondCount } from './second-count.ts'
import type { GatewayFailure } from '../error.ts'
import type { Caller } from './callers.ts'
import type { SessionFacts } from '../knowledge/session-entry.ts'

/** What a request is called in headers, responses and records. */
export interface RequestIds {
  /** Ours, unlike any other: it joins a decision with its outcome. */
  readonly requestId: string
  /** The caller's own, which it may well repeat: it stands beside ours in the records. */
  readonly callerRequestId?: string | undefined
}

export type ValidationResult = 'valid' | 'insufficient_scope' | 'expired' | 'revoked' | 'unknown' | 'unavailable'

/** Where records go, each with the time it came; resolves when the record is durable. */
export interface RecordSink {
  append(record: object): Promise<void>
}

/** What is known of a session whose token is no longer good: enough to tell reuse from noise. */
export type KnownSession = Partial<SessionFacts>

/** The part of what the engine says that it knows; undefined where it knows no such session. */
export const knownSession = ({
  session_id,
  agent_id,
  token_id,
  owner,
  environment,
}: { [K in keyof SessionFacts]?: SessionFacts[K] | undefined }): KnownSession | undefined =>
  session_id === undefined
    ? undefined
    : {
        session_id,
        ...(agent_id === undefined ? {} : { agent_id }),
        ...(token_id === undefined ? {} : { token_id }),
        ...(owner === undefined ? {} : { owner }),
        ...(environment === undefined ? {} : { environment }),
      }

/** What was asked for, in names that hold no secret and no personal data. */
export interface RequestedAccess {
  readonly required_scope?: string
  readonly tools?: readonly string[]
  readonly upstream?: string
  readonly method?: string
  /** The operation's template, or a normalised path where none fits. */
  readonly endpoint?: string
  readonly risk?: string | null
}

export interface Decision {
  readonly request_id: string
  /** The caller's own, where it gave one. */
  readonly caller_request_id?: string | undefined
  readonly caller: Caller
  readonly decision: 'allow' | 'deny' | 'error'
  readonly validation_result: ValidationResult
  readonly reason: string
  readonly session: KnownSession | undefined
  readonly requested: RequestedAccess
  /** Of a use after expiry: for how long the token had been over, in whole seconds. */
  readonly lateSeconds?: number | undefined
}

export interface Outcome {
  readonly request_id: string
  readonly caller_request_id?: string | undefined
  readonly session: KnownSession
  readonly requested: RequestedAccess
  readonly status: number | null
  readonly latency_ms: number
  readonly upstream_ms: number | null
  readonly bytes: number
  /** Places in which the upstream had echoed its key. */
  readonly key_echoes: number
  readonly result: string
  /** `upstream_not_listed`: the key's owner has not listed the upstream, which was only warned of. */
  readonly key_consent?: 'upstream_not_listed'
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

/** Writes decision and outcome records. A decision that cannot be made durable is not taken. */
export class DecisionRecords {
  readonly counters: Counters = { allowed: 0, denied: 0, errors: 0, unauthenticated: 0, outcomes_lost: 0 }
  readonly #sink: RecordSink
  readonly #extraFields: Readonly<Record<string, string>>
  readonly #clock: Clock
  /** Refusals for limits that are being summed up, by session (or caller) and reason. */
  readonly #summaries = new Map<string, SecondCount>()

  /** `extraFields` stand in every decision record: start settings that weaken a promise. */
  constructor(sink: RecordSink, clock: Clock, extraFields: Readonly<Record<string, string>> = {}) {
    this.#sink = sink
    this.#clock = clock
    this.#extraFields = extraFields
  }

  /** Resolves when the record is durable; rejects with `unavailable` when it cannot be written. */
  async decision(taken: Decision): Promise<void> {
    const {
      request_id,
      caller_request_id,
      caller,
      decision,
      validation_result,
      reason,
      session,
      requested,
      lateSeconds,
    } = taken
    this.counters[decision === 'allow' ? 'allowed' : decision === 'deny' ? 'denied' : 'errors']++
    await this.#append({
      type: 'decision',
      ...requestFields(request_id, caller_request_id),
      decision,
      validation_result,
      reason,
      ...sessionFields(session),
      ...requestedFields(requested),
      caller: callerName(caller),
      ...(lateSeconds === undefined ? {} : { late_seconds: lateSeconds, address: caller.address ?? null }),
      ...this.#extraFields,
    }).catch((error: unknown) => {
      throw unavailable(
        'audit_unavailable',
        'the decision cannot be recorded, so the request is refused; try again',
        error,
      )
    })
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
      await this.#append({ type: 'refusals', reason, count, ...sessionFields(session), caller }).catch(() => {
        this.counters.outcomes_lost++
      })
    }
    this.#summaries.set(key, new SecondCount(this.#clock, counted, write))
  }

  /** Follows a decision. The call has happened: a record that cannot be written is counted, not thrown. */
  async outcome({
    request_id,
    caller_request_id,
    session,
    requested,
    status,
    latency_ms,
    upstream_ms,
    bytes,
    key_echoes,
    result,
    key_consent,
  }: Outcome): Promise<void> {
    const times = {
      latency_ms: Math.round(latency_ms),
      upstream_ms: upstream_ms === null ? null : Math.round(upstream_ms),
    }
    await this.#append({
      type: 'outcome',
      ...requestFields(request_id, caller_request_id),
      status,
      ...times,
      bytes,
      key_echoes,
      result,
      ...(key_consent === undefined ? {} : { key_consent }),
      ...sessionFields(session),
      ...requestedFields(requested),
    }).catch(() => {
      this.counters.outcomes_lost++
    })
  }

  unauthenticated(): void {
    this.counters.unauthenticated++
  }

  #append(record: object): Promise<void> {
    return this.#sink.append(record)
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

const requestFields = (request_id: string, caller_request_id: string | undefined): object => ({
  request_id,
  ...(caller_request_id === undefined ? {} : { caller_request_id }),
})

function sessionFields(session: KnownSession | undefined): object {
  const {
    session_id = null,
    agent_id = null,
    token_id = null,
    owner = null,
    environment = null,
    purpose = null,
  } = session ?? {}
  return { session_id, agent_id, token_id, owner, environment, purpose }
}

/** `platform` is the upstream under the name monitoring uses for it. */
function requestedFields({ required_scope, tools, upstream, method, endpoint, risk }: RequestedAccess): object {
  return {
    ...(required_scope === undefined ? {} : { required_scope }),
    ...(tools === undefined ? {} : { tools }),
    ...(upstream === undefined ? {} : { upstream, platform: upstream, method, endpoint, risk: risk ?? null }),
  }
}

const callerName = (caller: Caller): string =>
  caller.kind === 'service'
    ? `service:${caller.name}`
    : caller.kind === 'vault'
      ? `vault:${caller.digest.slice(0, 16)}`
      : 'session'

/** A path that may go into records where no operation fits: whatever looks like data stands as `{}`. */
export function normalisePath(segments: readonly string[]): string {
  return `/${segments.map((segment) => (/^(?:v\d{1,3}|[a-z][a-z_-]{0,31})$/.test(segment) ? segment : '{}')).join('/')}`
}
