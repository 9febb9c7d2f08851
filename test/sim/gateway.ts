/** A gateway: everything of the product below its listeners, on one simulated machine, and the callers at its door. */
import { tokensService } from '../../src/gateway/grpc/tokens.ts'
import { watchHandler } from '../../src/gateway/grpc/watch.ts'
import { OpenStreams } from '../../src/gateway/grpc/outbox.ts'
import type { GrpcDependencies } from '../../src/gateway/grpc/exchange.ts'
import { createCore } from '../../src/gateway/core.ts'
import type { GatewayCore } from '../../src/gateway/core.ts'
import { parseTarget } from '../../src/gateway/call/target.ts'
import { toGatewayFailure } from '../../src/gateway/error.ts'
import type { StalenessLimits } from '../../src/gateway/knowledge/freshness.ts'
import { Keys } from '../../src/gateway/proxy/keys.ts'
import { UpstreamCalls } from '../../src/gateway/proxy/upstream-calls.ts'
import { RequestIdSource } from '../../src/gateway/request-id.ts'
import { tokenDigest } from '../../src/scope/index.ts'
import type { Logger } from '../../src/logical/log.ts'
import type { History } from './history.ts'
import { Process } from './machine.ts'
import type { Machine } from './machine.ts'
import type { Names } from './names.ts'
import type { Random } from './random.ts'
import { drawScript, simulatedEgress } from './upstream.ts'
import type { Script } from './upstream.ts'
import { vaultClient } from './vault-client.ts'
import type { ClientDependencies } from './vault-client.ts'

export const SERVICE_TOKEN = 'gst_simulated_service'
/** Seconds: shorter than what is shipped, so that an episode sees many of them pass. */
export const STALENESS: StalenessLimits = { high: 5, standard: 12, low: 30 }

export interface HeldToken {
  readonly text: string
  readonly name: string
  readonly scope: string
}

interface UnderWay extends HeldToken {
  readonly script: Script
  readonly limitMs: number
}

export interface GatewayDependencies {
  readonly machine: Machine
  readonly network: ClientDependencies['network']
  readonly cluster: ClientDependencies['cluster']
  readonly history: History
  readonly names: Names
  readonly random: Random
  readonly isCalm: boolean
}

/** Milliseconds that what is known may be old when the upstream of this scope is concerned. */
export const limitOf = (scope: string): number => 1000 * (scope.includes(':crm:') ? STALENESS.high : STALENESS.standard)

/** The tools of the simulation: one per scope, one path each. */
export const PATHS: Readonly<Record<string, readonly string[]>> = {
  'read:crm:contacts': ['contacts'],
  'read:crm:notes': ['notes'],
  'read:wiki:pages': ['pages'],
}

export class GatewayNode {
  readonly dependencies: GatewayDependencies
  #process: Process
  #core!: GatewayCore
  #calls!: UpstreamCalls
  grpc!: { readonly tokens: ReturnType<typeof tokensService>; readonly watch: ReturnType<typeof watchHandler> }
  readonly #underWay = new Map<string, UnderWay>()
  #runs = 0
  #requests = 0
  auditFailsUntil = 0

  constructor(dependencies: GatewayDependencies) {
    this.dependencies = dependencies
    this.#process = new Process(dependencies.machine, dependencies.random)
    this.start()
  }

  get process(): Process {
    return this.#process
  }
  get name(): string {
    return this.dependencies.machine.name
  }

  /** A new process: it knows nothing, and whatever the old one had under way is gone. */
  start(): void {
    const { machine, random } = this.dependencies
    this.#process.kill()
    this.#process = new Process(machine, random.fork(`run ${String(++this.#runs)}`))
    const { clock } = this.#process
    const vault = vaultClient({ ...this.dependencies, process: this.#process, token: 'hvs.gateway' })
    const core = createCore({
      vault,
      mount: 'mcp',
      services: [{ name: 'simulated', sha256: tokenDigest(SERVICE_TOKEN), agents: ['*'], vault: undefined }],
      sink: { append: (record) => this.#append(record) },
      staleness: STALENESS,
      keyConsent: 'enforce',
      clock,
      random: (bytes) => random.bytes(bytes),
      logger: this.#logger(),
    })
    this.#core = core
    const egress = simulatedEgress(
      this.#process,
      (request) => this.#underWay.get(request)!.script,
      (request) => {
        this.#accept('key', request, this.#underWay.get(request)!)
      },
    )
    const keys = new Keys({
      vault,
      mount: 'mcp',
      clock,
      logger: this.#logger(),
      consent: 'enforce',
      limitMs: (sensitivity) => core.freshness.limitMs(sensitivity),
    })
    this.#calls = new UpstreamCalls({
      decisions: core.decisions,
      keys,
      records: core.records,
      egress,
      limits: core.limits,
      clock,
    })
    const grpc: GrpcDependencies = {
      ...core,
      calls: this.#calls,
      clock,
      logger: this.#logger(),
      requestIds: new RequestIdSource(this.#process.random),
      healthy: () => true,
    }
    const streams = new OpenStreams()
    this.grpc = { tokens: tokensService(grpc, streams), watch: watchHandler(grpc, streams) }
    core.follower.start()
  }

  async validate(held: HeldToken): Promise<void> {
    const request = this.#requestId()
    try {
      const validation = await this.#core.decisions.validate({
        token: held.text,
        requiredScope: held.scope,
        requestId: request,
        caller: { kind: 'service', name: 'simulated', agents: ['*'], vault: undefined },
      })
      if (validation.scope_match) this.#accept('validate', request, { ...held, limitMs: limitOf(held.scope) })
    } catch (thrown) {
      this.#refuse(held, thrown)
    }
  }

  /** A call to the upstream of the scope, to the last part of its response. */
  async call(held: HeldToken, isStream: boolean): Promise<void> {
    const request = this.#requestId()
    const call = { ...held, limitMs: limitOf(held.scope), script: drawScript(this.dependencies.random, isStream) }
    this.#underWay.set(request, call)
    try {
      const response = await this.#calls.perform({
        token: held.text,
        method: 'GET',
        ...parseTarget(`/u/${held.scope.split(':')[1]!}/${PATHS[held.scope]!.join('/')}?rid=${request}`),
        headers: [],
        body: undefined,
        contentLength: undefined,
        callerBase: '/u',
        requestId: request,
        caller: { kind: 'session' },
        signal: new AbortController().signal,
      })
      for await (const part of response.body) {
        // As both APIs do, in the instant before a part goes to the caller's socket.
        if (part.length === 0 || !response.stillFresh()) break
        this.#accept('byte', request, call)
      }
    } catch (thrown) {
      this.#refuse(held, thrown)
    } finally {
      this.#underWay.delete(request)
    }
  }

  #requestId(): string {
    return `${this.name}-${String(this.#runs)}-${String(++this.#requests)}`
  }

  #accept(
    how: 'validate' | 'key' | 'byte',
    request: string,
    { name, scope, limitMs }: Omit<UnderWay, 'script' | 'text'>,
  ): void {
    this.dependencies.history.add({ kind: 'accept', how, at: this.name, request, token: name, scope, limitMs })
  }

  #refuse({ name, scope }: HeldToken, thrown: unknown): void {
    const { type, code, kind, message } = toGatewayFailure(thrown)
    this.dependencies.history.add({ kind: 'refuse', at: this.name, token: name, scope, type, code })
    if (kind === 'internal')
      this.dependencies.history.add({
        kind: 'broken',
        what: `${this.name}: ${message} ${String((thrown as Error).stack)}`,
      })
  }

  /** The audit log: durable a little later, by group commit, or not to be had. */
  #append({ request_id, type, decision }: { request_id?: string; type?: string; decision?: string }): Promise<void> {
    const process = this.#process
    const { random, machine, history } = this.dependencies
    const fails = this.auditFailsUntil > machine.world.now
    return new Promise((resolve, reject) => {
      process.clock.after(random.between(0.2, random.chance(0.97) || this.dependencies.isCalm ? 4 : 900), () => {
        if (fails) {
          reject(new Error('the audit log cannot be written'))
          return
        }
        if (type === 'decision' && decision === 'allow')
          history.add({ kind: 'durable', at: this.name, request: request_id ?? '' })
        resolve()
      })
    })
  }

  #logger(): Logger {
    const nothing = () => undefined
    return {
      debug: nothing,
      info: nothing,
      warn: nothing,
      error: (fields, message) => {
        // Told to an operator, and true: the simulation removes the mount.
        if ((fields as { code?: unknown }).code === 'mount_gone') return
        this.dependencies.history.add({ kind: 'broken', what: `${this.name}: ${message} ${JSON.stringify(fields)}` })
      },
    }
  }
}
