import { status } from '@grpc/grpc-js'
import type { ServiceError } from '@grpc/grpc-js'

/**
 * Why the gateway said no, in five kinds that call for five different reactions:
 * `invalid_token` the session is over or never was: open a new one · `insufficient_scope` another scope is needed ·
 * `invalid_request` the call itself is wrong · `unavailable` nothing is known: keep the token and retry ·
 * `upstream_error` the API behind the gateway could not be called.
 */
export type GatewayErrorType =
  'invalid_token' | 'insufficient_scope' | 'invalid_request' | 'unavailable' | 'upstream_error'

/** The HTTP status an MCP server's users know each type by. */
export const httpStatus: Readonly<Record<GatewayErrorType, number>> = {
  invalid_token: 401,
  insufficient_scope: 403,
  invalid_request: 400,
  unavailable: 503,
  upstream_error: 502,
}

/** Every failure of this SDK. The message never holds a token. */
export class GatewayError extends Error {
  readonly type: GatewayErrorType
  /** Stable reason to match on: `expired`, `revoked`, `unknown`, `no_tool`, `upstream_unreachable`, … */
  readonly code: string
  /** Joins this failure to the gateway's audit log. Empty where no request was sent. */
  readonly request_id: string
  /** Seconds after which it is worth trying again; undefined where the gateway did not say. */
  readonly retry_after_seconds: number | undefined

  constructor(
    type: GatewayErrorType,
    code: string,
    message: string,
    options: { request_id?: string; retry_after_seconds?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'GatewayError'
    this.type = type
    this.code = code
    this.request_id = options.request_id ?? ''
    this.retry_after_seconds = options.retry_after_seconds
  }

  /** 401, 403, 400, 503 or 502. */
  get http_status(): number {
    return httpStatus[this.type]
  }
}

/** By this prefix the gateway marks every refusal of the MCP server's own credential, whatever the type. */
const isAboutCaller = (code: string): boolean => code.startsWith('caller_')

/**
 * The type as the agent is concerned. Where the MCP server's own credential was refused, the agent's token may be perfect
 * and must not be dropped.
 */
export const typeForAgent = ({ type, code }: GatewayError): GatewayErrorType =>
  isAboutCaller(code) ? 'unavailable' : type

/** The message, with what to do where it is not plain. */
export function advice(error: GatewayError): string {
  const message = error.message.replace(/\.$/, '')
  if (typeForAgent(error) !== 'unavailable') return message
  return `${message.replace(/[;,] (?:keep the token and )?(?:retry|try again)$/, '')}; keep the token and retry`
}

/** What an agent, or the person behind it, reads: `403 insufficient_scope: needs …`. */
export function sentence(error: GatewayError): string {
  const type = typeForAgent(error)
  return `${httpStatus[type]} ${type}: ${advice(error)}`
}

const isType = (text: string | undefined): text is GatewayErrorType =>
  text !== undefined && Object.hasOwn(httpStatus, text)

/**
 * Types of statuses that carry no `mcp-error-type`: then it was not the gateway's judgement that failed the call but
 * something on the way (a proxy, the transport, an older gateway). A token is never called invalid on such word.
 */
const typeOfStatus: Readonly<Record<number, readonly [GatewayErrorType, string]>> = {
  [status.INVALID_ARGUMENT]: ['invalid_request', 'invalid_argument'],
  [status.OUT_OF_RANGE]: ['invalid_request', 'out_of_range'],
  [status.DEADLINE_EXCEEDED]: ['unavailable', 'deadline_exceeded'],
  [status.UNIMPLEMENTED]: ['unavailable', 'unimplemented'],
  [status.UNAUTHENTICATED]: ['unavailable', 'caller_unauthenticated'],
  [status.PERMISSION_DENIED]: ['unavailable', 'caller_forbidden'],
  [status.CANCELLED]: ['unavailable', 'cut'],
  [status.ABORTED]: ['unavailable', 'cut'],
}

/** A gRPC failure as the gateway means it: its trailing metadata decides, the status only where there is none. */
export function fromGrpc(error: ServiceError, requestId: string): GatewayError {
  const type = trailer(error, 'mcp-error-type')
  const code = trailer(error, 'mcp-error-code')
  const retryAfter = Number(trailer(error, 'mcp-retry-after'))
  const details = {
    request_id: trailer(error, 'mcp-request-id') ?? requestId,
    retry_after_seconds: retryAfter > 0 ? retryAfter : undefined,
    cause: error,
  }
  const message = error.details || 'the gateway gave no reason'
  if (isType(type)) return new GatewayError(type, code ?? type, message, details)
  const [likelyType, likelyCode] = typeOfStatus[error.code] ?? ['unavailable', 'gateway_unreachable']
  return new GatewayError(likelyType, code ?? likelyCode, wordedByTransport[error.code] ?? message, details)
}

function trailer(error: ServiceError, name: string): string | undefined {
  const [value] = error.metadata.get(name)
  return typeof value === 'string' && value !== '' ? value : undefined
}

const wordedByTransport: Readonly<Record<number, string>> = {
  [status.UNAVAILABLE]: 'the gateway cannot be reached',
  [status.DEADLINE_EXCEEDED]: 'the gateway did not answer in time',
  [status.CANCELLED]: 'the gateway cut the call',
  [status.ABORTED]: 'the gateway cut the call',
}
