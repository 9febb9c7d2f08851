/**
 * A Vault with the engine and KV mounted, in memory, over the `VaultClient` interface. It serves the wire shapes the gateway
 * relies on and nothing else; tests hold answers back, cut the line, and read what was asked.
 */
import { tokenDigest } from '../../src/scope/index.ts'
import { VaultError } from '../../src/vault-client/index.ts'
import type {
  CallOptions,
  RequestOptions,
  VaultResponse,
  VaultClient,
  VaultMethod,
} from '../../src/vault-client/index.ts'
import type { FakeClock } from './clock.ts'
import { FakeEngine } from './engine.ts'

export interface RecordedRequest {
  readonly method: VaultMethod
  readonly path: string
  readonly token: string
  readonly body: Record<string, unknown> | undefined
}

/** What a Vault token may do: path prefixes per operation; `'*'` for root. */
export interface FakeTokenRights {
  readonly paths: readonly string[]
  /** Seconds; 0 = never expires. */
  readonly ttl?: number
}

export const GATEWAY_TOKEN = 'hvs.gateway'

export class FakeVault {
  readonly clock: FakeClock
  readonly engine: FakeEngine
  /** `secret/data/mcp/stripe` → fields; metadata under `secret/metadata/…`. */
  readonly kv = new Map<string, Record<string, unknown>>()
  readonly tokens = new Map<string, FakeTokenRights>([[GATEWAY_TOKEN, { paths: ['*'] }]])
  readonly requests: RecordedRequest[] = []
  /** Status of `sys/health`. */
  health = 200
  /** The mount is gone: no route leads to the engine. */
  unmounted = false
  /** While set, every request fails with it. */
  down: VaultError | undefined
  /** While set, requests below its path fail with it: what some other part of Vault refuses. */
  refusal: { readonly below: string; readonly error: VaultError } | undefined
  readonly #gates: {
    readonly matches: (request: RecordedRequest) => boolean
    readonly released: Promise<void>
    waiting: number
  }[] = []

  constructor(clock: FakeClock) {
    this.clock = clock
    this.engine = new FakeEngine(clock)
  }

  client(token = GATEWAY_TOKEN): VaultClient {
    const request = (method: VaultMethod, path: string, options?: RequestOptions) =>
      this.#request(token, method, path, options)
    return {
      request,
      read: (path, options) => orNothing(request('GET', path, options)),
      list: (path, options) => orNothing(request('LIST', path, options)),
      write: (path, body: object = {}, options?: CallOptions) => request('POST', path, { ...options, body }),
      delete: (path, options) => request('DELETE', path, options),
      withToken: (other) => this.client(other),
      close: () => Promise.resolve(),
    }
  }

  cutLine(): void {
    this.down = new VaultError('unavailable', 0, 'no answer')
  }
  mendLine(): void {
    this.down = undefined
  }

  /** Answers to matching requests are made when they are asked, but delivered only on `release`. */
  holdResponses(matches: string | ((request: RecordedRequest) => boolean)): {
    release(): void
    readonly waiting: number
  } {
    let release = () => undefined as void
    const test = typeof matches === 'string' ? (request: RecordedRequest) => request.path.startsWith(matches) : matches
    const gate = {
      matches: test,
      released: new Promise<void>((resolve) => {
        release = resolve
      }),
      waiting: 0,
    }
    this.#gates.push(gate)
    return {
      release: () => {
        this.#gates.splice(this.#gates.indexOf(gate), 1)
        release()
      },
      get waiting() {
        return gate.waiting
      },
    }
  }

  count(path: string): number {
    return this.requests.filter((request) => request.path === path).length
  }

  putKey(path: string, fields: Record<string, unknown>, origins?: string, consent: Record<string, string> = {}): void {
    const custom_metadata = origins === undefined ? null : { mcp_origins: origins, ...consent }
    this.kv.set(`secret/data/${path}`, { data: fields, metadata: { version: 1, custom_metadata } })
  }

  async #request(
    token: string,
    method: VaultMethod,
    path: string,
    options: RequestOptions = {},
  ): Promise<VaultResponse> {
    const request: RecordedRequest = { method, path, token, body: options.body as Record<string, unknown> | undefined }
    this.requests.push(request)
    if (this.down) throw this.down
    if (this.refusal && path.startsWith(this.refusal.below)) throw this.refusal.error
    const gate = this.#gates.find((candidate) => candidate.matches(request))
    const answering = this.#respond(request, options)
    if (gate) {
      gate.waiting++
      answering.catch(() => undefined)
      await Promise.race([gate.released, aborted(options.signal)])
    }
    const response = await answering
    if (this.down) throw this.down
    return response
  }

  async #respond(request: RecordedRequest, options: RequestOptions): Promise<VaultResponse> {
    const { path, method, token } = request
    if (path === 'sys/health') return { status: this.health, raw: {} }
    if (this.health !== 200) throw new VaultError('sealed', 503, 'Vault is sealed', ['Vault is sealed'])
    const rights = this.tokens.get(token)
    if (!rights) throw new VaultError('permission_denied', 403, 'permission denied', ['permission denied'])
    if (path === 'sys/capabilities-self') return ok(capabilities(rights, request.body))
    if (path === 'auth/token/lookup-self')
      return ok({
        ttl: rights.ttl ?? 0,
        expire_time: rights.ttl === undefined ? null : '2026-03-16T16:00:00Z',
        renewable: false,
      })
    if (!may(rights, path)) throw new VaultError('permission_denied', 403, 'permission denied', ['permission denied'])
    if (path.startsWith('secret/')) return found(this.kv.get(path))
    if (this.unmounted && path.startsWith('mcp/'))
      throw new VaultError('unsupported_path', 404, 'no handler for route', ['no handler for route'])
    if (path === 'mcp/feed') return ok(await this.engine.feed(options.query ?? {}, options.signal))
    const data = this.engine.handle(method, path.slice('mcp/'.length), request.body ?? {}, token)
    return method === 'GET' || method === 'LIST' ? found(data) : ok(data)
  }
}

export const digestOf = tokenDigest

const may = (rights: FakeTokenRights, path: string): boolean =>
  rights.paths.some((prefix) => prefix === '*' || path === prefix || path.startsWith(`${prefix}/`))

function capabilities(rights: FakeTokenRights, body: Record<string, unknown> | undefined): Record<string, unknown> {
  const [path] = body?.paths as string[]
  const granted = rights.paths.includes('*') ? ['root'] : may(rights, path!) ? ['update'] : ['deny']
  return { [path!]: granted, capabilities: granted }
}

const ok = (data: Record<string, unknown> | undefined): VaultResponse =>
  data === undefined ? { status: 204, raw: undefined } : { status: 200, data, raw: data }

function found(data: Record<string, unknown> | undefined): VaultResponse {
  if (!data) throw new VaultError('not_found', 404, 'Vault answered 404')
  return ok(data)
}

const aborted = (signal?: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal?.addEventListener(
      'abort',
      () => {
        reject(new VaultError('unavailable', 0, 'aborted'))
      },
      { once: true },
    )
  })

async function orNothing(request: Promise<VaultResponse>): Promise<VaultResponse | undefined> {
  try {
    return await request
  } catch (error) {
    if (error instanceof VaultError && error.kind === 'not_found' && error.errors.length === 0) return undefined
    throw error
  }
}
