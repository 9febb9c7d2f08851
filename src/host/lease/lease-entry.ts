import type { Data } from '../../logical/data.ts'

/**
 * A lease as stored. It holds what renewing and revoking need and nothing of what the client was given: no token, no key.
 * Times in Unix milliseconds, durations in seconds.
 */
export interface LeaseEntry {
  readonly lease_id: string
  /** Full path of the issuing request, mount included. */
  readonly path: string
  /** Salted hash of the token that asked; '' when that was the server itself. */
  readonly owner: string
  readonly internal_data: Data
  readonly ttl: number
  readonly max_ttl: number
  readonly renewable: boolean
  readonly issue_time: number
  readonly expire_time: number
  readonly last_renewal: number | null
  /** Why revoking was given up; such a lease stays until it is forced away or a daily retry succeeds. */
  readonly irrevocable?: string
}

/** One attempt to make the engine revoke or renew. `issue_time` null: the host never registered the secret. */
export interface LeaseCall {
  readonly operation: 'renew' | 'revoke'
  readonly path: string
  readonly internal_data: Data
  readonly ttl: number
  readonly max_ttl: number
  readonly renewable: boolean
  readonly issue_time: number | null
  readonly increment: number
}
