import { newRequestId, openChannel } from './channel.ts'
import type { GatewayRequestOptions, ChannelOptions } from './channel.ts'
import { machineClock } from './clock.ts'
import type { IntervalClock } from './clock.ts'
import { guardTool } from './guard.ts'
import type { GuardedTool, GuardDependencies, ToolHandler, Validation } from './guard.ts'
import { checkSessionToken } from './session-token.ts'
import type { ToolExtra } from './session-token.ts'
import { createSessions } from './sessions.ts'
import type { Sessions } from './sessions.ts'
import { createUpstream } from './upstream.ts'
import type { Upstream } from './upstream.ts'
import { createVerifier } from './verifier.ts'
import type { TokenVerifier, VerifierOptions } from './verifier.ts'
import { createWatcher } from './watcher.ts'
import { methods } from './wire.ts'
import type { IntrospectResponse } from './wire.ts'

export interface ConnectOptions extends ChannelOptions {
  /** The phantom token of tool calls that come without HTTP request (stdio); default `MCP_SESSION_TOKEN` of the environment. */
  readonly sessionToken?: () => string | undefined
  readonly clock?: IntervalClock
}

/** One gateway, as an MCP server uses it. Keep one per process. All failures are `GatewayError`. */
export interface GatewayClient {
  /** Whether a session token is alive and covers a scope; a scope it lacks is `scope_match: false`, a dead token rejects (`invalid_token`). */
  validate(token: string, requiredScope?: string, options?: GatewayRequestOptions): Promise<Validation>
  /** RFC 7662; a dead token is `active: false`. */
  introspect(token: string, options?: GatewayRequestOptions): Promise<IntrospectResponse>
  /**
   * Guards one MCP tool: every call is checked at the gateway first, and is cut when its session ends. Refusals are tool
   * results with `isError` and one sentence. Throws at once when the scope is malformed.
   */
  requireScope<Args = Record<string, unknown>, Extra extends ToolExtra = ToolExtra>(
    scope: string,
    handler: ToolHandler<Args, Extra>,
  ): GuardedTool<Args, Extra>
  /** An API behind the gateway under a given session, outside of `requireScope`. */
  upstream(name: string, token: string, options?: { readonly signal?: AbortSignal }): Upstream
  /** For the MCP SDK's bearer middleware. */
  verifier(options?: VerifierOptions): TokenVerifier
  readonly sessions: Sessions
  /** Ends the connection and every call on it. */
  close(): void
}

/** Opens nothing yet; the first request does. Throws `GatewayError` `invalid_request` naming the wrong option. */
export function connect(options: ConnectOptions): GatewayClient {
  const channel = openChannel(options)
  const clock = options.clock ?? machineClock
  const watcher = createWatcher(channel, clock)
  const validate = async (token: string, requiredScope = '', options?: GatewayRequestOptions) =>
    channel.request(methods.validate, { token: checkSessionToken(token), required_scope: requiredScope }, options)
  const dependencies: GuardDependencies = {
    channel,
    clock,
    watcher,
    validate,
    sessionToken: options.sessionToken ?? (() => process.env.MCP_SESSION_TOKEN),
  }
  return {
    validate,
    introspect: async (token, options) =>
      channel.request(methods.introspect, { token: checkSessionToken(token) }, options),
    requireScope: (scope, handler) => guardTool(dependencies, scope, handler),
    upstream: (name, token, { signal } = {}) =>
      createUpstream(channel, clock, name, { token: checkSessionToken(token), signal, requestId: newRequestId }),
    verifier: (verifierOptions = {}) => createVerifier(validate, verifierOptions),
    sessions: createSessions(channel, clock),
    close() {
      watcher.close()
      channel.close()
    },
  }
}
