import type { Metadata, ServerUnaryCall, handleUnaryCall } from '@grpc/grpc-js'
import type { Caller } from '../decision/callers.ts'
import { decoded } from './definitions.ts'
import type { Undecodable } from './definitions.ts'
import { callerOf, callerRequestIdFor, failureOf, requestIdFor } from './exchange.ts'
import type { GrpcDependencies } from './exchange.ts'
import { failureStatus } from './status.ts'
import type { RequestIds } from '../decision/records.ts'
import type { GatewayFailure } from '../error.ts'

export interface UnaryExchange extends RequestIds {
  readonly caller: Caller
  readonly metadata: Metadata
  readonly call: ServerUnaryCall<unknown, unknown>
}

/** Where the response of a call goes, once. */
export interface Told<Response> {
  readonly respond: (response: Response) => void
  /** Whatever was thrown becomes a status. */
  readonly refuse: (thrown: unknown) => void
}

/** As `unary`, for handlers that tell their response rather than return it: one that has it at hand waits for nothing. */
export function toldUnary<Request extends { readonly request_id: string }, Response>(
  dependencies: GrpcDependencies,
  handle: (request: Request, exchange: UnaryExchange, told: Told<Response>) => void,
  codeOf?: (error: GatewayFailure) => number,
): handleUnaryCall<Request | Undecodable, Response> {
  return (call, callback) => {
    const { metadata } = call
    const requestId = requestIdFor(dependencies)
    const refuse = (thrown: unknown) => {
      const error = failureOf(dependencies, thrown, requestId)
      callback(failureStatus(error, requestId, codeOf?.(error)))
    }
    const respond = (response: Response) => {
      try {
        callback(null, response)
      } catch (thrown) {
        failureOf(dependencies, thrown, requestId)
      }
    }
    try {
      const caller = callerOf(dependencies, call)
      const request = decoded(call.request)
      const callerRequestId = callerRequestIdFor(metadata, request.request_id)
      handle(request, { caller, requestId, callerRequestId, metadata, call }, { respond, refuse })
    } catch (thrown) {
      refuse(thrown)
    }
  }
}

/** One request, one response: caller and request id are read first, whatever is thrown becomes a status. */
export const unary = <Request extends { readonly request_id: string }, Response>(
  dependencies: GrpcDependencies,
  handle: (request: Request, exchange: UnaryExchange) => Promise<Response>,
  codeOf?: (error: GatewayFailure) => number,
): handleUnaryCall<Request | Undecodable, Response> =>
  toldUnary(
    dependencies,
    (request: Request, exchange, { respond, refuse }: Told<Response>) => {
      handle(request, exchange).then(respond, refuse)
    },
    codeOf,
  )
