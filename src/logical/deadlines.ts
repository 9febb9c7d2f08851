import type { Clock } from './clock.ts'
import { Slots } from './slots.ts'

/** Something with a moment by which it must be over. */
export interface WithDeadline {
  /** Monotonic milliseconds; Infinity = none at the moment. After a change to an earlier one, `Deadlines.advanced` must be called. */
  readonly deadlineMs: number
  /** Kept by `Deadlines`; -1 before it was added. */
  deadlineSlot: number
  /** The moment has come. Sets another one, or is forgotten; may add and delete others. */
  due(): void
}

/** Clocks are read in fractions of a millisecond: one that is nearly there must not be looked at without end. */
const SHORTEST_MS = 1

/**
 * Many deadlines of which few are ever met, on one timer: a deadline that moves on, or goes, costs nothing until the timer fires, looks
 * at all there are and sets itself for the next. A timer for each call would cost more than most of what a call does.
 */
export class Deadlines<T extends WithDeadline> {
  readonly #clock: Clock
  readonly #items = new Slots<T>()
  #firesAtMs = Infinity
  #cancelTimer: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#items.size
  }

  /** As they are now. */
  all(): T[] {
    return this.#items.all()
  }

  add(item: T): void {
    item.deadlineSlot = this.#items.add(item)
    this.advanced(item)
  }

  delete(item: T): void {
    this.#items.delete(item.deadlineSlot, item)
  }

  /** The deadline of `item` may be earlier than it was. */
  advanced({ deadlineMs }: T): void {
    if (deadlineMs < this.#firesAtMs) this.#set(deadlineMs)
  }

  #set(atMs: number): void {
    this.#cancelTimer?.()
    this.#firesAtMs = atMs
    this.#cancelTimer =
      atMs === Infinity
        ? undefined
        : this.#clock.after(Math.max(atMs - this.#clock.monotonic(), SHORTEST_MS), () => {
            this.#look()
          })
  }

  #look(): void {
    const nowMs = this.#clock.monotonic()
    this.#firesAtMs = Infinity
    this.#cancelTimer = undefined
    for (const item of this.#items.all()) {
      if (item.deadlineMs > nowMs || !this.#items.has(item.deadlineSlot, item)) continue
      item.due()
      // Left as it was: it would be met again at once, without end.
      if (item.deadlineMs < nowMs) this.delete(item)
    }
    let next = Infinity
    for (const { deadlineMs } of this.#items.all()) if (deadlineMs < next) next = deadlineMs
    if (next < this.#firesAtMs) this.#set(next)
  }
}
