import type { MethodDefinition } from '@grpc/grpc-js'
import { serviceDefinition } from '../grpc/index.ts'
import type { LoadedService } from '../grpc/index.ts'
import { gatewayV1 } from '../proto/gateway-v1.ts'
import type * as wire from '../proto/gateway-v1.ts'
import type { IntrospectResponse, SessionEvent, SessionToken, ValidateResponse } from '../proto/gateway-v1.ts'

/** The messages of `mcp.gateway.v1` as this SDK asks and hears them. Field names are those of the wire; what is left out of a request has its default. */
export type { Header, IntrospectResponse, SessionEvent, SessionToken, ValidateResponse } from '../proto/gateway-v1.ts'

type WithDefaults<Message, Needed extends keyof Message> = Pick<Message, Needed> & Partial<Message>

export type OpenRequest = WithDefaults<wire.OpenRequest, 'agent_id'>
export type DelegateRequest = WithDefaults<wire.DelegateRequest, 'parent_token' | 'agent_id'>
export type RefreshRequest = WithDefaults<wire.RefreshRequest, 'session_id'>
export type CloseRequest = WithDefaults<wire.CloseRequest, 'session_id'>
export type WatchRequest = Partial<wire.WatchRequest>
export type ValidateRequest = WithDefaults<wire.ValidateRequest, 'token'>
export type IntrospectRequest = WithDefaults<wire.IntrospectRequest, 'token'>
export type CallHead = Omit<wire.CallRequest, 'body'>
export type ResponseHead = Omit<wire.CallResponse, 'body'>

/** First the head, once, then parts of the body. */
export interface StreamRequest {
  readonly head?: CallHead
  readonly body?: Uint8Array
}

export interface StreamResponse {
  readonly part?: 'head' | 'body'
  readonly head?: ResponseHead
  readonly body?: Buffer
}

export type Method<Request, Response> = MethodDefinition<Request, Response>

type ServiceName = 'Sessions' | 'Tokens' | 'Upstreams'

/** The methods of one service, for example `Tokens`. */
export const service = (name: ServiceName): LoadedService =>
  serviceDefinition(gatewayV1, `mcp.gateway.v1.${name}`, 'named')

const method = <Request, Response>(serviceName: ServiceName, name: string): Method<Request, Response> =>
  service(serviceName)[name] as Method<Request, Response>

export const methods = {
  open: method<OpenRequest, SessionToken>('Sessions', 'Open'),
  refresh: method<RefreshRequest, SessionToken>('Sessions', 'Refresh'),
  close: method<CloseRequest, wire.CloseResponse>('Sessions', 'Close'),
  delegate: method<DelegateRequest, SessionToken>('Sessions', 'Delegate'),
  watch: method<WatchRequest, SessionEvent>('Sessions', 'Watch'),
  validate: method<ValidateRequest, ValidateResponse>('Tokens', 'Validate'),
  introspect: method<IntrospectRequest, IntrospectResponse>('Tokens', 'Introspect'),
  stream: method<StreamRequest, StreamResponse>('Upstreams', 'Stream'),
} as const
