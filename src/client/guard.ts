import { momentOf } from '../logical/clock.ts'
import { parseScope } from '../scope/grammar.ts'
import { newRequestId } from './channel.ts'
import type { GatewayRequestOptions, Channel } from './channel.ts'
import type { IntervalClock } from './clock.ts'
import { GatewayError, sentence, typeForAgent } from './error.ts'
import { headerOf, sessionTokenOf } from './session-token.ts'
import type { ToolExtra } from './session-token.ts'
import { createUpstream } from './upstream.ts'
import type { Upstream } from './upstream.ts'
import type { Vouching } from './held-work.ts'
import type { Watcher } from './watcher.ts'
import type { ValidateResponse } from './wire.ts'

/** What a tool call may do, as the gateway answered it for this very call. */
export type Validation = Omit<
  ValidateResponse,
  'error_type' | 'error_code' | 'error_message' | 'vouched_ms' | 'feed_epoch' | 'feed_sequence'
>

/** Given to a guarded tool beside its arguments. */
export interface ToolContext<Extra extends ToolExtra = ToolExtra> {
  /** An API behind the gateway, called under the session of this tool call. Ends with the tool call. */
  readonly upstream: (name: string) => Upstream
  /** Read it again in long work: once what the session may do was changed, it tells what holds since. */
  readonly session: Validation
  /** Aborts when the session ends, when what it may do no longer covers this tool, or when the MCP client gives up. */
  readonly signal: AbortSignal
  /** The caller's `X-Request-Id`, else a fresh one; upstream calls made here are `<request_id>.1`, `.2`, … in the audit log. */
  readonly request_id: string
  /** What the MCP SDK gave. */
  readonly extra: Extra
}

/** The shape of the MCP SDK's `CallToolResult`, without depending on it. */
export interface ToolResult {
  content: ToolContent[]
  structuredContent?: Record<string, unknown> | undefined
  isError?: boolean | undefined
  _meta?: Record<string, unknown> | undefined
  [key: string]: unknown
}

export type ToolContent =
  | { type: 'text'; text: string; _meta?: Record<string, unknown> | undefined }
  | { type: 'image'; data: string; mimeType: string; _meta?: Record<string, unknown> | undefined }
  | { type: 'audio'; data: string; mimeType: string; _meta?: Record<string, unknown> | undefined }
  | {
      type: 'resource_link'
      uri: string
      name: string
      title?: string | undefined
      description?: string | undefined
      mimeType?: string | undefined
      _meta?: Record<string, unknown> | undefined
    }
  | {
      type: 'resource'
      resource:
        | { uri: string; text: string; mimeType?: string | undefined }
        | { uri: string; blob: string; mimeType?: string | undefined }
      _meta?: Record<string, unknown> | undefined
    }

/** The MCP SDK calls tools without input schema with its `extra` alone. */
export interface GuardedTool<Args, Extra extends ToolExtra> {
  (extra: NoInfer<Extra>): Promise<ToolResult>
  (args: Args, extra: Extra): Promise<ToolResult>
}

export type ToolHandler<Args, Extra extends ToolExtra> = (
  args: Args,
  context: ToolContext<Extra>,
) => ToolResult | Promise<ToolResult>

/** `_meta` key of a refusal: `{ type, code, message, request_id }`. */
export const ERROR_META = 'vault-plugin-secrets-mcp/error'
/** `_meta` key of a response: `{ gateway_ms, upstream_ms }`, whole milliseconds. */
export const TIMING_META = 'vault-plugin-secrets-mcp/timing'

export interface GuardDependencies {
  readonly channel: Channel
  readonly clock: IntervalClock
  readonly watcher: Watcher
  validate(token: string, requiredScope: string, options: GatewayRequestOptions): Promise<ValidateResponse>
  /** The session of the process itself, for stdio servers. */
  sessionToken(): string | undefined
}

/** Guards one tool. Throws `ScopeError` at once for a malformed scope; a guarded call itself throws only what its handler throws. */
export function guardTool<Args, Extra extends ToolExtra>(
  dependencies: GuardDependencies,
  requiredScope: string,
  handler: ToolHandler<Args, Extra>,
): GuardedTool<Args, Extra> {
  parseScope(requiredScope)
  return async (...given: [Extra] | [Args, Extra]): Promise<ToolResult> => {
    const [args, extra] = given.length === 1 ? [{} as Args, given[0]] : given
    try {
      return await callTool(dependencies, requiredScope, handler, args, extra)
    } catch (thrown) {
      if (thrown instanceof GatewayError) return refusal(thrown)
      throw thrown
    }
  }
}

async function callTool<Args, Extra extends ToolExtra>(
  dependencies: GuardDependencies,
  requiredScope: string,
  handler: ToolHandler<Args, Extra>,
  args: Args,
  extra: Extra,
): Promise<ToolResult> {
  const { clock, watcher } = dependencies
  const givenUp = extra.signal ?? extra.mcpReq?.signal
  const token = sessionTokenOf(extra, () => dependencies.sessionToken())
  const request_id = requestIdOf(extra)
  const judge = async () =>
    judged(await dependencies.validate(token, requiredScope, { signal: givenUp, requestId: request_id }), requiredScope)
  const timing: Timing = { calls: 0, gateway_ms: 0, upstream_ms: 0 }
  let session!: Validation
  const allow = async (): Promise<Vouching> => {
    const requestedAt = momentOf(clock)
    const { vouched_ms, feed_epoch, feed_sequence, ...validation } = await judge()
    session = validation
    return { requestedAt, vouchedMs: vouched_ms, position: { feed_epoch, feed_sequence } }
  }
  const allowed = await allow()
  timing.gateway_ms += clock.monotonic() - allowed.requestedAt.monotonicMs

  const watch = watcher.hold(token, allowed, allow)
  const finished = new AbortController()
  const signal = AbortSignal.any([watch.cut, finished.signal, ...(givenUp ? [givenUp] : [])])
  const upstream = upstreamsOf(dependencies, token, signal, request_id, timing)
  try {
    const result = await beforeCut(watch.cut, async () =>
      handler(args, {
        upstream,
        get session() {
          return session
        },
        signal,
        request_id,
        extra,
      }),
    )
    // A session that ended before anybody watched it must not pass for one that lives.
    await beforeCut(watch.cut, () => watch.settled)
    watch.check()
    watch.cut.throwIfAborted()
    return timing.calls === 0 ? result : timed(result, timing)
  } finally {
    watch.release()
    finished.abort(
      new GatewayError('invalid_request', 'tool_finished', 'the tool call this upstream call belongs to is over'),
    )
  }
}

interface Timing {
  /** Upstream calls made. */
  calls: number
  gateway_ms: number
  upstream_ms: number
}

/** `context.upstream` of one tool call. */
function upstreamsOf(
  { channel, clock }: GuardDependencies,
  token: string,
  signal: AbortSignal,
  requestId: string,
  timing: Timing,
): (name: string) => Upstream {
  return (name) =>
    createUpstream(channel, clock, name, {
      token,
      signal,
      requestId: () => `${requestId}.${++timing.calls}`,
      onTiming: ({ total_ms, upstream_ms }) => {
        timing.gateway_ms += Math.max(total_ms - upstream_ms, 0)
        timing.upstream_ms += upstream_ms
      },
    })
}

const timed = (result: ToolResult, { gateway_ms, upstream_ms }: Timing): ToolResult => ({
  ...result,
  _meta: {
    ...result._meta,
    [TIMING_META]: { gateway_ms: Math.round(gateway_ms), upstream_ms: Math.round(upstream_ms) },
  },
})

/** The work's own result, unless the cut comes first: then its reason, whatever the work still does or throws. */
async function beforeCut<T>(cut: AbortSignal, work: () => Promise<T>): Promise<T> {
  cut.throwIfAborted()
  let onCut: () => void = () => undefined
  const whenCut = new Promise<never>((_, reject) => {
    onCut = () => {
      reject(cut.reason as Error)
    }
    cut.addEventListener('abort', onCut, { once: true })
  })
  try {
    const result = await Promise.race([work(), whenCut])
    cut.throwIfAborted()
    return result
  } catch (thrown) {
    cut.throwIfAborted()
    throw thrown
  } finally {
    cut.removeEventListener('abort', onCut)
  }
}

function judged(session: ValidateResponse, requiredScope: string): ValidateResponse {
  const { request_id } = session
  if (!session.active)
    throw new GatewayError('invalid_token', 'unknown', 'the session is over; open a new one', { request_id })
  if (session.scope_match) return session
  const scopes = session.scopes.length === 0 ? 'no scopes' : session.scopes.join(', ')
  throw new GatewayError(
    'insufficient_scope',
    'insufficient_scope',
    `needs ${requiredScope}; the session has ${scopes}`,
    { request_id },
  )
}

/** Ids go into audit lines, so a caller's own is taken only in a plain spelling. */
function requestIdOf(extra: ToolExtra): string {
  const given = headerOf(extra, 'x-request-id')
  return given !== undefined && /^[\w.:-]{1,64}$/.test(given) ? given : newRequestId()
}

/** A refusal as the agent reads it. */
export function refusal(error: GatewayError): ToolResult {
  const { code, message, request_id } = error
  return {
    content: [{ type: 'text', text: sentence(error) }],
    isError: true,
    _meta: { [ERROR_META]: { type: typeForAgent(error), code, message, request_id } },
  }
}
