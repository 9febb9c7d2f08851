import type { Data } from '../../logical/data.ts'

/** One version of a secret. Times in Unix milliseconds. */
export interface VersionState {
  created_time: number
  /** In the past: deleted. In the future: will be (`delete_version_after`). */
  deletion_time: number | null
  /** The data is gone for good. */
  destroyed: boolean
}

/** What is kept about a secret beside its data. */
export interface SecretMetadata {
  current_version: number
  /** 0 until the first version is pruned, as in Vault. */
  oldest_version: number
  created_time: number
  updated_time: number
  /** 0 = the mount's. */
  max_versions: number
  cas_required: boolean
  /** Seconds; 0 = the mount's. */
  delete_version_after: number
  custom_metadata: Record<string, string> | null
  versions: Record<string, VersionState>
}

/** The mount's settings, which hold for every secret in it. */
export interface KvConfig {
  /** 0 = ten. */
  max_versions: number
  cas_required: boolean
  /** Seconds; 0 = never, negative = never, whatever a secret says. */
  delete_version_after: number
}

export const defaultConfig: Readonly<KvConfig> = { max_versions: 0, cas_required: false, delete_version_after: 0 }

const DEFAULT_MAX_VERSIONS = 10

export function newMetadata(nowMs: number): SecretMetadata {
  return {
    current_version: 0,
    oldest_version: 0,
    created_time: nowMs,
    updated_time: nowMs,
    max_versions: 0,
    cas_required: false,
    delete_version_after: 0,
    custom_metadata: null,
    versions: {},
  }
}

/** Adds the next version and drops from the record what is over the limit: the larger of the secret's and the mount's. */
export function addVersion(metadata: SecretMetadata, config: KvConfig, nowMs: number): void {
  metadata.updated_time = nowMs
  metadata.current_version++
  metadata.versions[metadata.current_version] = {
    created_time: nowMs,
    deletion_time: scheduledDeletion(metadata, config, nowMs),
    destroyed: false,
  }
  const limit = Math.max(metadata.max_versions, config.max_versions) || DEFAULT_MAX_VERSIONS
  if (metadata.current_version - metadata.oldest_version < limit) return
  metadata.oldest_version = metadata.current_version - limit + 1
  metadata.versions = Object.fromEntries(
    Object.entries(metadata.versions).filter(([number]) => Number(number) >= metadata.oldest_version),
  )
}

/** When a version that begins to live now is deleted by itself: after the shorter of the two settings, null = never. */
export function scheduledDeletion(metadata: SecretMetadata, config: KvConfig, nowMs: number): number | null {
  if (config.delete_version_after < 0) return null
  const settings = [metadata.delete_version_after, config.delete_version_after].filter((seconds) => seconds > 0)
  return settings.length === 0 ? null : nowMs + Math.min(...settings) * 1000
}

export function isDeleted(version: VersionState, nowMs: number): boolean {
  return version.deletion_time !== null && version.deletion_time <= nowMs
}

/** What Vault says about one version in responses to reads and writes. */
export function versionResponse(metadata: SecretMetadata, number: number, version: VersionState): Data {
  return {
    version: number,
    created_time: timestamp(version.created_time),
    deletion_time: timestamp(version.deletion_time),
    destroyed: version.destroyed,
    custom_metadata: metadata.custom_metadata,
  }
}

/** RFC 3339 as Go prints it: no trailing zeros in the fraction. Nothing is the empty text. */
export function timestamp(unixMs: number | null): string {
  return unixMs === null ? '' : new Date(unixMs).toISOString().replace(/\.?0*Z$/, 'Z')
}

/** A duration as Go prints it (`0s`, `1m30s`, `1h0m0s`, `-1s`): Terraform's provider parses this text. */
export function goDuration(seconds: number): string {
  const size = Math.abs(seconds)
  const hours = Math.floor(size / 3600)
  const minutes = Math.floor(size / 60) % 60
  const text = hours > 0 ? `${hours}h${minutes}m${size % 60}s` : minutes > 0 ? `${minutes}m${size % 60}s` : `${size}s`
  return seconds < 0 ? `-${text}` : text
}
