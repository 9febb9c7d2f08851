import type { Data } from './data.ts'

/** Lease terms. Durations in whole seconds; 0 or absent means "the mount's default". */
export interface LeaseOptions {
  readonly ttl: number
  readonly max_ttl: number
  readonly renewable: boolean
  /** Seconds the client asked for on renew; 0 when it asked for none. */
  readonly increment?: number
  /** Unix milliseconds of the original issue, set by the host on renew and revoke; null = the host never registered it. */
  readonly issue_time?: number | null
}

/** A leased response. `internal_data` is private to the engine, kept by the host, and comes back on renew and revoke. */
export interface Secret {
  readonly lease_options: LeaseOptions
  readonly internal_data: Data
  readonly lease_id?: string
}

export interface WrapRequest {
  /** Seconds. */
  readonly ttl: number
}

/** What an auth engine answers with: the token the host is to make. Durations in seconds. */
export interface Auth {
  readonly display_name: string
  readonly policies: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
  readonly lease_options: LeaseOptions
  readonly entity_id: string
  readonly token_type: 'service' | 'batch'
  readonly orphan: boolean
  readonly num_uses: number
  readonly explicit_max_ttl: number
  readonly period: number
  readonly no_default_policy: boolean
  /** Who logs in, as the auth method knows them. */
  readonly alias_name?: string
  /** What the caller's entity adds to `policies`. */
  readonly identity_policies?: readonly string[]
  /** Address blocks the token can be used from; missing = any. */
  readonly bound_cidrs?: readonly string[]
  /** Filled by the token store. */
  readonly client_token?: string
  readonly accessor?: string
}
