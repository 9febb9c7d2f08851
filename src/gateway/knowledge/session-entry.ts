import type { ActiveSession, ChainLink, InactiveSession, NumberedEvent } from '../../document/index.ts'

type KnownLink = Omit<ChainLink, 'newest_token_expires_at_unix'> & { newest_token_expires_at_unix: number }

export type EndReason = 'expired' | 'revoked'

/** Who a session is, as records and answers name it. `token_id` null where the session was asked for by its id. */
export interface SessionFacts {
  readonly session_id: string
  readonly agent_id: string
  readonly token_id: string | null
  readonly owner: string
  readonly environment: string
  readonly purpose: string | null
}

/** Ended by a younger token taking its place, or by running out: calls under way go on while the session lives. */
const passing = new Set(['superseded', 'expired', 'refreshed'])

const reasonOf = (text: string): EndReason => (text === 'expired' ? 'expired' : 'revoked')

/**
 * One token (or one session asked for by id) as the engine knew it at `sequence`, kept current by replaying later events. An
 * ended one stays ended: sessions never revive, and a token the engine ended is never honoured again.
 */
export class SessionEntry {
  /** What it is kept under: the token's digest, or the session's id. */
  readonly key: string
  readonly facts: SessionFacts
  readonly documents: Readonly<Record<string, number | null>>
  readonly sequence: number
  /** Unix seconds; null where a session was asked for by its id. */
  readonly issuedAtUnix: number | null
  /** Each with the end of its tokens as events move it. */
  readonly chain: readonly KnownLink[]
  /** Dropped from the cache: events reach it no more, so that nothing new may rest on it. */
  detached = false
  #expiresAtUnix: number
  /** Of the chain: asked for several times in every call. */
  #chainEndsAtUnix: number
  #mountGeneration: number
  #tokenOver: EndReason | undefined
  #callsOver: EndReason | undefined

  constructor(key: string, response: ActiveSession) {
    this.key = key
    const { session_id, agent_id, owner, environment, documents, sequence } = response
    this.facts = {
      session_id,
      agent_id,
      token_id: response.token_id ?? null,
      owner,
      environment,
      purpose: response.purpose ?? null,
    }
    this.documents = documents
    this.sequence = sequence
    this.issuedAtUnix = response.iat ?? null
    this.chain = response.chain.map((link) => ({ ...link }))
    this.#expiresAtUnix = response.expires_at_unix ?? Infinity
    this.#chainEndsAtUnix = endOfChain(this.chain)
    this.#mountGeneration = response.mount_generation
  }

  /** Unix seconds: when the token, or the session asked for, ends unless renewed. */
  get expiresAtUnix(): number {
    return Math.min(this.#expiresAtUnix, this.#chainEndsAtUnix)
  }

  /** Unix milliseconds until which calls under way may live: the session's newest token and every ancestor's. */
  get callsEndAtUnixMs(): number {
    return this.#chainEndsAtUnix * 1000
  }

  /** Why a new request with this token is refused at `nowUnixMs` of the engine's clock; undefined = it is live. */
  endOfToken(nowUnixMs: number): EndReason | undefined {
    return this.#callsOver ?? this.#tokenOver ?? (nowUnixMs >= this.expiresAtUnix * 1000 ? 'expired' : undefined)
  }

  /** Why a call under way ends at `nowUnixMs`. It outlives its token only while its session has a younger live one. */
  endOfCalls(nowUnixMs: number): EndReason | undefined {
    return this.#callsOver ?? (nowUnixMs >= this.callsEndAtUnixMs ? 'expired' : undefined)
  }

  /** True when an event takes away a token that may be the one the session lives by, so that its expiry is not known any more. */
  isDoubtedBy(event: NumberedEvent): boolean {
    return (
      event.sequence > this.sequence &&
      event.type === 'token_ended' &&
      event.token_id !== this.facts.token_id &&
      event.reason !== 'superseded'
    )
  }

  /** The sessions of its chain that an event says are over. */
  sessionsEndedBy(event: NumberedEvent): readonly ChainLink[] {
    if (event.sequence <= this.sequence) return []
    if (event.type === 'session_ended') return this.chain.filter((link) => link.session_id === event.session_id)
    if (event.type === 'generation')
      return this.chain.filter((link) => link.agent_id === event.agent_id && link.generation < event.generation)
    return event.type === 'mount_generation' && this.#mountGeneration < event.generation ? this.chain : []
  }

  apply(event: NumberedEvent): void {
    // The response this entry was built from already reflects everything up to its own sequence.
    if (event.sequence <= this.sequence) return
    switch (event.type) {
      case 'session_ended':
        this.#endWith(event, reasonOf(event.reason))
        break
      case 'token_ended':
        if (event.token_id === this.facts.token_id) this.#endToken(event.reason)
        break
      case 'generation':
      case 'mount_generation':
        this.#endWith(event, 'revoked')
        break
      case 'expiry':
        this.#move(event)
        break
      case 'document':
        break
    }
  }

  #endToken(reason: Parameters<typeof reasonOf>[0]): void {
    this.#tokenOver ??= reasonOf(reason)
    if (!passing.has(reason)) this.#callsOver ??= reasonOf(reason)
  }

  #endWith(event: NumberedEvent, reason: EndReason): void {
    if (this.sessionsEndedBy(event).length > 0) this.end(reason)
  }

  /** For good. */
  end(reason: EndReason): void {
    this.#tokenOver ??= reason
    this.#callsOver ??= reason
  }

  #move(event: NumberedEvent & { type: 'expiry' }): void {
    if (event.token_id === this.facts.token_id) this.#expiresAtUnix = event.expires_at_unix
    const link = this.chain.find((other) => other.session_id === event.session_id)
    const endUnix = event.tokens_end_unix ?? (event.newest ? event.expires_at_unix : undefined)
    if (!link || endUnix === undefined) return
    link.newest_token_expires_at_unix = endUnix
    this.#chainEndsAtUnix = endOfChain(this.chain)
  }
}

const endOfChain = (chain: readonly KnownLink[]): number =>
  Math.min(...chain.map((link) => Math.min(link.newest_token_expires_at_unix, link.session_expires_at_unix)))

/** What a look-up finds. */
export type Found =
  | { readonly entry: SessionEntry; readonly inactive?: never }
  | { readonly inactive: InactiveSession; readonly entry?: never }
