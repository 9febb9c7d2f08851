/** Past that it starts anew: what is in use stays with those who use it, and is no longer shared with those who come. */
const LARGEST = 10_000

/**
 * Parts that are equal in many sessions, held once: who they belong to, what they were granted, the documents they rest on. What is
 * derived from such a part is found again by its identity, so it is derived once for all of them.
 */
export class SharedParts {
  readonly #known = new Map<string, object>()

  /** `value`, or one that was equal to it; it must never be changed. `kind` keeps apart what may be spelled alike. */
  share<T extends object>(kind: string, value: T): T {
    const text = kind + JSON.stringify(value)
    const known = this.#known.get(text)
    if (known) return known as T
    if (this.#known.size >= LARGEST) this.#known.clear()
    this.#known.set(text, value)
    return value
  }

  clear(): void {
    this.#known.clear()
  }
}
