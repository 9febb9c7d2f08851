import { codeOfKind, errorCode, isListedCode } from '../error-code/index.ts'
import type { CodesOf, GatewayErrorCode, GatewayErrorType, TypedCode } from '../error-code/index.ts'
import { RequestError, errorTable } from '../logical/errors.ts'

export interface GatewayFailureDetails {
  /** Scopes that would help, for `WWW-Authenticate`. */
  readonly scope?: string
  /** For 429: whole seconds after which it is worth trying again. */
  readonly retryAfterSeconds?: number
  /** For 405: the methods that are served. */
  readonly allow?: readonly string[]
  /** For a 401: how the caller may say who it is; a bearer token unless another way is given. */
  readonly schemes?: readonly AuthScheme[]
  readonly cause?: unknown
}

export type AuthScheme = 'Bearer' | 'Basic'

type GatewayFailureArguments = TypedCode<[message: string, details?: GatewayFailureDetails]>

/** A failure as every API of the gateway reports it. Statuses and the meaning of `code` are in src/error-code. */
export class GatewayFailure extends RequestError {
  readonly type: GatewayErrorType
  readonly code: GatewayErrorCode
  readonly scope: string | undefined
  #status: number | undefined
  readonly schemes: readonly AuthScheme[]

  constructor(...[type, code, message, details = {}]: GatewayFailureArguments) {
    super(errorCode(code).kind, message, details)
    this.name = 'GatewayFailure'
    this.type = type
    this.code = code
    this.scope = details.scope
    this.schemes = details.schemes ?? ['Bearer']
  }

  /** The same, naming these ways of saying who one is. */
  askingFor(schemes: readonly AuthScheme[]): GatewayFailure {
    const { type, code, message, scope, cause } = this
    const details = { ...(scope === undefined ? {} : { scope }), schemes, cause }
    return new GatewayFailure(...([type, code, message, details] as GatewayFailureArguments))
  }

  /** The same under another HTTP status, where its own would be taken for something else. */
  answeredAs(status: number): GatewayFailure {
    const same = this.askingFor(this.schemes)
    same.#status = status
    return same
  }

  /** False where waiting changes nothing, so that nobody is told to try again. */
  get retryable(): boolean {
    return errorCode(this.code).retry
  }

  /** HTTP status. */
  get status(): number {
    return this.#status ?? errorCode(this.code).http
  }
}

/** Reasons of a 429: which of the gateway's limits (block `limits` of its file) was met. */
export type LimitCode =
  'calls_limit' | 'streams_limit' | 'lookups_limit' | 'refusals_limit' | 'buffer_limit' | 'upstream_share_limit'

/** A limit was met: 429 with `Retry-After`, RESOURCE_EXHAUSTED over gRPC. The token is as good as before. */
export const limited = (code: LimitCode, message: string): GatewayFailure =>
  new GatewayFailure('unavailable', code, message, { retryAfterSeconds: 1 })

export const unavailable = (code: CodesOf<'unavailable'>, message: string, cause?: unknown): GatewayFailure =>
  new GatewayFailure('unavailable', code, message, { cause })

/**
 * Anything thrown, as the gateway words it. A `RequestError` keeps its kind and text, and its `code` if it has one; the rest
 * is an internal fault whose text tells nothing.
 */
export function toGatewayFailure(thrown: unknown): GatewayFailure {
  if (thrown instanceof GatewayFailure) return thrown
  if (!(thrown instanceof RequestError))
    return new GatewayFailure('unavailable', 'internal', errorTable.internal.text, { cause: thrown })
  // Every path the gateway asks Vault for is there while the engine is; a server that is being unsealed has none of it for a while.
  if (thrown.kind === 'unsupported_path')
    return unavailable('vault_unavailable', 'Vault has no engine at the mount at the moment; try again', thrown)
  const code = 'code' in thrown && isListedCode(thrown.code) ? thrown.code : codeOfKind(thrown.kind)
  const later = thrown.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: thrown.retryAfterSeconds }
  const details = { cause: thrown, ...later }
  return new GatewayFailure(...([errorCode(code).type, code, thrown.message, details] as GatewayFailureArguments))
}
