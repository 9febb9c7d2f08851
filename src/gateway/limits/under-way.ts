/** How many of something are under way, by whose they are. */
export class UnderWay {
  readonly #counts = new Map<string, number>()

  /** One more; what comes back ends it, once. `undefined` = there are `limit` already. */
  enter(key: string, limit: number): (() => void) | undefined {
    if (!this.add(key, limit)) return undefined
    let over = false
    return () => {
      if (over) return
      over = true
      this.remove(key)
    }
  }

  /** One more, which must be removed once. False = there are `limit` already. */
  add(key: string, limit: number): boolean {
    const count = this.#counts.get(key) ?? 0
    if (count >= limit) return false
    this.#counts.set(key, count + 1)
    return true
  }

  remove(key: string): void {
    const left = (this.#counts.get(key) ?? 1) - 1
    if (left > 0) this.#counts.set(key, left)
    else this.#counts.delete(key)
  }

  count(key: string): number {
    return this.#counts.get(key) ?? 0
  }
}
