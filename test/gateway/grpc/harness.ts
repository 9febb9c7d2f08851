/** The gRPC port over a gateway's core and a fake Vault, and a plain client for it. */
import { Client, Metadata, credentials } from '@grpc/grpc-js'
import type { ServiceError } from '@grpc/grpc-js'
import { fromJSON } from '@grpc/proto-loader'
import type { MethodDefinition } from '@grpc/proto-loader'
import { randomBytes } from 'node:crypto'
import { afterEach } from 'vitest'
import { startGrpcServer } from '../../../src/gateway/grpc/server.ts'
import type { GrpcConfig, GrpcServer } from '../../../src/gateway/grpc/server.ts'
import { silentLogger } from '../../../src/logical/log.ts'
import { gatewayV1 } from '../../../src/proto/gateway-v1.ts'
import { healthV1 } from '../../../src/proto/health-v1.ts'
import { reflectionV1 } from '../../../src/proto/reflection-v1.ts'
import { SERVICE_TOKEN, startHarness } from '../harness.ts'
import type { GatewayHarness } from '../harness.ts'

type Json = Parameters<typeof fromJSON>[0]
type Method = MethodDefinition<object, object>

const loaded = [gatewayV1, healthV1, reflectionV1].map((json) =>
  fromJSON(json as Json, { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true }),
)

/** `Tokens.Validate`, `grpc.health.v1.Health.Check`; `|<service>` asks the same of a service of another name. */
export function methodOf(spelled: string): Method {
  const [name = '', alias] = spelled.split('|')
  const full = name.startsWith('grpc.') ? name : `mcp.gateway.v1.${name}`
  const [service, method] = [full.slice(0, full.lastIndexOf('.')), full.slice(full.lastIndexOf('.') + 1)]
  for (const definitions of loaded) {
    const found = (definitions[service] as unknown as Record<string, Method> | undefined)?.[method]
    if (found) return alias === undefined ? found : { ...found, path: `/${alias}/${method}` }
  }
  throw new Error(`no method ${name}`)
}

export interface Failure {
  readonly code: number
  readonly details: string
  readonly type: string | undefined
  readonly error: string | undefined
  readonly request_id: string | undefined
  /** Seconds. */
  readonly retry_after?: string
}

export function failureOf(error: ServiceError): Failure {
  const first = (key: string) => error.metadata.get(key)[0] as string | undefined
  return {
    code: error.code,
    details: error.details,
    type: first('mcp-error-type'),
    error: first('mcp-error-code'),
    request_id: first('mcp-request-id'),
    ...(first('mcp-retry-after') !== undefined && { retry_after: first('mcp-retry-after')! }),
  }
}

export type GrpcResponse = Record<string, unknown>

/** A streaming call as a test follows it. */
export interface Followed {
  readonly messages: GrpcResponse[]
  /** OK, or how it failed. */
  readonly ended: Promise<Failure | undefined>
  /** Resolves when there are `count` messages; rejects when the call ends before. */
  seen(count: number): Promise<GrpcResponse[]>
  write(message: object): void
  end(): void
  cancel(): void
  pause(): void
  resume(): void
}

export interface GrpcHarness {
  readonly harness: GatewayHarness
  readonly server: GrpcServer
  readonly client: Client
  /** The response, or the failure. A request given as bytes is sent as they are. */
  call(
    method: string,
    request: object,
    metadata?: Record<string, string>,
    deadlineMs?: number,
  ): Promise<GrpcResponse & Partial<Failure>>
  open(method: string, request?: object, metadata?: Record<string, string>): Followed
}

export const asService = { authorization: `Bearer ${SERVICE_TOKEN}` }

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

export async function startGrpcHarness(
  changes: Partial<GrpcConfig> = {},
  harness?: GatewayHarness,
): Promise<GrpcHarness> {
  const used = harness ?? (await startHarness())
  const { core, clock } = used
  const server = await startGrpcServer({
    ...core,
    clock,
    logger: silentLogger,
    random: (bytes) => randomBytes(bytes),
    healthy: () => core.freshness.isFresh(undefined),
    address: '127.0.0.1:0',
    ...changes,
  })
  const client = new Client(server.address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
    'grpc.use_local_subchannel_pool': 1,
  })
  cleanups.push(async () => {
    client.close()
    await server.close()
    await used.stop()
  })
  return {
    harness: used,
    server,
    client,
    call: (method, request, metadata = asService, deadlineMs = Infinity) =>
      callUnary(client, methodOf(method), request, metadataOf(metadata), deadlineMs),
    open: (method, request, metadata = asService) => follow(client, methodOf(method), request, metadataOf(metadata)),
  }
}

function metadataOf(entries: Record<string, string>): Metadata {
  const metadata = new Metadata()
  for (const [key, value] of Object.entries(entries)) metadata.set(key, value)
  return metadata
}

function callUnary(
  client: Client,
  method: Method,
  request: object,
  metadata: Metadata,
  deadlineMs: number,
): Promise<GrpcResponse & Partial<Failure>> {
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      method.path,
      Buffer.isBuffer(request) ? () => request : method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata,
      { deadline: Date.now() + deadlineMs },
      (error: ServiceError | null, response?: object) => {
        resolve(error ? { ...failureOf(error) } : (response as GrpcResponse))
      },
    )
  })
}

function follow(client: Client, method: Method, request: object | undefined, metadata: Metadata): Followed {
  const { path, requestSerialize: serialize, responseDeserialize: deserialize } = method
  const call = method.requestStream
    ? client.makeBidiStreamRequest(path, serialize, deserialize, metadata)
    : client.makeServerStreamRequest(path, serialize, deserialize, request ?? {}, metadata)
  const messages: GrpcResponse[] = []
  const watchers = new Set<() => void>()
  let over = false
  call.on('data', (message: GrpcResponse) => {
    messages.push(message)
    for (const tell of [...watchers]) tell()
  })
  const ended = new Promise<Failure | undefined>((resolve) => {
    let failure: Failure | undefined
    call.on('error', (error: ServiceError) => {
      failure = failureOf(error)
    })
    // After 'status' every message that came has been read, or never will be.
    call.on('status', () => {
      over = true
      setImmediate(() => {
        for (const tell of [...watchers]) tell()
        resolve(failure)
      })
    })
  })
  const writable = call as unknown as { write(message: object): void; end(): void }
  return {
    messages,
    ended,
    seen: (count) =>
      new Promise((resolve, reject) => {
        const tell = () => {
          if (messages.length >= count) resolve(messages)
          else if (over) reject(new Error(`the call ended after ${String(messages.length)} messages`))
          else return
          watchers.delete(tell)
        }
        watchers.add(tell)
        tell()
      }),
    write: (message) => {
      writable.write(message)
    },
    end: () => {
      writable.end()
    },
    cancel: () => {
      call.cancel()
    },
    pause: () => {
      call.pause()
    },
    resume: () => {
      call.resume()
    },
  }
}
