import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { badRequest, permissionDenied } from '../../logical/errors.ts'
import { callerOf } from '../auth/caller.ts'
import { logFormats, logLevels } from '../monitor/log-line.ts'
import type { SysServices } from './services.ts'

export function monitorPaths({ monitors, tokens }: SysServices): PathDef[] {
  return [
    definePath({
      pattern: 'monitor',
      fields: {
        log_level: {
          type: 'string',
          description: `The least severe lines to show: ${logLevels.join(', ')}.`,
          example: 'debug',
          default: 'info',
        },
        log_format: {
          type: 'string',
          description: `How to write them: ${logFormats.join(' or ')}.`,
          example: 'json',
          default: 'standard',
        },
      },
      operations: {
        read: ({ request, fields }) => {
          const { record } = callerOf(request)
          const level = chosen(logLevels, fields.get('log_level') || 'info', 'unknown log level')
          const format = chosen(logFormats, fields.get('log_format') ?? 'standard', 'unknown log format')
          // A token whose last use this is has ended when the lines begin; it is not its end that they end with.
          const owner = record.num_uses < 0 ? undefined : record.id_hash
          if (owner !== undefined && !tokens.findByHash(owner)) throw permissionDenied()
          return { stream: monitors.open({ level, format, owner }) }
        },
      },
      synopsis: "The server's log, as it is written.",
      description:
        'Streams lines until the client goes, its token ends or the server stops. Lines a slow reader has no time for are dropped and counted.',
    }),
  ]
}

/** Vault takes names in any case, and refuses others in these words. */
function chosen<Name extends string>(names: readonly Name[], given: string, refusal: string): Name {
  const name = names.find((known) => known === given.trim().toLowerCase())
  if (name === undefined) throw badRequest(refusal)
  return name
}
