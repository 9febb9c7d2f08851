import type { RequestError } from '../logical/errors.ts'

/** Who waits for a line. One of the two is called, once, and never before the call that handed the line over has returned. */
export interface LineWaiter {
  /** The line is on the disk. */
  durable(): void
  /** It is not, or nobody knows: nothing may rest on it. `error` is a `RequestError` `unavailable`, shared by all whose lines failed together. */
  notDurable(error: unknown): void
}

const FIRST_BYTES = 64 * 1024
/** A batch that grew beyond this gives its memory back. */
const MOST_BYTES_KEPT = 1024 * 1024
/** UTF-8 takes no more for one UTF-16 unit. */
const MOST_BYTES_PER_UNIT = 3

/** Lines that are written together, one behind the other in one stretch of memory, and who waits for them. Used again once they have been told. */
export class LineBatch {
  /** Whether a line of it may not wait for company any more. */
  isUrgent = false
  /** Whether a line of it waits for company, but not for ever. */
  awaitsCompany = false
  #buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #length = 0
  #waiters: LineWaiter[] = []
  readonly #waiterFailed: (thrown: unknown) => void

  /** `waiterFailed` is given what a waiter has thrown; the others are told all the same. */
  constructor(waiterFailed: (thrown: unknown) => void) {
    this.#waiterFailed = waiterFailed
  }

  get isEmpty(): boolean {
    return this.#waiters.length === 0
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  /** `text` is a line with its newline. False where the batch would have more than `mostBytes`: then it is as it was. */
  add(text: string, waiter: LineWaiter, mostBytes: number): boolean {
    const needed = this.#length + text.length * MOST_BYTES_PER_UNIT
    if (needed > this.#buffer.length) this.#grow(needed)
    const written = this.#buffer.write(text, this.#length)
    if (this.#length + written > mostBytes) return false
    this.#length += written
    this.#waiters.push(waiter)
    return true
  }

  succeeded(): void {
    for (const waiter of this.#waiters)
      try {
        waiter.durable()
      } catch (thrown) {
        this.#waiterFailed(thrown)
      }
  }

  failed(error: RequestError): void {
    for (const waiter of this.#waiters)
      try {
        waiter.notDurable(error)
      } catch (thrown) {
        this.#waiterFailed(thrown)
      }
  }

  clear(): void {
    this.isUrgent = false
    this.awaitsCompany = false
    this.#length = 0
    this.#waiters = []
    if (this.#buffer.length > MOST_BYTES_KEPT) this.#buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(grown, 0, 0, this.#length)
    this.#buffer = grown
  }
}
