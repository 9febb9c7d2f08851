import { jitterOf, pauseMs } from '../../logical/backoff.ts'
import type { Clock } from '../../logical/clock.ts'
import type { ErrorKind, RequestError } from '../../logical/errors.ts'
import { fromUnknown } from '../../logical/errors.ts'
import type { Random } from '../base/ids.ts'
import { ExpiryQueue } from './expiry-queue.ts'

export interface RevokeQueueConfig {
  readonly clock: Clock
  readonly random: Random
  /** One attempt; rejects when it failed. A lease that is gone counts as done. */
  readonly attempt: (leaseId: string) => Promise<void>
  /** Called when no further attempt will follow by itself. */
  readonly giveUp: (leaseId: string, error: RequestError) => Promise<void>
}

const workers = 64
const maxAttempts = 6
const retry = { firstMs: 20_000, longestMs: 320_000 }
const hopeless: ReadonlySet<ErrorKind> = new Set<ErrorKind>([
  'unsupported_operation',
  'unsupported_path',
  'invalid_request',
  'unrecoverable',
])

/** Retrying is pointless: the engine does not know the secret, or says so itself. */
export const isHopeless = (error: RequestError): boolean => hopeless.has(error.kind)

/**
 * Queued revocations: due leases wait here for one of a few workers; a failure waits 20, 40, 80 … seconds, give or take half,
 * and the sixth is the last (the schedule of Vault's expiration manager).
 */
export class RevokeQueue {
  readonly #config: RevokeQueueConfig
  readonly #due: ExpiryQueue
  readonly #waiting = new Set<string>()
  readonly #running = new Set<string>()
  readonly #failures = new Map<string, number>()
  #closed = false

  constructor(config: RevokeQueueConfig) {
    this.#config = config
    this.#due = new ExpiryQueue(config.clock, (leaseId) => {
      this.now(leaseId)
    })
  }

  /** Revoke at this time, unless told otherwise before. */
  at(leaseId: string, unixMs: number): void {
    this.#due.set(leaseId, unixMs)
  }

  /** Revoke as soon as a worker is free. */
  now(leaseId: string): void {
    if (this.#closed || this.#running.has(leaseId)) return
    this.#due.delete(leaseId)
    this.#waiting.add(leaseId)
    this.#work()
  }

  /** The lease is gone. */
  forget(leaseId: string): void {
    this.#due.delete(leaseId)
    this.#waiting.delete(leaseId)
    this.#failures.delete(leaseId)
  }

  close(): void {
    this.#closed = true
    this.#due.close()
    this.#waiting.clear()
  }

  #work(): void {
    for (const leaseId of this.#waiting) {
      if (this.#running.size >= workers) return
      this.#waiting.delete(leaseId)
      this.#running.add(leaseId)
      void this.#attempt(leaseId)
    }
  }

  async #attempt(leaseId: string): Promise<void> {
    try {
      await this.#config.attempt(leaseId)
      this.#failures.delete(leaseId)
    } catch (thrown) {
      await this.#failed(leaseId, fromUnknown(thrown))
    } finally {
      this.#running.delete(leaseId)
      if (!this.#closed) this.#work()
    }
  }

  async #failed(leaseId: string, error: RequestError): Promise<void> {
    if (this.#closed) return
    const failures = (this.#failures.get(leaseId) ?? 0) + 1
    if (failures < maxAttempts && !isHopeless(error)) {
      this.#failures.set(leaseId, failures)
      const wait = pauseMs({ ...retry, jitter: jitterOf(this.#config.random, 0.5, 1.5) }, failures)
      this.at(leaseId, this.#config.clock.now() + wait)
      return
    }
    this.#failures.delete(leaseId)
    await this.#config.giveUp(leaseId, error).catch(() => {
      this.at(leaseId, this.#config.clock.now() + 60_000)
    })
  }
}
