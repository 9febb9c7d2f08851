import { randomBytes } from 'node:crypto'
import { mcpFactory } from '../../src/mcp/backend.ts'
import type { Backend } from '../../src/logical/backend.ts'
import { RequestError } from '../../src/logical/errors.ts'
import { silentLogger } from '../../src/logical/log.ts'
import type { Operation } from '../../src/logical/request.ts'
import type { Data } from '../../src/logical/data.ts'
import type { Response } from '../../src/logical/response.ts'
import type { Secret } from '../../src/logical/secret.ts'
import { MemoryStorage } from '../../src/logical/storage.ts'
import type { Storage } from '../../src/logical/storage.ts'
import { FakeClock } from '../fakes/clock.ts'

export interface Caller {
  readonly client_token?: string
  readonly entity_id?: string
  readonly request_id?: string
}

/** The engine behind its front door, on memory storage and a hand-cranked clock. */
export class TestEngine {
  readonly clock: FakeClock
  readonly storage: CountingStorage
  readonly limits = { default_ttl: 2_764_800, max_ttl: 2_764_800, tainted: false, readOnly: false }
  /** What the host says when it is asked whether the mount is being removed. */
  tainted = (): Promise<boolean> => Promise.resolve(this.limits.tainted)
  backend!: Backend

  private constructor(storage: Storage, clock: FakeClock) {
    this.clock = clock
    this.storage = new CountingStorage(storage)
  }

  static async start(options: { storage?: Storage; clock?: FakeClock } = {}): Promise<TestEngine> {
    const engine = new TestEngine(options.storage ?? new MemoryStorage(), options.clock ?? new FakeClock())
    await engine.restart()
    return engine
  }

  /** A new process on the same storage: nothing that lived in memory only survives. */
  async restart(): Promise<void> {
    this.backend = await mcpFactory({
      storage: this.storage,
      system: {
        defaultLeaseTtl: () => Promise.resolve(this.limits.default_ttl),
        maxLeaseTtl: () => Promise.resolve(this.limits.max_ttl),
        tainted: () => this.tainted(),
        readOnly: () => Promise.resolve(this.limits.readOnly),
      },
      logger: silentLogger,
      clock: this.clock,
      random: (bytes) => randomBytes(bytes),
      config: {},
      backend_uuid: 'test',
    })
    await this.backend.initialize()
  }

  async call(
    operation: Operation,
    path: string,
    data: Data = {},
    caller: Caller = {},
    secret?: Secret,
    signal?: AbortSignal,
  ): Promise<Response | undefined> {
    return this.backend.handleRequest({
      id: caller.request_id ?? randomBytes(8).toString('hex'),
      operation,
      path,
      data,
      storage: this.storage,
      ...(secret && { secret }),
      client_token: caller.client_token ?? 'operator',
      client_token_accessor: '',
      display_name: 'token',
      entity_id: caller.entity_id ?? '',
      mount_point: 'mcp/',
      remote_addr: '127.0.0.1',
      signal: signal ?? new AbortController().signal,
    })
  }

  write(path: string, data: Data = {}, caller?: Caller) {
    return this.call('update', path, data, caller)
  }
  read(path: string, data: Data = {}) {
    return this.call('read', path, data)
  }
  list(path: string) {
    return this.call('list', path)
  }
  delete(path: string, caller?: Caller) {
    return this.call('delete', path, {}, caller)
  }

  /** The sentence and kind a call is refused with; fails when it is not refused. */
  async refusal(call: Promise<unknown>): Promise<{ kind: string; message: string }> {
    const response = await call.then(
      (value: unknown) => ({ value }),
      (error: unknown) => ({ error }),
    )
    if (!('error' in response) || !(response.error instanceof RequestError))
      throw new Error(`was not refused: ${JSON.stringify(response)}`)
    return { kind: response.error.kind, message: response.error.message }
  }

  /** A registered agent with declared scopes and the tools they name. */
  async declare(agent: string, scopes: string[], extra: Data = {}): Promise<void> {
    await this.write(`agents/${agent}`, { owner: 'platform-team', environment: 'production', ...extra })
    await this.write(`agents/${agent}/scopes`, { scopes })
  }

  async issue(agent: string, data: Data = {}, caller?: Caller): Promise<Issued> {
    return new Issued(await this.write(`creds/${agent}`, data, caller))
  }

  async introspect(about: Data): Promise<Data> {
    return (await this.write('introspect', about))!.data!
  }

  /** What the host does with a lease. */
  revoke(issued: Issued, options: { registered?: boolean } = {}) {
    return this.call(
      'revoke',
      `creds/${issued.agent_id}`,
      {},
      {},
      {
        ...issued.secret,
        lease_options: {
          ...issued.secret.lease_options,
          issue_time: options.registered === false ? null : issued.issuedMs,
        },
      },
    )
  }

  async renew(issued: Issued, increment = 0): Promise<Response | undefined> {
    return this.call(
      'renew',
      `creds/${issued.agent_id}`,
      {},
      {},
      { ...issued.secret, lease_options: { ...issued.secret.lease_options, increment, issue_time: issued.issuedMs } },
    )
  }
}

export class Issued {
  readonly data: Data
  readonly secret: Secret
  readonly warnings: readonly string[]

  constructor(response: Response | undefined) {
    if (!response?.data || !response.secret) throw new Error('no secret was issued')
    this.data = response.data
    this.secret = response.secret
    this.warnings = response.warnings ?? []
  }

  get token(): string {
    return String(this.data.token)
  }
  get session_id(): string {
    return String(this.data.session_id)
  }
  get agent_id(): string {
    return String(this.data.agent_id)
  }
  get token_id(): string {
    return String(this.data.token_id)
  }
  get issuedMs(): number {
    return Date.parse(String(this.data.issued_at))
  }
}

/** Counts and, on request, fails operations of the storage below. */
export class CountingStorage implements Storage {
  readonly #storage: Storage
  readonly counts = { get: 0, put: 0, delete: 0, list: 0 }
  failGets = false
  failPuts = false
  failDeletes = false
  /** The most deletes that were under way together. */
  mostAtOnce = 0
  #deleting = 0

  constructor(storage: Storage) {
    this.#storage = storage
  }

  get(key: string) {
    this.counts.get++
    return this.failGets ? Promise.reject(new RequestError('unavailable', 'disk gone')) : this.#storage.get(key)
  }
  put(entry: { key: string; value: Uint8Array }) {
    this.counts.put++
    return this.failPuts ? Promise.reject(new RequestError('unavailable', 'disk full')) : this.#storage.put(entry)
  }
  async delete(key: string) {
    this.counts.delete++
    if (this.failDeletes) throw new RequestError('unavailable', 'disk full')
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#deleting)
    await this.#storage.delete(key)
    this.#deleting--
  }
  list(prefix: string, page?: { after?: string; limit?: number }) {
    this.counts.list++
    return this.#storage.list(prefix, page)
  }

  /** Counts of what happens while `work` runs. */
  async during(work: () => Promise<unknown>): Promise<{ get: number; put: number; delete: number }> {
    const before = { ...this.counts }
    await work()
    return {
      get: this.counts.get - before.get,
      put: this.counts.put - before.put,
      delete: this.counts.delete - before.delete,
    }
  }
}
