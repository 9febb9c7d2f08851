/** Minting a token: how long it may live, and the secret that leases it. */
import type { Fields } from '../framework/field.ts'
import { durationText } from '../framework/duration.ts'
import { leaseCeiling } from '../framework/lease.ts'
import { leased } from '../framework/secret-type.ts'
import { badRequest } from '../logical/errors.ts'
import { isoSeconds } from '../logical/clock.ts'
import type { Response } from '../logical/response.ts'
import { environmentLabel, mintToken, newTokenId, tokenDigest } from '../scope/index.ts'
import { DEFAULT_MAX_TTL_SECONDS, declaredIn } from './agent.ts'
import type { AgentRecord } from './agent.ts'
import { ensureCheck, mintingKey } from './check-key.ts'
import type { Engine } from './engine.ts'
import type { SessionRecord, SessionToken } from './session.ts'
import { settingsInForce } from './ttl-ceiling.ts'

export const SECRET_TYPE = 'mcp_token'

/** What the lease keeps for renew and revoke: all they need, so that no later change of the agent can break them. */
export interface TokenLease {
  readonly session_id: string
  readonly token_id: string
  readonly mount_generation: number
  /** The agent, and its generation when the session was opened. Leases made by 0.1.0 have neither. */
  readonly agent_id?: string
  readonly generation?: number
}

export interface IssueTerms {
  /** One reading of the clock for the session and its token: a second may begin while they are made. */
  readonly issued_at_unix: number
  readonly ttl: number
  readonly max_ttl: number
  readonly warnings: readonly string[]
}

/** min(requested, agent's cap, config, mount, session end - now). The ceiling is explicit, so that core's arithmetic agrees. */
export async function tokenTerms(
  engine: Engine,
  agent: AgentRecord,
  environment: string,
  requested: number | undefined,
  endsUnix: number,
  nowUnix: number,
): Promise<IssueTerms> {
  if (requested !== undefined && requested < 1)
    throw badRequest('ttl must be at least 1 second; tokens always expire, for example ttl=15m.')
  const stored = await engine.storedConfig()
  const settings = settingsInForce(stored)
  const agentCap = declaredIn(agent, environment)?.max_ttl_seconds ?? DEFAULT_MAX_TTL_SECONDS
  const limits = { default_ttl: settings.default_ttl, max_ttl: await engine.system.maxLeaseTtl() }
  const left = endsUnix - nowUnix
  if (left < 1) throw badRequest('session is over, open a new one')
  const ceilings: readonly (readonly [seconds: number, setting: string])[] = [
    [agentCap, `max_ttl_seconds of the scopes of agent ${agent.agent_id}`],
    [settings.ttl_ceiling, 'ttl_ceiling of config'],
    [settings.max_ttl, 'max_ttl of config'],
    [limits.max_ttl, 'max_lease_ttl of the mount'],
    [left, 'the end of the session'],
  ]
  const max_ttl = leaseCeiling(Math.min(agentCap, settings.max_ttl, left), limits)
  const wanted = requested ?? stored.settings.default_ttl ?? settings.default_ttl
  const warned = requested !== undefined || wanted > settings.ttl_ceiling
  if (!warned || wanted <= max_ttl)
    return { issued_at_unix: nowUnix, ttl: Math.min(wanted, max_ttl), max_ttl, warnings: [] }
  return {
    issued_at_unix: nowUnix,
    ttl: max_ttl,
    max_ttl,
    warnings: [`ttl of ${durationText(wanted)} is cut to ${durationText(max_ttl)} by ${leastOf(ceilings)}.`],
  }
}

/** Which setting an operator would have to change. */
const leastOf = (ceilings: readonly (readonly [seconds: number, setting: string])[]): string =>
  ceilings.reduce((least, next) => (next[0] < least[0] ? next : least))[1]

export interface MintedToken {
  /** The token in the clear: goes into the response and nowhere else. */
  readonly text: string
  readonly record: SessionToken
}

export async function mint(
  engine: Engine,
  environment: string,
  { issued_at_unix, ttl }: IssueTerms,
  issuer: string,
): Promise<MintedToken> {
  const { token_prefix, environment_labels } = await engine.settings()
  const text = mintToken({
    prefix: token_prefix,
    label: environmentLabel(environment, environment_labels),
    random: engine.random,
    checkKey: mintingKey(await ensureCheck(engine), issued_at_unix),
  })
  return {
    text,
    record: {
      token_id: newTokenId(engine.random, engine.clock.now()),
      digest: tokenDigest(text),
      issued_at_unix,
      expires_at_unix: issued_at_unix + ttl,
      issuer,
    },
  }
}

/** What `creds` returns, apart from the fields it shares with the request. */
export const credsFields = {
  session_id: {
    type: 'string',
    computed: true,
    description: 'The session: mcp/creds/<agent>/<session_id> refreshes and closes it.',
    example: 'sess_01JNKQ8X4F2MVBP7RD3WCZH9GT',
  },
  agent_id: {
    type: 'string',
    computed: true,
    description: 'The agent it was issued for.',
    example: 'claude-billing-agent',
  },
  token: {
    type: 'string',
    computed: true,
    description: 'The phantom token. Returned once, stored nowhere.',
    example: 'svt_prod_…',
  },
  token_id: {
    type: 'string',
    computed: true,
    description: 'Names the token in logs and audit records.',
    example: 'tok_01JNKQ8X4FCQ6X1E0V9ZB3H7MD',
  },
  scopes: {
    type: 'list',
    computed: true,
    description: 'What the session was granted.',
    example: ['read:stripe:invoices'],
  },
  issued_at: { type: 'string', computed: true, description: 'UTC.', example: '2026-03-15T16:00:00Z' },
  expires_at: { type: 'string', computed: true, description: 'UTC.', example: '2026-03-15T16:15:00Z' },
  expires_at_unix: { type: 'int', computed: true, description: 'The same in Unix seconds.', example: 1773591300 },
  ttl_seconds: { type: 'int', computed: true, description: 'Life of the token; equals lease_duration.', example: 900 },
  refresh_after_unix: {
    type: 'int',
    computed: true,
    description: 'When to refresh: 80 % of the life, in Unix seconds.',
    example: 1773591120,
  },
} as const satisfies Fields

/** The response of `creds`: an ordinary leased secret. `scopes` spells out what the session was granted. */
export function credsResponse(
  session: SessionRecord,
  token: MintedToken,
  terms: IssueTerms,
  scopes: readonly string[],
): Response {
  const { issued_at_unix, expires_at_unix, token_id } = token.record
  const { session_id, agent_id, mount_generation, generation } = session
  const lease: TokenLease = { session_id, token_id, mount_generation, agent_id, generation }
  return {
    data: {
      session_id,
      agent_id,
      token: token.text,
      token_id,
      scopes,
      environment: session.environment,
      purpose: session.purpose,
      issued_at: isoSeconds(issued_at_unix * 1000),
      expires_at: isoSeconds(expires_at_unix * 1000),
      expires_at_unix,
      ttl_seconds: terms.ttl,
      refresh_after_unix: issued_at_unix + Math.floor(terms.ttl * 0.8),
    },
    secret: leased(
      SECRET_TYPE,
      { ...lease },
      { ttl: terms.ttl, max_ttl: terms.max_ttl, renewable: terms.ttl < terms.max_ttl },
    ),
    warnings: terms.warnings,
  }
}
