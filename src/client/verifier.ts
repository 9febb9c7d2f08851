import type { GatewayRequestOptions } from './channel.ts'
import { GatewayError, advice, typeForAgent } from './error.ts'
import { errorClassesInUse, oauthError } from './oauth-error.ts'
import type { OAuthErrorClasses } from './oauth-error.ts'
import type { ValidateResponse } from './wire.ts'

/** The MCP SDK's `AuthInfo`. `expiresAt` is Unix seconds. */
export interface AuthInfo {
  token: string
  clientId: string
  scopes: string[]
  expiresAt: number
  /** `session_id`, `agent_id`, `token_id`, `environment`, `request_id`. */
  extra: Record<string, unknown>
}

/** The MCP SDK's `OAuthTokenVerifier`, for `requireBearerAuth({ verifier: gateway.verifier() })` of both its lines, 1.x and 2.x. */
export interface TokenVerifier {
  /**
   * Rejects with an error that the SDK in use answers as 401 `invalid_token` or, when nothing is known about the token, as 500
   * `server_error`. `AuthInfo.scopes` is what the session may do at this moment.
   */
  verifyAccessToken(token: string): Promise<AuthInfo>
}

export interface VerifierOptions {
  /**
   * Error classes to reject with instead. Needed only where one process uses `requireBearerAuth` of two copies of SDK 1.x, which
   * tells its errors by their class: then give those of the copy this verifier is for.
   */
  readonly errors?: OAuthErrorClasses
}

export function createVerifier(
  validate: (token: string, requiredScope: string, options?: GatewayRequestOptions) => Promise<ValidateResponse>,
  options: VerifierOptions,
): TokenVerifier {
  return {
    async verifyAccessToken(token) {
      try {
        return authInfo(token, await validate(token, ''))
      } catch (thrown) {
        const isInvalid = thrown instanceof GatewayError && typeForAgent(thrown) === 'invalid_token'
        const message =
          thrown instanceof GatewayError ? advice(thrown) : 'the token could not be checked; keep the token and retry'
        const code = isInvalid ? 'invalid_token' : 'server_error'
        throw oauthError(options.errors ?? (await errorClassesInUse()), code, quotable(message))
      }
    },
  }
}

function authInfo(token: string, response: ValidateResponse): AuthInfo {
  const { session_id, agent_id, token_id, environment, request_id } = response
  if (!response.active)
    throw new GatewayError('invalid_token', 'unknown', 'the session is over; open a new one', { request_id })
  return {
    token,
    clientId: agent_id,
    scopes: [...response.scopes],
    expiresAt: response.expires_at_unix,
    extra: { session_id, agent_id, token_id, environment, request_id },
  }
}

/** The SDK puts the message between quotes into `WWW-Authenticate`, as it is. */
const quotable = (text: string): string => text.replace(/["\\]/g, "'").replace(/[^\x20-\x7e]/g, ' ')
