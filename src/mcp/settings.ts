import { configFields, ttlCeilingFields } from '../document/index.ts'

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

const { default_ttl, max_ttl, session_max_life, allow_wildcards, token_prefix, environment_labels, reuse_window } =
  configFields

export const defaultSettings: EngineSettings = {
  default_ttl: default_ttl.default,
  max_ttl: max_ttl.default,
  ttl_ceiling: ttlCeilingFields.ttl_ceiling.default,
  session_max_life: session_max_life.default,
  allow_wildcards: allow_wildcards.default,
  token_prefix: token_prefix.default,
  environment_labels: environment_labels.default,
  reuse_window: reuse_window.default,
}
