/** `grpc.health.v1.Health`: serving while this gateway is in contact with Vault, and until it closes. */
import type { ServerUnaryCall, ServerWritableStream, UntypedServiceImplementation, sendUnaryData } from '@grpc/grpc-js'
import { healthService } from '../../grpc/index.ts'
import type { HealthRequest, HealthResponse } from '../../grpc/index.ts'
import { decoded, serviceNames } from './definitions.ts'
import type { Undecodable } from './definitions.ts'
import { failureOf, requestIdFor } from './exchange.ts'
import type { GrpcDependencies } from './exchange.ts'
import { Outbox } from './outbox.ts'
import type { OpenStreams } from './outbox.ts'
import { failureStatus } from './status.ts'

type Check = ServerUnaryCall<HealthRequest, HealthResponse>
type Watch = ServerWritableStream<HealthRequest, HealthResponse>

export function gatewayHealth(dependencies: GrpcDependencies, streams: OpenStreams): UntypedServiceImplementation {
  const health = healthService(
    {
      services: serviceNames,
      instead: '"" or a name that reflection lists',
      serving: () => dependencies.healthy(),
      onChange: (tell) => dependencies.ticker.every(tell),
    },
    (call) => {
      const outbox = new Outbox<HealthResponse>(call)
      streams.add(outbox)
      return outbox
    },
  )
  return {
    Check: (call: Check, callback: sendUnaryData<HealthResponse>) => {
      const refused = refusal(dependencies, call.request)
      if (refused) callback(refused)
      else health.Check(call, callback)
    },
    Watch: (call: Watch) => {
      const refused = refusal(dependencies, call.request)
      if (refused) new Outbox<HealthResponse>(call).fail(refused)
      else health.Watch(call)
    },
  }
}

/** Of a request that did not decode; undefined for others. */
function refusal(dependencies: GrpcDependencies, request: HealthRequest | Undecodable) {
  try {
    decoded(request)
    return undefined
  } catch (thrown) {
    const requestId = requestIdFor(dependencies)
    return failureStatus(failureOf(dependencies, thrown, requestId), requestId)
  }
}
