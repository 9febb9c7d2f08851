/** The mounts that share this process, each under the `multiplex_id` the server gave it: its own connection, storage and engine. */
import { status } from '@grpc/grpc-js'
import type { Client, Metadata, ServiceError } from '@grpc/grpc-js'
import type { PluginHost } from '../goplugin/index.ts'
import type { Backend, Factory } from '../logical/backend.ts'
import type { Clock } from '../logical/clock.ts'
import type { Logger } from '../logical/log.ts'
import type { Storage } from '../logical/storage.ts'
import { StorageClient } from './storage-client.ts'
import { SystemViewClient } from './system-view-client.ts'
import type { SetupArgs } from './wire.ts'

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
  close(): Promise<void>
}

/** Servers that do not multiplex send none: then the process has one mount, under the empty one. */
export function multiplexId(metadata: Metadata): string {
  return String(metadata.get('multiplex_id')[0] ?? '')
}

export class Instances {
  readonly #options: EngineOptions
  readonly #host: PluginHost
  readonly #table = new Map<string, Instance>()

  constructor(options: EngineOptions, host: PluginHost) {
    this.#options = options
    this.#host = host
  }

  /** Throws a gRPC status for an id that was never set up or is cleaned up. */
  get(metadata: Metadata): Instance {
    const instance = this.#table.get(multiplexId(metadata))
    if (!instance) throw Object.assign(new Error('no backend instance found'), { code: status.FAILED_PRECONDITION, details: 'no backend instance found' }) satisfies Partial<ServiceError>
    return instance
  }

  /**
   * A second setup of an id replaces the first. Nothing is read or written: the server registers a plugin by setting it up with
   * neither storage nor system view behind the connection.
   */
  async setUp(metadata: Metadata, { broker_id, config, backend_uuid }: SetupArgs): Promise<void> {
    const id = multiplexId(metadata)
    const { clock, factory, random } = this.#options
    const client = await this.#host.dial(broker_id)
    try {
      const storage = new StorageClient(client, clock)
      const logger = ofMount(this.#host.logger, backend_uuid)
      const backend = await factory({ storage, system: new SystemViewClient(client, clock), logger, clock, random, config, backend_uuid })
      const replaced = this.#table.get(id)
      this.#table.set(id, { backend, storage, logger, close: () => close(backend, client) })
      await replaced?.close()
    } catch (error) {
      client.close()
      throw error
    }
  }

  /** Servers clean up twice when a mount is disabled, and what was never set up. */
  async cleanUp(metadata: Metadata): Promise<void> {
    const id = multiplexId(metadata)
    const instance = this.#table.get(id)
    this.#table.delete(id)
    await instance?.close()
  }

  async closeAll(): Promise<void> {
    const instances = [...this.#table.values()]
    this.#table.clear()
    await Promise.allSettled(instances.map((instance) => instance.close()))
  }
}

async function close(backend: Backend, client: Client): Promise<void> {
  try {
    await backend.cleanup()
  } finally {
    client.close()
  }
}

function ofMount(logger: Logger, mount_uuid: string): Logger {
  return {
    debug: (fields, message) => { logger.debug({ mount_uuid, ...fields }, message) },
    info: (fields, message) => { logger.info({ mount_uuid, ...fields }, message) },
    warn: (fields, message) => { logger.warn({ mount_uuid, ...fields }, message) },
    error: (fields, message) => { logger.error({ mount_uuid, ...fields }, message) },
  }
}
