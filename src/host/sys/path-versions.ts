import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { isoSeconds } from '../../logical/clock.ts'
import { listResponse } from '../../logical/response.ts'
import type { SysServices } from './services.ts'

export function versionPaths({ versions }: SysServices): PathDef[] {
  return [
    definePath({
      pattern: 'version-history/',
      fields: {},
      operations: {
        list: () => {
          const all = versions()
          return listResponse(
            all.map(({ version }) => version),
            Object.fromEntries(
              all.map(({ version, installed }, index) => [
                version,
                {
                  build_date: '',
                  previous_version: all[index - 1]?.version ?? null,
                  timestamp_installed: isoSeconds(installed),
                },
              ]),
            ),
          )
        },
      },
      synopsis: 'The versions this storage was served by.',
      description: 'Each with the time it first did.',
    }),
    definePath({
      pattern: 'key-status',
      fields: {},
      operations: {
        read: () => ({
          // The store's key is made once and never rotated; how often it was used is not counted.
          data: { term: 1, install_time: isoSeconds(versions()[0]?.installed ?? 0), encryptions: 0 },
        }),
      },
      synopsis: 'The key of the storage.',
      description: 'This server makes one and keeps it: its term is always 1.',
    }),
  ]
}
