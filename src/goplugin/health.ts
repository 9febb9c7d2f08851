/** `grpc.health.v1.Health`: a plugin that answers at all is serving. Hosts ask for the service called `plugin`. */
import { status } from '@grpc/grpc-js'
import type { ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js'
import { healthV1 } from '../proto/health-v1.ts'
import type { Service } from './plugin.ts'
import { serviceDefinition } from './service-definition.ts'

interface HealthRequest {
  readonly service: string
}
interface HealthResponse {
  readonly status: number
}

const { SERVING, SERVICE_UNKNOWN } =
  healthV1.nested.grpc.nested.health.nested.v1.nested.HealthCheckResponse.nested.ServingStatus.values
const known = new Set(['', 'plugin'])

export function healthService(): Service {
  const Check = (
    { request }: ServerUnaryCall<HealthRequest, HealthResponse>,
    callback: sendUnaryData<HealthResponse>,
  ) => {
    if (known.has(request.service)) callback(null, { status: SERVING })
    else callback({ code: status.NOT_FOUND, details: 'there is no such service; ask for "plugin"' })
  }
  // Nothing ever changes: the state is sent once, and the stream stays open as the protocol wants it.
  const Watch = (stream: ServerWritableStream<HealthRequest, HealthResponse>) => {
    stream.on('error', () => undefined)
    stream.write({ status: known.has(stream.request.service) ? SERVING : SERVICE_UNKNOWN })
  }
  return { definition: serviceDefinition(healthV1, 'grpc.health.v1.Health'), implementation: { Check, Watch } }
}
