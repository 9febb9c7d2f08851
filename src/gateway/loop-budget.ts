/** How many bytes of work are done before others get their turn: two to four milliseconds of reading JSON. */
const BYTES_PER_TURN = 64 * 1024

/**
 * Long work in steps, so that it never holds the event loop: everything that waits here shares one allowance for each turn of the
 * loop. There is one, as there is one loop: two would hold it for twice as long.
 */
class LoopBudget {
  #spent = 0
  #renewing = false
  readonly #waiting: (() => void)[] = []

  /** The size of one step, in bytes. */
  readonly step = BYTES_PER_TURN / 2

  /** Resolves when a step of `bytes` may be done; `undefined` = at once. First come, first served. */
  take(bytes: number): Promise<void> | undefined {
    this.#renew()
    if (this.#waiting.length === 0 && this.#spent < BYTES_PER_TURN) {
      this.#spent += bytes
      return undefined
    }
    return new Promise((resolve) => {
      this.#waiting.push(() => {
        this.#spent += bytes
        resolve()
      })
    })
  }

  #renew(): void {
    if (this.#renewing) return
    this.#renewing = true
    setImmediate(() => {
      this.#renewing = false
      this.#spent = 0
      while (this.#waiting.length > 0 && this.#spent < BYTES_PER_TURN) this.#waiting.shift()!()
      if (this.#waiting.length > 0) this.#renew()
    })
  }
}

export const loopBudget = new LoopBudget()
