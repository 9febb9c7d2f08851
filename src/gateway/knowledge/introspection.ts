import { momentOf } from '../../logical/clock.ts'
import type { Clock } from '../../logical/clock.ts'
import type { VaultClient } from '../../vault-client/index.ts'
import { unavailable } from '../error.ts'
import { DocumentError, readIntrospection } from '../../document/index.ts'
import type { Introspection } from '../../document/index.ts'
import type { FeedFollower } from './feed-follower.ts'

/** What a session is asked for by: the digest of a token, or its id. */
export type SessionKey = { readonly token_sha256: string } | { readonly session_id: string }

/** Ids come from callers: none may hit the entry of a token whose digest it is spelled like. */
export const textOf = (key: SessionKey): string => ('session_id' in key ? `id ${key.session_id}` : key.token_sha256)

interface IntrospectionDependencies {
  readonly vault: VaultClient
  readonly mount: string
  readonly follower: FeedFollower
  readonly clock: Clock
}

const TIMEOUT_MS = 5_000

/** Asks the engine about a token or session. Throws `unavailable`. */
export async function introspect(
  { vault, mount, clock, follower }: IntrospectionDependencies,
  key: SessionKey,
): Promise<Introspection> {
  const sent = momentOf(clock)
  let data: unknown
  try {
    data = (await vault.write(`${mount}/introspect`, key, { timeoutMs: TIMEOUT_MS })).data
  } catch (error) {
    // Refused or out of reach, the fault is ours: nothing is known about the token.
    throw unavailable(
      'vault_unavailable',
      'this token cannot be checked with Vault right now; keep it and try again',
      error,
    )
  }
  const response = read(data)
  if (response.epoch === follower.epoch) {
    follower.engineClock.observe({ sent, serverUnixMs: response.server_time_unix_ms, heldMs: 0 })
  }
  return response
}

function read(data: unknown): Introspection {
  try {
    return readIntrospection(data)
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error
    throw unavailable('vault_unavailable', 'the introspection response cannot be parsed', error)
  }
}
