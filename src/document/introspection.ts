/** What the engine says about a token or session: request and response of `introspect`. Names and units are the wire's. */
import { DocumentError } from './problem.ts'
import { always, isObject, readPresent, readShape } from './shape.ts'
import type { PresentValues, ReadValues, SentValues } from './shape.ts'

/** RFC 7662 with what gateways need beyond it: the chain, the documents it rests on, and the feed position of the response. */
export const introspectionFields = {
  token: { type: 'string', secret: true, description: 'The phantom token.', example: 'svt_prod_…' },
  token_sha256: {
    type: 'string',
    description: 'Hex SHA-256 of the token, instead of the token.',
    example: 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9',
  },
  session_id: {
    type: 'string',
    echoed: true,
    description: 'A session, instead of a token: its state, for routing.',
    example: 'sess_01JNKQ8X4F2MVBP7RD3WCZH9GT',
  },
  required_scope: {
    type: 'string',
    echoed: true,
    description: 'Also report whether the session has this scope now.',
    example: 'read:stripe:invoices',
  },
  active: {
    type: 'bool',
    computed: true,
    description: 'Whether the token is live: decide by this field.',
    example: true,
  },
  reason: {
    type: 'string',
    computed: true,
    description: 'Why not: malformed, unknown, expired or revoked.',
    example: 'revoked',
  },
  detail: { type: 'string', computed: true, description: 'The reason in words.', example: 'lease revoked' },
  scope: {
    type: 'string',
    computed: true,
    description: 'RFC 7662: the scopes it amounts to now, separated by spaces.',
    example: 'read:stripe:invoices read:github:prs:status',
  },
  client_id: { type: 'string', computed: true, description: 'RFC 7662: the agent.', example: 'claude-billing-agent' },
  sub: {
    type: 'string',
    computed: true,
    description: 'RFC 7662: the session.',
    example: 'sess_01JNKQ8X4F2MVBP7RD3WCZH9GT',
  },
  token_type: { type: 'string', computed: true, description: 'RFC 7662.', example: 'phantom' },
  jti: {
    type: 'string',
    computed: true,
    description: 'RFC 7662: the token_id.',
    example: 'tok_01JNKQ8X4FCQ6X1E0V9ZB3H7MD',
  },
  exp: {
    type: 'int',
    computed: true,
    description: 'RFC 7662: expiry of the token in Unix seconds.',
    example: 1773591300,
  },
  iat: {
    type: 'int',
    computed: true,
    description: 'RFC 7662: issue of the token in Unix seconds.',
    example: 1773590400,
  },
  agent_id: { type: 'string', computed: true, description: 'The agent.', example: 'claude-billing-agent' },
  token_id: {
    type: 'string',
    computed: true,
    description: 'Names the token in logs.',
    example: 'tok_01JNKQ8X4FCQ6X1E0V9ZB3H7MD',
  },
  owner: { type: 'string', computed: true, description: 'Team accountable for the agent.', example: 'platform-team' },
  environment: { type: 'string', computed: true, description: 'Environment of the session.', example: 'production' },
  purpose: {
    type: 'string',
    computed: true,
    description: 'What the session was opened for.',
    example: 'quarterly-invoice-reconciliation',
  },
  scopes: {
    type: 'list',
    computed: true,
    description: 'The scopes it amounts to now, after every narrowing: those of scope, as a list.',
    example: ['read:stripe:invoices'],
  },
  granted_scopes: {
    type: 'list',
    computed: true,
    nullable: true,
    description: "Scopes granted at issue; null: the agent's policies alone bound it.",
    example: ['read:stripe:invoices', 'read:stripe:events'],
  },
  expires_at: {
    type: 'string',
    computed: true,
    description: 'Expiry of the token, UTC.',
    example: '2026-03-15T16:15:00Z',
  },
  expires_at_unix: { type: 'int', computed: true, description: 'The same in Unix seconds.', example: 1773591300 },
  session_expires_at_unix: {
    type: 'int',
    computed: true,
    description: "End of the session's life over all refreshes, in Unix seconds.",
    example: 1773619200,
  },
  refresh_possible_unix: {
    type: 'int',
    computed: true,
    description: 'From when a refresh finds a free place among the eight live tokens, in Unix seconds; 0: at once.',
    example: 0,
  },
  chain: {
    type: 'objects',
    computed: true,
    description:
      'The session and those it was delegated from, with what each was granted: all must be alive and all must allow.',
    example: [
      {
        session_id: 'sess_01JNKQ8X4F2MVBP7RD3WCZH9GT',
        agent_id: 'claude-billing-agent',
        scopes: ['read:stripe:invoices'],
        generation: 0,
      },
    ],
  },
  mount_generation: { type: 'int', computed: true, description: "The mount's generation at issue.", example: 0 },
  documents: {
    type: 'object',
    computed: true,
    description: 'Versions of the documents this rests on, by path; null: there is none.',
    example: { 'agents/claude-billing-agent': 1773590400000 },
  },
  scope_match: { type: 'bool', computed: true, description: 'Whether it has required_scope now.', example: true },
  epoch: {
    type: 'string',
    computed: true,
    description: 'Feed position this response reflects; see mcp/feed.',
    example: 'a3f1c04be2d9775810aa93cf',
  },
  sequence: { type: 'int', computed: true, description: 'Feed position this response reflects.', example: 41 },
  server_time_unix_ms: {
    type: 'int',
    computed: true,
    description: "The engine's clock in Unix milliseconds.",
    example: 1773590400000,
  },
} as const

const fields = introspectionFields
const position = {
  epoch: always(fields.epoch),
  sequence: { ...always(fields.sequence), least: 0 },
  server_time_unix_ms: always(fields.server_time_unix_ms),
} as const

const inactiveShape = {
  active: always(fields.active),
  reason: { ...always(fields.reason), allowed: ['malformed', 'unknown', 'expired', 'revoked'] },
  detail: fields.detail,
  // Of a token or session that once was.
  session_id: fields.session_id,
  agent_id: fields.agent_id,
  token_id: fields.token_id,
  owner: fields.owner,
  environment: fields.environment,
  purpose: fields.purpose,
  /** Absent from an engine of 0.1.0. */
  expires_at_unix: fields.expires_at_unix,
  ...position,
} as const

const activeShape = {
  active: always(fields.active),
  session_id: always(fields.session_id),
  agent_id: always(fields.agent_id),
  /** Absent, as the token's times are, when a session was asked about by its id. */
  token_id: fields.token_id,
  owner: always(fields.owner),
  environment: always(fields.environment),
  purpose: fields.purpose,
  expires_at_unix: fields.expires_at_unix,
  iat: fields.iat,
  chain: always(fields.chain),
  mount_generation: always(fields.mount_generation),
  // An older engine does not tell.
  refresh_possible_unix: { ...fields.refresh_possible_unix, default: 0 },
  documents: always(fields.documents),
  ...position,
} as const

const text = { type: 'string', always: true } as const
const whole = { type: 'int', always: true } as const
/** Null: no narrowing at issue. */
const names = { type: 'list', computed: true } as const

const chainLinkShape = {
  session_id: text,
  agent_id: text,
  environment: text,
  own_environment: { type: 'bool', always: true },
  scopes: names,
  policies: names,
  generation: whole,
  newest_token_expires_at_unix: whole,
  session_expires_at_unix: whole,
} as const

/** One session of a chain: the session itself first, then its ancestors. `scopes` null = no narrowing at issue. */
export type ChainLink = ReadValues<typeof chainLinkShape>

interface ActiveParts {
  readonly active: true
  readonly chain: readonly ChainLink[]
  /** Versions by path; null = there is none. */
  readonly documents: Readonly<Record<string, number | null>>
}

export type ActiveSession = Omit<PresentValues<typeof activeShape>, keyof ActiveParts> & ActiveParts
export type InactiveSession = Omit<PresentValues<typeof inactiveShape>, 'active'> & { readonly active: false }
export type Introspection = ActiveSession | InactiveSession

/** What the engine sends of one, beside its position and what RFC 7662 names and gateways do not read. */
export type SentIntrospection =
  | (Omit<SentValues<typeof activeShape>, keyof ActiveParts | keyof typeof position> & ActiveParts)
  | (Omit<SentValues<typeof inactiveShape>, 'active' | keyof typeof position> & { readonly active: false })

/** Reads a response of `mcp/introspect`. Throws `DocumentError`. */
export function readIntrospection(data: unknown): Introspection {
  const what = 'introspection'
  if (!isObject(data) || data.active !== true) return { ...readPresent(what, inactiveShape, data), active: false }
  const response = readPresent(what, activeShape, data)
  const chain = response.chain.map((link) => readShape(`${what}: chain`, chainLinkShape, link))
  if (chain.length === 0) throw new DocumentError(what, { field: 'chain', problem: 'must not be empty', example: [] })
  return { ...response, active: true, chain, documents: versionsOf(what, response.documents) }
}

function versionsOf(what: string, documents: Readonly<Record<string, unknown>>): ActiveParts['documents'] {
  const wrong = Object.keys(documents).find(
    (path) => documents[path] !== null && !Number.isSafeInteger(documents[path]),
  )
  if (wrong !== undefined)
    throw new DocumentError(what, { field: 'documents', key: wrong, problem: 'must be a version', example: 1 })
  return documents as ActiveParts['documents']
}
