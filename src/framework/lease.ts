import { badRequest } from '../logical/errors.ts'
import { durationText } from './duration.ts'

/** The lease arithmetic hosts and engines share, in whole seconds. Zero or absent means "not given". */
export interface LeaseLimits {
  readonly default_ttl: number
  readonly max_ttl: number
}

export interface GrantedTtl {
  readonly ttl: number
  readonly max_ttl: number
  readonly warnings: readonly string[]
}

/** The ceiling: the mount's, or the engine's when that is lower. */
export function leaseCeiling(engineMaxTtl: number | undefined, limits: LeaseLimits): number {
  return engineMaxTtl !== undefined && engineMaxTtl > 0 && engineMaxTtl < limits.max_ttl ? engineMaxTtl : limits.max_ttl
}

/** A new lease: what was asked for, else the default, never over the ceiling. */
export function issueTtl(requested: { ttl?: number; max_ttl?: number }, limits: LeaseLimits): GrantedTtl {
  const max_ttl = leaseCeiling(requested.max_ttl, limits)
  const wanted = requested.ttl !== undefined && requested.ttl > 0 ? requested.ttl : limits.default_ttl
  if (wanted <= max_ttl) return { ttl: wanted, max_ttl, warnings: [] }
  const warnings =
    requested.ttl !== undefined && requested.ttl > 0
      ? [
          `TTL of "${durationText(wanted)}" exceeded the effective max_ttl of "${durationText(max_ttl)}"; TTL value is capped accordingly`,
        ]
      : []
  return { ttl: max_ttl, max_ttl, warnings }
}

/** A renewal: the client's increment beats the engine's ttl; only the ceiling, counted from the issue, restrains it. */
export function renewTtl(
  requested: { increment?: number; ttl?: number; max_ttl?: number; issue_time_unix: number; now_unix: number },
  limits: LeaseLimits,
): GrantedTtl {
  const max_ttl = leaseCeiling(requested.max_ttl, limits)
  const left = requested.issue_time_unix + max_ttl - requested.now_unix
  if (left <= 0) throw badRequest('past the max TTL, cannot renew')
  const wanted =
    requested.increment !== undefined && requested.increment > 0
      ? requested.increment
      : requested.ttl !== undefined && requested.ttl > 0
        ? requested.ttl
        : limits.default_ttl
  if (wanted <= left) return { ttl: wanted, max_ttl, warnings: [] }
  return {
    ttl: left,
    max_ttl,
    warnings: [
      `TTL of "${durationText(wanted)}" exceeded the effective max_ttl of "${durationText(left)}"; TTL value is capped accordingly`,
    ],
  }
}
