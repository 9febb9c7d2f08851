import { definePath } from '../framework/path.ts'
import type { Fields } from '../framework/field.ts'
import { isoSeconds } from '../logical/clock.ts'
import { badRequest } from '../logical/errors.ts'
import { effectiveScopes, parseScope, scopeMatch, tokenDigest, tokenShape } from '../scope/index.ts'
import { agentRecord } from './agent.ts'
import { sentence } from './check.ts'
import { isMadeUp } from './check-key.ts'
import type { Engine } from './engine.ts'
import type { FeedPosition } from './feed.ts'
import { grantLinks } from './grant.ts'
import type { JudgedLink } from './grant.ts'
import { sessionLiveness } from './liveness.ts'
import { findByDigest, findSession, refreshPossibleUnix, tokensEndUnix } from './session.ts'
import type { SessionRecord, SessionToken } from './session.ts'

const fields = {
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
} as const satisfies Fields

interface Subject {
  readonly session: SessionRecord
  readonly token?: SessionToken
}

/** RFC 7662 with what gateways need besides: the chain, the documents it rests on, and the feed position of the answer. */
export function pathIntrospect(engine: Engine) {
  return definePath({
    pattern: 'introspect',
    fields,
    example_fields: ['token', 'required_scope'],
    active_node_only: true,
    synopsis: 'Is this token alive, and what may it do?',
    description:
      'For gateways and servers that check tokens; never grant this path to agents. Unknown, expired and revoked tokens return {"active": false} with the reason. The response names the feed position it reflects, so that a follower can tell which later events it misses.',
    operations: {
      async write({ fields: given }) {
        const position = engine.feed.position
        const requested = (['token', 'token_sha256', 'session_id'] as const).filter((name) => given.given(name))
        if (requested.length !== 1)
          throw badRequest('give exactly one of token, token_sha256 and session_id, for example token=svt_prod_….')
        const required = given.given('required_scope')
        if (required !== undefined) sentence('required_scope', () => parseScope(required))
        const text = given.given('token')
        if (text !== undefined && !tokenShape(text)) return inactive(engine, position, 'malformed')
        if (text !== undefined && (await isMadeUp(engine, text))) return inactive(engine, position, 'unknown')
        const subject = await find(engine, text, given.given('token_sha256'), given.given('session_id'))
        return subject ? respond(engine, position, subject, required) : inactive(engine, position, 'unknown')
      },
    },
  })
}

async function find(
  engine: Engine,
  text: string | undefined,
  digest: string | undefined,
  sessionId: string | undefined,
): Promise<Subject | undefined> {
  if (sessionId) {
    const session = await findSession(engine, sessionId)
    return session && { session }
  }
  const sha256 = text === undefined ? digest?.toLowerCase() : tokenDigest(text)
  if (sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256))
    throw badRequest(
      `token_sha256 must be 64 hexadecimal digits, for example token_sha256=${fields.token_sha256.example}.`,
    )
  return findByDigest(engine, sha256)
}

async function respond(engine: Engine, position: FeedPosition, subject: Subject, required: string | undefined) {
  const { session, token } = subject
  const liveness = await sessionLiveness(engine, session)
  if (!liveness.live) return inactive(engine, position, liveness.reason, subject, liveness.detail)
  if (token && engine.nowUnix() >= token.expires_at_unix)
    return inactive(engine, position, 'expired', subject, 'the token expired')
  if (token?.ended)
    return inactive(
      engine,
      position,
      token.ended_reason === 'expired' ? 'expired' : 'revoked',
      subject,
      'the token was ended',
    )
  const links = await grantLinks(engine, liveness.chain)
  const scopes = effectiveScopes(links)
  return {
    data: {
      active: true,
      ...rfc7662(session, token, scopes),
      ...(await identity(engine, subject)),
      purpose: session.purpose,
      scopes,
      granted_scopes: session.scopes,
      ...(token && { expires_at: isoSeconds(token.expires_at_unix * 1000), expires_at_unix: token.expires_at_unix }),
      session_expires_at_unix: session.life_ends_unix,
      refresh_possible_unix: refreshPossibleUnix(session, engine.nowUnix()),
      chain: liveness.chain.map((link, index) => chainLink(link, links[index]!)),
      mount_generation: session.mount_generation,
      documents: Object.assign({}, ...links.map((link) => link.documents)) as JudgedLink['documents'],
      ...(required !== undefined && { required_scope: required, scope_match: scopeMatch(links, required) }),
      ...stamp(engine, position),
    },
  }
}

/** `scope` spells out what the chain amounts to now: existing verifiers compare scopes literally. */
function rfc7662(session: SessionRecord, token: SessionToken | undefined, scopes: readonly string[]) {
  return {
    scope: scopes.join(' '),
    client_id: session.agent_id,
    sub: session.session_id,
    token_type: 'phantom',
    ...(token && { jti: token.token_id, exp: token.expires_at_unix, iat: token.issued_at_unix }),
  }
}

async function identity(engine: Engine, { session, token }: Subject) {
  return {
    session_id: session.session_id,
    agent_id: session.agent_id,
    ...(token && { token_id: token.token_id }),
    owner: (await agentRecord(engine, session.agent_id))?.owner ?? '',
    environment: session.environment,
  }
}

/** Policies as asked for at issue: a follower cuts them to the agent's as those are when it judges. */
function chainLink(session: SessionRecord, link: JudgedLink) {
  return {
    session_id: session.session_id,
    agent_id: session.agent_id,
    environment: session.environment,
    own_environment: link.own_environment,
    scopes: session.scopes,
    policies: session.policies,
    generation: session.generation,
    newest_token_expires_at_unix: tokensEndUnix(session),
    session_expires_at_unix: session.life_ends_unix,
  }
}

async function inactive(engine: Engine, position: FeedPosition, reason: string, subject?: Subject, detail?: string) {
  const about = subject
    ? {
        ...(await identity(engine, subject)),
        ...(subject.token && { expires_at_unix: subject.token.expires_at_unix }),
        purpose: subject.session.purpose,
        detail,
      }
    : {}
  return { data: { active: false, reason, ...about, ...stamp(engine, position) } }
}

const stamp = (engine: Engine, position: FeedPosition) => ({ ...position, server_time_unix_ms: engine.clock.now() })
