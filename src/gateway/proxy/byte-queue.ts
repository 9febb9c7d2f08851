/** What one side hands over as it comes and the other reads when it can. */
export interface ByteQueueOwner {
  /** The reader waits, and nothing is there. */
  waiting?(): void
  /** There is room again, after `push` has said that there was none. */
  room?(): void
  /** The reader wants no more. */
  left?(): void
}

/** Bytes read ahead of what transforms them before the upstream's connection is paused. */
export const READ_AHEAD = 128 * 1024

type Read = IteratorResult<Uint8Array, undefined>

/** Bytes from calls to an iterator, read once. Holds what it is given: who pushes stops when told to. */
export class ByteQueue implements AsyncIterableIterator<Uint8Array, undefined> {
  readonly #most: number
  readonly #owner: ByteQueueOwner
  #chunks: Uint8Array[] = []
  #bytes = 0
  #isFull = false
  #ended = false
  #failure: Error | undefined
  #reader: { resolve: (read: Read) => void; reject: (error: Error) => void } | undefined

  /** `most`: bytes from which on `push` asks to stop. */
  constructor(most: number, owner: ByteQueueOwner = {}) {
    this.#most = most
    this.#owner = owner
  }

  /** False = no more until there is room. */
  push(chunk: Uint8Array): boolean {
    if (this.#failure || this.#ended) return true
    const reader = this.#reader
    if (reader) {
      this.#reader = undefined
      reader.resolve({ done: false, value: chunk })
      return true
    }
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    this.#isFull = this.#bytes >= this.#most
    return !this.#isFull
  }

  end(): void {
    this.#ended = true
    this.#reader?.resolve({ done: true, value: undefined })
    this.#reader = undefined
  }

  /** What is queued is dropped; the reader gets the reason, now or next. */
  fail(error: Error): void {
    if (this.#failure) return
    this.#failure = error
    this.#chunks = []
    this.#bytes = 0
    this.#reader?.reject(error)
    this.#reader = undefined
  }

  next(): Promise<Read> {
    if (this.#failure) return Promise.reject(this.#failure)
    const chunk = this.#chunks.shift()
    if (chunk) {
      this.#bytes -= chunk.length
      if (this.#isFull && this.#bytes < this.#most / 2) {
        this.#isFull = false
        this.#owner.room?.()
      }
      return Promise.resolve({ done: false, value: chunk })
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
      this.#owner.waiting?.()
    })
  }

  return(): Promise<Read> {
    this.#owner.left?.()
    this.end()
    this.#chunks = []
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
