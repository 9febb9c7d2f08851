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

/** One request, one response: caller and request id are read first, whatever is thrown becomes a status. */
export function unary<Request extends { readonly request_id: string }, Response>(
  dependencies: GrpcDependencies,
  handle: (request: Request, exchange: UnaryExchange) => Promise<Response>,
  codeOf?: (error: GatewayFailure) => number,
): handleUnaryCall<Request | Undecodable, Response> {
  return (call, callback) => {
    const { metadata } = call
    const requestId = requestIdFor(dependencies)
    const respond = async () => {
      const caller = callerOf(dependencies, call)
      const request = decoded(call.request)
      const callerRequestId = callerRequestIdFor(metadata, request.request_id)
      return handle(request, { caller, requestId, callerRequestId, metadata, call })
    }
    respond()
      .then(
        (response) => {
          callback(null, response)
        },
        (thrown: unknown) => {
          const error = failureOf(dependencies, thrown, requestId)
          callback(failureStatus(error, requestId, codeOf?.(error)))
        },
      )
      .catch((thrown: unknown) => {
        failureOf(dependencies, thrown, requestId)
      })
  }
}
