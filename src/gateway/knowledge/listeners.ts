import type { Logger } from '../../logical/log.ts'
import type { GatewayFailure } from '../error.ts'
import type { NumberedEvent } from '../../document/index.ts'

/** Hears of every change in order. No method may throw or wait. */
export interface FeedListener {
  changed(events: readonly NumberedEvent[]): void
  /** Nothing known before holds any more: drop it. */
  reset(): void
  /** Vault said no, and `reason` is what callers are told: end what is under way. A reset follows. */
  refused?(reason: GatewayFailure): void
}

/**
 * A request to the engine while it is under way. Its response reflects the feed up to the sequence it carries; `events` are
 * those learnt since it was asked, to be replayed onto the response.
 */
export interface PendingLookup {
  readonly epoch: string | undefined
  readonly sequence: number
  readonly events: readonly NumberedEvent[]
  /** True once the feed was reset: the response may rest on a state that is gone. */
  readonly broken: boolean
  close(): void
}

/** Whom the follower tells: caches and those who act on them, and requests to the engine that are under way. */
export class Listeners {
  readonly #logger: Logger
  readonly #listeners: FeedListener[] = []
  readonly #lookups = new Set<{ events: NumberedEvent[]; broken: boolean }>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  add(listener: FeedListener): void {
    this.#listeners.push(listener)
  }

  openLookup(position: { readonly epoch: string | undefined; readonly sequence: number }): PendingLookup {
    const open = { events: [] as NumberedEvent[], broken: false }
    this.#lookups.add(open)
    return {
      ...position,
      events: open.events,
      get broken() {
        return open.broken
      },
      close: () => this.#lookups.delete(open),
    }
  }

  /** False where a listener failed half way: it no longer knows what it holds, so that all have to be reset. */
  publish(events: readonly NumberedEvent[]): boolean {
    for (const lookup of this.#lookups) lookup.events.push(...events)
    try {
      for (const listener of this.#listeners) listener.changed(events)
      return true
    } catch (error) {
      this.#logger.error({ error: String(error) }, 'a change could not be applied; all cached state is dropped')
      return false
    }
  }

  reset(): void {
    for (const lookup of this.#lookups) lookup.broken = true
    for (const listener of this.#listeners) listener.reset()
  }

  refused(reason: GatewayFailure): void {
    for (const listener of this.#listeners) listener.refused?.(reason)
  }
}
