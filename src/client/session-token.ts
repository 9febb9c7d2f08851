import { tokenShape } from '../scope/token.ts'
import { GatewayError } from './error.ts'

/**
 * What an MCP tool handler is told beside its arguments, as far as it matters here: the `extra` of SDK 1.x, and the
 * context of 2.x, which keeps the same things under `http` and `mcpReq`.
 */
export interface ToolExtra {
  readonly signal?: AbortSignal | undefined
  readonly authInfo?: { readonly token: string } | undefined
  readonly requestInfo?: { readonly headers?: RequestHeaders | undefined } | undefined
  readonly http?:
    | {
        readonly authInfo?: { readonly token: string } | undefined
        readonly req?: { readonly headers: Headers } | undefined
      }
    | undefined
  readonly mcpReq?: { readonly signal?: AbortSignal | undefined } | undefined
}

export type RequestHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>

/** One header of the HTTP request a tool call came with; undefined where there was none. */
export function headerOf(extra: ToolExtra, name: string): string | undefined {
  const headers = extra.requestInfo?.headers ?? extra.http?.req?.headers
  if (headers === undefined) return undefined
  if (headers instanceof Headers) return headers.get(name) ?? undefined
  const value = headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

/**
 * The phantom token a tool call came with: what the bearer middleware let through, `X-Session-Token` or `Authorization`.
 * `ofProcess` stands in only where there is no HTTP request at all (stdio): over HTTP it would lend this process's own
 * session to callers who brought none. Other credentials, a user's JWT for example, are passed over and go nowhere.
 * Throws `GatewayError` `invalid_token` (none) or `invalid_request` (two different ones).
 */
export function sessionTokenOf(extra: ToolExtra, ofProcess: () => string | undefined): string {
  const { authInfo = extra.http?.authInfo } = extra
  const isHttp = authInfo !== undefined || extra.requestInfo !== undefined || extra.http !== undefined
  const brought = isHttp
    ? [authInfo?.token, headerOf(extra, 'x-session-token'), bearerOf(headerOf(extra, 'authorization'))]
    : [ofProcess()]
  const given = brought.filter((token): token is string => token !== undefined && token !== '')
  const [token, other] = new Set(given.filter((text) => tokenShape(text) !== undefined))
  if (other !== undefined)
    throw new GatewayError('invalid_request', 'two_tokens', 'the request carries two different session tokens')
  if (token !== undefined) return token
  if (given.length > 0) throw malformedToken()
  throw new GatewayError(
    'invalid_token',
    'missing',
    isHttp ? 'the request carries no session token' : 'there is no session token; set MCP_SESSION_TOKEN',
  )
}

const bearerOf = (header: string | undefined): string | undefined => /^bearer +(\S+)$/i.exec(header ?? '')?.[1]

const malformedToken = (): GatewayError =>
  new GatewayError('invalid_token', 'malformed', 'the credential is not a session token')

/** Anything else is not sent: it may be a credential for something else. Throws `GatewayError` `invalid_token`. */
export function checkSessionToken(token: string): string {
  if (typeof token !== 'string' || tokenShape(token) === undefined) throw malformedToken()
  return token
}
