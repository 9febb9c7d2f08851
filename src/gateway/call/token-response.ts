/** What a token endpoint says: a token, or why there is none, and what that means for the credential that was sent. */
import { GatewayCallError } from './call-error.ts'

export interface TokenResponse {
  readonly token: string
  /** Seconds from when it was asked for. */
  readonly lifeSeconds: number
  /** The one to use from now on, where another was issued. */
  readonly refreshToken: string | undefined
}

/**
 * `refused`: nothing was exchanged, what was sent is as good as before. `ended`: what was sent is good no longer. `unknown`: it may have
 * been used up. `rotated`: it was, for another refresh token, but without an access token that can be used.
 */
export type ExchangeOutcome = 'refused' | 'ended' | 'unknown' | 'rotated'

/** There is no token. The message names the endpoint's error code and nothing else of its response, which may repeat what was sent. */
export class TokenEndpointError extends GatewayCallError {
  override readonly code: TokenEndpointCode
  readonly outcome: ExchangeOutcome
  /** With `rotated`. */
  readonly refreshToken: string | undefined

  constructor(
    code: TokenEndpointCode,
    outcome: ExchangeOutcome,
    what: string,
    { refreshToken, cause }: { readonly refreshToken?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(code, `its token endpoint ${what}`, { cause })
    this.name = 'TokenEndpointError'
    this.code = code
    this.outcome = outcome
    this.refreshToken = refreshToken
  }
}

/** `key_unavailable`: somebody must act. `token_endpoint_unavailable`: it passes. */
export type TokenEndpointCode = 'key_unavailable' | 'token_endpoint_unavailable'

/** RFC 6749, 5.1 only recommends to say how long a token lives. */
const UNTOLD_LIFE_SECONDS = 300
const LONGEST_TOKEN = 4_096

/** Throws `TokenEndpointError` for what is no token. */
export function readTokenResponse(status: number, text: string, nowSeconds: number): TokenResponse {
  const response = parsed(text)
  if (status < 200 || status > 299) throw refusal(status, response ?? {})
  // A page, or a response that was cut short.
  if (response === undefined) throw new TokenEndpointError('key_unavailable', 'unknown', 'sent no access token')
  // GitHub and Slack say with a 200 what was wrong.
  if (typeof response.error === 'string') throw refusal(status, response)
  const refreshToken = refreshTokenOf(response)
  const refuse = (what: string): never => {
    const outcome = refreshToken === undefined ? 'refused' : 'rotated'
    throw new TokenEndpointError('key_unavailable', outcome, what, { refreshToken })
  }
  const token = response.access_token ?? response.token
  if (!isToken(token)) return refuse('sent no access token')
  const type = response.token_type
  if (type !== undefined && (typeof type !== 'string' || !/^(?:bearer|token)$/i.test(type)))
    return refuse('sent a token that is not a bearer token')
  const lifeSeconds = lifeOf(response, nowSeconds)
  if (!Number.isFinite(lifeSeconds)) return refuse('did not say how long its token lives')
  return { token, lifeSeconds, refreshToken }
}

function refreshTokenOf({ refresh_token: token }: Record<string, unknown>): string | undefined {
  if (token === undefined || token === null || token === '') return undefined
  if (isToken(token)) return token
  throw new TokenEndpointError('key_unavailable', 'unknown', 'sent a refresh token that cannot be used')
}

const isToken = (value: unknown): value is string =>
  typeof value === 'string' && /^[\x21-\x7e]+$/.test(value) && value.length <= LONGEST_TOKEN

/** NaN where it cannot be told. */
const lifeOf = ({ expires_in: life, expires_at: end }: Record<string, unknown>, nowSeconds: number): number =>
  typeof end === 'string' ? Math.floor(Date.parse(end) / 1000) - nowSeconds : Number(life ?? UNTOLD_LIFE_SECONDS)

/** RFC 6749, 5.2, and what GitHub and Slack say instead. Any other text, as a description, may repeat what was sent. */
const errorCodes: Readonly<Record<string, ExchangeOutcome>> = {
  invalid_request: 'refused',
  invalid_client: 'refused',
  invalid_grant: 'ended',
  unauthorized_client: 'refused',
  unsupported_grant_type: 'refused',
  invalid_scope: 'refused',
  incorrect_client_credentials: 'refused',
  bad_refresh_token: 'ended',
  invalid_refresh_token: 'ended',
}

/** 503 and 429 say that the request was not handled (RFC 9110, 15.6.4; RFC 6585, 4); other 5xx leave open how far it came. */
function refusal(status: number, { error }: Record<string, unknown>): TokenEndpointError {
  const code = typeof error === 'string' && Object.hasOwn(errorCodes, error) ? error : undefined
  const what = `answered ${String(status)}${code === undefined ? '' : ` ${code}`}`
  if (status === 429 || status === 503) return new TokenEndpointError('token_endpoint_unavailable', 'refused', what)
  if (status >= 500) return new TokenEndpointError('token_endpoint_unavailable', 'unknown', what)
  return new TokenEndpointError('key_unavailable', code === undefined ? 'refused' : errorCodes[code]!, what)
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
