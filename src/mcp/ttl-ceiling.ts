/**
 * The mount's ceiling on the life of tokens. What operators set above it (`max_ttl` of config, `max_ttl_seconds` of scopes) is refused;
 * what was stored above it, by a release without a ceiling or before it was lowered, is cut and warned about, so that an
 * upgrade neither stops a mount nor leaves tokens living longer than the ceiling says.
 */
import { LONG_SECONDS, ceilingProblems, cutLife } from '../document/index.ts'
import { durationText } from '../framework/duration.ts'
import { refuse } from './check.ts'
import { defaultSettings } from './settings.ts'
import type { EngineSettings, StoredSettings } from './settings.ts'

/** The part of `cfg` this rests on. */
interface StoredLives {
  /** Only what was written; the rest are defaults. */
  readonly settings: StoredSettings
  /** Seconds; absent = the default. Not one of the settings, because only sudo may change it. */
  readonly ttl_ceiling?: number
}

/** Every setting with its value in force. */
export function settingsInForce({ settings, ttl_ceiling = defaultSettings.ttl_ceiling }: StoredLives): EngineSettings {
  const all = { ...defaultSettings, ...settings, ttl_ceiling }
  return {
    ...all,
    default_ttl: Math.min(all.default_ttl, ttl_ceiling),
    max_ttl: Math.min(all.max_ttl, ttl_ceiling),
  }
}

/** A sentence for each setting of `config` that is stored above the ceiling. */
export function cutSettings(stored: StoredLives): string[] {
  const { ttl_ceiling } = settingsInForce(stored)
  return (['default_ttl', 'max_ttl'] as const).flatMap((name) => cutLife(name, stored.settings[name], ttl_ceiling))
}

/**
 * Checks a life that is being written, in seconds, and tells what to warn about. The value that is stored already passes above the
 * ceiling too: provisioning that is run again after an upgrade changes nothing and must not fail.
 */
export function checkLife(name: string, given: number, stored: number | undefined, ceiling: number): string[] {
  if (given !== stored) refuse(ceilingProblems(name, given, { ttl_ceiling: ceiling }))
  return given > LONG_SECONDS
    ? [
        `${name} of ${durationText(given)} is long: a token that leaks may be used until it expires. 15 to 30 minutes suit most agents; more than 1 hour suits only those that can do little harm.`,
      ]
    : []
}
