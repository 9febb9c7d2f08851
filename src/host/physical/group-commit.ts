import { RequestError } from '../../logical/errors.ts'

/** One change of a batch, in the shape classic-level takes it. */
export type Change =
  | { readonly type: 'put'; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: 'del'; readonly key: Buffer }

interface Waiting {
  readonly change: Change
  readonly done: () => void
  readonly failed: (error: unknown) => void
}

const MOST_CHANGES = 1024
const MOST_BYTES = 8 * 1024 * 1024

/**
 * Lets concurrent writers share one sync of the disk: what arrives while a batch is being written makes up the next one. Changes
 * are written in the order they were submitted. A batch succeeds or fails as a whole, and nobody hears of it before it has.
 */
export class GroupCommit {
  readonly #write: (batch: readonly Change[]) => Promise<void>
  #waiting: Waiting[] = []
  #writing: Promise<void> | undefined
  #closed = false

  /** `write` must be atomic and durable when it resolves. */
  constructor(write: (batch: readonly Change[]) => Promise<void>) {
    this.#write = write
  }

  /** Resolves once the change is durable; rejects with what `write` rejected with. */
  submit(change: Change): Promise<void> {
    if (this.#closed) return Promise.reject(new RequestError('unavailable', 'the store is closed'))
    return new Promise((done, failed) => {
      this.#waiting.push({ change, done, failed })
      this.#writing ??= this.#drain()
    })
  }

  /** Waits for what was submitted; later submissions reject. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#writing
  }

  async #drain(): Promise<void> {
    // Everybody who asks in this turn of the event loop still joins the first batch.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const batch = this.#take()
      try {
        await this.#write(batch.map((waiting) => waiting.change))
        for (const waiting of batch) waiting.done()
      } catch (error) {
        for (const waiting of batch) waiting.failed(error)
      }
    }
    this.#writing = undefined
  }

  /** The front of the queue, bounded so that one giant batch cannot hold up the disk or the memory. At least one change. */
  #take(): Waiting[] {
    let bytes = 0
    let count = 0
    for (const { change } of this.#waiting) {
      bytes += change.type === 'put' ? change.value.length : 0
      if (count > 0 && (bytes > MOST_BYTES || count === MOST_CHANGES)) break
      count++
    }
    return this.#waiting.splice(0, count)
  }
}
