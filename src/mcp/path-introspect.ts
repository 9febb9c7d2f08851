import { INTROSPECTION_BATCH, introspectionBatchFields, introspectionFields, isObject } from '../document/index.ts'
import type { ChainLink, FeedPosition, InactiveSession, SentIntrospection } from '../document/index.ts'
import { parseFields } from '../framework/field-data.ts'
import type { FieldData } from '../framework/field-data.ts'
import type { Fields } from '../framework/field.ts'
import { definePath } from '../framework/path.ts'
import { isoSeconds } from '../logical/clock.ts'
import type { Data } from '../logical/data.ts'
import { badRequest, fromUnknown } from '../logical/errors.ts'
import type { RequestError } from '../logical/errors.ts'
import { effectiveScopes, parseScope, scopeMatch, tokenDigest, tokenShape } from '../scope/index.ts'
import { agentRecord } from './agent.ts'
import { sentence } from './check.ts'
import { isMadeUp } from './check-key.ts'
import type { Engine } from './engine.ts'
import { grantLinks } from './grant.ts'
import type { JudgedLink } from './grant.ts'
import { sessionLiveness } from './liveness.ts'
import { findByDigest, findSession, refreshPossibleUnix, tokensEndUnix } from './session.ts'
import type { SessionRecord, SessionToken } from './session.ts'

const fields = { ...introspectionFields, ...introspectionBatchFields } as const satisfies Fields

/** What a token or session may be asked about by. */
const subjectFields = {
  token: fields.token,
  token_sha256: fields.token_sha256,
  session_id: fields.session_id,
  required_scope: fields.required_scope,
} as const satisfies Fields
const itemExample = '{"token_sha256":"b94d27b9…"}'
const names = ['token', 'token_sha256', 'session_id'] as const

/** What is said of one, but for the position. */
type Result = SentIntrospection & Data

interface Subject {
  readonly session: SessionRecord
  readonly token?: SessionToken
}

/** RFC 7662 with what gateways need in addition: the chain, the documents it rests on, and the feed position of the response. */
export function pathIntrospect(engine: Engine) {
  return definePath({
    pattern: 'introspect',
    fields,
    example_fields: ['token', 'required_scope'],
    active_node_only: true,
    synopsis: 'Is this token alive, and what may it do?',
    description:
      'For gateways and servers that check tokens; never grant this path to agents. Unknown, expired and revoked tokens return {"active": false} with the reason. With batch_input, up to 64 are answered at once, each by itself. The response names the feed position it reflects, so that a follower can tell which later events it misses.',
    operations: {
      async write({ fields: given }) {
        const position = engine.feed.position
        const batch = given.given('batch_input')
        if (batch === undefined) {
          requireOne(given, 'token, token_sha256, session_id and batch_input')
          return { data: { ...(await respondTo(engine, given)), ...stamp(engine, position) } }
        }
        if ([...names, 'required_scope' as const].some((name) => given.given(name) !== undefined))
          throw badRequest(
            `token, token_sha256, session_id and required_scope stand in the objects of batch_input, not beside it, for example batch_input=[${itemExample}].`,
          )
        const { results, warnings } = await respondToAll(engine, batch)
        return { data: { batch_results: results, ...stamp(engine, position) }, warnings }
      },
    },
  })
}

/** Each by itself: what is wrong with one, or cannot be read of it, says nothing of the others. */
async function respondToAll(engine: Engine, batch: readonly unknown[]) {
  if (batch.length === 0 || batch.length > INTROSPECTION_BATCH)
    throw badRequest(
      `batch_input must hold 1 to ${String(INTROSPECTION_BATCH)} objects, for example batch_input=[${itemExample}].`,
    )
  const warnings = new Set<string>()
  const failures: RequestError[] = []
  const results = await Promise.all(
    batch.map(async (item) => {
      try {
        if (!isObject(item)) throw badRequest(`each item of batch_input must be an object, for example ${itemExample}.`)
        const parsed = parseFields(subjectFields, item, {})
        for (const warning of parsed.warnings) warnings.add(warning)
        requireOne(parsed.fields, 'token, token_sha256 and session_id')
        return await respondTo(engine, parsed.fields, true)
      } catch (thrown) {
        const error = fromUnknown(thrown)
        if (error.kind !== 'bad_request') failures.push(error)
        return { error: error.message }
      }
    }),
  )
  // Nothing could be read: that is the host's to tell, as it would for one.
  if (failures.length === batch.length) throw failures[0]!
  for (const cause of failures) engine.logger.error({ cause }, 'a token or session could not be introspected')
  return { results, warnings: [...warnings] }
}

function requireOne(given: FieldData<typeof subjectFields>, choice: string): void {
  if (names.filter((name) => given.given(name) !== undefined).length !== 1)
    throw badRequest(`give exactly one of ${choice}, for example token=svt_prod_….`)
}

async function respondTo(engine: Engine, given: FieldData<typeof subjectFields>, isOneOfMany = false): Promise<Result> {
  const required = given.given('required_scope')
  if (required !== undefined) sentence('required_scope', () => parseScope(required))
  const text = given.given('token')
  if (text !== undefined && !tokenShape(text)) return inactive(engine, 'malformed')
  if (text !== undefined && (await isMadeUp(engine, text))) return inactive(engine, 'unknown')
  const subject = await find(engine, text, given.given('token_sha256'), given.given('session_id'))
  return subject ? respond(engine, subject, required, isOneOfMany) : inactive(engine, 'unknown')
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

async function respond(
  engine: Engine,
  subject: Subject,
  required: string | undefined,
  isOneOfMany: boolean,
): Promise<Result> {
  const { session, token } = subject
  const liveness = await sessionLiveness(engine, session)
  if (!liveness.live) return inactive(engine, liveness.reason, subject, liveness.detail)
  if (token && engine.nowUnix() >= token.expires_at_unix)
    return inactive(engine, 'expired', subject, 'the token expired')
  if (token?.ended)
    return inactive(engine, token.ended_reason === 'expired' ? 'expired' : 'revoked', subject, 'the token was ended')
  const links = await grantLinks(engine, liveness.chain)
  const told = {
    active: true as const,
    ...(await identity(engine, subject)),
    purpose: session.purpose,
    ...(token && { iat: token.issued_at_unix, expires_at_unix: token.expires_at_unix }),
    session_expires_at_unix: session.life_ends_unix,
    refresh_possible_unix: refreshPossibleUnix(session, engine.nowUnix()),
    chain: liveness.chain.map((link, index) => chainLink(link, links[index]!)),
    mount_generation: session.mount_generation,
    documents: Object.assign({}, ...links.map((link) => link.documents)) as JudgedLink['documents'],
    ...(required !== undefined && { required_scope: required, scope_match: scopeMatch(links, required) }),
  }
  return isOneOfMany ? told : { ...told, ...spelledOut(session, token, effectiveScopes(links)) }
}

/** What a follower works out for itself, and RFC 7662's names. Existing verifiers compare `scope` literally: what the chain amounts to now. */
function spelledOut(session: SessionRecord, token: SessionToken | undefined, scopes: readonly string[]) {
  return {
    scope: scopes.join(' '),
    client_id: session.agent_id,
    sub: session.session_id,
    token_type: 'phantom',
    ...(token && {
      jti: token.token_id,
      exp: token.expires_at_unix,
      expires_at: isoSeconds(token.expires_at_unix * 1000),
    }),
    scopes,
    granted_scopes: session.scopes,
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
function chainLink(session: SessionRecord, link: JudgedLink): ChainLink {
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

async function inactive(
  engine: Engine,
  reason: InactiveSession['reason'],
  subject?: Subject,
  detail?: string,
): Promise<Result> {
  const about = subject
    ? {
        ...(await identity(engine, subject)),
        ...(subject.token && { expires_at_unix: subject.token.expires_at_unix }),
        purpose: subject.session.purpose,
        detail,
      }
    : {}
  return { active: false, reason, ...about }
}

const stamp = (engine: Engine, position: FeedPosition) => ({ ...position, server_time_unix_ms: engine.clock.now() })
