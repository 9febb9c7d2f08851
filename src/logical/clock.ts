/** Time as the product sees it. Handed in through configuration so that tests can crank it by hand. */
export interface Clock {
  /** Wall clock, Unix milliseconds. */
  now(): number
  /** Monotonic milliseconds from an arbitrary start; never goes back. */
  monotonic(): number
  /** Runs `callback` once after `ms` milliseconds; the returned function cancels it. Never keeps the process alive. */
  after(ms: number, callback: () => void): () => void
}

/**
 * `clock` with a wall time that never goes back: where the machine's is set back, it goes on from where it was at the pace of the
 * monotonic one. What has expired would live again otherwise.
 */
export function forwardClock(clock: Clock): Clock {
  let wall = clock.now()
  let seen = clock.monotonic()
  return {
    now() {
      const monotonic = clock.monotonic()
      wall = Math.max(clock.now(), wall + monotonic - seen)
      seen = monotonic
      return Math.floor(wall)
    },
    monotonic: () => clock.monotonic(),
    after: (ms, callback) => clock.after(ms, callback),
  }
}

const LONGEST_TIMER_MS = 2 ** 31 - 1

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback) {
    // Node fires at once for delays past 2^31-1 ms, so longer ones are cut there; callers re-check their deadline.
    const timer = setTimeout(callback, Math.min(Math.max(ms, 0), LONGEST_TIMER_MS))
    timer.unref()
    return () => {
      clearTimeout(timer)
    }
  },
}

/** A moment, on both of a machine's clocks. */
export interface Moment {
  readonly monotonicMs: number
  readonly unixMs: number
}

export const momentOf = (clock: Clock): Moment => ({ monotonicMs: clock.monotonic(), unixMs: clock.now() })

/**
 * Milliseconds since `moment`, never too few: the monotonic clock stands still while the machine sleeps, and the wall clock may be
 * set back, so the longer of the two counts.
 */
export function elapsedSince(clock: Clock, moment: Moment): number {
  return Math.max(clock.monotonic() - moment.monotonicMs, clock.now() - moment.unixMs)
}

/** The moment `ms` milliseconds after another. */
export const later = ({ monotonicMs, unixMs }: Moment, ms: number): Moment => ({
  monotonicMs: monotonicMs + ms,
  unixMs: unixMs + ms,
})

/** Milliseconds until `moment`, never too many, by the reasoning of `elapsedSince`; negative once it is past. */
export const leftUntil = (clock: Clock, moment: Moment): number => -elapsedSince(clock, moment)

/** Resolves after `ms`; resolves early, without throwing, when `signal` aborts. */
export function delay(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve()
      return
    }
    const finish = () => {
      cancel()
      signal?.removeEventListener('abort', finish)
      resolve()
    }
    const cancel = clock.after(ms, finish)
    signal?.addEventListener('abort', finish, { once: true })
  })
}

/** ISO 8601 in UTC, whole seconds, as every timestamp the product answers with: `2026-03-15T16:00:00Z`. */
export function isoSeconds(unixMs: number): string {
  return new Date(Math.floor(unixMs / 1000) * 1000).toISOString().replace('.000Z', 'Z')
}
