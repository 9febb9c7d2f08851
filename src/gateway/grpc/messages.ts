/** Messages of `mcp.gateway.v1` as this port handles them: what comes in has every field set, what goes out may leave some unset. */
import type * as wire from '../../proto/gateway-v1.ts'

export type {
  CallRequest,
  CloseRequest,
  DelegateRequest,
  Header,
  IntrospectRequest,
  OpenRequest,
  RefreshRequest,
  SessionToken,
  StreamRequest,
  ValidateRequest,
  WatchRequest,
} from '../../proto/gateway-v1.ts'

type Sent<Message, Always extends keyof Message> = Pick<Message, Always> & Partial<Message>

export type SessionEvent = Sent<wire.SessionEvent, 'kind' | 'session_id'>
/** Either a response or, on `ValidateStream`, a refusal: then `active` is false and only the `error_` fields are set. */
export type ValidateResponse = Sent<wire.ValidateResponse, 'active' | 'request_id'>
export type IntrospectResponse = Sent<wire.IntrospectResponse, 'active' | 'request_id'>
export type CallResponse = Sent<wire.CallResponse, 'status' | 'headers' | 'request_id' | 'upstream_ms'>
export type StreamedResponse = { readonly head: CallResponse } | { readonly body: Uint8Array }
