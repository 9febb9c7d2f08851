/**
 * Session records: one task of one agent, its chain of tokens, its ancestors. Found from a token without an index: the
 * session id's random half is the start of the first token's digest; later tokens have a pointer of their own.
 */
import { sessionKeyOf, sessionKeyOfDigest } from '../scope/index.ts'
import type { Engine } from './engine.ts'
import type { FeedEvent } from '../document/index.ts'

export interface SessionToken {
  readonly token_id: string
  /** Hex SHA-256; the token itself is never stored. */
  readonly digest: string
  readonly issued_at_unix: number
  readonly expires_at_unix: number
  /** Salted hash of the Vault token it was issued under. */
  readonly issuer: string
  /** Ended before its expiry, while the session may go on. */
  readonly ended?: boolean
  /** Why, as it was published; records written by 0.1.0 have none. */
  readonly ended_reason?: string
}

export interface Ancestor {
  readonly session_id: string
  readonly agent_id: string
}

export interface SessionRecord {
  readonly session_id: string
  readonly agent_id: string
  readonly environment: string
  readonly purpose: string
  /** Scopes granted at issue; null = the agent's policies alone bound it. */
  readonly scopes: readonly string[] | null
  /** Tool policies asked for at issue, a subset of the agent's; null = all the agent has. */
  readonly policies: readonly string[] | null
  /** The agent's and the mount's generation at issue. */
  readonly generation: number
  readonly mount_generation: number
  /** Parent first; at most MAX_DEPTH. */
  readonly ancestors: readonly Ancestor[]
  /** Who opened it: identity entity, and salted hash of the Vault token. */
  readonly entity_id: string
  readonly opener: string
  readonly opened_at_unix: number
  readonly life_ends_unix: number
  /** Oldest first. The first stays for look-ups, and every live one; others are dropped from the middle. */
  readonly tokens: readonly SessionToken[]
}

/** Written once. Nothing that grew from the session outlives its life, and tidy keeps the marker longer than that. */
export interface EndMarker {
  readonly session_id: string
  readonly agent_id: string
  readonly reason: string
  readonly ended_at_unix: number
  readonly life_ends_unix: number
}

/** Leads from the digest of a later token to its session, and is kept as long: a renewed token outlives its first expiry. */
interface TokenPointer {
  readonly session_id: string
  readonly token_id: string
  readonly expires_at_unix: number
  readonly life_ends_unix: number
}

export const MAX_DEPTH = 8
/** Live tokens a session holds at most: a lost response costs one of them until that token expires. */
export const MAX_LIVE_TOKENS = 8
const KEPT_TOKENS = 24

const sessionKey = (key: string): string => `s/${key.slice(0, 2)}/${key}`
const pointerKey = (digest: string): string => `t/${digest.slice(0, 2)}/${digest}`
const markerKey = (sessionId: string): string => `x/${sessionId}`

/** The session of this id, or undefined when the id is malformed or nothing is stored. */
export async function findSession(engine: Engine, sessionId: string): Promise<SessionRecord | undefined> {
  const key = sessionKeyOf(sessionId)
  const session = key === undefined ? undefined : await engine.records.get<SessionRecord>(sessionKey(key))
  return session?.session_id === sessionId ? session : undefined
}

/** The session a token digest belongs to, and the token. A superseded token dropped from the record is known by its pointer. */
export async function findByDigest(
  engine: Engine,
  digest: string,
): Promise<{ session: SessionRecord; token: SessionToken } | undefined> {
  const first = await engine.records.get<SessionRecord>(sessionKey(sessionKeyOfDigest(digest)))
  const firstToken = first?.tokens.find((token) => token.digest === digest)
  if (first && firstToken) return { session: first, token: firstToken }
  const pointer = await engine.records.get<TokenPointer>(pointerKey(digest))
  const session = pointer && (await findSession(engine, pointer.session_id))
  if (!pointer || !session) return undefined
  const token = session.tokens.find((candidate) => candidate.digest === digest)
  // A pointer without its token: dropped long ago, or its refresh never completed. Either way it is over.
  return {
    session,
    token: token ?? {
      token_id: pointer.token_id,
      digest,
      issued_at_unix: 0,
      expires_at_unix: pointer.expires_at_unix,
      issuer: '',
      ended: true,
    },
  }
}

/**
 * Stores a new session: the one write of an issue. Where a host repeats the request because the plugin died before it answered, the
 * first try's session stays behind: nobody holds its token, which is its end, and to look for it would cost every issue a read.
 */
export async function openSession(engine: Engine, session: SessionRecord): Promise<void> {
  await engine.records.put(sessionKey(sessionKeyOf(session.session_id)!), session)
  engine.removal.sessionOpened()
}

/** Runs `work` alone among changes of one session, on its record as it then is. */
export function changeSession<T>(
  engine: Engine,
  sessionId: string,
  work: (session: SessionRecord | undefined) => Promise<T>,
): Promise<T> {
  return engine.records.exclusive(`s/${sessionId}`, async () => work(await findSession(engine, sessionId)))
}

/** Adds a token of a refresh: pointer first, so that a crash in between leaves a pointer to nothing, never a lost token. */
export async function addToken(engine: Engine, session: SessionRecord, token: SessionToken): Promise<void> {
  const pointer: TokenPointer = {
    session_id: session.session_id,
    token_id: token.token_id,
    expires_at_unix: token.expires_at_unix,
    life_ends_unix: session.life_ends_unix,
  }
  await engine.records.put(pointerKey(token.digest), pointer)
  const tokens = kept([...session.tokens, token], engine.nowUnix())
  await engine.records.put(sessionKey(sessionKeyOf(session.session_id)!), { ...session, tokens }, [
    expiryEvent({ ...session, tokens }, token),
  ])
}

/** The first, all live ones, and of the others the youngest: a token that lives long may have many short-lived successors. */
function kept(tokens: readonly SessionToken[], nowUnix: number): readonly SessionToken[] {
  let surplus = tokens.length - KEPT_TOKENS
  return tokens.filter((token, index) => index === 0 || isTokenLive(token, nowUnix) || surplus-- <= 0)
}

const expiryEvent = (session: SessionRecord, token: SessionToken): FeedEvent => {
  const tokens_end_unix = tokensEndUnix(session)
  return {
    type: 'expiry',
    session_id: session.session_id,
    token_id: token.token_id,
    expires_at_unix: token.expires_at_unix,
    newest: token.expires_at_unix === tokens_end_unix,
    tokens_end_unix,
  }
}

/** Moves one token's expiry (renew). */
export async function setExpiry(
  engine: Engine,
  session: SessionRecord,
  token: SessionToken,
  expiresAtUnix: number,
): Promise<void> {
  const tokens = session.tokens.map((candidate) =>
    candidate.token_id === token.token_id ? { ...candidate, expires_at_unix: expiresAtUnix } : candidate,
  )
  await engine.records.put(sessionKey(sessionKeyOf(session.session_id)!), { ...session, tokens }, [
    expiryEvent({ ...session, tokens }, { ...token, expires_at_unix: expiresAtUnix }),
  ])
}

/** Ends one token and leaves its session. Ending what is ended writes nothing. */
export async function endToken(
  engine: Engine,
  session: SessionRecord,
  token: SessionToken,
  reason: string,
): Promise<void> {
  if (token.ended || (await endMarker(engine, session.session_id))) return
  const tokens = session.tokens.map((candidate) =>
    candidate.token_id === token.token_id ? { ...candidate, ended: true, ended_reason: reason } : candidate,
  )
  await engine.records.put(sessionKey(sessionKeyOf(session.session_id)!), { ...session, tokens }, [
    { type: 'token_ended', session_id: session.session_id, token_id: token.token_id, reason },
  ])
}

/**
 * Ends a session and with it everything delegated from it: one write, no enumeration. Ending what is over for good writes
 * nothing; while an older token could still be the newest again (its successor undone) it is not.
 */
export async function endSession(engine: Engine, session: SessionRecord, reason: string): Promise<void> {
  const nowUnix = engine.nowUnix()
  const overForGood =
    nowUnix >= session.life_ends_unix ||
    session.tokens.every((token) => token.ended === true || nowUnix >= token.expires_at_unix)
  if (overForGood || (await endMarker(engine, session.session_id))) return
  const marker: EndMarker = {
    session_id: session.session_id,
    agent_id: session.agent_id,
    reason,
    ended_at_unix: nowUnix,
    life_ends_unix: session.life_ends_unix,
  }
  await engine.records.put(markerKey(session.session_id), marker, [
    { type: 'session_ended', session_id: session.session_id, reason },
  ])
}

export const endMarker = (engine: Engine, sessionId: string): Promise<EndMarker | undefined> =>
  engine.records.get<EndMarker>(markerKey(sessionId))

export const isTokenLive = (token: SessionToken, nowUnix: number): boolean =>
  token.ended !== true && nowUnix < token.expires_at_unix

/** Oldest first. None = the session is over. */
export const liveTokens = (session: SessionRecord, nowUnix: number): readonly SessionToken[] =>
  session.tokens.filter((token) => isTokenLive(token, nowUnix))

/** From when a refresh finds a free place, in Unix seconds; 0 = at once. */
export function refreshPossibleUnix(session: SessionRecord, nowUnix: number): number {
  const live = liveTokens(session, nowUnix)
  return live.length < MAX_LIVE_TOKENS ? 0 : Math.min(...live.map((token) => token.expires_at_unix))
}

/** When the last of its tokens runs out that was not ended or undone, in Unix seconds; 0 = there is none. */
export const tokensEndUnix = (session: SessionRecord): number =>
  Math.max(0, ...session.tokens.filter((token) => !token.ended).map((token) => token.expires_at_unix))

/** Over by itself: outlived its last token or its life. Not its newest: that may be the shortest-lived of all it holds. */
export const isOver = (session: SessionRecord, nowUnix: number): boolean =>
  nowUnix >= tokensEndUnix(session) || nowUnix >= session.life_ends_unix
