// The attacks, in the order they run, each with what must be true of it apart from what the honest caller feels.
import { setTimeout as pause } from 'node:timers/promises'
import { openSession } from './stage.mjs'

const REFUSALS_PER_SECOND = 20
/** Records of this session, or of unauthenticated callers, that an attack may write in a second: what is recorded in full, and one summary. */
const RECORDS_PER_SECOND = REFUSALS_PER_SECOND + 1

/** The connection was closed on the attacker: refused before any work. */
const dropped = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']

const only = (allowed) => ({
  says: `its requests end with nothing but ${allowed.join(', ')}`,
  holds: ({ sent, ended }) => sent > 0 && Object.keys(ended).every((status) => allowed.includes(status)),
})
const some = (status) => ({
  says: `some of them with ${status}`,
  holds: ({ ended }) => (ended[status] ?? 0) > 0,
})
const noLookups = {
  says: 'no token of a stranger is looked up in Vault beyond the limit',
  holds: ({ serverLines, rounds, seconds }) =>
    serverLines.filter((line) => line.includes('"type":"request"') && line.includes('"path":"mcp/introspect"'))
      .length <=
    rounds + REFUSALS_PER_SECOND * (seconds + 1),
}
const fewRecords = {
  says: 'it writes few audit records, whatever it sends',
  holds: ({ gatewayLines, seconds }) =>
    gatewayLines.filter((line) => line.includes('"decision":"deny"')).length <= RECORDS_PER_SECOND * (seconds + 2),
}
const revoked = {
  says: 'the operator meanwhile revokes a lease, a session and an agent, and a session is refreshed',
  holds: ({ meanwhile }) => meanwhile.every((status) => status === 200 || status === 204),
}

/** `agent` = whose session the attacker holds, if any. `seconds` = for how long, 3 unless given. `meanwhile(stage, send)` runs beside it. */
export const kinds = [
  { name: 'unknown-tokens', verdicts: [only(['401', '429']), some('429'), noLookups] },
  { name: 'refused-calls', agent: 'greedy', verdicts: [only(['403', '429']), some('429'), fewRecords] },
  { name: 'open-streams', agent: 'greedy', verdicts: [only(['200', '429', ...dropped]), some('429')] },
  { name: 'json-bombs', verdicts: [only(['400', '403', '413', ...dropped])] },
  {
    name: 'json-bombs-at-gateway',
    verdicts: [only(['400', '401', '413', '429', ...dropped])],
  },
  { name: 'one-big-request', verdicts: [only(['400', '403', '413', ...dropped])] },
  { name: 'awkward-pages', agent: 'greedy', seconds: 8, verdicts: [only(['200', '429', '502', '503'])] },
  { name: 'slow-bodies', meanwhile: operate, verdicts: [revoked] },
  { name: 'endless-responses', agent: 'greedy', verdicts: [only(['429', '502', '503', ...dropped])] },
  { name: 'forms', agent: 'refunder', verdicts: [only(['200', '400', '403', '413', '429'])] },
  { name: 'deep-json', agent: 'refunder', verdicts: [only(['400', '403', '413', '429'])] },
]

/** What an operator does while sockets hold bodies open; answers the statuses. */
async function operate({ vault }, send) {
  const [byLease, byName, refreshed] = await Promise.all(
    ['greedy', 'greedy', 'refunder'].map((agent) => openSession(vault, agent)),
  )
  await pause(1_000)
  return [
    await send('POST', '/v1/sys/leases/revoke', { lease_id: byLease.leaseId, sync: true }),
    await send('DELETE', `/v1/mcp/sessions/${byName.sessionId}`),
    await send('POST', `/v1/mcp/creds/refunder/${refreshed.sessionId}`),
    await send('POST', '/v1/mcp/agents/refunder/revoke'),
  ]
}
