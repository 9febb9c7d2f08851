import type { SessionLife } from './session-entry.ts'

export interface EndedSessionsConfig {
  /** Unix milliseconds on the engine's clock; Infinity while that is not known. */
  readonly nowUnixMs: () => number
  /** Ids kept; default 100,000. */
  readonly capacity?: number
}

const CAPACITY = 100_000
/** Of a session that was not known here when it ended: longer than sessions live unless an operator raised both limits. */
const UNKNOWN_LIFE_MS = 24 * 3_600_000

/**
 * Ids of sessions that this gateway has been told are over. They outlive an engine's epoch, the loss of the mount and whatever the cache
 * drops: an engine that was put back to an older state would call them live again. Bounded; the oldest go first.
 */
export class EndedSessions {
  readonly #config: EndedSessionsConfig
  /** Session id → Unix milliseconds at which it would have expired by itself. */
  readonly #expiry = new Map<string, number>()

  constructor(config: EndedSessionsConfig) {
    this.#config = config
  }

  get size(): number {
    return this.#expiry.size
  }

  /** `expiresAtUnixMs` undefined where its life is not known. */
  add(sessionId: string, expiresAtUnixMs?: number): void {
    const known = this.#expiry.get(sessionId)
    const nowUnixMs = this.#config.nowUnixMs()
    const until = expiresAtUnixMs ?? known ?? nowUnixMs + UNKNOWN_LIFE_MS
    this.#expiry.delete(sessionId)
    this.#expiry.set(sessionId, until)
    this.#forgetOldest(nowUnixMs)
  }

  addAll(links: readonly SessionLife[]): void {
    for (const { session_id, session_expires_at_unix } of links) this.add(session_id, session_expires_at_unix * 1000)
  }

  /** Is one of them known to be over? Told in this epoch or another, that is final, whatever the engine says by now. */
  hasAny(chain: readonly SessionLife[]): boolean {
    return chain.some(({ session_id }) => this.has(session_id))
  }

  has(sessionId: string): boolean {
    const expiresAtUnixMs = this.#expiry.get(sessionId)
    if (expiresAtUnixMs === undefined) return false
    const nowUnixMs = this.#config.nowUnixMs()
    // Infinity: nothing can be called expired before the engine's clock is known.
    if (nowUnixMs === Infinity || nowUnixMs < expiresAtUnixMs) return true
    this.#expiry.delete(sessionId)
    return false
  }

  #forgetOldest(nowUnixMs: number): void {
    for (const [id, expiresAtUnixMs] of this.#expiry) {
      const isOver = nowUnixMs !== Infinity && nowUnixMs >= expiresAtUnixMs
      if (!isOver && this.#expiry.size <= (this.#config.capacity ?? CAPACITY)) return
      this.#expiry.delete(id)
    }
  }
}
