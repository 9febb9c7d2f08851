/**
 * Uses of tokens after their expiry. The first is innocent more often than not (a refresh that came too late); each further one, from the
 * same address or another, is somebody who holds on to an old token. Records carry age and address of every late use, so that what
 * several gateways saw can be counted together by token_id.
 */
export class LateUses {
  readonly #seen = new Set<string>()
  readonly #capacity: number

  constructor(capacity = 10_000) {
    this.#capacity = capacity
  }

  /** Notes a use of the token of this id; true = it is not the first. The oldest are forgotten. */
  note(tokenId: string): boolean {
    if (this.#seen.has(tokenId)) return true
    const [oldest] = this.#seen
    if (oldest !== undefined && this.#seen.size >= this.#capacity) this.#seen.delete(oldest)
    this.#seen.add(tokenId)
    return false
  }
}
