import { definePath } from '../framework/path.ts'
import type { FieldData } from '../framework/field-data.ts'
import type { Fields } from '../framework/field.ts'
import { RequestError, badRequest, permissionDenied } from '../logical/errors.ts'
import type { Request } from '../logical/request.ts'
import { effectiveScopes } from '../scope/index.ts'
import { checkAgentName } from './check.ts'
import type { Engine } from './engine.ts'
import { grantLinks } from './grant.ts'
import { credsFields, credsResponse, mint, tokenTerms } from './issue.ts'
import { sessionLiveness } from './liveness.ts'
import { issuableAgent, open } from './open.ts'
import type { SessionRequest } from './open.ts'
import { MAX_LIVE_TOKENS, addToken, changeSession, endSession, refreshPossibleUnix, tokensEndUnix } from './session.ts'
import type { SessionRecord } from './session.ts'

const MAX_PURPOSE = 512

const fields = {
  agent: { type: 'string', description: 'The agent to issue a token for.', example: 'claude-billing-agent' },
  purpose: {
    type: 'string',
    echoed: true,
    description: 'What the session is for; carried into audit records.',
    example: 'quarterly-invoice-reconciliation',
    default: '',
  },
  requested_scopes: {
    type: 'list',
    description: 'A subset of the declared scopes. Omitted: all of them.',
    example: ['read:stripe:invoices'],
  },
  policies: {
    type: 'list',
    description: "A subset of the agent's tool policies. Omitted: all of them.",
    example: ['billing-read'],
  },
  environment: {
    type: 'string',
    echoed: true,
    description: "The agent's own environment, or one it has scopes for. Omitted: its own.",
    example: 'production',
  },
  ttl: {
    type: 'duration',
    description: 'Life of the token; cut to what agent, config and mount allow. Omitted: config default_ttl.',
    example: 900,
  },
  parent_token: {
    type: 'string',
    secret: true,
    description:
      'A live token to delegate from: the new session is its child, has no scope it lacks and ends no later.',
    example: 'svt_prod_…',
  },
  ...credsFields,
} as const satisfies Fields

/** `creds/:agent`: the path that issues. Read works too, without parameters, for clients that can only read. */
export function pathCreds(engine: Engine) {
  return definePath({
    pattern: 'creds/:agent',
    fields,
    example_fields: ['purpose', 'requested_scopes', 'ttl'],
    active_node_only: true,
    synopsis: 'Opens a session and issues its first phantom token, as a lease.',
    description:
      'The token is opaque and good for the granted tool scopes only. Revoking the lease ends the session: its tokens, the sessions delegated from it, open streams and calls in flight. Each new task gets a session of its own.',
    operations: {
      read({ request, fields: given }) {
        // Passed over silently, a narrower scope asked for would be answered with all of them.
        const stray = (Object.keys(fields) as (keyof typeof fields)[]).find(
          (name) => name !== 'agent' && given.has(name),
        )
        if (stray !== undefined)
          throw badRequest(
            `${stray} is not accepted by a read, which requests everything declared. Write instead, for example vault write mcp/creds/${given.require('agent')} ttl=15m.`,
          )
        return open(engine, request, sessionRequest(given))
      },
      write: ({ request, fields: given }) => open(engine, request, sessionRequest(given)),
    },
  })
}

const sessionRequest = (given: FieldData<typeof fields>): SessionRequest => ({
  agent_id: given.require('agent'),
  purpose: checkPurpose(given.given('purpose') ?? ''),
  requested_scopes: given.given('requested_scopes'),
  policies: given.given('policies'),
  environment: given.given('environment'),
  ttl: given.given('ttl'),
  parent_token: given.given('parent_token'),
})

const sessionFields = {
  agent: fields.agent,
  session: { type: 'string', description: 'Session id.', example: 'sess_01JNKQ8X4F2MVBP7RD3WCZH9GT' },
  ttl: fields.ttl,
  environment: { type: 'string', computed: true, description: "The session's.", example: 'production' },
  purpose: {
    type: 'string',
    computed: true,
    description: "The session's.",
    example: 'quarterly-invoice-reconciliation',
  },
  ...credsFields,
} as const satisfies Fields

/** `creds/:agent/:session`: refresh and close, for the identity that opened the session. */
export function pathCredsSession(engine: Engine) {
  return definePath({
    pattern: 'creds/:agent/:session',
    fields: sessionFields,
    active_node_only: true,
    synopsis: "Refreshes (write) or closes (delete) a session of one's own.",
    description:
      'Refresh issues a new token with a lease of its own in the same session; the old token lives until its own expiry. A session holds at most eight live tokens: a further refresh is 429 too_many_live_tokens until one of them expires, and ends none. Only the identity that opened the session may do either.',
    operations: {
      write: ({ request, fields: given }) =>
        changeSession(engine, given.require('session'), async (session) => {
          const owned = own(session, request, checkAgentName('agent', given.require('agent')), given.require('session'))
          return refresh(engine, request, owned, given.given('ttl'))
        }),
      delete: ({ request, fields: given }) =>
        changeSession(engine, given.require('session'), async (session) => {
          if (!session) return undefined
          await endSession(
            engine,
            own(session, request, checkAgentName('agent', given.require('agent')), given.require('session')),
            'closed',
          )
          return undefined
        }),
    },
  })
}

async function refresh(engine: Engine, request: Request, session: SessionRecord, ttl: number | undefined) {
  const liveness = await sessionLiveness(engine, session)
  if (!liveness.live) throw badRequest('session is over, open a new one')
  const agent = await issuableAgent(engine, session.agent_id)
  const nowUnix = engine.nowUnix()
  requireFreeSlot(session, nowUnix)
  const parentEnds = liveness.chain.slice(1).map(tokensEndUnix)
  const terms = await tokenTerms(
    engine,
    agent,
    session.environment,
    ttl,
    Math.min(session.life_ends_unix, ...parentEnds),
    nowUnix,
  )
  const token = await mint(engine, session.environment, terms, request.client_token)
  await addToken(engine, session, token.record)
  return credsResponse(session, token, terms, effectiveScopes(await grantLinks(engine, liveness.chain)))
}

/** Lost responses and shared sessions must never end a token somebody holds, so the refresh waits instead. */
function requireFreeSlot(session: SessionRecord, nowUnix: number): void {
  const possibleUnix = refreshPossibleUnix(session, nowUnix)
  if (possibleUnix === 0) return
  const retryAfterSeconds = possibleUnix - nowUnix
  throw new RequestError(
    'rate_limited',
    `too_many_live_tokens: the session holds ${MAX_LIVE_TOKENS} live tokens, and the next of them expires in ${retryAfterSeconds} s. Go on with a token you hold and refresh after that; open a session of its own for each worker.`,
    { retryAfterSeconds },
  )
}

/** The same non-empty identity entity as the opener; without entities the same Vault token. */
function own(session: SessionRecord | undefined, request: Request, agentId: string, sessionId: string): SessionRecord {
  if (session?.agent_id !== agentId)
    throw badRequest(
      `session ${JSON.stringify(sessionId)} is not a session of agent "${agentId}"; open one with mcp/creds/${agentId}.`,
    )
  const same =
    session.entity_id !== '' ? session.entity_id === request.entity_id : session.opener === request.client_token
  if (!same) throw permissionDenied()
  return session
}

function checkPurpose(purpose: string): string {
  if (purpose.length > MAX_PURPOSE || /[\u0000-\u001f\u007f]/.test(purpose))
    throw badRequest(
      `purpose must be one line of at most ${MAX_PURPOSE} characters, for example purpose=quarterly-invoice-reconciliation.`,
    )
  return purpose
}
