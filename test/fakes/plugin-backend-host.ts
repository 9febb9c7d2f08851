/**
 * The host side of a secrets engine plugin, as a Vault or OpenBao server is towards each of its mounts: storage and system view behind the
 * broker, and the calls of `pb.Backend` under a multiplex id. How the plugin is reached is the tests' affair.
 */
import { Metadata, status } from '@grpc/grpc-js'
import type { Client, ServerUnaryCall, UntypedServiceImplementation, sendUnaryData } from '@grpc/grpc-js'
import { serviceDefinition } from '../../src/goplugin/index.ts'
import type { Service } from '../../src/goplugin/index.ts'
import { MemoryStorage } from '../../src/logical/storage.ts'
import type { Storage } from '../../src/logical/storage.ts'
import { vaultBackend } from '../../src/proto/vault-backend.ts'
import type {
  HandleExistenceCheckReply,
  HandleRequestReply,
  InitializeReply,
  ProtoError,
  Request,
  Response,
  SetupReply,
  SpecialPathsReply,
  TypeReply,
} from '../../src/proto/vault-backend.ts'
import { unaryCall } from './unary-call.ts'
import type { CallOptions } from './unary-call.ts'

export const backendDefinition = serviceDefinition(vaultBackend, 'pb.Backend')
export const cookie = { name: 'VAULT_BACKEND_PLUGIN', value: '6669da05-b1c8-4f49-97d9-c8e5bed98e20' }
const SECOND = 1_000_000_000n
const DAY_SECONDS = 86_400

type Handler = (request: Record<string, unknown>) => object | Promise<object>

/** One mount as its server keeps it. */
export class HostedMount {
  readonly storage: Storage
  /** How often the plugin called each method, `Storage.Put` for one. */
  readonly calls = new Map<string, number>()
  readonly view = {
    defaultTtlSeconds: 32 * DAY_SECONDS,
    maxTtlSeconds: 32 * DAY_SECONDS,
    tainted: false,
    state: 12_288,
    local: false,
  }
  /** OpenBao has pages, Vault does not know them. */
  pages = true
  /** Text of the storage failure of a method, by its name without a service; nothing is done then. */
  failing: Partial<Record<string, string>> = {}
  /** Stores, and says that it failed. */
  lying: string | undefined
  /** Methods that never answer. */
  readonly hanging = new Set<string>()
  /** A registration has neither storage nor system view. */
  absent = false

  constructor(storage: Storage = new MemoryStorage()) {
    this.storage = storage
  }

  get services(): readonly Service[] {
    return [this.#service('Storage', this.#storage()), this.#service('SystemView', this.#systemView())]
  }

  /** All calls the plugin made while `work` ran. */
  async during(work: () => Promise<unknown>): Promise<Record<string, number>> {
    this.calls.clear()
    await work()
    return Object.fromEntries(this.calls)
  }

  #storage(): Record<string, Handler> {
    const { storage } = this
    return {
      Get: async ({ key }) => ({ entry: (await storage.get(String(key))) ?? null }),
      Put: async ({ entry }) => {
        await storage.put(entry as { key: string; value: Uint8Array })
        return { err: this.lying ?? '' }
      },
      Delete: async ({ key }) => {
        await storage.delete(String(key))
        return {}
      },
      List: async ({ prefix }) => ({ keys: await storage.list(String(prefix)) }),
      ListPage: async ({ prefix, after, limit }) => ({
        keys: await storage.list(String(prefix), { after: String(after), limit: Number(limit) }),
      }),
    }
  }

  #systemView(): Record<string, Handler> {
    const { view } = this
    const ttl = (seconds: number) => ({ TTL: String(BigInt(seconds) * SECOND) })
    return {
      DefaultLeaseTTL: () => ttl(view.defaultTtlSeconds),
      MaxLeaseTTL: () => ttl(view.maxTtlSeconds),
      Tainted: () => ({ tainted: view.tainted }),
      ReplicationState: () => ({ state: view.state }),
      LocalMount: () => ({ local: view.local }),
    }
  }

  #service(name: string, handlers: Record<string, Handler>): Service {
    const implementation: UntypedServiceImplementation = {}
    for (const [method, handler] of Object.entries(handlers)) {
      implementation[method] = (
        call: ServerUnaryCall<Record<string, unknown>, object>,
        callback: sendUnaryData<object>,
      ) => {
        this.calls.set(`${name}.${method}`, (this.calls.get(`${name}.${method}`) ?? 0) + 1)
        if (this.hanging.has(method)) return
        if (this.absent) {
          callback({
            code: status.UNKNOWN,
            details: `missing ${name === 'Storage' ? 'storage' : 'system view'} implementation: this method should not be called during plugin Setup`,
          })
          return
        }
        if (method === 'ListPage' && !this.pages) {
          callback({ code: status.UNIMPLEMENTED, details: 'unknown method ListPage for service pb.Storage' })
          return
        }
        const failure = this.failing[method]
        if (failure !== undefined) {
          callback(null, { err: failure })
          return
        }
        void Promise.resolve(handler(call.request)).then(
          (reply) => {
            callback(null, reply)
          },
          (error: unknown) => {
            callback({ code: status.UNKNOWN, details: String(error) })
          },
        )
      }
    }
    return { definition: serviceDefinition(vaultBackend, `pb.${name}`), implementation }
  }
}

/** What a request came to, as the server's core reads it. */
export interface Outcome {
  readonly response: Response | null
  readonly err: ProtoError | null
  /** Parsed as the server does at once: throws for what is not JSON. */
  readonly data: Record<string, unknown> | null
  /** Text of an error response. */
  readonly error: string | undefined
}

/** `pb.Backend` of one mount. */
export class BackendCalls {
  readonly client: Client
  readonly multiplexId: string | undefined

  constructor(client: Client, multiplexId: string | undefined) {
    this.client = client
    this.multiplexId = multiplexId
  }

  call<Reply>(method: string, request: object, options: CallOptions = {}): Promise<Reply> {
    const metadata = new Metadata()
    if (this.multiplexId !== undefined) metadata.set('multiplex_id', this.multiplexId)
    return unaryCall(this.client, backendDefinition, method, request, { metadata, ...options })
  }

  setup(
    brokerId: number,
    config: Record<string, string> = {},
    uuid = 'f3a1b2c3-0000-4000-8000-000000000001',
  ): Promise<SetupReply> {
    return this.call('Setup', { broker_id: brokerId, config, backend_uuid: uuid })
  }

  type(): Promise<TypeReply> {
    return this.call('Type', {})
  }
  specialPaths(): Promise<SpecialPathsReply> {
    return this.call('SpecialPaths', {})
  }
  initialize(): Promise<InitializeReply> {
    return this.call('Initialize', {})
  }
  cleanup(): Promise<object> {
    return this.call('Cleanup', {})
  }
  invalidate(key: string): Promise<object> {
    return this.call('InvalidateKey', { key })
  }

  exists(path: string, more: Partial<Request> = {}): Promise<HandleExistenceCheckReply> {
    return this.call('HandleExistenceCheck', { request: { ...blank, operation: 'update', path, ...more } })
  }

  /** As the server sends it: `null` where there is no data. */
  async request(
    operation: string,
    path: string,
    data?: object | null,
    more: Partial<Request> = {},
    options: CallOptions = {},
  ): Promise<Outcome> {
    const request = { ...blank, operation, path, data: JSON.stringify(data ?? null), ...more }
    const { response, err } = await this.call<HandleRequestReply>('HandleRequest', { request }, options)
    return outcome(response, err)
  }

  read(path: string, data?: object) {
    return this.request('read', path, data)
  }
  write(path: string, data: object = {}, more: Partial<Request> = {}) {
    return this.request('update', path, data, more)
  }
  list(path: string) {
    return this.request('list', path)
  }
  delete(path: string) {
    return this.request('delete', path)
  }
}

const blank = {
  id: '5e0f0000-0000-4000-8000-000000000001',
  client_token: 'da39a3ee5e6b4b0d3255bfef95601890afd80709',
  client_token_accessor: 'accessor',
  display_name: 'token',
  mount_point: 'mcp/',
  data: 'null',
}

function outcome(response: Response | null, err: ProtoError | null): Outcome {
  const data = response ? (JSON.parse(response.data) as Record<string, unknown> | null) : null
  if (response?.secret) {
    JSON.parse(response.secret.internal_data)
    if (response.secret.lease_options && !response.secret.lease_options.issue_time)
      throw new Error('proto: invalid nil Timestamp')
  }
  const keys = Object.keys(data ?? {})
  const failed =
    data !== null && (data.error ?? null) !== null && keys.every((key) => key === 'error' || key === 'data')
  if (failed && typeof data.error !== 'string')
    throw new Error('panic: interface conversion: interface {} is not string')
  return { response, err, data, error: failed ? String(data.error) : undefined }
}

/** The secret of a leased answer as the server gives it back at renewal and revocation. */
export function kept(
  response: Response | null,
  terms: { issuedUnix: number | null; incrementSeconds?: number; ttlSeconds?: number },
): NonNullable<Request['secret']> {
  if (!response?.secret?.lease_options) throw new Error('the answer has no lease')
  const { secret } = response
  const { TTL, MaxTTL, renewable } = response.secret.lease_options
  return {
    internal_data: secret.internal_data,
    lease_id: '',
    lease_options: {
      TTL: terms.ttlSeconds === undefined ? TTL : String(BigInt(terms.ttlSeconds) * SECOND),
      MaxTTL,
      renewable,
      increment: String(BigInt(terms.incrementSeconds ?? 0) * SECOND),
      issue_time: { seconds: String(terms.issuedUnix ?? -62_135_596_800), nanos: 0 },
    },
  }
}
