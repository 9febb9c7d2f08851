/**
 * The mount is being disabled or moved, or its namespace deleted. Vault and OpenBao mark it as tainted before they ask for the
 * locks that a waiting poll of the feed holds, so the mark is looked for while any poll waits: everything is then ended with one
 * write, the polls answer, and nothing holds the removal up.
 */
import type { SystemView } from '../logical/backend.ts'
import { delay } from '../logical/clock.ts'
import type { Clock } from '../logical/clock.ts'
import type { Feed } from './feed.ts'

/** A call over a local socket, which no server audits. */
const LOOK_EVERY_MS = 50

export interface RemovalConfig {
  readonly system: Pick<SystemView, 'tainted'>
  readonly clock: Clock
  readonly feed: Feed
  /** Ends every session of the mount with one write. */
  readonly endMount: () => Promise<unknown>
}

export class Removal {
  readonly #config: RemovalConfig
  #waiting = 0
  /** Aborts when the last poll has ended. */
  #looking: AbortController | undefined
  #ended = false
  #ending: Promise<void> | undefined

  constructor(config: RemovalConfig) {
    this.#config = config
  }

  /** Runs `poll`, and looks for the mark for as long as it waits. */
  async during<T>(poll: () => Promise<T>): Promise<T> {
    // A mount that was moved goes on at its new path: the first request that gets through finds the mark gone.
    if (this.#config.feed.removed) await this.check().catch(() => undefined)
    this.#waiting++
    if (!this.#looking) void this.#look((this.#looking = new AbortController()))
    try {
      return await poll()
    } finally {
      this.#waiting--
      if (this.#waiting === 0) {
        this.#looking?.abort()
        this.#looking = undefined
      }
    }
  }

  /** Is the mount being removed? Rejects when the host cannot tell, or when ending the mount could not be stored. */
  async check(): Promise<boolean> {
    const { system, feed } = this.#config
    if (!(await system.tainted())) {
      this.#ended = false
      feed.restore()
      return false
    }
    if (!this.#ended)
      await (this.#ending ??= this.#end().finally(() => {
        this.#ending = undefined
      }))
    return true
  }

  /** A session was opened: a removal that comes about from here on has something to end, whether one before it did or not. */
  sessionOpened(): void {
    this.#ended = false
  }

  async #end(): Promise<void> {
    const { feed, endMount } = this.#config
    // Marked first: the event of the end wakes the polls, and they are to say that it is the last.
    feed.remove()
    try {
      await endMount()
      this.#ended = true
    } finally {
      feed.wake()
    }
  }

  async #look({ signal }: AbortController): Promise<void> {
    while (!signal.aborted) {
      await delay(this.#config.clock, LOOK_EVERY_MS, signal)
      // A host that does not answer is asked again; polls end by themselves meanwhile.
      if (!signal.aborted) await this.check().catch(() => undefined)
    }
  }
}
