import { badRequest, RequestError } from '../../logical/errors.ts'
import { renderPath, type ToolMatch } from '../../scope/index.ts'
import { GatewayCallError } from './call-error.ts'
import type { HeaderPairs } from './credentials.ts'
import type { PreparedKey } from './key.ts'
import type { QueryParameter } from './target.ts'
import { placementsOf, type CompiledPlacements } from './placements.ts'
import { parseBase, requireUsable, type CallableUpstream } from './upstream.ts'

/**
 * Request headers that go upstream. Left out on purpose: credentials and cookies; what frames or routes (Connection, Host,
 * X-Forwarded-*, X-HTTP-Method-Override, X-Original-URL …); `Range`, because a key echoed in pieces over several responses
 * could not be recognised; and what chooses on whose behalf the key acts (Stripe-Account, OpenAI-Organization,
 * X-Goog-User-Project …), which an operator sets in the upstream's own `headers`.
 */
const passed = new Set([
  'accept',
  'accept-language',
  'anthropic-beta',
  'anthropic-version',
  'content-language',
  'content-type',
  'graphql-features',
  'idempotency-key',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-unmodified-since',
  'last-event-id',
  'mcp-protocol-version',
  'mcp-session-id',
  'notion-version',
  'openai-beta',
  'prefer',
  'stripe-version',
  'traceparent',
  'tracestate',
  'user-agent',
  'x-github-api-version',
  'x-idempotency-key',
  'x-request-id',
])

const DEFAULT_USER_AGENT = 'vault-plugin-secrets-mcp'
const LONGEST_HEADER = 8192

/** What is put on the wire. `headers` is undici's flat list of names and values. */
export interface OutgoingRequest {
  readonly origin: string
  readonly method: string
  /** Path and query as sent; may hold the key. */
  readonly path: string
  readonly headers: string[]
  /** The same target without the key: what relative references in the response are resolved against. */
  readonly publicUrl: URL
}

export interface OutgoingRequestOptions {
  readonly upstream: CallableUpstream
  /** The granted operation: its method, template and parameter names are what is sent. */
  readonly match: Pick<ToolMatch, 'operation' | 'params'>
  /** Already without the caller's token (`extractToken`). */
  readonly query: readonly QueryParameter[]
  readonly headers: HeaderPairs
  readonly key: PreparedKey | undefined
  /** The caller's own token: refused wherever it would go upstream. */
  readonly callerToken?: string | undefined
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])

/** Builds the outgoing request from nothing but listed parts. */
export function buildOutgoing(options: OutgoingRequestOptions): OutgoingRequest {
  const {
    upstream,
    key,
    match: { operation, params },
  } = options
  if (!methods.has(operation.method))
    throw new RequestError(
      'unsupported_operation',
      `method ${JSON.stringify(operation.method)} is not passed on; use GET, HEAD, POST, PUT, PATCH or DELETE`,
    )
  requireUsable(upstream)
  const places = placementsOf(upstream)
  if (places.none !== (key === undefined))
    throw new GatewayCallError('key_unavailable', `upstream ${upstream.name}: the key does not fit its auth setting`)
  if (places.body.size > 0)
    throw new GatewayCallError('upstream_misconfigured', `upstream ${upstream.name}: no key can be put into a body yet`)
  const base = parseBase(upstream)
  const rendered = renderPath(operation, params)
  const path = joinPath(base, rendered)
  const publicQuery = queryOf(options, places)
  const publicTarget = publicQuery === '' ? path : `${path}?${publicQuery}`
  const headers = outgoingHeaders(options)
  refuseCallerToken(options, publicTarget, headers)
  for (const header of key?.headers ?? []) headers.set(...header)
  const query = [publicQuery, key?.query ?? ''].filter((part) => part !== '').join('&')
  const secretPath = joinPath(base, rendered, key?.path)
  return {
    origin: base.origin,
    method: operation.method,
    path: query === '' ? secretPath : `${secretPath}?${query}`,
    headers: [...headers].flat(),
    publicUrl: new URL(base.origin + publicTarget),
  }
}

/** The caller's query without the parameter our key goes in. Throws `permission_denied` for one the operation does not take. */
function queryOf({ query, match: { operation } }: OutgoingRequestOptions, places: CompiledPlacements): string {
  const passedOn = query.filter(({ name }) => !places.query.has(name.toLowerCase()))
  for (const { name } of passedOn) {
    if (operation.parameters && !operation.parameters.includes(name))
      throw new RequestError(
        'permission_denied',
        `query parameter ${JSON.stringify(name)} is not one this operation takes`,
      )
  }
  return passedOn.map(({ encoded }) => encoded).join('&')
}

/** The second lock on the path: whatever rendered it, nothing but one plain absolute path below the base comes out. A key's own path stands before it. */
function joinPath(base: URL, rendered: string, keyPath = ''): string {
  const plain = /^\/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2}|\/)*$/.test(rendered)
  const segments = rendered.slice(1).split('/')
  if (!plain || /%(?:2e|2f|5c|00)/i.test(rendered) || segments.some((segment) => segment === '.' || segment === '..')) {
    throw new RequestError('internal', 'the rendered upstream path is not a plain path')
  }
  if (rendered !== '/' && segments.slice(0, -1).includes(''))
    throw new RequestError('internal', 'the rendered upstream path holds an empty segment')
  const prefix = base.pathname.replace(/\/+$/, '')
  if (keyPath !== '') return prefix + keyPath + (rendered === '/' ? '' : rendered)
  return rendered === '/' && prefix !== '' ? base.pathname : prefix + rendered
}

/** What is sent beside the key, by lower-case name. Whatever is judged of a header must be judged of this, never of what came in. */
export function outgoingHeaders(options: Pick<OutgoingRequestOptions, 'upstream' | 'headers'>): Map<string, string> {
  const { upstream } = options
  // RFC 9110, 7.6.1: what Connection names is meant for us alone.
  const forUsAlone = new Set(
    options.headers
      .filter(([name]) => name.toLowerCase() === 'connection')
      .flatMap(([, value]) => value.split(',').map((token) => token.trim().toLowerCase())),
  )
  const headers = new Map<string, string>([['user-agent', DEFAULT_USER_AGENT]])
  const seen = new Set<string>()
  for (const [name, value] of options.headers) {
    const lowerName = name.toLowerCase()
    if (!passed.has(lowerName) || forUsAlone.has(lowerName)) continue
    if (!isHeaderValue(value)) throw badRequest(`header ${lowerName} holds a control character`)
    // RFC 9110, 5.3: a repeated field is the same as its values joined by commas.
    const joined = seen.has(lowerName) ? `${headers.get(lowerName)!}, ${value}` : value
    if (joined.length > LONGEST_HEADER)
      throw badRequest(`header ${lowerName} is longer than ${String(LONGEST_HEADER)} bytes`)
    headers.set(lowerName, joined)
    seen.add(lowerName)
  }
  for (const [name, value] of Object.entries(upstream.headers ?? {})) {
    headers.set(name.toLowerCase(), value)
  }
  // The response is searched for the key, and projected: both need the plain bytes.
  headers.set('accept-encoding', 'identity')
  return headers
}

const isHeaderValue = (value: string): boolean => !/[^\t\x20-\x7e\x80-\xff]/.test(value)

function refuseCallerToken(
  { callerToken }: OutgoingRequestOptions,
  target: string,
  headers: Map<string, string>,
): void {
  if (callerToken === undefined || callerToken === '') return
  if ([target, ...headers.values()].some((text) => text.includes(callerToken))) {
    throw badRequest(
      'the token stands in a part of the request that goes upstream; send it only as "Authorization: Bearer <token>"',
    )
  }
}
