/** `grpc.health.v1.Health`, for every server here. */
import { status } from '@grpc/grpc-js'
import type { ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js'
import { healthV1 } from '../proto/health-v1.ts'
import { serviceDefinition } from './service-definition.ts'

export interface HealthRequest {
  readonly service: string
}
export interface HealthResponse {
  readonly status: 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN'
}

/** What a server says of its own health. */
export interface HealthReport {
  /** Full names of the services there are; `''`, the server as a whole, always is. */
  readonly services: Iterable<string>
  /** What one may ask for instead of an unknown service: `"plugin"`. */
  readonly instead: string
  serving(): boolean
  /** Calls `tell` whenever `serving` may have changed, until the function it returns is called. Absent where nothing ever changes. */
  onChange?(tell: () => void): () => void
}

type Watching = ServerWritableStream<HealthRequest, HealthResponse>

/** Where a watcher's status goes. */
export interface HealthStream {
  /** Nothing waits on its way out. */
  readonly idle: boolean
  /** Aborts when the call is over. */
  readonly gone: AbortSignal
  send(message: HealthResponse): unknown
}

export const healthDefinition = serviceDefinition(healthV1, 'grpc.health.v1.Health', 'named')

/** The handlers of `healthDefinition`. `streamOf` is for servers with an own way of writing to streams and of ending them. */
export function healthService(report: HealthReport, streamOf: (call: Watching) => HealthStream = plainStream) {
  const known = new Set(['', ...report.services])
  const statusOf = (service: string): HealthResponse['status'] =>
    !known.has(service) ? 'SERVICE_UNKNOWN' : report.serving() ? 'SERVING' : 'NOT_SERVING'
  return {
    Check: ({ request }: ServerUnaryCall<HealthRequest, HealthResponse>, callback: sendUnaryData<HealthResponse>) => {
      if (known.has(request.service)) callback(null, { status: statusOf(request.service) })
      else callback({ code: status.NOT_FOUND, details: `there is no such service; use ${report.instead}` })
    },
    // The stream stays open, as the protocol wants it, even where nothing can change.
    Watch: (call: Watching) => {
      const stream = streamOf(call)
      const { service } = call.request
      let told: string | undefined
      const tell = () => {
        const now = statusOf(service)
        // A watcher that does not read gets the newest status once it does.
        if (now === told || !stream.idle) return
        told = now
        stream.send({ status: now })
      }
      const stop = report.onChange?.(tell)
      if (stop) stream.gone.addEventListener('abort', stop, { once: true })
      tell()
    },
  }
}

function plainStream(call: Watching): HealthStream {
  const gone = new AbortController()
  call.on('cancelled', () => {
    gone.abort()
  })
  call.on('error', () => undefined)
  return {
    get idle() {
      return call.writableLength === 0
    },
    gone: gone.signal,
    send: (message) => call.write(message),
  }
}
