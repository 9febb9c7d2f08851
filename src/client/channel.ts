import { randomUUID } from 'node:crypto'
import { Client, Metadata, credentials, status } from '@grpc/grpc-js'
import type {
  CallOptions as GrpcCallOptions,
  ChannelCredentials,
  ClientDuplexStream,
  ClientReadableStream,
  ServiceError,
} from '@grpc/grpc-js'
import { GatewayError, fromGrpc } from './error.ts'
import { methods } from './wire.ts'
import type { Method, SessionEvent, StreamRequest, StreamResponse, WatchRequest } from './wire.ts'

export interface TlsOptions {
  /** PEM of the authorities to trust instead of the machine's. */
  readonly ca?: string | Buffer
  /** PEM of this server's own certificate and key, where the gateway asks for one. */
  readonly cert?: string | Buffer
  readonly key?: string | Buffer
  /** Name the gateway's certificate must carry; default the host of the address. */
  readonly serverName?: string
}

export interface ChannelOptions {
  /** `127.0.0.1:8250`, `gateway.internal:8250`, `unix:/run/mcp-gateway.sock`. */
  readonly address: string | undefined
  /** What this server presents to the gateway: a service token (`gst_…`) or a Vault token. A function is asked before every call, so that it can rotate. */
  readonly token: string | undefined | (() => string | undefined)
  /** `true`: TLS with the machine's authorities. Without it only addresses of this machine are accepted. */
  readonly tls?: boolean | TlsOptions
  /** Accepts an unencrypted address elsewhere: where a service mesh encrypts. */
  readonly plaintext?: boolean
  /** Of every request that names none; default 5000. Upstream calls have none: the gateway's own limits end them. */
  readonly deadlineMs?: number
}

export interface GatewayRequestOptions {
  readonly signal?: AbortSignal | undefined
  readonly deadlineMs?: number | undefined
  /** Joins the answer to the audit log; default a fresh one. */
  readonly requestId?: string | undefined
}

/** One connection to a gateway; reconnects by itself. */
export interface Channel {
  /** Rejects with `GatewayError`, or with the signal's reason. */
  request<Request extends { readonly request_id?: string }, Response>(
    method: Method<Request, Response>,
    request: Request,
    options?: GatewayRequestOptions,
  ): Promise<Response>
  watch(request: WatchRequest): ClientReadableStream<SessionEvent>
  stream(): ClientDuplexStream<StreamRequest, StreamResponse>
  close(): void
}

export const newRequestId = (): string => `req_${randomUUID()}`

const DEFAULT_DEADLINE_MS = 5000

/** Requests without effect are asked again, with jittered pauses, until their deadline. Anything else could happen twice. */
const repeatable = ['Validate', 'Introspect'].map((method) => ({ service: 'mcp.gateway.v1.Tokens', method }))
const serviceConfig = {
  loadBalancingConfig: [],
  methodConfig: [
    {
      name: repeatable,
      retryPolicy: {
        maxAttempts: 4,
        initialBackoff: '0.05s',
        maxBackoff: '0.5s',
        backoffMultiplier: 2,
        retryableStatusCodes: ['UNAVAILABLE'],
      },
    },
  ],
}

const channelOptions = {
  'grpc.service_config': JSON.stringify(serviceConfig),
  // Neither DNS nor the environment may decide how we retry or through whom our credential travels.
  'grpc.service_config_disable_resolution': 1,
  'grpc.enable_http_proxy': 0,
  // A peer that vanished without a goodbye is noticed within half a minute, while calls are open.
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 8_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 3_000,
}

/** Opens nothing yet. Throws `GatewayError` `invalid_request` naming the wrong option. */
export function openChannel(options: ChannelOptions): Channel {
  const address = checkAddress(options)
  const deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS
  if (!Number.isFinite(deadlineMs) || deadlineMs <= 0)
    throw wrongOption('deadlineMs must be a positive number of milliseconds, for example 5000')
  if (typeof options.token !== 'function') checkToken(options.token)
  const serverName = typeof options.tls === 'object' ? options.tls.serverName : undefined
  const client = new Client(address, channelCredentials(options.tls), {
    ...channelOptions,
    ...(serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName }),
  })

  function metadata(): Metadata {
    const token = checkToken(typeof options.token === 'function' ? options.token() : options.token)
    const result = new Metadata()
    result.set('authorization', `Bearer ${token}`)
    return result
  }

  return {
    request: async (method, request, options = {}) =>
      unary(client, method, request, metadata(), { ...options, deadlineMs: options.deadlineMs ?? deadlineMs }),
    watch: (request) =>
      client.makeServerStreamRequest(
        methods.watch.path,
        methods.watch.requestSerialize,
        methods.watch.responseDeserialize,
        request,
        metadata(),
      ),
    stream: () =>
      client.makeBidiStreamRequest(
        methods.stream.path,
        methods.stream.requestSerialize,
        methods.stream.responseDeserialize,
        metadata(),
      ),
    close: () => {
      client.close()
    },
  }
}

function unary<Request extends { readonly request_id?: string }, Response>(
  client: Client,
  method: Method<Request, Response>,
  request: Request,
  metadata: Metadata,
  { signal, deadlineMs, requestId }: GatewayRequestOptions & { readonly deadlineMs: number },
): Promise<Response> {
  const sent = { ...request, request_id: requestId ?? request.request_id ?? newRequestId() }
  const options: GrpcCallOptions = { deadline: deadlineIn(deadlineMs) }
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error)
      return
    }
    const cancel = () => {
      call.cancel()
    }
    const call = client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      sent,
      metadata,
      options,
      (error: ServiceError | null, response?: Response) => {
        signal?.removeEventListener('abort', cancel)
        if (error === null && response !== undefined) resolve(response)
        else if (signal?.aborted && error?.code === status.CANCELLED) reject(signal.reason as Error)
        else
          reject(
            error === null
              ? new GatewayError('unavailable', 'empty_answer', 'the gateway sent an empty response', {
                  request_id: sent.request_id,
                })
              : fromGrpc(error, sent.request_id),
          )
      },
    )
    signal?.addEventListener('abort', cancel, { once: true })
  })
}

/** grpc-js takes a time of the machine's own wall clock, and turns it into a duration at once. */
const deadlineIn = (ms: number): Date => new Date(new Date().getTime() + ms)

function channelCredentials(tls: boolean | TlsOptions | undefined): ChannelCredentials {
  if (tls === undefined || tls === false) return credentials.createInsecure()
  const { ca, cert, key } = tls === true ? ({} as TlsOptions) : tls
  if ((cert === undefined) !== (key === undefined)) throw wrongOption('tls.cert and tls.key belong together')
  const pem = (text: string | Buffer | undefined) => (text === undefined ? null : Buffer.from(text))
  return credentials.createSsl(pem(ca), pem(key), pem(cert))
}

const local = /^(?:127(?:\.\d{1,3}){3}|localhost|\[::1\]):\d{1,5}$/

function checkAddress({ address, tls, plaintext }: ChannelOptions): string {
  if (typeof address !== 'string' || !/^(?:unix:.+|[^\s/:]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5})$/.test(address)) {
    throw wrongOption('address must be host:port without a scheme, for example 127.0.0.1:8250')
  }
  const encrypted = tls !== undefined && tls !== false
  if (!encrypted && plaintext !== true && !address.startsWith('unix:') && !local.test(address)) {
    throw wrongOption(
      `address ${address} is not on this machine, and tokens would travel unencrypted. Set tls: true, or plaintext: true where a service mesh encrypts`,
    )
  }
  return address
}

function checkToken(token: string | undefined): string {
  if (typeof token !== 'string' || token === '')
    throw wrongOption('token is empty. Give the credential of this server, for example process.env.MCP_GATEWAY_TOKEN')
  if (token.length > 16_384 || !/^[\x21-\x7e]+$/.test(token))
    throw wrongOption('token must be printable ASCII without spaces')
  return token
}

const wrongOption = (problem: string): GatewayError =>
  new GatewayError('invalid_request', 'wrong_option', `connect: ${problem}.`)
