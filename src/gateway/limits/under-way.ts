/** How many of something are under way, by whose they are. */
export class UnderWay {
  readonly #counts = new Map<string, number>()

  /** One more; what comes back ends it, once. `undefined` = there are `limit` already. */
  enter(key: string, limit: number): (() => void) | undefined {
    const count = this.#counts.get(key) ?? 0
    if (count >= limit) return undefined
    this.#counts.set(key, count + 1)
    let over = false
    return () => {
      if (over) return
      over = true
      const left = (this.#counts.get(key) ?? 1) - 1
      if (left > 0) this.#counts.set(key, left)
      else this.#counts.delete(key)
    }
  }

  count(key: string): number {
    return this.#counts.get(key) ?? 0
  }
}
