/**
 * The SDK for MCP servers. The agent brings a phantom token with each request; this client asks the gateway what it may
 * do, and makes the upstream calls through the gateway, which adds the real key.
 */
export { connect } from './connect.ts'
export type { ConnectOptions, GatewayClient } from './connect.ts'
export type { GatewayRequestOptions, TlsOptions } from './channel.ts'
export type { IntervalClock as Clock } from './clock.ts'
export { GatewayError } from './error.ts'
export type { UnlistedCode } from './error.ts'
export type { GatewayErrorCode, GatewayErrorType } from '../error-code/index.ts'
export { ERROR_META, TIMING_META } from './guard.ts'
export type { GuardedTool, ToolContent, ToolContext, ToolHandler, ToolResult, Validation } from './guard.ts'
export type { OAuthErrorClasses } from './oauth-error.ts'
export type { Session } from './session.ts'
export type { ToolExtra } from './session-token.ts'
export type { Sessions } from './sessions.ts'
export type { Upstream, UpstreamInit } from './upstream.ts'
export type { AuthInfo, TokenVerifier, VerifierOptions } from './verifier.ts'
export type {
  CloseRequest,
  DelegateRequest,
  IntrospectResponse,
  OpenRequest,
  RefreshRequest,
  SessionEvent,
  SessionToken,
  WatchRequest,
} from './wire.ts'
