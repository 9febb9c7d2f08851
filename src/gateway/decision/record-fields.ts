import type { SessionFacts } from '../knowledge/session-entry.ts'
import type { Caller } from './callers.ts'

export type ValidationResult = 'valid' | 'insufficient_scope' | 'expired' | 'revoked' | 'unknown' | 'unavailable'

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
  /** As it was asked for; only where the gateway keeps paths. */
  readonly path?: string | undefined
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
  /** Hosts that redirects were followed to, in order. */
  readonly redirects?: readonly string[]
}

/** Start settings that weaken a promise. */
export interface ExtraFields {
  readonly key_consent?: string
}

/** The record of a decision; `extraFields` stand in every one. */
export function decisionRecord(
  {
    request_id,
    caller_request_id,
    caller,
    decision,
    validation_result,
    reason,
    session,
    requested,
    lateSeconds,
  }: Decision,
  extraFields: ExtraFields,
): object {
  return {
    type: 'decision',
    ...requestFields(request_id, caller_request_id),
    decision,
    validation_result,
    reason,
    ...sessionFields(session),
    ...requestedFields(requested),
    caller: callerName(caller),
    ...(lateSeconds === undefined ? {} : { late_seconds: lateSeconds, address: caller.address ?? null }),
    ...extraFields,
  }
}

export function outcomeRecord({
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
  redirects,
}: Outcome): object {
  return {
    type: 'outcome',
    ...requestFields(request_id, caller_request_id),
    status,
    latency_ms: Math.round(latency_ms),
    upstream_ms: upstream_ms === null ? null : Math.round(upstream_ms),
    bytes,
    key_echoes,
    result,
    ...(key_consent === undefined ? {} : { key_consent }),
    ...(redirects === undefined ? {} : { redirects }),
    ...sessionFields(session),
    ...requestedFields(requested),
  }
}

/** Refusals that were counted instead of being written one by one. */
export const refusalsRecord = (
  count: number,
  {
    reason,
    session,
    caller,
  }: { readonly reason: string; readonly session: KnownSession | undefined; readonly caller: string },
): object => ({ type: 'refusals', reason, count, ...sessionFields(session), caller })

const requestFields = (request_id: string, caller_request_id: string | undefined): object => ({
  request_id,
  ...(caller_request_id === undefined ? {} : { caller_request_id }),
})

export function sessionFields(session: KnownSession | undefined): object {
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
export function requestedFields(requested: RequestedAccess): object {
  const { required_scope, tools, upstream, method, endpoint, path, risk } = requested
  return {
    ...(required_scope === undefined ? {} : { required_scope }),
    ...(tools === undefined ? {} : { tools }),
    ...(upstream === undefined ? {} : { upstream, platform: upstream, method, endpoint, risk: risk ?? null }),
    ...(path === undefined ? {} : { path }),
  }
}

/** Who asked, by a name that may stand in records. */
export const callerName = (caller: Caller): string =>
  caller.kind === 'service'
    ? `service:${caller.name}`
    : caller.kind === 'vault'
      ? `vault:${caller.digest.slice(0, 16)}`
      : 'session'
