import type { KeyObject } from 'node:crypto'
import { auditHash } from '../../audit/index.ts'
import type { AuditLog } from '../../audit/index.ts'
import { RequestError } from '../../logical/errors.ts'
import type { Logger } from '../../logical/log.ts'
import type { Operation } from '../../logical/request.ts'
import type { ApiCall, ApiOutcome } from '../base/call.ts'
import type { AuthenticatedCaller } from '../auth/caller.ts'
import type { Mount } from '../base/mount.ts'
import { requestLine, responseLine } from './lines.ts'

interface Device {
  readonly log: Pick<AuditLog, 'append' | 'close'>
  readonly salt: KeyObject
}

/**
 * Writes what is asked and answered to every audit device. With devices enabled, at least one must have the line on disk
 * before the request goes on: what cannot be recorded does not happen. Without devices nothing is recorded.
 */
export class AuditBroker {
  readonly #devices = new Map<string, Device>()
  readonly #logger: Logger
  readonly #now: () => number

  constructor(logger: Logger, now: () => number) {
    this.#logger = logger
    this.#now = now
  }

  add(path: string, device: Device): void {
    this.#devices.set(path, device)
  }

  async remove(path: string): Promise<void> {
    const device = this.#devices.get(path)
    this.#devices.delete(path)
    await device?.log.close()
  }

  hash(path: string, text: string): string | undefined {
    const device = this.#devices.get(path)
    return device && auditHash(device.salt, text)
  }

  request(
    call: ApiCall,
    caller: AuthenticatedCaller | undefined,
    mount: Mount | undefined,
    operation: Operation,
    error: RequestError | undefined,
  ): Promise<void> {
    return this.#write((salt) => requestLine({ call, caller, mount, operation, error, now: this.#now(), salt }))
  }

  response(
    call: ApiCall,
    caller: AuthenticatedCaller | undefined,
    mount: Mount,
    operation: Operation,
    outcome: ApiOutcome | undefined,
    error: RequestError | undefined,
  ): Promise<void> {
    return this.#write((salt) =>
      responseLine({ call, caller, mount, operation, error, now: this.#now(), salt }, outcome),
    )
  }

  async close(): Promise<void> {
    for (const path of [...this.#devices.keys()]) await this.remove(path)
  }

  async #write(line: (salt: KeyObject) => object): Promise<void> {
    if (this.#devices.size === 0) return
    const writes = [...this.#devices].map(async ([path, { log, salt }]) => {
      try {
        await log.append(line(salt))
        return true
      } catch (cause) {
        this.#logger.error({ cause, device: path }, 'audit device could not be written')
        return false
      }
    })
    const written = await Promise.all(writes)
    if (!written.includes(true))
      throw new RequestError('unavailable', 'no audit device could be written; the request was refused')
  }
}
