import type { Clock } from '../../logical/clock.ts'

/** Counts what happens within the second after it was made, and tells the number once that is over. */
export class SecondCount {
  readonly #tell: (count: number) => Promise<void>
  readonly #cancel: () => void
  #count: number

  constructor(clock: Clock, counted: number, tell: (count: number) => Promise<void>) {
    this.#count = counted
    this.#tell = tell
    this.#cancel = clock.after(1_000, () => {
      void this.end()
    })
  }

  add(): void {
    this.#count++
  }

  /** Tells what was counted so far, and counts no more. */
  end(): Promise<void> {
    this.#cancel()
    return this.#tell(this.#count)
  }
}
