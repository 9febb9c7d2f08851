/** The nodes of one Vault, as origins. One of them is asked until it fails; then the next is. */
export class Nodes {
  readonly first: string
  readonly #origins: readonly string[]
  #current: string

  constructor(origins: readonly [string, ...string[]]) {
    this.first = origins[0]
    this.#origins = origins
    this.#current = origins[0]
  }

  get current(): string {
    return this.#current
  }

  /** Said by every exchange that failed at `origin`; only the first of them moves on. */
  leave(origin: string): void {
    if (origin === this.#current)
      this.#current = this.#origins[(this.#origins.indexOf(origin) + 1) % this.#origins.length] ?? this.first
  }
}

/** A node that answers so does not serve: sealed, a standby that redirects or does not forward, or without its leader or plugin. */
export const turnsAway = (status: number): boolean =>
  status >= 500 || (status >= 300 && status < 400) || status === 472 || status === 473
