/**
 * `/check`: is this token good for this scope, told by the status alone: 200, 401 or 403. For proxies that look at nothing else (nginx
 * `auth_request`, Traefik ForwardAuth, Envoy's HTTP `ext_authz`): the request is the one they ask about, with a credential of their own.
 */
import { isRepeated, originForm, singleHeader } from '../../http/index.ts'
import { isoSeconds } from '../../logical/clock.ts'
import { badRequest } from '../../logical/errors.ts'
import type { Caller, Callers } from '../decision/callers.ts'
import type { Decisions } from '../decision/decide.ts'
import { toGatewayFailure } from '../error.ts'
import { sendJson } from './response.ts'
import type { Exchange } from './response.ts'

export interface CheckSettings {
  /** Those that ask need no credential of their own: for a listener that only a proxy can reach. */
  readonly open?: boolean | undefined
  /** The header a proxy names the scope in, for one that cannot have it in the URL. Its clients must not be able to set it. */
  readonly scopeHeader?: string | undefined
}

export interface CheckDependencies {
  readonly callers: Callers
  readonly decisions: Decisions
}

/** The proxy's own credential; `Authorization` is the client's. */
export const CALLER_HEADER = 'x-gateway-token'

/** Envoy puts the client's path behind the one that is configured. */
export const isCheck = (path: string): boolean => path === '/check' || path.startsWith('/check/')

/** Throws what is neither the token's fault nor that of its scopes: 400 where the proxy asks wrongly, 503 where nothing can be told. */
export async function serveCheck(
  dependencies: CheckDependencies,
  exchange: Exchange,
  settings: CheckSettings = {},
): Promise<void> {
  const { requestId, callerRequestId } = exchange
  try {
    const caller = callerOf(dependencies, exchange, settings)
    const requiredScope = scopeOf(exchange, settings)
    const token = tokenOf(exchange)
    const { scope_match, agent_id, session_id, environment, expires_at_unix } = await dependencies.decisions.validate({
      token,
      requiredScope,
      requestId,
      callerRequestId,
      caller,
    })
    sendJson(exchange, scope_match ? 200 : 403, undefined, {
      'X-Agent-Id': agent_id,
      'X-Agent-Session-Id': session_id,
      ...(environment === null ? {} : { 'X-Agent-Environment': environment }),
      'X-Agent-Expires-At': isoSeconds(expires_at_unix * 1000),
      ...(scope_match
        ? {}
        : { 'WWW-Authenticate': `Bearer realm="mcp", error="insufficient_scope", scope="${requiredScope}"` }),
    })
  } catch (thrown) {
    const error = toGatewayFailure(thrown)
    // A proxy would hand a 401 or 403 to its client, whose token has nothing to do with what is wrong here.
    throw error.code.startsWith('caller_') ? error.answeredAs(400) : error
  }
}

function callerOf({ callers }: CheckDependencies, { request }: Exchange, { open }: CheckSettings): Caller {
  const address = request.socket.remoteAddress
  const given = single(request, CALLER_HEADER)
  if (given === undefined && open === true) return { kind: 'session', address }
  return { ...callers.identify(given?.replace(/^bearer +/i, '')), address }
}

/** Of the URL that is configured, or of the header that the listener names; of both at once one could be a client's. */
function scopeOf({ request, target }: Exchange, { scopeHeader }: CheckSettings): string {
  const inQuery = originForm(target)
    .query.split('&')
    .filter((pair) => decoded(pair.split('=', 1)[0]!) === 'scope')
    .map((pair) => decoded(pair.slice(pair.indexOf('=') + 1)))
  const inHeader = scopeHeader === undefined ? undefined : single(request, scopeHeader.toLowerCase())
  if (inQuery.length > 1) throw badRequest('scope: is given twice in the query; configure it once')
  if (inQuery.length > 0 && inHeader !== undefined)
    throw badRequest(`scope: is given in the query and in ${scopeHeader ?? ''}; configure one of them`)
  const scope = inHeader ?? inQuery[0] ?? ''
  if (scope === '')
    throw badRequest(
      `scope: is missing; write it into the URL the proxy asks, for example /check?scope=read:stripe:invoices${scopeHeader === undefined ? '' : `, or into ${scopeHeader}`}`,
    )
  return scope
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw badRequest('the query holds %XX sequences that are not UTF-8')
  }
}

/** The phantom token, as the client sent it to what stands behind the proxy; undefined = it sent none. */
function tokenOf({ request }: Exchange): string | undefined {
  const given = single(request, 'authorization')
  return given === undefined ? undefined : (/^(?:bearer|token) +(\S+)$/i.exec(given.trim())?.[1] ?? given)
}

function single(request: Exchange['request'], name: string): string | undefined {
  if (isRepeated(request, name)) throw badRequest(`header ${name}: is given twice; send it once`)
  const value = singleHeader(request, name)
  return value === '' ? undefined : value
}
