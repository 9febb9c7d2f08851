import { badRequest, RequestError } from '../../logical/errors.ts'
import { operationMethods, renderPath, type Projection, type ToolMatch } from '../../scope/index.ts'
import { GatewayCallError } from './call-error.ts'
import type { HeaderPairs } from './credentials.ts'
import type { PreparedKey } from './key.ts'
import { requestHeaderPlan, type SentHeaders } from './request-headers.ts'
import type { QueryParameter } from './target.ts'
import { placementsOf, type CompiledPlacements } from './placements.ts'
import { parseBase, requireUsable, type BaseUrl, type CallableUpstream } from './upstream.ts'

/** What is put on the wire. `headers` are names and values in turn. */
export interface OutgoingRequest {
  readonly origin: string
  readonly method: string
  /** Path and query as sent; may hold the key. */
  readonly path: string
  readonly headers: string[]
  /** A part of the response is asked for. */
  readonly ranged: boolean
  /** The same target without the key: what relative references in the response are resolved against. */
  readonly publicUrl: string
}

export interface OutgoingRequestOptions {
  readonly upstream: CallableUpstream
  /** The granted operation: its method, template and parameter names are what is sent. */
  readonly match: Pick<ToolMatch, 'operation'>
  /** Of the target the match was found by. */
  readonly segments: readonly string[]
  readonly spelled: readonly string[]
  /** Already without the caller's token (`extractToken`). */
  readonly query: readonly QueryParameter[]
  readonly headers: HeaderPairs
  /** What was judged of them by this version of the document, without a range; they are looked through again where it is not given. */
  readonly sent?: SentHeaders | undefined
  readonly key: PreparedKey | undefined
  /** Headers that sign the request, of a key that does not go out itself. */
  readonly signature?: HeaderPairs | undefined
  /** Present = the granted scopes cover selected fields only. */
  readonly projection?: Projection | undefined
  /** The caller's own token: refused wherever it would go upstream. */
  readonly callerToken?: string | undefined
}

/** Builds the outgoing request from nothing but listed parts. */
export function buildOutgoing(options: OutgoingRequestOptions): OutgoingRequest {
  const {
    upstream,
    key,
    match: { operation },
  } = options
  if (!operationMethods.has(operation.method))
    throw new RequestError('unsupported_operation', `method ${JSON.stringify(operation.method)} is not passed on`)
  requireUsable(upstream)
  const places = placementsOf(upstream)
  if (places.none !== (key === undefined))
    throw new GatewayCallError('key_unavailable', `upstream ${upstream.name}: the key does not fit its auth setting`)
  const base = parseBase(upstream)
  const rendered = renderPath(operation, options.segments, options.spelled)
  const path = joinPath(base, rendered)
  const publicQuery = queryOf(options, places)
  const publicTarget = publicQuery === '' ? path : `${path}?${publicQuery}`
  const { list: headers, ranged } = headersToSend(options)
  refuseCallerToken(options, publicTarget, headers)
  for (const [name, value] of credentialHeaders(options)) replaceHeader(headers, name, value)
  const query = [publicQuery, key?.query ?? ''].filter((part) => part !== '').join('&')
  const secretPath = joinPath(base, rendered, key?.path)
  return {
    origin: base.origin,
    method: operation.method,
    path: query === '' ? secretPath : `${secretPath}?${query}`,
    headers,
    ranged,
    publicUrl: base.origin + publicTarget,
  }
}

function headersToSend(options: OutgoingRequestOptions): SentHeaders {
  const { upstream, sent, headers } = options
  if (sent === undefined || mayRange(options))
    return requestHeaderPlan(upstream).apply(headers, { range: mayRange(options) })
  return { ...sent, list: [...sent.list] }
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
function joinPath(base: BaseUrl, rendered: string, keyPath = ''): string {
  const plain = /^\/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2}|\/)*$/.test(rendered)
  if (!plain || /%(?:2e|5c|00)/i.test(rendered) || /(?:\/|%2f)\.{1,2}(?=\/|%2f|;|%3b|$)/i.test(rendered)) {
    throw new RequestError('internal', 'the rendered upstream path is not a plain path')
  }
  if (/(?:\/|%2f)(?:\/|%2f)/i.test(rendered))
    throw new RequestError('internal', 'the rendered upstream path holds an empty segment')
  const { prefix } = base
  if (keyPath !== '') return prefix + keyPath + (rendered === '/' ? '' : rendered)
  return rendered === '/' && prefix !== '' ? base.pathname : prefix + rendered
}

const mayRange = ({ upstream, match: { operation }, projection }: OutgoingRequestOptions): boolean =>
  upstream.allow_range && operation.method === 'GET' && projection === undefined

const credentialHeaders = ({ key, signature }: OutgoingRequestOptions): HeaderPairs => signature ?? key?.headers ?? []

function replaceHeader(list: string[], name: string, value: string): void {
  for (let at = list.length - 2; at >= 0; at -= 2) if (list[at] === name) list.splice(at, 2)
  list.push(name, value)
}

function refuseCallerToken({ callerToken }: OutgoingRequestOptions, target: string, headers: readonly string[]): void {
  if (callerToken === undefined || callerToken === '') return
  if (target.includes(callerToken) || headers.some((text) => text.includes(callerToken))) {
    throw badRequest(
      'the token stands in a part of the request that goes upstream; send it only as "Authorization: Bearer <token>"',
    )
  }
}
