/** What is asked of `Decisions`, and what it finds out about a request on the way. */
import type { CallBody, ToolMatch } from '../../scope/index.ts'
import type { UpstreamDocument } from '../../document/index.ts'
import type { FollowedPosition } from '../knowledge/followed-position.ts'
import type { SessionName } from '../knowledge/introspection.ts'
import type { SessionFacts } from '../knowledge/session-entry.ts'
import type { Caller } from './callers.ts'
import type { OpenCall } from './open-call.ts'
import type { RequestedAccess, KnownSession, RequestIds } from './records.ts'

export interface ValidationRequest extends RequestIds {
  /** Undefined or empty is refused as `missing`. */
  readonly token: string | undefined
  /** Omitted: only whether the token is live is asked, and `scope_match` is false. */
  readonly requiredScope: string | undefined
  readonly caller: Caller
}

export interface TokenValidation extends SessionFacts {
  readonly active: true
  readonly scope_match: boolean
  readonly required_scope: string | null
  /** What the session may do now, not what it was granted at issue. */
  readonly scopes: readonly string[]
  readonly expires_at_unix: number
  /** Null where the engine did not tell. */
  readonly issued_at_unix: number | null
  /** Milliseconds for which this response stands without contact with Vault. */
  readonly vouched_ms: number
  /** It was judged by everything the feed had told up to there. */
  readonly position: FollowedPosition
}

export interface WatchingRequest extends RequestIds {
  readonly key: SessionName
  readonly caller: Caller
}

export interface AuthorizationRequest extends RequestIds {
  readonly token: string
  /** Of the token, where it is known already. */
  readonly tokenSha256?: string | undefined
  readonly upstream: string
  /** Upper case. */
  readonly method: string
  /** Decoded and safe: from `parseTarget`. */
  readonly segments: readonly string[]
  /** Decoded names and values. */
  readonly query: readonly (readonly [string, string])[]
  readonly headers: readonly (readonly [string, string])[]
  readonly hasBody: boolean
  /** Bytes, where the caller told. */
  readonly contentLength: number | undefined
  /** Asked for at most once, and only where a parameter rule needs it. */
  readonly readBody: (upstream: UpstreamDocument) => Promise<CallBody>
  /** Throws the refusal of a body that names another operation than the one judged. Called before the call is recorded as allowed. */
  readonly checkBody: (upstream: UpstreamDocument) => Promise<void>
  readonly caller: Caller
  /** Aborts when the caller has gone. */
  readonly signal?: AbortSignal | undefined
  /** Is handed the call as soon as there is one, before its decision is recorded. */
  readonly opened?: ((call: OpenCall) => void) | undefined
}

/** What is known of a request so far: what its record says, whichever step refuses it. */
export interface Context extends RequestIds {
  readonly caller: Caller
  session: KnownSession | undefined
  /** Of a request that is no call. */
  readonly requested?: RequestedAccess
  /** Of a call: the operations it can be. */
  matches?: readonly ToolMatch[]
  /** Set by a use after expiry. */
  lateSeconds?: number
}
