/**
 * What the mount's own settings add to the rules for documents. Where a setting is absent its rule is not judged: a plan without a
 * server does not know it, and a gateway uses what was stored under another one.
 */
export interface MountRules {
  /** False: scopes and policies that cover more than one resource are refused. */
  readonly allow_wildcards?: boolean
  /** Seconds: longer lives are refused. */
  readonly ttl_ceiling?: number
}
