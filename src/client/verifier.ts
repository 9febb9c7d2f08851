import type { AskOptions } from './channel.ts'
import { GatewayError, advice, typeForAgent } from './error.ts'
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

/** The MCP SDK's `OAuthTokenVerifier`, for `requireBearerAuth({ verifier: gateway.verifier() })`. */
export interface TokenVerifier {
  /** Rejects with the SDK's `InvalidTokenError` (401) or, when nothing is known about the token, `ServerError` (500). */
  verifyAccessToken(token: string): Promise<AuthInfo>
}

type OAuthErrorClass = new (message: string) => Error

export interface OAuthErrorClasses {
  readonly InvalidTokenError: OAuthErrorClass
  readonly ServerError: OAuthErrorClass
}

export interface VerifierOptions {
  /** The error classes of the MCP SDK in use; needed only where two copies of it are installed, because it tells them by `instanceof`. */
  readonly errors?: OAuthErrorClasses
}

export function createVerifier(
  validate: (token: string, requiredScope: string, options?: AskOptions) => Promise<ValidateResponse>,
  options: VerifierOptions,
): TokenVerifier {
  let classes: Promise<OAuthErrorClasses> | undefined
  return {
    async verifyAccessToken(token) {
      try {
        return authInfo(token, await validate(token, ''))
      } catch (thrown) {
        const { InvalidTokenError, ServerError } = options.errors ?? (await (classes ??= sdkErrors()))
        const isInvalid = thrown instanceof GatewayError && typeForAgent(thrown) === 'invalid_token'
        const message =
          thrown instanceof GatewayError ? advice(thrown) : 'the token could not be checked; keep the token and retry'
        throw isInvalid ? new InvalidTokenError(quotable(message)) : new ServerError(quotable(message))
      }
    },
  }
}

function authInfo(token: string, answer: ValidateResponse): AuthInfo {
  const { session_id, agent_id, token_id, environment, request_id } = answer
  if (!answer.active)
    throw new GatewayError('invalid_token', 'unknown', 'the session is over; open a new one', { request_id })
  return {
    token,
    clientId: agent_id,
    scopes: [...answer.scopes],
    expiresAt: answer.expires_at_unix,
    extra: { session_id, agent_id, token_id, environment, request_id },
  }
}

/** The SDK puts the message between quotes into `WWW-Authenticate`, as it is. */
const quotable = (text: string): string => text.replace(/["\\]/g, "'").replace(/[^\x20-\x7e]/g, ' ')

/** The SDK is an optional peer. Where it is absent nobody checks for its classes, and their shape is enough. */
async function sdkErrors(): Promise<OAuthErrorClasses> {
  try {
    return await import('@modelcontextprotocol/sdk/server/auth/errors.js')
  } catch {
    return {
      InvalidTokenError: oauthError('InvalidTokenError', 'invalid_token'),
      ServerError: oauthError('ServerError', 'server_error'),
    }
  }
}

const oauthError = (name: string, errorCode: string): OAuthErrorClass =>
  class extends Error {
    override readonly name = name
    readonly errorCode = errorCode
    toResponseObject(): Record<string, string> {
      return { error: errorCode, error_description: this.message }
    }
  }
