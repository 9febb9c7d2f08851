import type { InactiveSession } from '../../document/index.ts'

/** What the engine never takes back: it honours no token again that it ended or saw expire. It tells of a superseded one as revoked. */
const isFinal = ({ reason, session_id }: InactiveSession): boolean =>
  (reason === 'expired' || reason === 'revoked') && session_id !== undefined

/**
 * Tokens the engine has said are over, by digest, so that a client that goes on sending one costs a single look-up. Only what is
 * final for every caller: an unknown token may be minted yet, and what depends on the caller is judged for each request. Another
 * epoch of the engine may rest on another state, so that all is dropped then.
 */
export class EndedTokens {
  readonly #responses = new Map<string, InactiveSession>()
  readonly #capacity: number

  constructor(capacity = 10_000) {
    this.#capacity = capacity
  }

  /** What the engine said; the token counts as used. */
  get(digest: string): InactiveSession | undefined {
    const response = this.#responses.get(digest)
    if (response) {
      this.#responses.delete(digest)
      this.#responses.set(digest, response)
    }
    return response
  }

  has(digest: string): boolean {
    return this.#responses.has(digest)
  }

  /** Keeps a response that is final; the least recently used one makes room. */
  note(digest: string, response: InactiveSession): void {
    if (!isFinal(response)) return
    const [oldest] = this.#responses.keys()
    if (oldest !== undefined && this.#responses.size >= this.#capacity) this.#responses.delete(oldest)
    this.#responses.set(digest, response)
  }

  clear(): void {
    this.#responses.clear()
  }
}
