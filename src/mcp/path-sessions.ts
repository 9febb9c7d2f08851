import { definePath } from '../framework/path.ts'
import type { Fields } from '../framework/field.ts'
import { isoSeconds } from '../logical/clock.ts'
import { badRequest } from '../logical/errors.ts'
import type { Data } from '../logical/data.ts'
import { listResponse } from '../logical/response.ts'
import type { Response } from '../logical/response.ts'
import { effectiveScopes, sessionKeyOf } from '../scope/index.ts'
import { agentRecord } from './agent.ts'
import { checkAgentName } from './check.ts'
import type { Engine } from './engine.ts'
import { grantLinks } from './grant.ts'
import { sessionLiveness } from './liveness.ts'
import { changeSession, endMarker, endSession, findSession } from './session.ts'
import type { SessionRecord } from './session.ts'

const PAGE = 1_000

const paging = {
  after: {
    type: 'string',
    description: 'List what follows this session id.',
    example: 'sess_01JNKQ8X4F2MVBP7RD3WCZH9GT',
    default: '',
  },
  limit: { type: 'int', description: `How many at most, up to ${PAGE}.`, example: 100, default: PAGE },
} as const satisfies Fields

/** Sessions lie in shards by the random half of their id; pages follow that order. */
export function pathSessionsList(engine: Engine) {
  return definePath({
    pattern: 'sessions/',
    fields: paging,
    active_node_only: true,
    synopsis: 'Sessions, live and remembered.',
    description:
      'Lists session ids by shard, each with its agent and state, a page at a time: pass the last id as after to go on. Ended sessions stay listed until reuse_window has passed.',
    operations: {
      list: async ({ request, fields: given }) =>
        listed(
          engine,
          request.signal,
          await pageOfSessions(
            engine,
            request.signal,
            given.get('after') ?? '',
            limitOf(given.get('limit')),
            () => true,
          ),
        ),
    },
  })
}

export function pathAgentSessions(engine: Engine) {
  return definePath({
    pattern: 'agents/:agent_id/sessions/',
    fields: { ...paging, agent_id: { type: 'string', description: 'The agent.', example: 'claude-billing-agent' } },
    active_node_only: true,
    synopsis: 'Sessions of one agent.',
    description: "Lists the ids of an agent's sessions, live and remembered, each with its state, a page at a time.",
    operations: {
      async list({ request, fields: given }) {
        const agentId = checkAgentName('agent_id', given.require('agent_id'))
        return listed(
          engine,
          request.signal,
          await pageOfSessions(
            engine,
            request.signal,
            given.get('after') ?? '',
            limitOf(given.get('limit')),
            (session) => session.agent_id === agentId,
          ),
        )
      },
    },
  })
}

const sessionFields = {
  session_id: { type: 'string', echoed: true, description: 'Session id.', example: 'sess_01JNKQ8X4F2MVBP7RD3WCZH9GT' },
  agent_id: {
    type: 'string',
    computed: true,
    description: 'The agent it was opened for.',
    example: 'claude-billing-agent',
  },
  owner: { type: 'string', computed: true, description: 'Team accountable for the agent.', example: 'platform-team' },
  environment: { type: 'string', computed: true, description: 'Environment it runs in.', example: 'production' },
  purpose: {
    type: 'string',
    computed: true,
    description: 'What it was opened for.',
    example: 'quarterly-invoice-reconciliation',
  },
  scopes: {
    type: 'list',
    computed: true,
    description: 'The scopes it amounts to now, after every narrowing; none once it is over.',
    example: ['read:stripe:invoices'],
  },
  granted_scopes: {
    type: 'list',
    computed: true,
    nullable: true,
    description: "Scopes granted at issue; null: the agent's policies alone bound it.",
    example: ['read:stripe:invoices', 'read:stripe:events'],
  },
  policies: {
    type: 'list',
    computed: true,
    nullable: true,
    description: 'Tool policies asked for at issue; null: all the agent has.',
    example: ['billing-read'],
  },
  state: { type: 'string', computed: true, description: 'live, expired or revoked.', example: 'live' },
  state_reason: {
    type: 'string',
    computed: true,
    nullable: true,
    description: 'Why it is not live; null while it is.',
    example: 'lease revoked',
  },
  opened_at: { type: 'string', computed: true, description: 'UTC.', example: '2026-03-15T16:00:00Z' },
  session_expires_at: {
    type: 'string',
    computed: true,
    description: 'End of its life over all refreshes, UTC.',
    example: '2026-03-16T00:00:00Z',
  },
  ended_at: {
    type: 'string',
    computed: true,
    nullable: true,
    description: 'When it was ended, UTC; null where it was not ended by itself.',
    example: '2026-03-15T16:05:00Z',
  },
  ancestors: {
    type: 'list',
    computed: true,
    description: 'Sessions it was delegated from, parent first.',
    example: ['sess_01JNKQ8X4F2MVBP7RD3WCZH9GT'],
  },
  tokens: {
    type: 'objects',
    computed: true,
    description: 'Its tokens, oldest first, by token_id: never the token.',
    example: [
      {
        token_id: 'tok_01JNKQ8X4FCQ6X1E0V9ZB3H7MD',
        issued_at: '2026-03-15T16:00:00Z',
        expires_at: '2026-03-15T16:15:00Z',
        live: true,
      },
    ],
  },
} as const satisfies Fields

export function pathSessions(engine: Engine) {
  return definePath({
    pattern: 'sessions/:session_id',
    fields: sessionFields,
    active_node_only: true,
    synopsis: 'One session, for operators: its state, or its end.',
    description:
      'Reading never returns a token. Deleting ends the session and everything delegated from it, and responds after the commit.',
    operations: {
      async read({ fields: given }) {
        const session = await findSession(engine, given.require('session_id'))
        return session && { data: await sessionData(engine, session) }
      },
      delete: ({ fields: given }) =>
        changeSession(engine, given.require('session_id'), async (session) => {
          if (session) await endSession(engine, session, 'ended by an operator')
          return undefined
        }),
    },
  })
}

export function pathSessionsRevokeAll(engine: Engine) {
  return definePath({
    pattern: 'sessions/revoke-all',
    fields: {
      mount_generation: {
        type: 'int',
        computed: true,
        description: 'Sessions opened under a smaller one are over.',
        example: 1,
      },
    },
    sudo: true,
    active_node_only: true,
    synopsis: 'Ends every session of the mount.',
    description: 'One write. To be run after a storage snapshot was restored, because old sessions come back with it.',
    operations: { write: async () => ({ data: { mount_generation: await engine.endMount() } }) },
  })
}

async function sessionData(engine: Engine, session: SessionRecord): Promise<Record<string, unknown>> {
  const liveness = await sessionLiveness(engine, session)
  const marker = await endMarker(engine, session.session_id)
  return {
    session_id: session.session_id,
    agent_id: session.agent_id,
    owner: (await agentRecord(engine, session.agent_id))?.owner ?? '',
    environment: session.environment,
    purpose: session.purpose,
    scopes: liveness.live ? effectiveScopes(await grantLinks(engine, liveness.chain)) : [],
    granted_scopes: session.scopes,
    policies: session.policies,
    state: liveness.live ? 'live' : liveness.reason,
    state_reason: liveness.live ? null : liveness.detail,
    opened_at: isoSeconds(session.opened_at_unix * 1000),
    session_expires_at: isoSeconds(session.life_ends_unix * 1000),
    ended_at: marker ? isoSeconds(marker.ended_at_unix * 1000) : null,
    ancestors: session.ancestors.map(({ session_id }) => session_id),
    tokens: session.tokens.map((token) => ({
      token_id: token.token_id,
      issued_at: isoSeconds(token.issued_at_unix * 1000),
      expires_at: isoSeconds(token.expires_at_unix * 1000),
      live: liveness.live && !token.ended && token.expires_at_unix > engine.nowUnix(),
    })),
  }
}

/** With what an operator looks for in a list: whose session it is, and whether it is over. */
async function listed(
  engine: Engine,
  signal: AbortSignal,
  sessions: readonly SessionRecord[],
): Promise<Response | undefined> {
  const info: Record<string, Data> = {}
  for (const session of sessions) {
    if (signal.aborted) break
    const liveness = await sessionLiveness(engine, session)
    info[session.session_id] = { agent_id: session.agent_id, state: liveness.live ? 'live' : liveness.reason }
  }
  return listResponse(Object.keys(info), info)
}

function limitOf(limit: number | undefined): number {
  if (limit !== undefined && limit < 1) throw badRequest('limit must be at least 1, for example limit=100.')
  return Math.min(limit ?? PAGE, PAGE)
}

/** Reads sessions one by one until the page is full, which for one agent's may be all of the mount's; nobody reads on for a caller who has gone. */
async function pageOfSessions(
  engine: Engine,
  signal: AbortSignal,
  after: string,
  limit: number,
  wanted: (session: SessionRecord) => boolean,
): Promise<SessionRecord[]> {
  const afterKey = after === '' ? '' : sessionKeyOf(after)
  if (afterKey === undefined)
    throw badRequest('after must be a session id, for example after=sess_01JNKQ8X4F2MVBP7RD3WCZH9GT.')
  const found: SessionRecord[] = []
  for (const shard of await engine.records.storage.list('s/')) {
    if (shard < `${afterKey.slice(0, 2)}/` && afterKey !== '') continue
    for (const key of await engine.records.storage.list(`s/${shard}`)) {
      if (key <= afterKey) continue
      const session = await engine.records.peek<SessionRecord>(`s/${shard}${key}`)
      if (session && wanted(session)) found.push(session)
      if (found.length >= limit || signal.aborted) return found
    }
  }
  return found
}
