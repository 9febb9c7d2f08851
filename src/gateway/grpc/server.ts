/** The gRPC API: the same decisions as over HTTP, for MCP servers and agents that keep one connection open. */
import { readFile } from 'node:fs/promises'
import { Server, ServerCredentials, logVerbosity, setLogVerbosity } from '@grpc/grpc-js'
import type { UntypedServiceImplementation } from '@grpc/grpc-js'
import { bracketed, isLoopback, parseListenAddress } from '../../http/index.ts'
import { RequestIdSource } from '../request-id.ts'
import { services } from './definitions.ts'
import type { GrpcDependencies } from './exchange.ts'
import { gatewayHealth } from './health.ts'
import { OpenStreams } from './outbox.ts'
import { reflectionService } from './reflection.ts'
import { sessionsService } from './sessions.ts'
import { tokensService } from './tokens.ts'
import { upstreamsService } from './upstreams.ts'

/** PEM files of this server's certificate chain and its key. */
export interface GrpcTls {
  readonly certFile: string
  readonly keyFile: string
}

export interface GrpcConfig extends Omit<GrpcDependencies, 'requestIds'> {
  readonly random: (bytes: number) => Uint8Array
  /** `host:port`; port 0 takes a free one. */
  readonly address: string
  /** Without it the port speaks plain text: loopback, or where a service mesh encrypts. */
  readonly tls?: GrpcTls | undefined
}

export interface GrpcServer {
  /** `127.0.0.1:8250` */
  readonly address: string
  /** Takes no new calls, ends the streams that would last, waits for the others up to five seconds, then breaks them off. */
  close(): Promise<void>
}

/** What clients accept of one message unless told otherwise. */
export const MAX_SENT_MESSAGE_BYTES = 4 * 1024 * 1024
/** A body of the default `max_request_bytes`, 10 MiB, in one `Call`, with headers and framing around it. */
const MAX_RECEIVED_MESSAGE_BYTES = 10.5 * 1024 * 1024
const GRACE_MS = 5_000

/** channelz stays on: without it the library's forceShutdown knows no connection it could break off. */
const limits = {
  'grpc.max_receive_message_length': MAX_RECEIVED_MESSAGE_BYTES,
  'grpc.max_send_message_length': MAX_SENT_MESSAGE_BYTES,
  // One connection carries a watch for every session an MCP server works under, beside its calls.
  'grpc.max_concurrent_streams': 4096,
  // A peer that vanished without a goodbye is noticed, and its calls are given up.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
} as const

/** Rejects when the address cannot be listened on or the TLS files cannot be read. */
export async function startGrpcServer(config: GrpcConfig): Promise<GrpcServer> {
  const { address, tls, clock, logger } = config
  // It would print failures in lines of its own; all of them reach us as errors too.
  if (process.env.GRPC_VERBOSITY === undefined) setLogVerbosity(logVerbosity.NONE)
  const { host } = parseListenAddress(address)
  const credentials = await credentialsFrom(tls)
  if (!tls && !isLoopback(host)) {
    logger.warn(
      { address },
      'gRPC listens beyond this machine without TLS: tokens travel in plain text unless something in front encrypts',
    )
  }
  const server = new Server(limits)
  const streams = new OpenStreams()
  let closing = false
  const dependencies: GrpcDependencies = {
    ...config,
    requestIds: new RequestIdSource(config.random),
    healthy: () => !closing && config.healthy(),
  }
  for (const [methods, implementation] of implementations(dependencies, streams))
    server.addService(methods, implementation)
  const port = await bind(server, address, credentials)
  return {
    address: `${bracketed(host)}:${String(port)}`,
    close: async () => {
      closing = true
      const drained = new Promise<void>((resolve) => {
        server.tryShutdown(() => {
          resolve()
        })
      })
      streams.endAll()
      const cancelTimer = clock.after(GRACE_MS, () => {
        server.forceShutdown()
      })
      await drained
      cancelTimer()
    },
  }
}

function implementations(
  dependencies: GrpcDependencies,
  streams: OpenStreams,
): [(typeof services)[keyof typeof services], UntypedServiceImplementation][] {
  const reflection = reflectionService(dependencies, streams)
  return [
    [services.sessions, sessionsService(dependencies, streams)],
    [services.tokens, tokensService(dependencies, streams)],
    [services.upstreams, upstreamsService(dependencies)],
    [services.health, gatewayHealth(dependencies, streams)],
    [services.reflection, reflection],
    [services.reflectionAlpha, reflection],
  ]
}

async function credentialsFrom(tls: GrpcTls | undefined): Promise<ServerCredentials> {
  if (!tls) return ServerCredentials.createInsecure()
  const [cert_chain, private_key] = await Promise.all([readFile(tls.certFile), readFile(tls.keyFile)])
  return ServerCredentials.createSsl(null, [{ cert_chain, private_key }])
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error) reject(bindError(address, error))
      else resolve(port)
    })
  })
}

/** In the form Node gives such errors, so that the caller can word them all alike. */
function bindError(address: string, { message }: Error): Error {
  const { host, port } = parseListenAddress(address)
  if (message.includes('EADDRINUSE'))
    return Object.assign(new Error(`listen EADDRINUSE: address already in use ${address}`), {
      code: 'EADDRINUSE',
      address: host,
      port,
    })
  return new Error(`gRPC cannot listen on ${address}: ${message}`)
}
