import type { Metadata } from '@grpc/grpc-js'
import type { Clock } from '../../logical/clock.ts'
import type { Logger } from '../../logical/log.ts'
import type { GatewayCore } from '../core.ts'
import type { Caller, Callers } from '../decision/callers.ts'
import { GatewayFailure, toGatewayFailure } from '../error.ts'
import { callerRequestIdOf } from '../request-id.ts'
import type { RequestIdSource } from '../request-id.ts'

/** What the services of this port act through. */
export interface GrpcDependencies extends Pick<
  GatewayCore,
  'calls' | 'callers' | 'decisions' | 'follower' | 'freshness' | 'grants' | 'limits' | 'ticker' | 'sessions'
> {
  readonly clock: Clock
  readonly logger: Logger
  readonly requestIds: RequestIdSource
  /** Is this gateway in contact with Vault? */
  readonly healthy: () => boolean
}

/** Metadata `authorization: Bearer <Vault token or service token>`, and where the call comes from. Throws `invalid_token`. */
export function callerOf(
  { callers }: { readonly callers: Pick<Callers, 'identify'> },
  call: { readonly metadata: Metadata; getPeer(): string },
): Caller {
  return { ...identified(callers, call.metadata), address: call.getPeer().replace(/:\d+$/, '') }
}

function identified(callers: Pick<Callers, 'identify'>, metadata: Metadata): Caller {
  const values = metadata.get('authorization')
  if (values.length === 0) return callers.identify(undefined)
  const bearer = values.length === 1 ? /^bearer +(\S+)$/i.exec(String(values[0]).trim())?.[1] : undefined
  if (bearer === undefined)
    throw new GatewayFailure(
      'invalid_token',
      'caller_unknown',
      'metadata authorization must be given once, as "Bearer <Vault token or service token>"',
    )
  return callers.identify(bearer)
}

/** A new id of ours. */
export const requestIdFor = ({ requestIds }: Pick<GrpcDependencies, 'requestIds'>): string => requestIds.next()

/** The caller's own id: the message's, else metadata `x-request-id`. */
export const callerRequestIdFor = (metadata: Metadata, given = ''): string | undefined =>
  callerRequestIdOf(given === '' ? metadata.get('x-request-id')[0] : given)

/** Whatever a handler threw, as it is answered. What nobody foresaw is logged; its text goes nowhere. */
export function failureOf(
  { logger }: Pick<GrpcDependencies, 'logger'>,
  thrown: unknown,
  requestId: string,
): GatewayFailure {
  const error = toGatewayFailure(thrown)
  if (error.kind === 'internal')
    logger.error(
      { request_id: requestId, error: thrown instanceof Error ? thrown.stack : 'unexpected' },
      'a request failed unexpectedly',
    )
  return error
}

/** The caller named a field wrongly; `message` begins with its name. */
export const wrongField = (message: string): GatewayFailure =>
  new GatewayFailure('invalid_request', 'bad_request', message)

export function requireToken(token: string, field = 'token'): string {
  if (token === '') throw new GatewayFailure('invalid_token', 'missing', `${field}: is missing, for example svt_prod_…`)
  return token
}
