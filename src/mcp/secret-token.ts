/** The leased phantom token: what renewing and revoking its Vault lease do to the session it belongs to. */
import { renewTtl } from '../framework/lease.ts'
import type { SecretType } from '../framework/secret-type.ts'
import { badRequest } from '../logical/errors.ts'
import type { Secret } from '../logical/secret.ts'
import { DEFAULT_MAX_TTL_SECONDS, agentRecord, declaredIn, registeredAgent } from './agent.ts'
import type { Engine } from './engine.ts'
import { SECRET_TYPE } from './issue.ts'
import type { TokenLease } from './issue.ts'
import { sessionLiveness } from './liveness.ts'
import { changeSession, endSession, endToken, isTokenLive, liveTokens, setExpiry } from './session.ts'
import type { SessionRecord, SessionToken } from './session.ts'

/** Revoked this much before its expiry, a token that has a successor was revoked on purpose, not by its lease running out. */
const PURPOSEFUL_SECONDS = 30

export function secretToken(engine: Engine): SecretType {
  return {
    type: SECRET_TYPE,
    async renew(request, secret) {
      const { session_id, token_id } = readLease(secret)
      return changeSession(engine, session_id, async (session) => {
        const token = session?.tokens.find((candidate) => candidate.token_id === token_id)
        if (
          !session ||
          !token ||
          !isTokenLive(token, engine.nowUnix()) ||
          !(await sessionLiveness(engine, session)).live
        )
          throw badRequest('session is over, open a new one')
        const options = secret.lease_options
        const max_ttl = await renewCeiling(engine, session, options.max_ttl)
        // Vault's own formula, so that the engine's expiry and the lease's agree; the session's end caps both.
        const { ttl } = renewTtl(
          {
            increment: options.increment ?? 0,
            ttl: options.ttl,
            max_ttl,
            issue_time_unix: (options.issue_time ?? engine.clock.now()) / 1000,
            now_unix: engine.clock.now() / 1000,
          },
          { default_ttl: await engine.system.defaultLeaseTtl(), max_ttl: await engine.system.maxLeaseTtl() },
        )
        const expiresAt = Math.min(
          engine.nowUnix() + Math.floor(ttl),
          session.life_ends_unix,
          token.issued_at_unix + max_ttl,
        )
        await setExpiry(engine, session, token, expiresAt)
        return {
          secret: {
            internal_data: secret.internal_data,
            lease_options: { ttl: Math.max(1, expiresAt - engine.nowUnix()), max_ttl, renewable: true },
          },
        }
      })
    },
    async revoke(_request, secret) {
      const lease = readLease(secret)
      // Ended with all others, as when the mount is being removed: not even the session need be looked up.
      if ((await engine.storedConfig()).mount_generation > lease.mount_generation) return undefined
      if (await endedWithAgent(engine, lease)) return undefined
      const { session_id, token_id } = lease
      await changeSession(engine, session_id, async (session) => {
        if (session && (await endedWithAgent(engine, session))) return
        const token = session?.tokens.find((candidate) => candidate.token_id === token_id)
        if (session && token) await revokeToken(engine, session, token, secret.lease_options.issue_time === null)
      })
      return undefined
    },
  }
}

/** All sessions of its agent were ended since, by one write: the clean-up of its leases needs none. Generations never fall. */
async function endedWithAgent(
  engine: Engine,
  { agent_id, generation }: Pick<TokenLease, 'agent_id' | 'generation'>,
): Promise<boolean> {
  if (agent_id === undefined || generation === undefined) return false
  const agent = await agentRecord(engine, agent_id)
  return agent !== undefined && agent.generation > generation
}

async function revokeToken(
  engine: Engine,
  session: SessionRecord,
  token: SessionToken,
  unregistered: boolean,
): Promise<void> {
  if (token.ended) return
  if (unregistered) {
    // The host never registered the lease, so nobody holds this token: undo it alone, and the session if it was the only one.
    const others = session.tokens.some((other) => other !== token && !other.ended)
    await (others ? endToken(engine, session, token, 'undone') : endSession(engine, session, 'undone'))
    return
  }
  const left = token.expires_at_unix - engine.nowUnix()
  if (left <= 0) return
  const newest = liveTokens(session, engine.nowUnix()).at(-1)
  if (token === newest) await endSession(engine, session, 'lease revoked')
  else if (newest && newest.issuer !== token.issuer) await endToken(engine, session, token, 'lease revoked')
  else if (left > PURPOSEFUL_SECONDS) await endSession(engine, session, 'lease revoked')
  // Its lease ran out a little early: calls under way go on by the younger token.
  else await endToken(engine, session, token, 'expired')
}

async function renewCeiling(engine: Engine, session: SessionRecord, leaseMaxTtl: number): Promise<number> {
  const agent = await registeredAgent(engine, session.agent_id)
  const cap = (agent && declaredIn(agent, session.environment))?.max_ttl_seconds ?? DEFAULT_MAX_TTL_SECONDS
  const caps = [cap, (await engine.settings()).max_ttl, ...(leaseMaxTtl > 0 ? [leaseMaxTtl] : [])]
  return Math.min(...caps)
}

function readLease(secret: Secret): TokenLease {
  const { session_id, token_id, mount_generation, agent_id, generation } = secret.internal_data
  return {
    session_id: String(session_id),
    token_id: String(token_id),
    mount_generation: Number(mount_generation),
    ...(typeof agent_id === 'string' && typeof generation === 'number' ? { agent_id, generation } : {}),
  }
}
