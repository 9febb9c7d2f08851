import type { Data } from './data.ts'
import type { Storage } from './storage.ts'
import type { Secret, WrapRequest } from './secret.ts'

export type Operation =
  'create' | 'read' | 'update' | 'patch' | 'delete' | 'list' | 'help' | 'renew' | 'revoke' | 'rollback'

/** What an engine is asked, after the host has authenticated and authorised the caller. */
export interface Request {
  /** UUID of the API request; empty for renew, revoke and rollback that the host itself started. */
  readonly id: string
  readonly operation: Operation
  /** Relative to the mount, no leading `/`; the mount's root is `''`; LIST paths end in `/`. */
  readonly path: string
  readonly data: Data
  readonly storage: Storage
  /** Present on renew and revoke. */
  readonly secret?: Secret
  /** Salted hash of the caller's token, stable per token within this mount; never the token. */
  readonly client_token: string
  readonly client_token_accessor: string
  readonly display_name: string
  /** The caller's identity entity, or `''`. */
  readonly entity_id: string
  /** With trailing slash: `mcp/`. */
  readonly mount_point: string
  readonly remote_addr: string
  /** Set when the client asked for its answer to be wrapped. */
  readonly wrap?: WrapRequest
  /** Aborts when the client has gone away or the host's limit is hit. */
  readonly signal: AbortSignal
}
