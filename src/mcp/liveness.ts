/** Is a session alive? Judged from stored facts alone, ancestors included; nothing is enumerated. */
import { agentRecord } from './agent.ts'
import type { Engine } from './engine.ts'
import { endMarker, findSession, isOver } from './session.ts'
import type { SessionRecord } from './session.ts'

export type Liveness =
  | { readonly live: true; readonly chain: readonly SessionRecord[] }
  | { readonly live: false; readonly reason: 'expired' | 'revoked'; readonly detail: string }

/** The session and its ancestors when all are alive, else why not. A missing ancestor counts as revoked: fail closed. */
export async function sessionLiveness(engine: Engine, session: SessionRecord): Promise<Liveness> {
  const chain: SessionRecord[] = []
  for (const link of [session, ...session.ancestors]) {
    const record = link === session ? session : await findSession(engine, link.session_id)
    if (!record) return { live: false, reason: 'revoked', detail: `ancestor ${link.session_id} is gone` }
    const over = await whyOver(engine, record)
    if (over) return { live: false, ...over }
    chain.push(record)
  }
  return { live: true, chain }
}

async function whyOver(
  engine: Engine,
  session: SessionRecord,
): Promise<{ reason: 'expired' | 'revoked'; detail: string } | undefined> {
  const marker = await endMarker(engine, session.session_id)
  if (marker) return { reason: 'revoked', detail: marker.reason }
  if ((await engine.storedConfig()).mount_generation > session.mount_generation)
    return { reason: 'revoked', detail: 'all sessions were revoked' }
  const agent = await agentRecord(engine, session.agent_id)
  if (!agent || agent.deleted) return { reason: 'revoked', detail: 'the agent was deleted' }
  if (agent.disabled) return { reason: 'revoked', detail: 'the agent is disabled' }
  if (agent.generation > session.generation)
    return { reason: 'revoked', detail: 'all sessions of the agent were revoked' }
  if (isOver(session, engine.nowUnix())) return { reason: 'expired', detail: 'its newest token or its life expired' }
  return undefined
}
