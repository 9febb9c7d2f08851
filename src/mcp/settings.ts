/** The mount's settings, `mcp/config`. Durations in seconds. */
export interface EngineSettings {
  readonly default_ttl: number
  readonly max_ttl: number
  /** Bounds `max_ttl`, and `max_ttl_seconds` of scopes. */
  readonly ttl_ceiling: number
  readonly session_max_life: number
  readonly allow_wildcards: boolean
  readonly token_prefix: string
  readonly environment_labels: Readonly<Record<string, string>>
  readonly reuse_window: number
}

/** What writing `config` changes. */
export type StoredSettings = Partial<Omit<EngineSettings, 'ttl_ceiling'>>

export const defaultSettings: EngineSettings = {
  default_ttl: 900,
  max_ttl: 3600,
  ttl_ceiling: 86_400,
  session_max_life: 28_800,
  allow_wildcards: false,
  token_prefix: 'svt',
  environment_labels: {},
  reuse_window: 86_400,
}
