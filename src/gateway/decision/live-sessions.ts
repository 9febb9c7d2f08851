/** From a token to its live session: shape, look-up, expiry. What every decision begins with. */
import { tokenShape } from '../../scope/index.ts'
import { GatewayFailure } from '../error.ts'
import type { FeedFollower } from '../knowledge/feed-follower.ts'
import type { Freshness } from '../knowledge/freshness.ts'
import type { SessionName } from '../knowledge/introspection.ts'
import type { SessionCache } from '../knowledge/session-cache.ts'
import type { Found, SessionEntry } from '../knowledge/session-entry.ts'
import type { Limits } from '../limits/index.ts'
import { findSession } from './bounded-lookup.ts'
import type { Caller } from './callers.ts'
import { LateUses } from './late-uses.ts'
import { knownSession } from './records.ts'
import { inactiveToken, malformed, missing, reuse } from './refusals.ts'
import type { Context } from './requests.ts'

export interface LiveSessionsDependencies {
  readonly follower: FeedFollower
  readonly sessions: SessionCache
  readonly freshness: Freshness
  readonly limits: Limits
}

export class LiveSessions {
  readonly #dependencies: LiveSessionsDependencies
  readonly #lateUses = new LateUses()

  constructor(dependencies: LiveSessionsDependencies) {
    this.#dependencies = dependencies
  }

  /** The live session of the token with this digest, where nobody has to be asked. */
  kept(tokenSha256: string): SessionEntry | undefined {
    const { follower, freshness, sessions } = this.#dependencies
    if (!follower.isInContact(freshness.limitMs(undefined))) return undefined
    const entry = sessions.kept(tokenSha256, sessions.nowUnixMs())
    if (entry) follower.used()
    return entry
  }

  /** The live session of a token. Throws what a request with it is refused with. */
  async ofToken(token: string | undefined, context: Context): Promise<SessionEntry> {
    if (token === undefined || token === '') throw missing('')
    if (!tokenShape(token)) throw malformed()
    const { entry, inactive } = await this.#found({ token }, context)
    context.session = entry ? entry.facts : knownSession(inactive)
    const nowMs = this.#dependencies.sessions.nowUnixMs()
    const over = entry ? entry.endOfToken(nowMs) : inactive.reason
    if (over === 'expired') throw this.#lateUse(context, entry ? entry.expiresAtUnix : inactive.expires_at_unix, nowMs)
    if (!entry) throw inactiveToken(inactive)
    if (over === 'revoked') throw reuse(over)
    this.#dependencies.follower.used()
    return entry
  }

  async ofId(sessionId: string, context: Context): Promise<SessionEntry> {
    const { entry, inactive } = await this.#found({ session_id: sessionId }, context)
    context.session = entry ? entry.facts : knownSession(inactive)
    if (!entry) throw new GatewayFailure('invalid_token', 'unknown', 'the session is over or unknown')
    return entry
  }

  /** Is this token alive? Allows nothing: it tells what may be asked of Vault on its behalf. Throws `unavailable`. */
  async isLive(token: string, caller: Caller): Promise<boolean> {
    const { sessions, limits } = this.#dependencies
    await this.requireContact()
    const { entry } = await findSession(sessions, limits, { token }, caller)
    return entry !== undefined && entry.endOfToken(sessions.nowUnixMs()) === undefined
  }

  /** Throws where what is known is too old, or the token is over by now. */
  requireLive(entry: SessionEntry, sensitivity: string | undefined): void {
    this.#dependencies.freshness.require(sensitivity)
    const over = entry.endOfToken(this.#dependencies.sessions.nowUnixMs())
    if (over) throw reuse(over)
  }

  /** Brings what is known up to date where nothing is followed at the moment. Throws what callers are told when Vault has said no. */
  requireContact(): Promise<void> {
    return this.#dependencies.follower.contact(this.#dependencies.freshness.limitMs(undefined))
  }

  /** The session as of now: also where its look-up took long while nothing was followed, and a revoke overtook the response. */
  async #found(name: SessionName, context: Context): Promise<Found> {
    await this.requireContact()
    const found = await findSession(this.#dependencies.sessions, this.#dependencies.limits, name, context.caller)
    if (found.entry) await this.requireContact()
    return found
  }

  #lateUse(context: Context, expiresAtUnix: number | undefined, nowMs: number): GatewayFailure {
    const { session } = context
    context.lateSeconds = Math.max(0, Math.floor(nowMs / 1000 - (expiresAtUnix ?? nowMs / 1000)))
    const tokenId = session?.token_id ?? undefined
    return reuse('expired', tokenId !== undefined && this.#lateUses.note(tokenId))
  }
}
