/** The mounts that share this process, each under the `multiplex_id` the server gave it: its own connection, storage and engine. */
import { status } from '@grpc/grpc-js'
import type { Client, Metadata } from '@grpc/grpc-js'
import type { PluginHost } from '../goplugin/index.ts'
import type { Backend, Factory } from '../logical/backend.ts'
import type { Clock } from '../logical/clock.ts'
import { RequestError } from '../logical/errors.ts'
import type { Logger } from '../logical/log.ts'
import type { Storage } from '../logical/storage.ts'
import type { SetupArgs } from '../proto/vault-backend.ts'
import { StorageClient } from './storage-client.ts'
import { SystemViewClient } from './system-view-client.ts'

export interface EngineOptions {
  readonly factory: Factory
  /** `v0.1.0`: what the server compares with the version given at registration. */
  readonly version: string
  readonly clock: Clock
  /** Cryptographic randomness: `bytes` of it. */
  readonly random: (bytes: number) => Uint8Array
}

export interface Instance {
  readonly backend: Backend
  readonly storage: Storage
  readonly logger: Logger
  /** Ends what waits in the engine, then the connection. Never rejects. */
  close(): Promise<void>
}

/** A call that reaches no mount: answered with this gRPC status, which the server takes for a fault of the plugin. */
export class CallError extends Error {
  readonly code: status
  readonly details: string

  constructor(code: status, details: string) {
    super(details)
    this.code = code
    this.details = details
  }
}

/** Servers that do not multiplex send none: then the process has one mount, under the empty one. */
function multiplexId(metadata: Metadata): string {
  return String(metadata.get('multiplex_id')[0] ?? '')
}

export class Instances {
  readonly #options: EngineOptions
  readonly #host: PluginHost
  readonly #table = new Map<string, Instance>()
  /** The latest setup under way of each id. One that was overtaken, by another or by a cleanup, takes no effect. */
  readonly #settingUp = new Map<string, symbol>()

  constructor(options: EngineOptions, host: PluginHost) {
    this.#options = options
    this.#host = host
  }

  /** Throws `CallError` for an id that was never set up or is cleaned up. */
  get(metadata: Metadata): Instance {
    const instance = this.#table.get(multiplexId(metadata))
    if (!instance) throw new CallError(status.FAILED_PRECONDITION, 'no backend instance found')
    return instance
  }

  /**
   * A second setup of an id replaces the first. Nothing is read or written: the server registers a plugin by setting it up with
   * neither storage nor system view behind the connection. Where it fails nothing of it, nor of the first, is left.
   */
  async setUp(metadata: Metadata, args: SetupArgs): Promise<void> {
    const id = multiplexId(metadata)
    const own = Symbol(id)
    this.#settingUp.set(id, own)
    try {
      await this.#release(id)
      const instance = await this.#build(args)
      if (this.#settingUp.get(id) !== own) {
        await instance.close()
        throw new RequestError('unavailable', 'the mount was set up again or cleaned up meanwhile')
      }
      this.#table.set(id, instance)
    } finally {
      if (this.#settingUp.get(id) === own) this.#settingUp.delete(id)
    }
  }

  /** Servers clean up twice when a mount is disabled, and what was never set up. */
  async cleanUp(metadata: Metadata): Promise<void> {
    const id = multiplexId(metadata)
    this.#settingUp.delete(id)
    await this.#release(id)
  }

  async closeAll(): Promise<void> {
    this.#settingUp.clear()
    await Promise.all([...this.#table.keys()].map((id) => this.#release(id)))
  }

  async #release(id: string): Promise<void> {
    const instance = this.#table.get(id)
    this.#table.delete(id)
    await instance?.close()
  }

  async #build({ broker_id, config, backend_uuid }: SetupArgs): Promise<Instance> {
    const { clock, factory, random } = this.#options
    const logger = ofMount(this.#host.logger, backend_uuid)
    const client = await this.#host.dial(broker_id)
    try {
      const storage = new StorageClient(client, clock)
      const backend = await factory({
        storage,
        system: new SystemViewClient(client, clock),
        logger,
        clock,
        random,
        config,
        backend_uuid,
      })
      return { backend, storage, logger, close: () => close(backend, client, logger) }
    } catch (error) {
      client.close()
      throw error
    }
  }
}

async function close(backend: Backend, client: Client, logger: Logger): Promise<void> {
  try {
    await backend.cleanup()
  } catch (error) {
    logger.error({ error }, 'the engine did not clean up')
  }
  client.close()
}

/** One process logs for all its mounts. */
function ofMount(logger: Logger, mount_uuid: string): Logger {
  return {
    debug: (fields, message) => {
      logger.debug({ mount_uuid, ...fields }, message)
    },
    info: (fields, message) => {
      logger.info({ mount_uuid, ...fields }, message)
    },
    warn: (fields, message) => {
      logger.warn({ mount_uuid, ...fields }, message)
    },
    error: (fields, message) => {
      logger.error({ mount_uuid, ...fields }, message)
    },
  }
}
