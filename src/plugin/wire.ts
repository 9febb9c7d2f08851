/** The messages of proto/vault/backend.proto as they are in memory: 64-bit integers as decimal strings, absent messages null. */

export interface PbTimestamp { readonly seconds: string; readonly nanos: number }

/** Durations in nanoseconds. */
export interface PbLeaseOptions {
  readonly TTL: string
  readonly renewable: boolean
  readonly increment: string
  readonly issue_time: PbTimestamp | null
  readonly MaxTTL: string
}

export interface PbSecret {
  readonly lease_options: PbLeaseOptions | null
  /** JSON */
  readonly internal_data: string
  readonly lease_id: string
}

export interface PbRequest {
  readonly id: string
  readonly operation: string
  readonly path: string
  /** JSON */
  readonly data: string
  readonly secret: PbSecret | null
  readonly client_token: string
  readonly client_token_accessor: string
  readonly display_name: string
  readonly mount_point: string
  readonly wrap_info: { readonly TTL: string } | null
  readonly entity_id: string
  readonly connection: { readonly remote_addr: string } | null
}

export interface PbResponse {
  readonly secret: PbSecret | null
  /** JSON */
  readonly data: string
  readonly warnings: readonly string[]
}

export interface PbError {
  readonly err_type: number
  readonly err_msg: string
  readonly err_code: string
}

export interface HandleRequestReply { readonly response: PbResponse | null; readonly err: PbError | null }
export interface HandleExistenceCheckReply { readonly check_found: boolean; readonly exists: boolean; readonly err: PbError | null }
export interface SetupArgs { readonly broker_id: number; readonly config: Readonly<Record<string, string>>; readonly backend_uuid: string }
