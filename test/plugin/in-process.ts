/** An engine plugin in this process: its services on a real socket, its host's on others, and a clock cranked by hand. */
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, Server, ServerCredentials, credentials } from '@grpc/grpc-js'
import { guarded } from '../../src/goplugin/guard.ts'
import type { GoPlugin, Service } from '../../src/goplugin/index.ts'
import type { Backend, BackendConfig, Factory } from '../../src/logical/backend.ts'
import { RequestError } from '../../src/logical/errors.ts'
import type { Logger } from '../../src/logical/log.ts'
import { mcpFactory } from '../../src/mcp/backend.ts'
import { enginePlugin } from '../../src/plugin/index.ts'
import { FakeClock } from '../fakes/clock.ts'
import { BackendCalls, HostedMount } from '../fakes/plugin-backend-host.ts'

const noLimits = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 }

export interface LogLine {
  readonly level: string
  readonly fields: Record<string, unknown>
  readonly message: string
}

interface Listening {
  readonly target: string
  close(): void
}

async function listen(services: readonly Service[]): Promise<Listening> {
  const path = join(tmpdir(), `mcp-plugin-test-${randomBytes(6).toString('hex')}`)
  const server = new Server(noLimits)
  for (const { definition, implementation } of services) server.addService(definition, implementation)
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => {
      if (error) reject(error)
      else resolve()
    })
  })
  return {
    target: `unix:${path}`,
    close: () => {
      server.forceShutdown()
      rmSync(path, { force: true })
    },
  }
}

export class InProcessPlugin {
  readonly plugin: GoPlugin
  readonly clock: FakeClock
  readonly logs: LogLine[] = []
  /** The plugin's connections to its mounts' servers, in the order they were dialled. */
  readonly dialled: Client[] = []
  client!: Client
  /** Awaited before a dial is answered. */
  beforeDial: () => Promise<void> = () => Promise.resolve()
  readonly #listening: Listening[] = []
  readonly #targets = new Map<number, string>()
  #lastId = 0

  private constructor(factory: Factory, clock: FakeClock) {
    this.clock = clock
    this.plugin = enginePlugin({ factory, version: 'v0.1.0', clock, random: (bytes) => randomBytes(bytes) })
  }

  static async start({
    factory = mcpFactory,
    clock = new FakeClock(),
  }: { factory?: Factory; clock?: FakeClock } = {}): Promise<InProcessPlugin> {
    const self = new InProcessPlugin(factory, clock)
    const services = self.plugin.services({ version: 5, logger: self.#logger(), dial: (id) => self.#dial(id) })
    const { target } = await self.#listen(services.map((service) => guarded(service, self.#logger())))
    self.client = new Client(target, credentials.createInsecure(), noLimits)
    return self
  }

  /** A broker id behind which the host's side of a mount listens. */
  async serve(mount: HostedMount): Promise<number> {
    const id = ++this.#lastId
    this.#targets.set(id, (await this.#listen(mount.services)).target)
    return id
  }

  /** Set up and initialized, under a multiplex id of its own. */
  async mount(
    mount: HostedMount = new HostedMount(),
    multiplexId = randomBytes(5).toString('hex'),
  ): Promise<{ mount: HostedMount; calls: BackendCalls }> {
    const calls = new BackendCalls(this.client, multiplexId)
    const { err } = await calls.setup(await this.serve(mount))
    if (err !== '') throw new Error(err)
    const initialized = await calls.initialize()
    if (initialized.err) throw new Error(initialized.err.err_msg)
    return { mount, calls }
  }

  async close(): Promise<void> {
    await this.plugin.close?.()
    this.client.close()
    for (const listening of this.#listening) listening.close()
  }

  async #listen(services: readonly Service[]): Promise<Listening> {
    const listening = await listen(services)
    this.#listening.push(listening)
    return listening
  }

  async #dial(id: number): Promise<Client> {
    await this.beforeDial()
    const target = this.#targets.get(id)
    if (target === undefined)
      throw new RequestError('unavailable', `the host did not announce the listener ${String(id)} within 5 seconds`)
    const client = new Client(target, credentials.createInsecure(), noLimits)
    this.dialled.push(client)
    return client
  }

  #logger(): Logger {
    const at = (level: string) => (fields: object, message: string) => {
      this.logs.push({ level, fields: { ...fields }, message })
    }
    return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  }
}

/** An engine that does what a test says; asked for anything else it answers nothing. */
export function scripted(script: Partial<Backend>, made: BackendConfig[] = []): Factory {
  return (config) => {
    made.push(config)
    return Promise.resolve({
      type: 'secret',
      specialPaths: { root: [], unauthenticated: [] },
      leasing: 'host',
      initialize: () => Promise.resolve(),
      handleRequest: () => Promise.resolve(undefined),
      handleExistenceCheck: () => Promise.resolve(undefined),
      invalidateKey: () => undefined,
      cleanup: () => Promise.resolve(),
      ...script,
    })
  }
}

export function deferred(): { readonly promise: Promise<undefined>; resolve(): void } {
  let resolve!: () => void
  const promise = new Promise<undefined>((settle) => {
    resolve = () => {
      settle(undefined)
    }
  })
  return { promise, resolve }
}
