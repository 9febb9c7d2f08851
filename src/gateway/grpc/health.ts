/** `grpc.health.v1.Health`: serving while this gateway is in contact with Vault, and until it closes. */
import { status } from '@grpc/grpc-js'
import type { ServerUnaryCall, ServerWritableStream, UntypedServiceImplementation, sendUnaryData } from '@grpc/grpc-js'
import { decoded, serviceNames } from './definitions.ts'
import type { Undecodable } from './definitions.ts'
import { failureOf, requestIdFor } from './exchange.ts'
import type { GrpcParts } from './exchange.ts'
import { Outbox } from './outbox.ts'
import type { OpenStreams } from './outbox.ts'
import { replyOf } from './status.ts'

interface HealthRequest {
  readonly service: string
}
interface HealthResponse {
  readonly status: 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN'
}

const known = new Set<string>(['', ...serviceNames])

export function healthService(parts: GrpcParts, streams: OpenStreams): UntypedServiceImplementation {
  const statusOf = (service: string): HealthResponse['status'] =>
    !known.has(service) ? 'SERVICE_UNKNOWN' : parts.healthy() ? 'SERVING' : 'NOT_SERVING'
  return {
    Check: (
      call: ServerUnaryCall<HealthRequest | Undecodable, HealthResponse>,
      callback: sendUnaryData<HealthResponse>,
    ) => {
      try {
        const { service } = decoded(call.request)
        if (known.has(service)) callback(null, { status: statusOf(service) })
        else
          callback({
            code: status.NOT_FOUND,
            details: 'there is no such service; ask for "" or a name that reflection lists',
          })
      } catch (thrown) {
        callback(refusal(parts, thrown))
      }
    },
    Watch: (call: ServerWritableStream<HealthRequest | Undecodable, HealthResponse>) => {
      const outbox = new Outbox<HealthResponse>(call)
      streams.add(outbox)
      try {
        watch(parts, outbox, decoded(call.request).service, statusOf)
      } catch (thrown) {
        outbox.fail(refusal(parts, thrown))
      }
    },
  }
}

function watch(
  { pulse }: GrpcParts,
  outbox: Outbox<HealthResponse>,
  service: string,
  statusOf: (service: string) => HealthResponse['status'],
): void {
  let told: string | undefined
  const tell = () => {
    const now = statusOf(service)
    // A watcher that does not read is told the newest status once it does.
    if (now === told || !outbox.idle) return
    told = now
    void outbox.send({ status: now })
  }
  outbox.gone.addEventListener('abort', pulse.every(tell), { once: true })
  tell()
}

function refusal(parts: GrpcParts, thrown: unknown) {
  const requestId = requestIdFor(parts)
  return replyOf(failureOf(parts, thrown, requestId), requestId)
}
