/** `mcp.gateway.v1.Sessions`: opened, refreshed and closed under the caller's own Vault identity. */
import type { UntypedServiceImplementation } from '@grpc/grpc-js'
import type { Issued, OpenSessionRequest } from '../session-service.ts'
import { requireToken, wrongField } from './exchange.ts'
import type { GrpcDependencies } from './exchange.ts'
import type { CloseRequest, DelegateRequest, OpenRequest, RefreshRequest, SessionToken } from './messages.ts'
import type { OpenStreams } from './outbox.ts'
import { unary } from './unary.ts'
import { watchHandler } from './watch.ts'

export function sessionsService(dependencies: GrpcDependencies, streams: OpenStreams): UntypedServiceImplementation {
  const { sessions } = dependencies
  return {
    Open: unary(dependencies, async (request: OpenRequest, { caller, requestId }) =>
      worded(await sessions.open(caller, requireAgentId(request.agent_id), openRequest(request)), requestId),
    ),
    Refresh: unary(dependencies, async ({ session_id, ttl_seconds }: RefreshRequest, { caller, requestId }) =>
      worded(
        await sessions.refresh(caller, { session_id: requireSessionId(session_id) }, { ttl: given(ttl_seconds) }),
        requestId,
      ),
    ),
    Close: unary(dependencies, async ({ session_id }: CloseRequest, { caller, requestId }) => {
      await sessions.close(caller, { session_id: requireSessionId(session_id) })
      return { request_id: requestId }
    }),
    Delegate: unary(dependencies, async (request: DelegateRequest, { caller, requestId }) => {
      const parent_token = requireToken(request.parent_token, 'parent_token')
      return worded(
        await sessions.open(caller, requireAgentId(request.agent_id), {
          ...openRequest({ ...request, environment: '' }),
          parent_token,
        }),
        requestId,
      )
    }),
    Watch: watchHandler(dependencies, streams),
  }
}

/** Empty is omitted: the engine then chooses. */
function openRequest({
  purpose,
  requested_scopes,
  environment,
  ttl_seconds,
}: Pick<OpenRequest, 'purpose' | 'requested_scopes' | 'environment' | 'ttl_seconds'>): OpenSessionRequest {
  return {
    ...(purpose === '' ? {} : { purpose }),
    ...(requested_scopes.length === 0 ? {} : { requested_scopes }),
    ...(environment === '' ? {} : { environment }),
    ttl: given(ttl_seconds),
  }
}

const given = (seconds: number): number | undefined => (seconds === 0 ? undefined : seconds)

function requireAgentId(agentId: string): string {
  if (agentId === '') throw wrongField('agent_id: is missing, for example claude-billing-agent')
  return agentId
}

function requireSessionId(sessionId: string): string {
  if (sessionId === '') throw wrongField('session_id: is missing, for example sess_01JNKQ8X4F2MVBP7RD3WCZH9GT')
  return sessionId
}

/** The engine's response has the message's names. */
function worded(issued: Issued, requestId: string): SessionToken {
  const { scopes, ...rest } = issued as Omit<SessionToken, 'request_id' | 'scopes'> & {
    readonly scopes: readonly string[] | null
  }
  return { ...rest, scopes: scopes ?? [], request_id: requestId }
}
