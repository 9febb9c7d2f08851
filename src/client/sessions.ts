import type { ServiceError } from '@grpc/grpc-js'
import { momentOf } from '../logical/clock.ts'
import type { GatewayRequestOptions, Channel } from './channel.ts'
import type { IntervalClock } from './clock.ts'
import { fromGrpc } from './error.ts'
import { Session } from './session.ts'
import { methods } from './wire.ts'
import type {
  CloseRequest,
  DelegateRequest,
  Method,
  OpenRequest,
  RefreshRequest,
  SessionEvent,
  SessionToken,
  WatchRequest,
} from './wire.ts'

/** Sessions are opened, refreshed and closed under the Vault identity of this client's own credential. Failures are `GatewayError`. */
export interface Sessions {
  /** The session keeps itself alive until it is closed. */
  open(request: OpenRequest, options?: GatewayRequestOptions): Promise<Session>
  /** A child of a live session, for another agent: no scope its parent lacks, no longer life. */
  delegate(request: DelegateRequest, options?: GatewayRequestOptions): Promise<Session>
  /** For a session this process did not open. */
  refresh(request: RefreshRequest, options?: GatewayRequestOptions): Promise<SessionToken>
  close(request: CloseRequest, options?: GatewayRequestOptions): Promise<void>
  /** News of the session; ends after `KIND_ENDED`. Rejects when the gateway is lost, and then says nothing about the session. */
  watch(target: WatchRequest, options?: { readonly signal?: AbortSignal }): AsyncIterable<SessionEvent>
}

export function createSessions(channel: Channel, clock: IntervalClock): Sessions {
  const refresh = (request: RefreshRequest, options?: GatewayRequestOptions) =>
    channel.request(methods.refresh, request, options)
  const close = async (request: CloseRequest, options?: GatewayRequestOptions) => {
    await channel.request(methods.close, request, options)
  }

  async function begin<Request extends { readonly request_id?: string; readonly ttl_seconds?: number }>(
    method: Method<Request, SessionToken>,
    request: Request,
    options?: GatewayRequestOptions,
  ): Promise<Session> {
    const requestedAt = momentOf(clock)
    const first = await channel.request(method, request, options)
    const target = { session_id: first.session_id }
    const requested = request.ttl_seconds === undefined ? target : { ...target, ttl_seconds: request.ttl_seconds }
    return new Session({ clock, refresh: () => refresh(requested), close: () => close(target) }, first, requestedAt)
  }

  return {
    open: (request, options) => begin(methods.open, request, options),
    delegate: (request, options) => begin(methods.delegate, request, options),
    refresh,
    close,
    watch: (target, { signal } = {}) => watchSession(channel, target, signal),
  }
}

async function* watchSession(
  channel: Channel,
  target: WatchRequest,
  signal: AbortSignal | undefined,
): AsyncGenerator<SessionEvent> {
  signal?.throwIfAborted()
  const stream = channel.watch(target)
  const cancel = () => {
    stream.cancel()
  }
  signal?.addEventListener('abort', cancel, { once: true })
  try {
    for await (const event of stream) {
      if ((event as SessionEvent).kind !== 'KIND_VOUCHED') yield event as SessionEvent
      if ((event as SessionEvent).kind === 'KIND_ENDED') return
    }
  } catch (thrown) {
    signal?.throwIfAborted()
    throw fromGrpc(thrown as ServiceError, '')
  } finally {
    signal?.removeEventListener('abort', cancel)
    stream.on('error', () => undefined)
    stream.cancel()
  }
}
