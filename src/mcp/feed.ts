/**
 * The revocation feed: an ordered ring of changes that gateways follow. Filled only after the storage commit. The epoch is
 * random per engine instance and changes when a write's outcome is unknown; followers then drop everything they cached.
 */
import type { FeedEvent, FeedPosition, NumberedEvent, SentFeedResponse } from '../document/index.ts'
import type { Clock } from '../logical/clock.ts'

/** A response without what the mount adds to it. */
export type FeedPollResult = Omit<
  SentFeedResponse,
  'pollers' | 'introspection_batch' | 'check_keys' | 'check_enforced_from_unix'
>

/** At least so many are kept. */
const RING_EVENTS = 16_384
const MOST_EVENTS_PER_RESPONSE = 1_024

export class Feed {
  readonly #clock: Clock
  readonly #random: (bytes: number) => Uint8Array
  /** Consecutive sequences, the newest at the end. */
  #ring: NumberedEvent[] = []
  readonly #waiting = new Set<() => void>()
  #epoch: string
  #sequence = 0
  #closed = false
  #removed = false

  constructor(clock: Clock, random: (bytes: number) => Uint8Array) {
    this.#clock = clock
    this.#random = random
    this.#epoch = this.#drawEpoch()
  }

  /** Take it before the first read a response rests on. */
  get position(): FeedPosition {
    return { epoch: this.#epoch, sequence: this.#sequence }
  }

  get removed(): boolean {
    return this.#removed
  }

  publish(events: readonly FeedEvent[]): void {
    if (events.length === 0) return
    for (const event of events) this.#ring.push({ sequence: ++this.#sequence, ...event })
    // Trimmed by halves: moving the whole ring for each event would cost far more than the event.
    if (this.#ring.length > 2 * RING_EVENTS) this.#ring = this.#ring.slice(-RING_EVENTS)
    this.wake()
  }

  newEpoch(): void {
    this.#epoch = this.#drawEpoch()
    this.#ring = []
    this.wake()
  }

  /** Answers at once when there is something to say, else after `waitMs`, at the next event, on abort or on close. */
  async poll(follower: { epoch: string; after: number }, waitMs: number, signal: AbortSignal): Promise<FeedPollResult> {
    const requestedAt = this.#clock.monotonic()
    const held = waitMs > 0 && !this.#closed && !this.#removed
    if (held && this.#isCurrent(follower) && follower.after === this.#sequence) await this.#wait(waitMs, signal)
    const current = this.#isCurrent(follower)
    const events = current ? this.#after(follower.after) : []
    // A cut answer reports the position it reaches, so that the follower asks on from there.
    const sequence = events.length === MOST_EVENTS_PER_RESPONSE ? events[events.length - 1]!.sequence : this.#sequence
    return {
      epoch: this.#epoch,
      sequence,
      server_time_unix_ms: this.#clock.now(),
      held_ms: Math.max(0, Math.floor(this.#clock.monotonic() - requestedAt)),
      events,
      reset: !current,
      more: sequence < this.#sequence,
      removed: this.#removed,
    }
  }

  #after(sequence: number): readonly NumberedEvent[] {
    const start = this.#ring.length - (this.#sequence - sequence)
    return this.#ring.slice(start, start + MOST_EVENTS_PER_RESPONSE)
  }

  /** Ends every waiting poll and lets none wait again. */
  close(): void {
    this.#closed = true
    this.wake()
  }

  /** From here on every poll says that the mount is going, and none waits. Those that wait are woken by what is published next. */
  remove(): void {
    this.#removed = true
  }

  /** The mount stays after all, or goes on at another path. */
  restore(): void {
    this.#removed = false
  }

  /** Ends every waiting poll. */
  wake(): void {
    for (const finish of [...this.#waiting]) finish()
  }

  #isCurrent(follower: { epoch: string; after: number }): boolean {
    if (follower.epoch !== this.#epoch || follower.after > this.#sequence) return false
    return this.#sequence - follower.after <= this.#ring.length
  }

  #wait(waitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) {
        resolve()
        return
      }
      const finish = () => {
        cancel()
        this.#waiting.delete(finish)
        signal.removeEventListener('abort', finish)
        resolve()
      }
      const cancel = this.#clock.after(waitMs, finish)
      this.#waiting.add(finish)
      signal.addEventListener('abort', finish, { once: true })
    })
  }

  #drawEpoch(): string {
    return Buffer.from(this.#random(12)).toString('hex')
  }
}
