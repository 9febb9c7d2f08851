import { status } from '@grpc/grpc-js'
import type { ServiceError } from '@grpc/grpc-js'
import { errorCode, errorTypes, httpStatusOfType, isListedCode } from '../error-code/index.ts'
import type { GatewayErrorCode, GatewayErrorType, TypedCode } from '../error-code/index.ts'

/** A code that this version of the SDK does not know: a newer gateway may have more. */
export type UnlistedCode = string & Record<never, never>

interface GatewayErrorOptions {
  readonly request_id?: string
  readonly retry_after_seconds?: number | undefined
  readonly cause?: unknown
}

type GatewayErrorArguments = TypedCode<[message: string, options?: GatewayErrorOptions]>

/** Every failure of this SDK. The message never holds a token. */
export class GatewayError extends Error {
  readonly type: GatewayErrorType
  /** Stable reason to match on: `expired`, `revoked`, `no_tool`, `upstream_unreachable`, …; all are in vault-config/error-codes.md. */
  readonly code: GatewayErrorCode | UnlistedCode
  /** Joins this failure to the gateway's audit log. Empty where no request was sent. */
  readonly request_id: string
  /** Seconds after which it is worth trying again; undefined where the gateway did not say. */
  readonly retry_after_seconds: number | undefined

  constructor(...[type, code, message, options = {}]: GatewayErrorArguments) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'GatewayError'
    this.type = type
    this.code = code
    this.request_id = options.request_id ?? ''
    this.retry_after_seconds = options.retry_after_seconds
  }

  /** False where waiting changes nothing: the token is kept, and an operator has to act. */
  get retryable(): boolean {
    return !isListedCode(this.code) || errorCode(this.code).retry
  }

  /** 401, 403, 400, 503 or 502. */
  get http_status(): number {
    return httpStatusOfType(this.type)
  }
}

/** By this prefix the gateway marks every refusal of the MCP server's own credential, whatever the type. One that went away had none. */
const isAboutCaller = (code: string): boolean => code.startsWith('caller_') && code !== 'caller_gone'

/**
 * The type as the agent is concerned. Where the MCP server's own credential was refused, the agent's token may be perfect and must not
 * be dropped; nor does it help to keep it and retry, because that lasts until the server's operator acts.
 */
export const typeForAgent = ({ type, code }: GatewayError): GatewayErrorType =>
  isAboutCaller(code) ? 'insufficient_scope' : type

/** The message, with what to do where it is not plain. */
export function advice(error: GatewayError): string {
  const message = error.message.replace(/\.$/, '')
  if (isAboutCaller(error.code))
    return `${message}; that is the MCP server's own credential, so its operator must act: the session token is not at fault`
  if (typeForAgent(error) !== 'unavailable' || !error.retryable) return message
  return `${message.replace(/[;,] (?:keep the token and )?(?:retry|try again)$/, '')}; keep the token and retry`
}

/** What an agent, or the person behind it, reads: `403 insufficient_scope: needs …`; of the server's own fault, `403 caller_unknown: …`. */
export function sentence(error: GatewayError): string {
  const type = typeForAgent(error)
  return `${httpStatusOfType(type)} ${isAboutCaller(error.code) ? error.code : type}: ${advice(error)}`
}

const isType = (text: string | undefined): text is GatewayErrorType =>
  text !== undefined && (errorTypes as readonly string[]).includes(text)

/**
 * Types of statuses that carry no `mcp-error-type`: then it was not the gateway's judgement that failed the call but
 * something on the way (a proxy, the transport, an older gateway). A token is never called invalid on such word.
 */
const typeOfStatus: Readonly<Record<number, readonly [GatewayErrorType, GatewayErrorCode]>> = {
  [status.INVALID_ARGUMENT]: ['invalid_request', 'invalid_argument'],
  [status.OUT_OF_RANGE]: ['invalid_request', 'out_of_range'],
  [status.DEADLINE_EXCEEDED]: ['unavailable', 'deadline_exceeded'],
  [status.UNIMPLEMENTED]: ['unavailable', 'unimplemented'],
  [status.UNAUTHENTICATED]: ['unavailable', 'caller_unauthenticated'],
  [status.PERMISSION_DENIED]: ['unavailable', 'caller_forbidden'],
  [status.CANCELLED]: ['unavailable', 'cut'],
  [status.ABORTED]: ['unavailable', 'cut'],
}

const unreachable: readonly [GatewayErrorType, GatewayErrorCode] = ['unavailable', 'gateway_unreachable']

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
  if (isType(type)) return received(type, code ?? type, message, details)
  const [likelyType, likelyCode] = typeOfStatus[error.code] ?? unreachable
  return received(likelyType, code ?? likelyCode, wordedByTransport[error.code] ?? message, details)
}

/** As the gateway words it, whether this SDK lists the code or not. */
export const received = (
  type: GatewayErrorType,
  code: GatewayErrorCode | UnlistedCode,
  message: string,
  details: GatewayErrorOptions = {},
): GatewayError => new GatewayError(...([type, code, message, details] as GatewayErrorArguments))

function trailer(error: ServiceError, name: string): string | undefined {
  const [value] = error.metadata.get(name)
  return typeof value === 'string' && value !== '' ? value : undefined
}

const wordedByTransport: Readonly<Record<number, string>> = {
  [status.UNAVAILABLE]: 'the gateway cannot be reached',
  [status.DEADLINE_EXCEEDED]: 'the gateway did not respond in time',
  [status.CANCELLED]: 'the gateway cut the call',
  [status.ABORTED]: 'the gateway cut the call',
}
