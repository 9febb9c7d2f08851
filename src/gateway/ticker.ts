import type { Clock } from '../logical/clock.ts'
import { Slots } from '../logical/slots.ts'
import type { Logger } from '../logical/log.ts'

const PERIOD_MS = 500

/** One timer for everything that must notice time passing: lost contact with Vault is not an event. */
export class Ticker {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #tasks = new Slots<() => void>()
  #cancelTimer: (() => void) | undefined

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock
    this.#logger = logger
  }

  /** Runs `task` twice a second until the returned function is called. */
  every(task: () => void): () => void {
    const slot = this.#tasks.add(task)
    this.#cancelTimer ??= this.#clock.after(PERIOD_MS, () => {
      this.#run()
    })
    return () => {
      this.#tasks.delete(slot, task)
    }
  }

  stop(): void {
    this.#tasks.clear()
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  #run(): void {
    for (const task of this.#tasks.all()) {
      try {
        task()
      } catch (error) {
        this.#logger.error({ error: error instanceof Error ? error.stack : 'unexpected' }, 'a periodic check failed')
      }
    }
    this.#cancelTimer =
      this.#tasks.size > 0
        ? this.#clock.after(PERIOD_MS, () => {
            this.#run()
          })
        : undefined
  }
}
