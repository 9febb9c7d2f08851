/** Messages of `mcp.gateway.v1` as they are in memory: every field is set, absent texts are empty, absent numbers 0. */

export interface OpenRequest {
  readonly agent_id: string
  readonly purpose: string
  readonly requested_scopes: readonly string[]
  readonly environment: string
  readonly ttl_seconds: number
  readonly request_id: string
}

export interface RefreshRequest {
  readonly session_id: string
  readonly ttl_seconds: number
  readonly request_id: string
}

export interface CloseRequest {
  readonly session_id: string
  readonly request_id: string
}

export interface DelegateRequest {
  readonly parent_token: string
  readonly agent_id: string
  readonly purpose: string
  readonly requested_scopes: readonly string[]
  readonly ttl_seconds: number
  readonly request_id: string
}

export interface SessionToken {
  readonly session_id: string
  readonly agent_id: string
  readonly token: string
  readonly token_id: string
  readonly scopes: readonly string[]
  readonly environment: string
  readonly purpose: string
  readonly issued_at: string
  readonly expires_at: string
  readonly expires_at_unix: number
  readonly ttl_seconds: number
  readonly refresh_after_unix: number
  readonly lease_id: string
  readonly request_id: string
}

export interface WatchRequest {
  readonly session_id: string
  readonly token: string
}

export interface SessionEvent {
  readonly kind: 'KIND_LIVE' | 'KIND_ENDED' | 'KIND_CHANGED'
  readonly session_id: string
  readonly reason?: string
}

export interface ValidateRequest {
  readonly token: string
  readonly required_scope: string
  readonly request_id: string
}

/** Either an answer or, on `ValidateStream`, a refusal: then `active` is false and only the `error_` fields are set. */
export interface ValidateResponse {
  readonly active: boolean
  readonly scope_match?: boolean
  readonly required_scope?: string
  readonly session_id?: string
  readonly agent_id?: string
  readonly token_id?: string
  readonly scopes?: readonly string[]
  readonly environment?: string
  readonly expires_at?: string
  readonly expires_at_unix?: number
  readonly request_id: string
  readonly error_type?: string
  readonly error_code?: string
  readonly error_message?: string
}

export interface IntrospectRequest {
  readonly token: string
  readonly request_id: string
}

export interface IntrospectResponse {
  readonly active: boolean
  readonly scope?: string
  readonly client_id?: string
  readonly sub?: string
  readonly exp?: number
  readonly iat?: number
  readonly jti?: string
  readonly token_type?: string
  readonly environment?: string
  readonly request_id: string
}

export interface Header {
  readonly name: string
  readonly value: string
}

export interface CallRequest {
  readonly token: string
  readonly upstream: string
  readonly method: string
  readonly path: string
  readonly headers: readonly Header[]
  readonly body: Uint8Array
  readonly request_id: string
}

export interface CallResponse {
  readonly status: number
  readonly headers: readonly Header[]
  readonly body?: Uint8Array
  readonly request_id: string
  readonly upstream_ms: number
}

export interface StreamRequest {
  /** Which of the two is set; absent when neither is. */
  readonly part?: 'head' | 'body'
  readonly head?: CallRequest
  readonly body?: Uint8Array
}

export type StreamResponse = { readonly head: CallResponse } | { readonly body: Uint8Array }
