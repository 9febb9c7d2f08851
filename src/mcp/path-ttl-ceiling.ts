import { ttlCeilingFields, ttlCeilingProblems } from '../document/index.ts'
import { durationText } from '../framework/duration.ts'
import type { Fields } from '../framework/field.ts'
import { definePath } from '../framework/path.ts'
import { badRequest } from '../logical/errors.ts'
import { refuse } from './check.ts'
import type { Engine } from './engine.ts'
import { defaultSettings } from './settings.ts'
import { cutSettings } from './ttl-ceiling.ts'

const fields = ttlCeilingFields satisfies Fields

/** `config/ttl-ceiling`: a path of its own, because a path needs sudo as a whole or not at all. */
export function pathTtlCeiling(engine: Engine) {
  const write = (ttl_ceiling: number | undefined) =>
    engine.records.exclusive('cfg', async () => {
      const { ttl_ceiling: before, ...rest } = await engine.storedConfig()
      const stored = { ...rest, ...(ttl_ceiling !== undefined && { ttl_ceiling }) }
      if (ttl_ceiling !== before) await engine.records.put('cfg', stored)
      const warnings = [...longCeiling(ttl_ceiling), ...cutSettings(stored)]
      return warnings.length > 0 ? { warnings } : undefined
    })
  return definePath({
    pattern: 'config/ttl-ceiling',
    fields,
    example_fields: ['ttl_ceiling'],
    sudo: true,
    active_node_only: true,
    // There is always one, so a policy needs update alone.
    exists: () => true,
    synopsis: 'The ceiling on the life of tokens, whatever config and scopes say.',
    description:
      'Anyone who may write config and scopes can set longer TTLs only up to this ceiling. What is stored above it is cut. Tokens that are live keep their expiry and are renewed no further than the ceiling. null and deleting reset it. Reading config shows it too, without sudo.',
    operations: {
      read: async () => ({ data: { ttl_ceiling: (await engine.settings()).ttl_ceiling } }),
      write: ({ fields: given }) => {
        const ttl_ceiling = given.given('ttl_ceiling')
        if (!given.has('ttl_ceiling')) throw badRequest('ttl_ceiling is required, for example ttl_ceiling=24h.')
        refuse(ttlCeilingProblems({ ttl_ceiling }))
        return write(ttl_ceiling)
      },
      delete: () => write(undefined),
    },
  })
}

function longCeiling(ttl_ceiling: number | undefined): string[] {
  if (ttl_ceiling === undefined || ttl_ceiling <= defaultSettings.ttl_ceiling) return []
  return [
    `ttl_ceiling of ${durationText(ttl_ceiling)} is above ${durationText(defaultSettings.ttl_ceiling)}: config and scopes may now let tokens live that long, and one that leaks may be used until it expires.`,
  ]
}
