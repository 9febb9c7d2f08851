import type { ActiveSession, ChainLink, InactiveSession, NumberedEvent } from '../../document/index.ts'
import type { SharedParts } from './shared-parts.ts'

/** What a session was granted, and in what standing: equal for many, and then one object. */
export type LinkTerms = Pick<ChainLink, 'agent_id' | 'environment' | 'scopes' | 'policies' | 'generation'>

/** One session of a chain, with the end of its tokens as events move it. */
interface KnownLink {
  readonly session_id: string
  readonly session_expires_at_unix: number
  newest_token_expires_at_unix: number
}

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

/** Whose a session is. */
type Holder = Pick<SessionFacts, 'agent_id' | 'owner' | 'environment' | 'purpose'>

/** Which session, and until when it may live at most. */
export type SessionLife = Pick<ChainLink, 'session_id' | 'session_expires_at_unix'>

const NEVER_UNIX = Infinity

const knownLink = ({ session_id, session_expires_at_unix, newest_token_expires_at_unix }: ChainLink): KnownLink => ({
  session_id,
  session_expires_at_unix,
  newest_token_expires_at_unix,
})

const termsOf = ({ agent_id, environment, scopes, policies, generation }: ChainLink): LinkTerms => ({
  agent_id,
  environment,
  scopes,
  policies,
  generation,
})

/**
 * Entries whose facts are spelled out, so many of them as are in use at a time: spelled out, and rendered for records, a session takes
 * more memory than all else that is known of it.
 */
class LatelyNamed {
  readonly #entries: SessionEntry[] = []
  #next = 0

  add(entry: SessionEntry): void {
    this.#entries[this.#next]?.forgetFacts()
    this.#entries[this.#next] = entry
    this.#next = (this.#next + 1) % 4096
  }
}

const lately = new LatelyNamed()

const reasonOf = (text: string): EndReason => (text === 'expired' ? 'expired' : 'revoked')

/**
 * One token (or one session asked for by id) as the engine knew it at `sequence`, kept current by replaying later events. An
 * ended one stays ended: sessions never revive, and a token the engine ended is never honoured again.
 */
export class SessionEntry {
  /** What it is kept under: the token's digest, or the session's id. */
  readonly key: string
  readonly tokenId: string | null
  readonly documents: Readonly<Record<string, number | null>>
  readonly sequence: number
  /** Unix seconds; null where a session was asked for by its id. */
  readonly issuedAtUnix: number | null
  /** The session itself first, then its ancestors. */
  readonly chain: readonly KnownLink[]
  /** Of each link of the chain; one list for all sessions of which it is equal. */
  readonly terms: readonly LinkTerms[]
  /** Dropped from the cache: events reach it no more, so that nothing new may rest on it. */
  detached = false
  readonly #holder: Holder
  #facts: SessionFacts | undefined
  #expiresAtUnix: number
  /** Of the chain: asked for several times in every call. */
  #chainEndsAtUnix: number
  #mountGeneration: number
  #tokenOver: EndReason | undefined
  #callsOver: EndReason | undefined

  constructor(key: string, response: ActiveSession, parts: SharedParts) {
    this.key = key
    const { agent_id, owner, environment, purpose = null } = response
    this.tokenId = response.token_id ?? null
    this.#holder = parts.share('holder', { agent_id, owner, environment, purpose })
    this.documents = parts.share('documents', response.documents)
    this.sequence = response.sequence
    this.issuedAtUnix = response.iat ?? null
    this.chain = response.chain.map(knownLink)
    this.terms = parts.share('terms', response.chain.map(termsOf))
    this.#expiresAtUnix = response.expires_at_unix ?? NEVER_UNIX
    this.#chainEndsAtUnix = endOfChain(this.chain)
    this.#mountGeneration = response.mount_generation
  }

  get sessionId(): string {
    return this.chain[0]!.session_id
  }

  get agentId(): string {
    return this.#holder.agent_id
  }

  /** One object for as long as the session is in use: what is rendered of it is found again by its identity. */
  get facts(): SessionFacts {
    if (this.#facts) return this.#facts
    const { agent_id, owner, environment, purpose } = this.#holder
    this.#facts = { session_id: this.sessionId, agent_id, token_id: this.tokenId, owner, environment, purpose }
    lately.add(this)
    return this.#facts
  }

  /** They are spelled out again where they are asked for again. */
  forgetFacts(): void {
    this.#facts = undefined
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
      event.token_id !== this.tokenId &&
      event.reason !== 'superseded'
    )
  }

  /** The sessions of its chain that an event says are over. */
  sessionsEndedBy(event: NumberedEvent): readonly SessionLife[] {
    if (event.sequence <= this.sequence) return []
    if (event.type === 'session_ended') return this.chain.filter((link) => link.session_id === event.session_id)
    if (event.type === 'generation')
      return this.chain.filter((_link, index) => {
        const { agent_id, generation } = this.terms[index]!
        return agent_id === event.agent_id && generation < event.generation
      })
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
        if (event.token_id === this.tokenId) this.#endToken(event.reason)
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
    if (event.token_id === this.tokenId) this.#expiresAtUnix = event.expires_at_unix
    const link = this.chain.find((other) => other.session_id === event.session_id)
    const endUnix = event.tokens_end_unix ?? (event.newest ? event.expires_at_unix : undefined)
    if (!link || endUnix === undefined) return
    link.newest_token_expires_at_unix = endUnix
    this.#chainEndsAtUnix = endOfChain(this.chain)
  }
}

function endOfChain(chain: readonly KnownLink[]): number {
  let endUnix = NEVER_UNIX
  for (const { newest_token_expires_at_unix, session_expires_at_unix } of chain)
    endUnix = Math.min(endUnix, newest_token_expires_at_unix, session_expires_at_unix)
  return endUnix
}

/** What a look-up finds. */
export type Found =
  | { readonly entry: SessionEntry; readonly inactive?: never }
  | { readonly inactive: InactiveSession; readonly entry?: never }
