/** One run of the engine's process, as its host sees it: requests go in, answers come out, or it dies over them. */
import type { Backend } from '../../src/logical/backend.ts'
import type { Clock } from '../../src/logical/clock.ts'
import type { Data } from '../../src/logical/data.ts'
import { silentLogger } from '../../src/logical/log.ts'
import type { Operation } from '../../src/logical/request.ts'
import type { Response } from '../../src/logical/response.ts'
import type { Secret } from '../../src/logical/secret.ts'
import { mcpFactory } from '../../src/mcp/backend.ts'
import type { Process } from './machine.ts'
import type { Disk } from './disk.ts'

export interface PluginRequest {
  readonly id: string
  readonly operation: Operation
  /** Relative to the mount. */
  readonly path: string
  readonly data: Data
  readonly secret?: Secret
  readonly clientToken: string
  readonly signal: AbortSignal
}

/** The process died before it answered: whether the request took effect is not known. */
export class PluginDied extends Error {}

const MONTH_SECONDS = 2_764_800

export class Plugin {
  readonly process: Process
  readonly #backend: Promise<Backend>
  readonly #storage
  readonly #pending = new Set<(died: PluginDied) => void>()

  constructor(process: Process, clock: Clock, disk: Disk, isFenced: () => boolean, isTainted: () => boolean) {
    this.process = process
    this.#storage = disk.storageFor(process, isFenced)
    this.#backend = mcpFactory({
      storage: this.#storage,
      system: {
        defaultLeaseTtl: () => Promise.resolve(MONTH_SECONDS),
        maxLeaseTtl: () => Promise.resolve(MONTH_SECONDS),
        tainted: () => Promise.resolve(isTainted()),
        readOnly: () => Promise.resolve(false),
      },
      logger: silentLogger,
      clock,
      random: process.random,
      config: {},
      backend_uuid: 'simulation',
    })
    this.#backend.then((backend) => backend.initialize()).catch(() => undefined)
    process.onKill(() => {
      for (const fail of [...this.#pending]) fail(new PluginDied('the engine died'))
    })
  }

  /** Rejects with `PluginDied`, or with what the engine threw. */
  handle({ clientToken, ...request }: PluginRequest): Promise<Response | undefined> {
    if (!this.process.isAlive) return Promise.reject(new PluginDied('the engine is dead'))
    return new Promise((resolve, reject) => {
      this.#pending.add(reject)
      const settle = (act: () => void) => {
        if (this.#pending.delete(reject) && this.process.isAlive) act()
      }
      this.#backend
        .then((backend) =>
          backend.handleRequest({
            ...request,
            storage: this.#storage,
            client_token: clientToken,
            client_token_accessor: '',
            display_name: 'token',
            entity_id: '',
            mount_point: 'mcp/',
            remote_addr: '127.0.0.1',
          }),
        )
        .then(
          (response) => {
            settle(() => {
              resolve(response)
            })
          },
          (error: unknown) => {
            settle(() => {
              reject(error)
            })
          },
        )
    })
  }

  /** The host asks it to go. */
  async cleanup(): Promise<void> {
    await (await this.#backend).cleanup()
  }
}
