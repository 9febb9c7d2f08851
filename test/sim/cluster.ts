/**
 * A cluster of two Vault nodes with the engine mounted: storage that both share, leases, leadership, plugin processes that die and
 * are started again, and the removal of the mount. Requests reach it over the network only.
 *
 * A node that has lost its leadership answers nothing more. (A real one may for the moments until it notices; how long that
 * lasts is the cluster's own promise, and no engine can shorten it.)
 */
import { RequestError, fromUnknown } from '../../src/logical/errors.ts'
import type { Response } from '../../src/logical/response.ts'
import type { Secret } from '../../src/logical/secret.ts'
import { EngineLog } from './engine-log.ts'
import type { Disk } from './disk.ts'
import type { History } from './history.ts'
import { secretOf } from './leases.ts'
import type { Lease } from './leases.ts'
import { Process } from './machine.ts'
import type { Machine } from './machine.ts'
import type { Names } from './names.ts'
import type { Network } from './network.ts'
import { Plugin, PluginDied } from './plugin.ts'
import type { PluginRequest } from './plugin.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

export interface WireRequest {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly data: Record<string, unknown>
  /** Of the caller. */
  readonly token: string
  /** Aborts when it is known at the server that the client has gone. */
  readonly signal: AbortSignal
}

export interface WireResponse {
  /** 0 = the connection broke. */
  readonly status: number
  readonly data?: Record<string, unknown> | undefined
  readonly errors?: readonly string[]
  readonly lease_id?: string
}

export interface ClusterDependencies {
  readonly world: World
  readonly network: Network
  readonly random: Random
  readonly history: History
  readonly names: Names
  readonly disk: Disk
  readonly machines: readonly [Machine, Machine]
  readonly isCalm: boolean
  /** Fields of the KV secrets under `secret/`, by path. */
  readonly keys: ReadonlyMap<string, { readonly fields: object; readonly custom: object }>
}

interface Node {
  readonly machine: Machine
  vault: Process
  plugin: Plugin | undefined
  /** Requests under way: what to tell their clients when the node dies. */
  readonly open: Set<() => void>
}

const OPERATIONS = { GET: 'read', LIST: 'list', POST: 'update', PUT: 'update', DELETE: 'delete' } as const
const TICK_MS = 20_000
const noRoute = (path: string): WireResponse => ({ status: 404, errors: [`no handler for route "${path}"`] })
const broken: WireResponse = { status: 0 }

export class Cluster {
  readonly #dependencies: ClusterDependencies
  readonly #random: Random
  readonly #log: EngineLog
  readonly #nodes: readonly Node[]
  readonly #leases = new Map<string, Lease>()
  #active: Node | undefined
  #mount: 'present' | 'tainted' | 'gone' = 'present'
  #runs = 0

  constructor(dependencies: ClusterDependencies) {
    this.#dependencies = dependencies
    this.#random = dependencies.random.fork('cluster')
    this.#log = new EngineLog(dependencies.history, dependencies.names)
    this.#nodes = dependencies.machines.map((machine) => ({
      machine,
      vault: this.#process(machine),
      plugin: undefined,
      open: new Set(),
    }))
    this.#activate(this.#nodes[0]!)
  }

  /** Where a request goes to: the active node, or the one that was. */
  get front(): Machine {
    return (this.#active ?? this.#nodes[0]!).machine
  }
  get isMounted(): boolean {
    return this.#mount === 'present'
  }
  leaseOf(token: string): Lease | undefined {
    return [...this.#leases.values()].find((lease) => lease.token === token)
  }

  /** A request has arrived. `respond` is called at most once, and is not called when the node dies in silence. */
  receive(request: WireRequest, respond: (response: WireResponse) => void): void {
    const node = this.#active
    if (!node) {
      respond({ status: 500, errors: ['local node not active but active cluster node not found'] })
      return
    }
    node.vault.deliver(() => {
      const onDeath = () => {
        respond(broken)
      }
      node.open.add(onDeath)
      void this.#serve(node, request).then((response) => {
        if (node.open.delete(onDeath)) respond(response)
      })
    })
  }

  /** kill -9 of the engine's process; the host starts it again at the next request. */
  crashPlugin(): void {
    this.#dependencies.history.add({ kind: 'fault', what: 'the engine is killed' })
    this.#active?.plugin?.process.kill()
  }

  /** The active node goes, in order or by force, and after `gapMs` the other one, or itself again, takes over. */
  changeLeader(gapMs: number, how: 'step-down' | 'crash', toSelf = false): void {
    const { world, history } = this.#dependencies
    const old = this.#active
    if (!old) return
    const next = toSelf ? old : this.#nodes.find((node) => node !== old)!
    history.add({ kind: 'fault', what: `${old.machine.name} loses the lead (${how})` })
    this.#active = undefined
    if (how === 'step-down') void old.plugin?.cleanup()
    world.after(how === 'crash' ? 0 : 20, () => {
      const open = [...old.open]
      old.open.clear()
      old.vault.kill()
      old.plugin?.process.kill()
      old.plugin = undefined
      for (const tell of open) if (how === 'step-down' || this.#random.chance(0.5)) tell()
    })
    world.after(gapMs + 20, () => {
      this.#activate(next)
    })
  }

  /** The active node's machine stands still. */
  sleep(ms: number): void {
    const machine = this.front
    if (machine.isAsleep) return
    machine.sleep(ms)
  }

  #process(machine: Machine): Process {
    return new Process(machine, this.#random.fork(`process ${String(++this.#runs)}`))
  }

  #activate(node: Node): void {
    node.vault = this.#process(node.machine)
    this.#active = node
    this.#dependencies.history.add({ kind: 'fault', what: `${node.machine.name} leads` })
    if (this.#mount === 'present') this.#startPlugin(node)
    for (const lease of this.#leases.values()) this.#arm(node, lease)
    const tick = () => {
      if (this.#active === node && this.#mount === 'present') void this.#rollback(node).catch(() => undefined)
      node.vault.clock.after(TICK_MS, tick)
    }
    node.vault.clock.after(TICK_MS, tick)
  }

  #startPlugin(node: Node): Plugin {
    const isFenced = () => this.#active !== node
    const process = this.#process(node.machine)
    const isTainted = () => this.#mount === 'tainted'
    node.plugin = new Plugin(process, this.#log.clockOf(process), this.#dependencies.disk, isFenced, isTainted)
    return node.plugin
  }

  async #serve(node: Node, request: WireRequest): Promise<WireResponse> {
    const { path } = request
    try {
      if (path.startsWith('mcp/')) return await this.#serveMount(node, request, path.slice('mcp/'.length))
      if (path.startsWith('secret/')) return this.#serveKey(path)
      switch (path) {
        case 'sys/health':
          return { status: 200, data: { initialized: true, sealed: false, standby: false } }
        case 'sys/leases/revoke':
          return await this.#revokeNow(node, String(request.data.lease_id))
        case 'sys/leases/renew':
          return await this.#renew(node, String(request.data.lease_id), Number(request.data.increment))
        case 'sys/mounts/disable':
          return await this.#disable(node)
        case 'sys/mounts/enable':
          return this.#enable(node)
        default:
          return noRoute(path)
      }
    } catch (thrown) {
      if (thrown instanceof PluginDied) return { status: 500, errors: ['the plugin is not running'] }
      const error = fromUnknown(thrown)
      return { status: error.row.http, errors: error.kind === 'not_found' ? [] : [error.message] }
    }
  }

  async #serveMount(node: Node, request: WireRequest, path: string): Promise<WireResponse> {
    if (this.#mount !== 'present') return noRoute(request.path)
    const response = await this.#engine(node, {
      id: request.id,
      operation: OPERATIONS[request.method as keyof typeof OPERATIONS],
      path: request.method === 'LIST' ? `${path}/` : path,
      data: request.data,
      clientToken: `salted ${request.token}`,
      signal: request.signal,
    })
    const reads = request.method === 'GET' || request.method === 'LIST'
    if (!response?.data) return reads && !response ? { status: 404, errors: [] } : { status: 204 }
    const data = JSON.parse(JSON.stringify(response.data)) as Record<string, unknown>
    if (!response.secret) return { status: 200, data }
    return this.#register(node, path, data, response.secret)
  }

  #serveKey(path: string): WireResponse {
    const [, part, ...rest] = path.split('/')
    const key = this.#dependencies.keys.get(rest.join('/'))
    if (!key) return { status: 404, errors: [] }
    if (part === 'metadata') return { status: 200, data: { custom_metadata: key.custom } }
    return { status: 200, data: { data: key.fields, metadata: { version: 1, custom_metadata: key.custom } } }
  }

  /** Repeated once where the process died over it, as the host does. */
  async #engine(node: Node, request: PluginRequest, lease?: Lease): Promise<Response | undefined> {
    for (let attempt = 0; ; attempt++) {
      const plugin = node.plugin?.process.isAlive ? node.plugin : this.#startPlugin(node)
      try {
        return await this.#log.around(request, lease, () => plugin.handle(request))
      } catch (thrown) {
        const again = thrown instanceof PluginDied && attempt === 0 && this.#active === node && node.vault.isAlive
        if (!again) throw thrown
      }
    }
  }

  async #rollback(node: Node): Promise<void> {
    await this.#engine(node, this.#own('rollback', ''))
  }

  #own(operation: 'renew' | 'revoke' | 'rollback', path: string, secret?: Secret): PluginRequest {
    return {
      id: '',
      operation,
      path,
      data: {},
      clientToken: '',
      signal: new AbortController().signal,
      ...(secret ? { secret } : {}),
    }
  }

  /** Vault keeps the lease, or undoes what it cannot keep. */
  async #register(node: Node, path: string, data: Record<string, unknown>, secret: Secret): Promise<WireResponse> {
    const { names } = this.#dependencies
    const nowUnixMs = node.vault.clock.now()
    const lease: Lease = {
      id: `mcp/${path}/${Buffer.from(this.#random.bytes(9)).toString('hex')}`,
      path,
      secret,
      issuedUnixMs: nowUnixMs,
      expiresUnixMs: nowUnixMs + secret.lease_options.ttl * 1000,
      token: names.token(String(data.token)),
      session: names.session(String(data.session_id)),
    }
    if (!this.#dependencies.isCalm && this.#random.chance(0.02)) {
      await this.#engine(node, this.#own('revoke', path, secretOf(lease, null)), lease)
      return { status: 500, errors: ['failed to register lease'] }
    }
    this.#leases.set(lease.id, lease)
    this.#arm(node, lease)
    return { status: 200, data, lease_id: lease.id }
  }

  #arm(node: Node, lease: Lease): void {
    node.vault.clock.after(lease.expiresUnixMs - node.vault.clock.now(), () => {
      if (this.#active !== node || this.#leases.get(lease.id) !== lease || this.#mount === 'gone') return
      if (node.vault.clock.now() < lease.expiresUnixMs) this.#arm(node, lease)
      else void this.#runOut(node, lease)
    })
  }

  async #runOut(node: Node, lease: Lease): Promise<void> {
    try {
      await this.#engine(node, this.#own('revoke', lease.path, secretOf(lease, lease.issuedUnixMs)), lease)
      this.#leases.delete(lease.id)
    } catch {
      node.vault.clock.after(2_000, () => {
        if (this.#active === node && this.#leases.has(lease.id) && this.#mount === 'present')
          void this.#runOut(node, lease)
      })
    }
  }

  async #revokeNow(node: Node, id: string): Promise<WireResponse> {
    const lease = this.#leases.get(id)
    if (!lease || this.#mount !== 'present') return { status: 204 }
    const request = this.#own('revoke', lease.path, secretOf(lease, lease.issuedUnixMs))
    await this.#engine(node, { ...request, data: { onPurpose: true } }, lease)
    this.#leases.delete(id)
    return { status: 204 }
  }

  async #renew(node: Node, id: string, increment: number): Promise<WireResponse> {
    const lease = this.#leases.get(id)
    if (!lease || this.#mount !== 'present') return { status: 400, errors: ['lease not found'] }
    const response = await this.#engine(
      node,
      this.#own('renew', lease.path, secretOf(lease, lease.issuedUnixMs, increment)),
      lease,
    )
    const ttl = response?.secret?.lease_options.ttl
    if (ttl === undefined) throw new RequestError('internal')
    lease.expiresUnixMs = node.vault.clock.now() + ttl * 1000
    this.#arm(node, lease)
    return { status: 200, data: {} }
  }

  async #disable(node: Node): Promise<WireResponse> {
    if (this.#mount === 'gone') return { status: 204 }
    this.#mount = 'tainted'
    const op = this.#dependencies.history.begin({ what: 'end-mount' })
    await this.#rollback(node)
    for (const lease of [...this.#leases.values()]) {
      await this.#engine(node, this.#own('revoke', lease.path, secretOf(lease, lease.issuedUnixMs)), lease)
      this.#leases.delete(lease.id)
    }
    await node.plugin?.cleanup()
    node.plugin?.process.kill()
    this.#dependencies.disk.wipe()
    this.#mount = 'gone'
    this.#dependencies.history.add({ kind: 'end', op, outcome: 'ok' })
    return { status: 204 }
  }

  #enable(node: Node): WireResponse {
    if (this.#mount !== 'gone') return { status: 400, errors: ['path is already in use at mcp/'] }
    this.#mount = 'present'
    this.#startPlugin(node)
    return { status: 204 }
  }
}
