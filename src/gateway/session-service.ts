import type { VaultResponse, VaultClient } from '../vault-client/index.ts'
import { isName, sessionKeyOf, tokenShape } from '../scope/index.ts'
import { RequestError } from '../logical/errors.ts'
import { GatewayFailure } from './error.ts'
import { requireAgent, vaultOf, vaultRefused } from './decision/callers.ts'
import type { Caller } from './decision/callers.ts'
import type { Decisions } from './decision/decide.ts'
import type { SessionName } from './knowledge/introspection.ts'
import { malformed } from './decision/refusals.ts'

/** What a session is opened with, beside its agent; passed to `creds/<agent>` as it is. */
export type OpenSessionRequest = Readonly<Record<string, unknown>> & {
  /** Seconds. */
  readonly ttl?: number | undefined
  /** A live token of the session this one is to be a child of. */
  readonly parent_token?: unknown
}

/** What `creds` answers: `session_id, token, expires_at_unix` …, with the lease it hangs on. */
export type Issued = Readonly<Record<string, unknown>>

/** Less than this left of the caller's own token, and what hangs on it would die before it is of use. */
const LEAST_LIFE_SECONDS = 60
/** Where no ttl is asked for and the caller's token may not outlive the mount's default, this much is asked for at most. */
const CAUTIOUS_TTL_SECONDS = 900
const LONGEST_DEFAULT_SECONDS = 3600
const TIMEOUT_MS = 10_000

/** Opening, refreshing and closing sessions under the caller's own Vault identity: a lease dies with the token that asked for it. */
export class SessionService {
  readonly #decisions: Decisions
  readonly #mount: string

  constructor(decisions: Decisions, mount: string) {
    this.#decisions = decisions
    this.#mount = mount
  }

  /**
   * With `parent_token`, a child of that session. Throws what the engine says about the agent and what was asked;
   * `invalid_request` where the caller's token ends too soon.
   */
  async open(caller: Caller, agentId: string, request: OpenSessionRequest): Promise<Issued> {
    checkAgent(agentId)
    requireAgent(caller, agentId)
    const { parent_token } = request
    if (parent_token !== undefined && (typeof parent_token !== 'string' || !tokenShape(parent_token))) throw malformed()
    const vault = vaultOf(caller)
    await this.#decisions.requireService()
    const ttl = cutTtl(request.ttl, await secondsLeft(caller, vault))
    if (parent_token !== undefined) await this.#requireParent(caller, parent_token)
    return issued(await vault.write(`${this.#mount}/creds/${agentId}`, { ...request, ttl }, { timeoutMs: TIMEOUT_MS }))
  }

  /** A new token in the same session; the old one lives until its own expiry. */
  async refresh(caller: Caller, session: SessionName, request: OpenSessionRequest): Promise<Issued> {
    checkName(session)
    const vault = vaultOf(caller)
    await this.#decisions.requireService()
    const ttl = cutTtl(request.ttl, await secondsLeft(caller, vault))
    const found = await this.#decisions.agentOf(session, caller)
    if (!found) throw noSession()
    requireAgent(caller, found.agent_id)
    const path = `${this.#mount}/creds/${found.agent_id}/${found.session_id}`
    const response = await vault
      .write(path, { ...request, ttl }, { timeoutMs: TIMEOUT_MS })
      .catch((error: unknown) => this.#refreshRefused(error, found.session_id))
    return issued(response)
  }

  /** Ends the session; resolves once it is ended at the engine and here. Ending what is over succeeds. */
  async close(caller: Caller, session: SessionName): Promise<void> {
    checkName(session)
    const vault = vaultOf(caller)
    const found = await this.#decisions.agentOf(session, caller)
    if (!found) throw noSession()
    requireAgent(caller, found.agent_id)
    try {
      await vault.delete(`${this.#mount}/creds/${found.agent_id}/${found.session_id}`, { timeoutMs: TIMEOUT_MS })
    } catch (error) {
      // Not its opener: an operator ends it by the session's own path, if its policies say so.
      if (!(error instanceof RequestError) || error.kind !== 'permission_denied') throw error
      await vault.delete(`${this.#mount}/sessions/${found.session_id}`, { timeoutMs: TIMEOUT_MS })
    }
    this.#decisions.sessionEnded(found.session_id)
  }

  /** Vault says 429 for its own quotas too, and tells no plugin's `Retry-After`: the session is asked which of both it is. */
  async #refreshRefused(error: unknown, sessionId: string): Promise<never> {
    if (!(error instanceof RequestError) || error.kind !== 'rate_limited') throw error
    const retryAfterSeconds = await this.#decisions.secondsToRefresh(sessionId)
    if (retryAfterSeconds === 0) throw error
    throw new GatewayFailure(
      'unavailable',
      'too_many_live_tokens',
      `the session has reached its limit of live tokens; keep using one of them and refresh in ${String(retryAfterSeconds)} s`,
      { retryAfterSeconds, cause: error },
    )
  }

  /** A caller bound to some agents may not spend the session of another, even one whose token it got hold of. */
  async #requireParent(caller: Caller, parentToken: string): Promise<void> {
    const parent = await this.#decisions.agentOf({ token: parentToken }, caller)
    if (!parent) throw new GatewayFailure('invalid_token', 'unknown', 'parent_token: the token is not known')
    requireAgent(caller, parent.agent_id)
  }
}

const noSession = (): GatewayFailure =>
  new GatewayFailure('invalid_request', 'session_unknown', 'there is no such session')

function checkAgent(agentId: string): void {
  if (!isName(agentId))
    throw new GatewayFailure(
      'invalid_request',
      'bad_request',
      'agent_id: is not a name of 1 to 64 characters a-z, 0-9, _ and -, for example claude-billing-agent',
    )
}

function checkName(session: SessionName): void {
  if ('token' in session && !tokenShape(session.token)) throw malformed()
  if ('session_id' in session && sessionKeyOf(session.session_id) === undefined) {
    throw new GatewayFailure(
      'invalid_request',
      'bad_request',
      'session_id: is not a session id, for example sess_01JNKQ8X4F2MVBP7RD3WCZH9GT',
    )
  }
}

/** Seconds the caller's own token has left; Infinity for one that does not expire. */
async function secondsLeft(caller: Caller, vault: VaultClient): Promise<number> {
  const { data } = await vault
    .request('GET', 'auth/token/lookup-self', { timeoutMs: TIMEOUT_MS })
    .catch((error: unknown) => {
      if (!(error instanceof RequestError)) throw error
      const refusal = caller.kind === 'service' ? caller.refusal?.() : undefined
      const isRefused = refusal !== undefined || error.kind === 'permission_denied' || error.kind === 'unauthenticated'
      throw isRefused ? vaultRefused(caller, refusal ?? error.message) : error
    })
  if (typeof data?.ttl !== 'number')
    throw new GatewayFailure(
      'unavailable',
      'vault_unavailable',
      "Vault did not say how long the caller's token lives; try again",
    )
  return data.ttl === 0 && (data.expire_time === null || data.expire_time === undefined) ? Infinity : data.ttl
}

function cutTtl(requested: number | undefined, leftSeconds: number): number | undefined {
  if (leftSeconds < LEAST_LIFE_SECONDS) {
    throw new GatewayFailure(
      'invalid_request',
      'caller_expires_soon',
      `the caller's Vault token has ${String(Math.max(0, Math.floor(leftSeconds)))} s left, and sessions opened under it end with it; renew it or log in again first (at least ${String(LEAST_LIFE_SECONDS)} s are needed)`,
    )
  }
  if (requested !== undefined) return Math.min(requested, Math.floor(leftSeconds))
  return leftSeconds < LONGEST_DEFAULT_SECONDS ? Math.min(CAUTIOUS_TTL_SECONDS, Math.floor(leftSeconds)) : undefined
}

function issued({ data, lease_id, warnings }: VaultResponse): Issued {
  return {
    ...data,
    ...(lease_id === undefined ? {} : { lease_id }),
    ...(warnings && warnings.length > 0 ? { warnings } : {}),
  }
}
