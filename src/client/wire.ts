import { fromJSON } from '@grpc/proto-loader'
import type { MethodDefinition } from '@grpc/proto-loader'
import { gatewayV1 } from '../proto/gateway-v1.ts'

/** The messages of `mcp.gateway.v1` as they are in memory. Field names are those of the wire. */

export interface OpenRequest {
  /** `claude-billing-agent` */
  readonly agent_id: string
  /** What the session is for; shown in every audit record. */
  readonly purpose?: string
  /** Omitted: all scopes the agent declares. */
  readonly requested_scopes?: readonly string[]
  /** Omitted: the agent's own. */
  readonly environment?: string
  /** Omitted: the configured default. */
  readonly ttl_seconds?: number
  readonly request_id?: string
}

export interface DelegateRequest {
  /** A live token of the parent session. */
  readonly parent_token: string
  /** The agent the child session is for. */
  readonly agent_id: string
  readonly purpose?: string
  readonly requested_scopes?: readonly string[]
  readonly ttl_seconds?: number
  readonly request_id?: string
}

export interface RefreshRequest {
  readonly session_id: string
  readonly ttl_seconds?: number
  readonly request_id?: string
}

export interface CloseRequest {
  readonly session_id: string
  readonly request_id?: string
}

/** An issued phantom token. `token` is a secret; everything else may be logged. */
export interface SessionToken {
  readonly session_id: string
  readonly agent_id: string
  readonly token: string
  readonly token_id: string
  readonly scopes: readonly string[]
  readonly environment: string
  readonly purpose: string
  /** ISO 8601, UTC, whole seconds; likewise `expires_at`. */
  readonly issued_at: string
  readonly expires_at: string
  readonly expires_at_unix: number
  readonly ttl_seconds: number
  /** Unix seconds at 80 % of the life. */
  readonly refresh_after_unix: number
  readonly lease_id: string
  readonly request_id: string
}

export interface WatchRequest {
  readonly session_id?: string
  readonly token?: string
}

export interface SessionEvent {
  readonly kind: 'KIND_UNSPECIFIED' | 'KIND_LIVE' | 'KIND_ENDED' | 'KIND_CHANGED'
  readonly session_id: string
  readonly reason: string
}

export interface ValidateRequest {
  readonly token: string
  readonly required_scope?: string
  readonly request_id?: string
}

export interface ValidateResponse {
  readonly active: boolean
  readonly scope_match: boolean
  readonly required_scope: string
  readonly session_id: string
  readonly agent_id: string
  readonly token_id: string
  readonly scopes: readonly string[]
  readonly environment: string
  readonly expires_at: string
  readonly expires_at_unix: number
  readonly request_id: string
}

export interface IntrospectRequest {
  readonly token: string
  readonly request_id?: string
}

/** RFC 7662 names. When `active` is false nothing else is told. */
export interface IntrospectResponse {
  readonly active: boolean
  readonly scope: string
  readonly client_id: string
  readonly sub: string
  readonly exp: number
  readonly iat: number
  readonly jti: string
  readonly token_type: string
  readonly environment: string
  readonly request_id: string
}

export interface Header {
  readonly name: string
  readonly value: string
}

export interface CallHead {
  readonly token: string
  readonly upstream: string
  readonly method: string
  /** Path and query below the upstream's base URL. */
  readonly path: string
  readonly headers: readonly Header[]
  readonly request_id: string
}

export interface AnswerHead {
  readonly status: number
  readonly headers: readonly Header[]
  readonly request_id: string
  readonly upstream_ms: number
}

/** First the head, once, then parts of the body. */
export interface StreamRequest {
  readonly head?: CallHead
  readonly body?: Uint8Array
}

export interface StreamResponse {
  readonly part?: 'head' | 'body'
  readonly head?: AnswerHead
  readonly body?: Buffer
}

export type Method<Request, Response> = MethodDefinition<Request, unknown, unknown, Response>

const definitions = fromJSON(gatewayV1 as Parameters<typeof fromJSON>[0], { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true })

/** The methods of one service: the key is the service's name, for example `Tokens`. */
export function service(name: 'Sessions' | 'Tokens' | 'Upstreams'): Record<string, Method<never, unknown>> {
  return definitions[`mcp.gateway.v1.${name}`] as unknown as Record<string, Method<never, unknown>>
}

const method = <Request, Response>(serviceName: 'Sessions' | 'Tokens' | 'Upstreams', name: string): Method<Request, Response> => service(serviceName)[name] as unknown as Method<Request, Response>

export const methods = {
  open: method<OpenRequest, SessionToken>('Sessions', 'Open'),
  refresh: method<RefreshRequest, SessionToken>('Sessions', 'Refresh'),
  close: method<CloseRequest, { readonly request_id: string }>('Sessions', 'Close'),
  delegate: method<DelegateRequest, SessionToken>('Sessions', 'Delegate'),
  watch: method<WatchRequest, SessionEvent>('Sessions', 'Watch'),
  validate: method<ValidateRequest, ValidateResponse>('Tokens', 'Validate'),
  introspect: method<IntrospectRequest, IntrospectResponse>('Tokens', 'Introspect'),
  stream: method<StreamRequest, StreamResponse>('Upstreams', 'Stream'),
} as const
