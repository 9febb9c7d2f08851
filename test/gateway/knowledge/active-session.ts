import type { ActiveSession } from '../../../src/document/index.ts'

interface Given {
  readonly session_id?: string
  readonly token_id?: string
  readonly owner?: string
  readonly generation?: number
  readonly scopes?: readonly string[] | null
  readonly documents?: Readonly<Record<string, number | null>>
}

/** What the engine says of a live token; a new object every time, as from the wire. */
export function activeSession(given: Given = {}): ActiveSession {
  const { session_id = 'sess_A', token_id = 'tok_A', owner = 'payments', generation = 0, scopes = null } = given
  const link = {
    session_id,
    agent_id: 'billing-agent',
    environment: 'production',
    own_environment: true,
    scopes,
    policies: null,
    generation,
    newest_token_expires_at_unix: 2_000_000_000,
    session_expires_at_unix: 2_000_000_100,
  }
  return structuredClone({
    active: true,
    session_id,
    agent_id: 'billing-agent',
    token_id,
    owner,
    environment: 'production',
    expires_at_unix: 2_000_000_000,
    iat: 1_900_000_000,
    chain: [link],
    mount_generation: 0,
    refresh_possible_unix: 0,
    documents: given.documents ?? {},
    epoch: 'e',
    sequence: 1,
    server_time_unix_ms: 1_900_000_000_000,
  })
}
