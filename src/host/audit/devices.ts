import { createSecretKey } from 'node:crypto'
import type { AuditLog } from '../../audit/index.ts'
import { badRequest, RequestError } from '../../logical/errors.ts'
import { getJson, putJson } from '../../logical/storage.ts'
import type { Storage } from '../../logical/storage.ts'
import { KeyedLock } from '../../logical/keyed-lock.ts'
import type { Random } from '../base/ids.ts'
import type { AuditBroker } from './broker.ts'

/** An audit device as stored and as `sys/audit` shows it; `path` ends in `/`. */
export interface AuditDevice {
  readonly path: string
  readonly type: 'file'
  readonly description: string
  readonly local: boolean
  readonly options: { readonly file_path: string }
}

interface StoredDevice extends AuditDevice {
  readonly salt: string
}

export interface AuditDevicesConfig {
  readonly storage: Storage
  readonly broker: AuditBroker
  readonly random: Random
  readonly openLog: (filePath: string) => AuditLog
}

const key = 'audit'

/** The enabled audit devices. Each has its own salt, so that hashes of two devices cannot be compared. */
export class AuditDevices {
  readonly #config: AuditDevicesConfig
  readonly #lock = new KeyedLock()
  readonly #devices = new Map<string, StoredDevice>()

  constructor(config: AuditDevicesConfig) {
    this.#config = config
  }

  /** A stored device that cannot be opened stops the start: the server must not run unrecorded. */
  async start(): Promise<void> {
    for (const device of (await getJson<StoredDevice[]>(this.#config.storage, key)) ?? []) await this.#open(device)
  }

  all(): AuditDevice[] {
    return [...this.#devices.values()].map(({ salt: _kept, ...device }) => device)
  }

  hash(path: string, text: string): string | undefined {
    return this.#config.broker.hash(path, text)
  }

  enable(device: AuditDevice): Promise<void> {
    return this.#lock.run('', async () => {
      if (this.#devices.has(device.path)) throw badRequest(`path already in use: ${device.path}`)
      const stored = { ...device, salt: Buffer.from(this.#config.random(32)).toString('hex') }
      await this.#open(stored)
      try {
        await this.#save()
      } catch (cause) {
        await this.#close(device.path)
        throw cause
      }
    })
  }

  disable(path: string): Promise<void> {
    return this.#lock.run('', async () => {
      const device = this.#devices.get(path)
      if (!device) return
      this.#devices.delete(path)
      try {
        await this.#save()
      } catch (cause) {
        this.#devices.set(path, device)
        throw cause
      }
      await this.#close(path)
    })
  }

  async #open(device: StoredDevice): Promise<void> {
    try {
      const log = this.#config.openLog(device.options.file_path)
      await log.open()
      // A device that cannot be written would lock everybody out, those who could disable it included.
      await log.append({ type: 'opened', device: device.path })
      this.#config.broker.add(device.path, { log, salt: createSecretKey(Buffer.from(device.salt, 'hex')) })
      this.#devices.set(device.path, device)
    } catch (cause) {
      throw new RequestError('bad_request', `options.file_path: ${device.options.file_path} cannot be appended to.`, {
        cause,
      })
    }
  }

  async #close(path: string): Promise<void> {
    this.#devices.delete(path)
    await this.#config.broker.remove(path)
  }

  #save(): Promise<void> {
    return putJson(this.#config.storage, key, [...this.#devices.values()])
  }
}
