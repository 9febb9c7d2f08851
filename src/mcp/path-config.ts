import { durationSeconds } from '../framework/duration.ts'
import { definePath } from '../framework/path.ts'
import type { Fields } from '../framework/field.ts'
import type { FieldData } from '../framework/field-data.ts'
import { badRequest } from '../logical/errors.ts'
import { rotateCheck } from './check-key.ts'
import { mergeFields } from './document.ts'
import type { Engine, StoredConfig } from './engine.ts'
import { defaultSettings } from './settings.ts'
import type { EngineSettings, StoredSettings } from './settings.ts'
import { checkLife, cutSettings, settingsInForce } from './ttl-ceiling.ts'

const fields = {
  default_ttl: {
    type: 'duration',
    description: 'Life of a token when none is asked for, in seconds.',
    example: 900,
    default: defaultSettings.default_ttl,
  },
  max_ttl: {
    type: 'duration',
    description: 'Longest life of any token of this mount, in seconds; at most ttl_ceiling.',
    example: 3600,
    default: defaultSettings.max_ttl,
  },
  ttl_ceiling: {
    type: 'duration',
    computed: true,
    description:
      'No token of this mount lives longer, in seconds: a longer max_ttl or max_ttl_seconds is refused. Set at config/ttl-ceiling, which needs sudo.',
    example: 86400,
  },
  session_max_life: {
    type: 'duration',
    description: 'Absolute life of a session over all its refreshes, in seconds.',
    example: 28800,
    default: defaultSettings.session_max_life,
  },
  allow_wildcards: {
    type: 'bool',
    description:
      'Accept * and + as upstream or first resource segment of a scope or tool policy. Such scopes still warn.',
    example: false,
    default: defaultSettings.allow_wildcards,
  },
  token_prefix: {
    type: 'string',
    description: 'First part of every token, 2 to 8 characters of a-z and 0-9.',
    example: 'svt',
    default: defaultSettings.token_prefix,
  },
  environment_labels: {
    type: 'object',
    description: 'Labels tokens carry for environments, besides the built-in prod, staging, dev and test.',
    example: { 'production-eu': 'prodeu' },
    default: defaultSettings.environment_labels,
  },
  reuse_window: {
    type: 'duration',
    description:
      'How long ended sessions are remembered, in seconds, so that reuse after expiry or revocation is told from an unknown token.',
    example: 86400,
    default: defaultSettings.reuse_window,
  },
} as const satisfies Fields

export function pathConfig(engine: Engine) {
  return definePath({
    pattern: 'config',
    active_node_only: true,
    fields,
    example_fields: ['default_ttl', 'max_ttl'],
    synopsis: 'Settings of this mount.',
    description:
      'Reading answers every setting with its value in force. Writing merges: what is omitted keeps its value, null resets it. Deleting resets all but ttl_ceiling to the defaults; live sessions stay.',
    exists: async () => Object.keys((await engine.storedConfig()).settings).length > 0,
    operations: {
      read: async () => {
        const stored = await engine.storedConfig()
        return { data: { ...settingsInForce(stored) }, warnings: cutSettings(stored) }
      },
      write: ({ request, fields: given }) =>
        engine.records.exclusive('cfg', async () => {
          const stored = await engine.storedConfig()
          refuseCeiling(request.data.ttl_ceiling, stored)
          const settings = mergeFields(fields, stored.settings, given) as StoredSettings
          const warnings = checkWritten(given, stored, settings)
          await engine.records.put('cfg', { ...stored, settings })
          return warnings.length > 0 ? { warnings } : undefined
        }),
      delete: () =>
        engine.records.exclusive('cfg', async () => {
          const stored = await engine.storedConfig()
          await engine.records.put('cfg', { ...stored, settings: {} })
          return undefined
        }),
    },
  })
}

/** `config/rotate-check-key`. */
export function pathRotateCheckKey(engine: Engine) {
  return definePath({
    pattern: 'config/rotate-check-key',
    fields: {
      mint_from_unix: {
        type: 'int',
        computed: true,
        description: 'From when tokens are minted under the new key, in Unix seconds.',
        example: 1773590520,
      },
    },
    sudo: true,
    active_node_only: true,
    synopsis: 'Replaces the key by which gateways tell made-up tokens from possible ones.',
    description:
      'Live tokens stay good. Gateways hear of the new key at once; it is used first two minutes later. Two keys are in force until the last token of the old one can have run out; until then a further rotation is refused.',
    operations: { write: async () => ({ data: { mint_from_unix: await rotateCheck(engine) } }) },
  })
}

/** `ttl_ceiling` is shown here and set elsewhere: writing back what was read is harmless, hoping to change it is not. */
function refuseCeiling(given: unknown, stored: StoredConfig): void {
  if (given === undefined || durationSeconds(given) === settingsInForce(stored).ttl_ceiling) return
  throw badRequest(
    'ttl_ceiling is not set here, because that needs sudo; write config/ttl-ceiling, for example ttl_ceiling=24h.',
  )
}

/** A life that does not change counts as it is in force. Returns what to warn about. */
function checkWritten(given: FieldData<typeof fields>, before: StoredConfig, settings: StoredSettings): string[] {
  const after = { ...before, settings }
  const inForce = settingsInForce(after)
  const lives = (['default_ttl', 'max_ttl'] as const).filter((name) => settings[name] !== before.settings[name])
  checkSettings({ ...inForce, ...Object.fromEntries(lives.map((name) => [name, settings[name] ?? inForce[name]])) })
  const max_ttl = given.given('max_ttl')
  const warnings =
    max_ttl === undefined ? [] : checkLife('max_ttl', max_ttl, before.settings.max_ttl, inForce.ttl_ceiling)
  return [...warnings, ...cutSettings(after)]
}

function checkSettings(settings: EngineSettings): void {
  for (const name of ['default_ttl', 'max_ttl', 'session_max_life'] as const) {
    if (settings[name] < 1)
      throw badRequest(
        `${name} must be at least 1 second; tokens and sessions always expire, for example ${name}=${defaultSettings[name]}.`,
      )
  }
  if (settings.default_ttl > settings.max_ttl)
    throw badRequest(
      `default_ttl (${settings.default_ttl}) is longer than max_ttl (${settings.max_ttl}); raise max_ttl or lower default_ttl, for example default_ttl=${settings.max_ttl}.`,
    )
  if (settings.max_ttl > settings.session_max_life)
    throw badRequest(
      `max_ttl (${settings.max_ttl}) is longer than session_max_life (${settings.session_max_life}); a token cannot outlive its session, for example session_max_life=${settings.max_ttl}.`,
    )
  if (!/^[a-z0-9]{2,8}$/.test(settings.token_prefix) || settings.token_prefix === 'gst')
    throw badRequest(
      'token_prefix must be 2 to 8 characters of a-z and 0-9 (gst is taken by service tokens), for example token_prefix=svt.',
    )
  for (const [environment, label] of Object.entries(settings.environment_labels)) {
    if (typeof label !== 'string' || !/^[a-z0-9]{1,16}$/.test(label))
      throw badRequest(
        `environment_labels.${environment} must be 1 to 16 characters of a-z and 0-9, for example {"${environment}":"prod"}.`,
      )
  }
}
