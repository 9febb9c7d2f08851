export interface BackoffOptions {
  /** Milliseconds before the second attempt. */
  readonly firstMs: number
  /** No pause is longer, in milliseconds. */
  readonly longestMs: number
  /** Each pause is this many times the one before: 2 unless given. */
  readonly factor?: number
  /** What each pause is multiplied by, so that many waiters spread out; see `jitterOf`. */
  readonly jitter?: () => number
}

/** How long to wait before the next attempt: longer after each failure, from the start again after a success. */
export class Backoff {
  readonly #options: BackoffOptions
  #failures = 0

  constructor(options: BackoffOptions) {
    this.#options = options
  }

  /** Failures since the last success. */
  get failures(): number {
    return this.#failures
  }

  /** An attempt has failed: the milliseconds to wait before the next. */
  next(): number {
    this.#failures++
    return pauseMs(this.#options, this.#failures)
  }

  /** An attempt succeeded. */
  reset(): void {
    this.#failures = 0
  }
}

/** The pause after the failure of this number, counted from 1; for callers that keep the count themselves. */
export function pauseMs({ firstMs, longestMs, factor = 2, jitter }: BackoffOptions, failures: number): number {
  const ms = Math.min(firstMs * factor ** (failures - 1), longestMs)
  return jitter ? ms * jitter() : ms
}

/** A multiplier between `least` and `most`, drawn again at each call. */
export const jitterOf =
  (random: (bytes: number) => Uint8Array, least: number, most: number): (() => number) =>
  () =>
    least + (most - least) * fractionOf(random)

/** Two bytes of `random` as a fraction in [0, 1]. */
export function fractionOf(random: (bytes: number) => Uint8Array): number {
  const [high = 0, low = 0] = random(2)
  return (high * 256 + low) / 65_535
}
