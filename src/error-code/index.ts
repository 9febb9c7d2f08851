/**
 * Every code a failure of the gateway or of the SDK carries, once, with its status, its meaning and who must act. A folder of
 * its own and not a room of the gateway, because the SDK types its failures by the same union and may not import the
 * gateway. Knows only the kinds of failure of `src/logical/errors.ts`.
 *
 * A code that is thrown and not listed does not compile; one that is listed and never thrown fails test/error-code;
 * `npm run generate` writes vault-config/error-codes.md.
 */
import { errorTable } from '../logical/errors.ts'
import type { ErrorKind } from '../logical/errors.ts'
import type { ErrorActor, ErrorCodeEntry } from './entry.ts'
import { insufficientScopeCodes } from './insufficient-scope.ts'
import { invalidRequestCodes } from './invalid-request.ts'
import { invalidTokenCodes } from './invalid-token.ts'
import { unavailableCodes } from './unavailable.ts'
import { upstreamErrorCodes } from './upstream-error.ts'

const tables = {
  invalid_token: invalidTokenCodes,
  insufficient_scope: insufficientScopeCodes,
  invalid_request: invalidRequestCodes,
  unavailable: unavailableCodes,
  upstream_error: upstreamErrorCodes,
} as const

/**
 * The five types call for five different reactions: `invalid_token` the session is over or never was: open a new one ·
 * `insufficient_scope` another scope is needed · `invalid_request` the call itself is wrong · `unavailable` nothing is
 * known: keep the token and retry · `upstream_error` the API behind the gateway could not be called.
 */
export type GatewayErrorType = keyof typeof tables

/** The codes of one type. */
export type CodesOf<Type extends GatewayErrorType> = Type extends GatewayErrorType ? keyof (typeof tables)[Type] : never

/** The stable reason of a failure, to match on. */
export type GatewayErrorCode = CodesOf<GatewayErrorType>

/** Arguments that begin with a type and one of its codes; a code under another type does not compile. */
export type TypedCode<Rest extends readonly unknown[]> = {
  [Type in GatewayErrorType]: [type: Type, code: CodesOf<Type>, ...rest: Rest]
}[GatewayErrorType]

const kindOfType: Readonly<Record<GatewayErrorType, ErrorKind>> = {
  invalid_token: 'unauthenticated',
  insufficient_scope: 'permission_denied',
  invalid_request: 'bad_request',
  unavailable: 'unavailable',
  upstream_error: 'upstream_error',
}

/**
 * Of a failure whose status is its type's: what no waiting changes is not told by a status that clients repeat by themselves, as Octokit,
 * the SDKs of OpenAI, Stripe and AWS do with a 502. The upstream would be asked, and might act, each time. What is `unavailable` stays
 * 503 in any case, because everything else makes callers drop their token.
 */
const finalStatusOf: Partial<Record<GatewayErrorType, number>> = { upstream_error: errorTable.permission_denied.http }

export const errorTypes = Object.keys(tables) as GatewayErrorType[]

export interface ErrorCode {
  readonly code: GatewayErrorCode
  readonly type: GatewayErrorType
  readonly kind: ErrorKind
  readonly http: number
  /** gRPC status code. */
  readonly grpc: number
  readonly origin: 'gateway' | 'sdk'
  /** False where waiting changes nothing. */
  readonly retry: boolean
  readonly meaning: string
  readonly actor: ErrorActor
  readonly action: string
}

function* allCodes(): Generator<ErrorCode> {
  for (const type of errorTypes) {
    for (const [code, entry] of Object.entries<ErrorCodeEntry>(tables[type])) {
      const {
        kind = kindOfType[type],
        retry = true,
        http = (retry ? undefined : finalStatusOf[type]) ?? errorTable[kind].http,
        origin = 'gateway',
        meaning,
        actor,
        action,
      } = entry
      const { grpc } = errorTable[kind]
      yield { code: code as GatewayErrorCode, type, kind, http, grpc, origin, retry, meaning, actor, action }
    }
  }
}

/** In the order of the types, then as listed. */
export const errorCodes: readonly ErrorCode[] = [...allCodes()]

const byCode = new Map<string, ErrorCode>(errorCodes.map((entry) => [entry.code, entry]))

export const errorCode = (code: GatewayErrorCode): ErrorCode => byCode.get(code)!

/** Of a code that came from elsewhere: a newer gateway may have more of them. */
export const isListedCode = (code: unknown): code is GatewayErrorCode => typeof code === 'string' && byCode.has(code)

/** A failure of which nothing but the kind is known carries that as its code; a kind that is not listed does not compile. */
export const codeOfKind = (kind: ErrorKind): GatewayErrorCode => kind

/** The HTTP status each type is known by. */
export const httpStatusOfType = (type: GatewayErrorType): number => errorTable[kindOfType[type]].http

/** The gRPC status of a type. */
export const grpcStatusOfType = (type: GatewayErrorType): number => errorTable[kindOfType[type]].grpc
