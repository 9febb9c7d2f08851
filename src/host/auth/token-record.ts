/** A token as stored, under the salted hash of its id; the id itself is kept nowhere. Times in Unix milliseconds. */
export interface TokenRecord {
  readonly id_hash: string
  readonly accessor: string
  readonly policies: readonly string[]
  /** The API path that made it. */
  readonly path: string
  readonly meta: Readonly<Record<string, string>> | null
  readonly display_name: string
  /** Uses left; 0 = no limit. */
  readonly num_uses: number
  /** `id_hash` of the parent, '' for orphans. */
  readonly parent: string
  readonly creation_time: number
  /** Seconds, as are the other durations; 0 = never expires. */
  readonly creation_ttl: number
  readonly expire_time: number | null
  readonly last_renewal_time: number | null
  readonly explicit_max_ttl: number
  readonly period: number
  readonly renewable: boolean
  readonly entity_id: string
  /** Missing in service tokens. */
  readonly type?: 'batch'
  /** The token role that made it. */
  readonly role?: string
  /** Address blocks it can be used from; missing = any. */
  readonly bound_cidrs?: readonly string[]
  /** Set first when a token ends: from then it, and everything below it, is dead, whatever cleaning up is still to do. */
  readonly ended?: boolean
}

/** What a new token is to be. Durations in seconds, already limited. */
export interface TokenSpec {
  /** A token id of the caller's choosing, else a random one. */
  readonly id?: string
  readonly policies: readonly string[]
  readonly path: string
  readonly meta: Readonly<Record<string, string>> | null
  readonly display_name: string
  readonly num_uses: number
  readonly parent: string
  readonly ttl: number
  readonly explicit_max_ttl: number
  readonly period: number
  readonly renewable: boolean
  readonly type?: 'batch'
  readonly role?: string
  readonly bound_cidrs?: readonly string[]
  readonly entity_id?: string
}

export const rootPolicy = 'root'
/** Of the tokens that open wrapped responses; nobody can give it to another. */
export const wrappingPolicy = 'response-wrapping'

/** Names of policies as Vault takes them: without the spaces around them, in lower case, each once. What is empty is none. */
export const policyNames = (given: readonly string[]): string[] => [
  ...new Set(given.map((name) => name.trim().toLowerCase()).filter((name) => name !== '')),
]
export const isRoot = (record: TokenRecord): boolean => record.policies.includes(rootPolicy)
