/** What the engine's feed and introspection say, read from the wire. Names and units are the engine's. */
import { z } from 'zod'
import { TokenCheck } from './token-check.ts'

const sequence = z.number().int().nonnegative()
const count = z.number().int()

const feedEvent = z.discriminatedUnion('type', [
  z.object({ sequence, type: z.literal('session_ended'), session_id: z.string(), reason: z.string() }),
  z.object({
    sequence,
    type: z.literal('token_ended'),
    session_id: z.string(),
    token_id: z.string(),
    reason: z.string(),
  }),
  z.object({ sequence, type: z.literal('generation'), agent_id: z.string(), generation: count }),
  z.object({ sequence, type: z.literal('mount_generation'), generation: count }),
  z.object({
    sequence,
    type: z.literal('expiry'),
    session_id: z.string(),
    token_id: z.string(),
    expires_at_unix: z.number(),
    newest: z.boolean(),
    /** Absent from an engine of 0.1.0, for which the newest token is the one that counts. */
    tokens_end_unix: z.number().optional(),
  }),
  z.object({ sequence, type: z.literal('document'), path: z.string(), version: count, deleted: z.boolean() }),
])

export type FeedEvent = z.infer<typeof feedEvent>

const feedUpdate = z.object({
  epoch: z.string().min(1),
  sequence,
  server_time_unix_ms: z.number(),
  held_ms: z.number().nonnegative(),
  events: z.array(z.unknown()),
  reset: z.boolean(),
  more: z.boolean(),
  /** With a reset, from an engine that checks tokens by key. */
  check_keys: z.array(z.string()).optional(),
  check_enforced_from_unix: z.number().optional(),
  // Older engines do not tell.
  removed: z.boolean().default(false),
  pollers: z.number().int().nonnegative().default(0),
})

export interface FeedUpdate {
  readonly epoch: string
  readonly sequence: number
  readonly server_time_unix_ms: number
  readonly held_ms: number
  readonly events: readonly FeedEvent[]
  readonly reset: boolean
  /** The engine cut the answer: later events wait. */
  readonly more: boolean
  readonly check: TokenCheck | undefined
  /** The mount is being disabled or moved: everything under it has ended. */
  readonly removed: boolean
  /** Gateways that polled in the last 10 s; 0 where the engine does not tell. */
  readonly pollers: number
}

/**
 * Reads an answer of `mcp/feed`; undefined when it is none. An event this gateway does not understand makes the answer a
 * reset: something changed, and dropping everything is the one reaction that is never wrong.
 */
export function readFeedUpdate(data: unknown): FeedUpdate | undefined {
  const parsed = feedUpdate.safeParse(data)
  if (!parsed.success) return undefined
  const { check_keys, check_enforced_from_unix, ...rest } = parsed.data
  const check =
    check_keys === undefined || check_enforced_from_unix === undefined
      ? undefined
      : new TokenCheck(check_keys, check_enforced_from_unix)
  const events: FeedEvent[] = []
  for (const raw of rest.events) {
    const event = feedEvent.safeParse(raw)
    if (!event.success) return { ...rest, check, events: [], reset: true }
    events.push(event.data)
  }
  return { ...rest, check, events }
}

const chainLink = z.object({
  session_id: z.string(),
  agent_id: z.string(),
  environment: z.string(),
  own_environment: z.boolean(),
  scopes: z.array(z.string()).nullable(),
  policies: z.array(z.string()).nullable(),
  generation: count,
  newest_token_expires_at_unix: z.number(),
  session_expires_at_unix: z.number(),
})

/** One session of a chain: the session itself first, then its ancestors. `scopes` null = no narrowing at issue. */
export type ChainLink = z.infer<typeof chainLink>

const position = { epoch: z.string(), sequence, server_time_unix_ms: z.number() }

const inactive = z.object({
  active: z.literal(false),
  reason: z.enum(['malformed', 'unknown', 'expired', 'revoked']),
  session_id: z.string().optional(),
  agent_id: z.string().optional(),
  token_id: z.string().optional(),
  owner: z.string().optional(),
  environment: z.string().optional(),
  /** Of a token that is over; absent from an engine of 0.1.0. */
  expires_at_unix: z.number().optional(),
  ...position,
})

const active = z.object({
  active: z.literal(true),
  session_id: z.string(),
  agent_id: z.string(),
  /** Absent when a session was asked for by its id. */
  token_id: z.string().optional(),
  owner: z.string(),
  environment: z.string(),
  purpose: z.string().nullish(),
  expires_at_unix: z.number().optional(),
  /** RFC 7662: when the token was issued; absent likewise. */
  iat: z.number().optional(),
  chain: z.array(chainLink).min(1),
  mount_generation: count,
  /** Unix seconds from when a refresh finds a free place; 0 = at once, and where an older engine does not tell. */
  refresh_possible_unix: z.number().default(0),
  documents: z.record(z.string(), count.nullable()),
  ...position,
})

export type Inactive = z.infer<typeof inactive>
export type Active = z.infer<typeof active>
export type Introspection = Active | Inactive

const introspection = z.discriminatedUnion('active', [active, inactive])

/** Reads an answer of `mcp/introspect`; undefined when it is none. */
export function readIntrospection(data: unknown): Introspection | undefined {
  const parsed = introspection.safeParse(data)
  return parsed.success ? parsed.data : undefined
}
