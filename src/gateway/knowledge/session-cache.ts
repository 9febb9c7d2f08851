import { RequestError } from '../../logical/errors.ts'
import type { Clock } from '../../logical/clock.ts'
import type { Logger } from '../../logical/log.ts'
import type { VaultClient } from '../../vault-client/index.ts'
import { unavailable } from '../error.ts'
import { EndedTokens } from './ended-tokens.ts'
import type { FeedFollower } from './feed-follower.ts'
import type { FeedListener, PendingLookup } from './listeners.ts'
import type { ActiveSession, Introspection, NumberedEvent } from '../../document/index.ts'
import { EndedSessions } from './ended-sessions.ts'
import { EntriesById } from './entries-by-id.ts'
import { Introspections, textOf } from './introspection.ts'
import type { SessionKey } from './introspection.ts'
import { SessionEntry } from './session-entry.ts'
import { SharedParts } from './shared-parts.ts'
import { addTo, removeFrom } from './sets-by-key.ts'
import { SessionWatch, SessionWatches } from './watch.ts'
import type { SessionWatcher } from './watch.ts'
import type { Found } from './session-entry.ts'

export interface SessionsConfig {
  readonly vault: VaultClient
  readonly mount: string
  readonly follower: FeedFollower
  readonly clock: Clock
  readonly logger: Logger
  /** Entries kept; default 100,000. */
  readonly capacity?: number
}

const CAPACITY = 100_000
const LOOKUPS_AT_ONCE = 256
const ATTEMPTS = 3
const TIMEOUT_MS = 5_000
/**
 * A token that fails the check is certainly unknown only as long as the keys are those of the mount as it is now: one that was removed
 * and enabled again mints with others. Two polls; after that tokens are looked up, and where that fails Vault is unavailable.
 */
const CHECK_VALID_MS = 2_000

/**
 * Introspection, cached. A response is admitted only after every event learnt since it was asked for has been replayed onto it,
 * and never across epochs; otherwise a revoke in between would be lost. A "no" is kept where it is final, as ended entries are.
 */
export class SessionCache implements FeedListener {
  readonly #config: SessionsConfig
  readonly #introspections: Introspections
  readonly #entries = new Map<string, SessionEntry>()
  /** By session id and by agent id: the entries with it anywhere in their chain. */
  readonly #bySession = new EntriesById()
  readonly #byAgent = new Map<string, Set<SessionEntry>>()
  readonly #parts = new SharedParts()
  #newest: SessionEntry | undefined
  readonly #pending = new Map<string, Promise<Found>>()
  readonly #watches: SessionWatches
  readonly #ended = new EndedTokens()
  readonly #endedSessions = new EndedSessions({ nowUnixMs: () => this.nowUnixMs() })

  constructor(config: SessionsConfig) {
    this.#config = config
    this.#introspections = new Introspections(config)
    this.#watches = new SessionWatches(config.clock)
  }

  get size(): number {
    return this.#entries.size
  }

  /** Sessions of which something is under way. */
  get watched(): number {
    return this.#watches.sessions
  }

  /** A live entry of this token's digest, if one is kept: asks nobody. */
  kept(tokenSha256: string, nowUnixMs: number): SessionEntry | undefined {
    const entry = this.#entries.get(tokenSha256)
    if (entry === undefined || entry.endOfToken(nowUnixMs) !== undefined) return undefined
    this.#touch(entry)
    return entry
  }

  /**
   * What `find` comes to without asking Vault anything new. A token that the engine cannot have minted is unknown without asking: made-up
   * ones cost Vault neither a look-up nor a line in its audit log. That rests on what the feed told lately, else the engine is asked.
   */
  atHand(key: SessionKey, token: string | undefined): Found | Promise<Found> | undefined {
    const text = textOf(key)
    const known = this.#known(text) ?? this.#pending.get(text)
    if (known || token === undefined || this.#entries.has(text) || !this.#isRefused(token)) return known
    const { feed_epoch: epoch, feed_sequence: sequence } = this.#config.follower.position
    return { inactive: { active: false, reason: 'unknown', epoch, sequence, server_time_unix_ms: this.nowUnixMs() } }
  }

  /** The entry of a token or session, live or ended, or the engine's "no". Throws `unavailable`, never "invalid", in an outage. */
  async find(key: SessionKey): Promise<Found> {
    const text = textOf(key)
    const known = this.#known(text) ?? this.#pending.get(text)
    if (known) return known
    if (this.#pending.size >= LOOKUPS_AT_ONCE)
      throw unavailable('busy', 'too many tokens are being looked up; try again')
    const lookup = this.#lookUp(key).finally(() => {
      this.#pending.delete(text)
    })
    this.#pending.set(text, lookup)
    return lookup
  }

  #known(text: string): Found | undefined {
    const entry = this.#entries.get(text)
    // Expired by the clock is asked again: a renewal may be ahead of its event.
    if (entry && entry.endOfToken(this.nowUnixMs()) !== 'expired') {
      this.#touch(entry)
      return { entry }
    }
    const ended = this.#ended.get(text)
    return ended && { inactive: ended }
  }

  /** Whole seconds until a session has a free place for a token again; 0 = it has one, or is over. Asks the engine. */
  async secondsToRefresh(sessionId: string): Promise<number> {
    const response = await this.#introspections.ask({ session_id: sessionId }, (told) => told)
    if (!response.active || response.refresh_possible_unix === 0) return 0
    return Math.max(1, response.refresh_possible_unix - Math.floor(response.server_time_unix_ms / 1000))
  }

  /** Entries used last stand last: the map is the order in which they are given up. */
  #touch(entry: SessionEntry): void {
    if (entry === this.#newest) return
    this.#newest = entry
    this.#entries.delete(entry.key)
    this.#entries.set(entry.key, entry)
  }

  #isRefused(token: string): boolean {
    const { follower } = this.#config
    return follower.ageMs() <= CHECK_VALID_MS && follower.tokenCheck?.refuses(token, this.nowUnixMs()) === true
  }

  /** Unix milliseconds on the engine's clock, never late. */
  nowUnixMs(): number {
    return this.#config.follower.engineClock.nowUnixMs()
  }

  /** Tells `watcher` at the moment it is learnt that calls of this session are over, or their time has come; at once if they are. */
  watch(entry: SessionEntry, watcher: SessionWatcher): SessionWatch {
    const watch = new SessionWatch(entry, watcher, this.#config, this.#watches)
    this.#watches.add(watch)
    watch.review()
    if (entry.detached) {
      watch.markStale()
      void this.#reconfirm(watch)
    }
    return watch
  }

  changed(events: readonly NumberedEvent[]): void {
    for (const event of events) {
      if (event.type === 'session_ended') this.#endedSessions.add(event.session_id)
      for (const entry of this.#touchedBy(event)) {
        entry.apply(event)
        this.#endedSessions.addAll(entry.sessionsEndedBy(event))
        for (const watch of this.#watches.of(entry)) watch.review()
        if (entry.isDoubtedBy(event)) this.#doubt(entry)
      }
    }
  }

  reset(): void {
    for (const entry of this.#entries.values()) entry.detached = true
    this.#entries.clear()
    this.#newest = undefined
    this.#ended.clear()
    this.#bySession.clear()
    this.#parts.clear()
    this.#byAgent.clear()
    const stale = this.#watches.all()
    for (const watch of stale) watch.markStale()
    for (const watch of stale) void this.#reconfirm(watch)
  }

  #doubt(entry: SessionEntry): void {
    this.#drop(entry)
    for (const watch of this.#watches.of(entry)) {
      watch.markStale()
      void this.#reconfirm(watch)
    }
  }

  async #lookUp(key: SessionKey): Promise<Found> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { found, isBroken } = await this.#introspections.ask(key, (response, lookup) => ({
        found: this.#foundBy(key, response, lookup),
        isBroken: lookup.broken,
      }))
      if (found) return found
      // Either the feed has moved on, and asking again is all it takes, or it has yet to hear what the response tells.
      if (!isBroken) await this.#config.follower.nextResponse(TIMEOUT_MS)
    }
    throw unavailable('feed_behind', 'this gateway is catching up with Vault; try again')
  }

  #foundBy(key: SessionKey, response: Introspection, lookup: PendingLookup): Found | undefined {
    if (response.active) {
      const entry = this.#confirmed(new SessionEntry(textOf(key), response, this.#parts), response, lookup)
      return entry && { entry }
    }
    if (this.#isOfEpoch(response, lookup)) {
      if ('token_sha256' in key) this.#ended.note(key.token_sha256, response)
      if (response.reason !== 'expired') this.#watches.revoked(textOf(key))
    }
    return { inactive: response }
  }

  /** Admits a response after replaying onto it what was learnt while it was under way; undefined when it cannot be used. */
  #confirmed(entry: SessionEntry, response: ActiveSession, lookup: PendingLookup): SessionEntry | undefined {
    if (
      !this.#isOfEpoch(response, lookup) ||
      response.sequence < lookup.sequence ||
      lookup.events.some((event) => entry.isDoubtedBy(event))
    )
      return undefined
    for (const event of lookup.events) entry.apply(event)
    if (this.#endedSessions.hasAny(entry.chain)) entry.end('revoked')
    this.#admit(entry)
    return entry
  }

  #isOfEpoch({ epoch }: { readonly epoch: string }, lookup: PendingLookup): boolean {
    return !lookup.broken && lookup.epoch === epoch && this.#config.follower.epoch === epoch
  }

  #admit(entry: SessionEntry): void {
    const before = this.#entries.get(entry.key)
    if (before) this.#drop(before)
    this.#entries.set(entry.key, entry)
    this.#newest = entry
    for (const { session_id } of entry.chain) this.#bySession.add(session_id, entry)
    for (const { agent_id } of entry.terms) addTo(this.#byAgent, agent_id, entry)
    if (before) for (const watch of this.#watches.of(before)) watch.attach(entry)
    this.#evict()
  }

  #drop(entry: SessionEntry): void {
    entry.detached = true
    if (this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key)
    for (const { session_id } of entry.chain) this.#bySession.delete(session_id, entry)
    for (const { agent_id } of entry.terms) removeFrom(this.#byAgent, agent_id, entry)
  }

  /** Least recently used first; what a call under way is watching stays. */
  #evict(): void {
    const excess = this.#entries.size - (this.#config.capacity ?? CAPACITY)
    if (excess <= 0) return
    const idle: SessionEntry[] = []
    for (const entry of this.#entries.values()) {
      if (!this.#watches.has(entry)) idle.push(entry)
      if (idle.length >= excess) break
    }
    for (const entry of idle) this.#drop(entry)
  }

  #touchedBy(event: NumberedEvent): Iterable<SessionEntry> {
    if (event.type === 'document') return []
    if (event.type === 'mount_generation') return [...this.#entries.values()]
    if (event.type === 'generation') return [...(this.#byAgent.get(event.agent_id) ?? [])]
    return this.#bySession.get(event.session_id)
  }

  /** After a reset: asks about a watched session until there is a response, and cuts its calls if it says that the session is over. */
  async #reconfirm(watch: SessionWatch): Promise<void> {
    while (watch.stale) {
      try {
        // By id, not by token: a call outlives its token while the session has a younger one.
        const { entry, inactive } = await this.find({ session_id: watch.entry.sessionId })
        if (inactive) watch.end(inactive.reason === 'expired' ? 'expired' : 'revoked')
        else if (watch.stale) watch.attach(entry)
      } catch (error) {
        this.#config.logger.debug(
          { kind: error instanceof RequestError ? error.kind : 'unexpected' },
          'a session in use cannot be confirmed yet',
        )
        await this.#config.follower.nextResponse(TIMEOUT_MS)
      }
    }
  }
}
