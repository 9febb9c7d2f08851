import { configFields, configProblems } from '../document/index.ts'
import { durationSeconds } from '../framework/duration.ts'
import { definePath } from '../framework/path.ts'
import type { Fields } from '../framework/field.ts'
import type { FieldData } from '../framework/field-data.ts'
import { badRequest } from '../logical/errors.ts'
import { refuse } from './check.ts'
import { rotateCheck } from './check-key.ts'
import { mergeFields } from './document.ts'
import type { Engine, StoredConfig } from './engine.ts'
import type { StoredSettings } from './settings.ts'
import { checkLife, cutSettings, settingsInForce } from './ttl-ceiling.ts'

const fields = configFields satisfies Fields

export function pathConfig(engine: Engine) {
  return definePath({
    pattern: 'config',
    active_node_only: true,
    fields,
    example_fields: ['default_ttl', 'max_ttl'],
    synopsis: 'Settings of this mount.',
    description:
      'Reading returns every setting with its effective value. Writing merges: what is omitted keeps its value, null resets it. Deleting resets all but ttl_ceiling to the defaults; live sessions stay.',
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
      'Live tokens stay good. Gateways hear of the new key at once; it is used first two minutes later. Two keys are in force until the last token of the old one has expired; until then a further rotation is refused.',
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
  refuse(
    configProblems({
      ...inForce,
      ...Object.fromEntries(lives.map((name) => [name, settings[name] ?? inForce[name]])),
    }),
  )
  const max_ttl = given.given('max_ttl')
  const warnings =
    max_ttl === undefined ? [] : checkLife('max_ttl', max_ttl, before.settings.max_ttl, inForce.ttl_ceiling)
  return [...warnings, ...cutSettings(after)]
}
