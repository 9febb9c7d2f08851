/** The plain REST API: agents, scopes, sessions, validation. Everything here is worded for HTTP; what it means is decided elsewhere. */
import { z } from 'zod'
import { isRepeated, singleHeader } from '../../http/index.ts'
import { isoSeconds } from '../../logical/clock.ts'
import { isName } from '../../scope/index.ts'
import { requireAgent, vaultOf } from '../decision/callers.ts'
import type { Caller, Callers } from '../decision/callers.ts'
import type { Decisions } from '../decision/decide.ts'
import type { SessionName } from '../knowledge/introspection.ts'
import type { SessionService } from '../session-service.ts'
import { GatewayFailure } from '../error.ts'
import { callerRequestIdOf } from '../request-id.ts'
import { sendJson } from './response.ts'
import type { Exchange } from './response.ts'
import { checkBody, readJsonObject, withoutNulls } from './body.ts'
import type { HttpRoute } from './router.ts'

export interface RestDependencies {
  readonly callers: Callers
  readonly decisions: Decisions
  readonly sessions: SessionService
  readonly mount: string
}

export type RestHandler = (exchange: Exchange, captures: Readonly<Record<string, string>>) => Promise<void>

const name = (example: string) =>
  z
    .string({ error: `is missing or not a string, for example ${example}` })
    .refine(isName, { error: `is not a name of 1 to 64 characters a-z, 0-9, _ and -, for example ${example}` })
const ttl = z
  .int({ error: 'is not a whole number of seconds, for example 900' })
  .min(1, { error: 'must be at least 1 second, for example 900' })
  .optional()

const agentBody = z.looseObject({ agent_id: name('claude-billing-agent') })
const openBody = z.looseObject({ agent_id: name('claude-billing-agent'), ttl })
const unknownMember: z.core.$ZodErrorMap = (issue) =>
  issue.code === 'unrecognized_keys'
    ? `has the unknown member ${JSON.stringify(issue.keys[0]?.slice(0, 64))}; a refresh changes the ttl alone, so for other scopes or another purpose open a session`
    : undefined
const refreshBody = z.strictObject({ ttl }, { error: unknownMember })
const refreshByBody = z.strictObject(
  {
    ttl,
    session_id: z.string({ error: 'must be a string, for example sess_01JNKQ8X4F2MVBP7RD3WCZH9GT' }).optional(),
    token: z.string({ error: 'must be a string, for example svt_prod_…' }).optional(),
  },
  { error: unknownMember },
)
const validateBody = z.object({
  token: z.string({ error: 'must be a string, for example svt_prod_…' }).optional(),
  required_scope: z.string({ error: 'must be a string, for example read:stripe:invoices' }).optional(),
  request_id: z.string({ error: 'must be a string' }).optional(),
})

export function restRoutes(dependencies: RestDependencies): readonly HttpRoute<RestHandler>[] {
  return [
    { method: 'GET', pattern: '/agents', handle: (exchange) => listAgents(dependencies, exchange) },
    { method: 'POST', pattern: '/agents', handle: (exchange) => writeAgent(dependencies, exchange) },
    {
      method: 'GET',
      pattern: '/agents/:agent_id',
      handle: (exchange, { agent_id = '' }) => sendDocument(dependencies, exchange, agent_id, ''),
    },
    {
      method: 'GET',
      pattern: '/agents/:agent_id/scopes',
      handle: (exchange, { agent_id = '' }) => sendDocument(dependencies, exchange, agent_id, '/scopes'),
    },
    {
      method: 'POST',
      pattern: '/agents/:agent_id/scopes',
      handle: (exchange, { agent_id = '' }) => writeScopes(dependencies, exchange, agent_id, '/scopes'),
    },
    {
      method: 'GET',
      pattern: '/agents/:agent_id/scopes/:environment',
      handle: (exchange, { agent_id = '', environment = '' }) =>
        sendDocument(dependencies, exchange, agent_id, `/scopes/${environment}`),
    },
    {
      method: 'POST',
      pattern: '/agents/:agent_id/scopes/:environment',
      handle: (exchange, { agent_id = '', environment = '' }) =>
        writeScopes(dependencies, exchange, agent_id, `/scopes/${environment}`),
    },
    { method: 'POST', pattern: '/sessions', handle: (exchange) => openSession(dependencies, exchange) },
    { method: 'POST', pattern: '/sessions/refresh', handle: (exchange) => refreshNamed(dependencies, exchange) },
    {
      method: 'POST',
      pattern: '/sessions/:session_id/refresh',
      handle: (exchange, { session_id = '' }) => refreshSession(dependencies, exchange, session_id),
    },
    {
      method: 'DELETE',
      pattern: '/sessions/:session_id',
      handle: (exchange, { session_id = '' }) => closeSession(dependencies, exchange, session_id),
    },
    { method: 'POST', pattern: '/validate', handle: (exchange) => validate(dependencies, exchange) },
  ]
}

/** `Authorization: Bearer <Vault token or service token>`. */
function callerOf({ callers }: RestDependencies, { request }: Exchange): Caller {
  if (isRepeated(request, 'authorization'))
    throw new GatewayFailure('invalid_request', 'bad_request', 'Authorization is given twice; send it once')
  const header = singleHeader(request, 'authorization')
  const bearer = header === undefined ? undefined : /^bearer +(\S+)$/i.exec(header.trim())?.[1]
  if (header !== undefined && bearer === undefined)
    throw new GatewayFailure('invalid_token', 'caller_unknown', 'Authorization is not "Bearer <token>"')
  return { ...callers.identify(bearer), address: request.socket.remoteAddress }
}

async function listAgents(dependencies: RestDependencies, exchange: Exchange): Promise<void> {
  const caller = callerOf(dependencies, exchange)
  const keys = (await vaultOf(caller).list(`${dependencies.mount}/agents`))?.data?.keys
  const agents = Array.isArray(keys)
    ? keys.filter((key): key is string => typeof key === 'string' && isVisible(caller, key))
    : []
  sendJson(exchange, 200, { agents })
}

const isVisible = (caller: Caller, agentId: string): boolean =>
  caller.kind !== 'service' || caller.agents.includes('*') || caller.agents.includes(agentId)

async function writeAgent(dependencies: RestDependencies, exchange: Exchange): Promise<void> {
  const caller = callerOf(dependencies, exchange)
  const { agent_id, ...rest } = checkBody(agentBody, await readJsonObject(exchange, caller))
  await writeDocument(dependencies, exchange, caller, agent_id, '', rest)
}

async function writeScopes(
  dependencies: RestDependencies,
  exchange: Exchange,
  agentId: string,
  below: string,
): Promise<void> {
  const caller = callerOf(dependencies, exchange)
  await writeDocument(dependencies, exchange, caller, agentId, below, await readJsonObject(exchange, caller))
}

/** Writes, and answers with the document as it then is; with what was given where the caller may write but not read. */
async function writeDocument(
  dependencies: RestDependencies,
  exchange: Exchange,
  caller: Caller,
  agentId: string,
  below: string,
  body: Record<string, unknown>,
): Promise<void> {
  requireAgent(caller, agentId)
  const vault = vaultOf(caller)
  const path = agentPath(dependencies, agentId, below)
  const { warnings } = await vault.write(path, body)
  const stored = await vault.read(path).catch(() => undefined)
  sendJson(exchange, 200, {
    agent_id: agentId,
    ...(stored?.data ?? body),
    ...(warnings && warnings.length > 0 ? { warnings } : {}),
  })
}

async function sendDocument(
  dependencies: RestDependencies,
  exchange: Exchange,
  agentId: string,
  below: string,
): Promise<void> {
  const caller = callerOf(dependencies, exchange)
  requireAgent(caller, agentId)
  const data = (await vaultOf(caller).read(agentPath(dependencies, agentId, below)))?.data
  if (!data)
    throw new GatewayFailure(
      'invalid_request',
      'not_found',
      below === '' ? `agent ${agentId} is not registered` : `agent ${agentId} has declared no scopes here`,
    )
  sendJson(exchange, 200, data)
}

function agentPath({ mount }: RestDependencies, agentId: string, below: string): string {
  if (!isName(agentId))
    throw new GatewayFailure(
      'invalid_request',
      'bad_request',
      'agent_id: is not a name of 1 to 64 characters a-z, 0-9, _ and -, for example claude-billing-agent',
    )
  return `${mount}/agents/${agentId}${below}`
}

async function openSession(dependencies: RestDependencies, exchange: Exchange): Promise<void> {
  const caller = callerOf(dependencies, exchange)
  const { agent_id, ...request } = checkBody(openBody, withoutNulls(await readJsonObject(exchange, caller)))
  sendJson(exchange, 200, {
    ...(await dependencies.sessions.open(caller, agent_id, request)),
    request_id: exchange.requestId,
  })
}

async function refreshSession(dependencies: RestDependencies, exchange: Exchange, sessionId: string): Promise<void> {
  const caller = callerOf(dependencies, exchange)
  const request = checkBody(refreshBody, withoutNulls(await readJsonObject(exchange, caller)))
  sendJson(exchange, 200, {
    ...(await dependencies.sessions.refresh(caller, { session_id: sessionId }, { ttl: request.ttl })),
    request_id: exchange.requestId,
  })
}

async function refreshNamed(dependencies: RestDependencies, exchange: Exchange): Promise<void> {
  const caller = callerOf(dependencies, exchange)
  const {
    session_id,
    token,
    ttl: requestedTtl,
  } = checkBody(refreshByBody, withoutNulls(await readJsonObject(exchange, caller)))
  if ((session_id === undefined) === (token === undefined)) {
    throw new GatewayFailure(
      'invalid_request',
      'bad_request',
      'body: give either session_id or token, for example {"session_id":"sess_01JNKQ8X4F2MVBP7RD3WCZH9GT"}',
    )
  }
  const session: SessionName = session_id === undefined ? { token: token ?? '' } : { session_id }
  sendJson(exchange, 200, {
    ...(await dependencies.sessions.refresh(caller, session, { ttl: requestedTtl })),
    request_id: exchange.requestId,
  })
}

async function closeSession(dependencies: RestDependencies, exchange: Exchange, sessionId: string): Promise<void> {
  await dependencies.sessions.close(callerOf(dependencies, exchange), { session_id: sessionId })
  sendJson(exchange, 204, undefined)
}

async function validate(dependencies: RestDependencies, exchange: Exchange): Promise<void> {
  const caller = callerOf(dependencies, exchange)
  const {
    token,
    required_scope: requiredScope,
    request_id,
  } = checkBody(validateBody, withoutNulls(await readJsonObject(exchange, caller)))
  const { requestId } = exchange
  const own = callerRequestIdOf(request_id)
  const { scopes, expires_at_unix, ...rest } = await dependencies.decisions.validate({
    token,
    requiredScope,
    requestId,
    callerRequestId: own ?? exchange.callerRequestId,
    caller,
  })
  const { active, scope_match, required_scope, session_id, agent_id, token_id, environment } = rest
  sendJson(exchange, 200, {
    active,
    scope_match,
    required_scope,
    session_id,
    agent_id,
    token_id,
    scopes,
    environment,
    expires_at: isoSeconds(expires_at_unix * 1000),
    expires_at_unix,
    // The one member in which a caller finds its own id again; the header and the records have ours.
    request_id: own ?? requestId,
  })
}
