import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { listResponse } from '../../logical/response.ts'
import type { SysServices } from './services.ts'

const name = { type: 'string', description: 'Name of the engine.', example: 'mcp' } as const

/** The catalogue of what can be mounted. Engines are part of this server, so it can only be read. */
export function pluginPaths({ mounts }: SysServices): PathDef[] {
  const detail = (engine: string, type: string) => ({ builtin: true, deprecation_status: 'supported', name: engine, type, version: '' })
  return [
    definePath({
      pattern: 'plugins/catalog', fields: {},
      operations: {
        read() {
          const auth = [...mounts.authTypes(), 'token']
          const detailed = [...auth.map((type) => detail(type, 'auth')), ...mounts.types().map((type) => detail(type, 'secret'))]
          return { data: { auth, database: [], detailed, secret: mounts.types() } }
        },
      },
      synopsis: 'List what can be mounted.', description: 'All are built in.',
    }),
    definePath({
      pattern: 'plugins/catalog/secret/', fields: {},
      operations: { list: () => listResponse(mounts.types()) },
      synopsis: 'List the secrets engines that can be mounted.', description: 'All are built in.',
    }),
    definePath({
      pattern: 'plugins/catalog/secret/:name', fields: { name },
      operations: {
        read: ({ fields }) => {
          const engine = fields.require('name')
          return mounts.types().includes(engine) ? { data: { args: [], builtin: true, command: '', deprecation_status: 'supported', name: engine, sha256: '', version: '' } } : undefined
        },
      },
      synopsis: 'One engine of the catalogue.', description: 'All are built in, so there is no command and no checksum.',
    }),
  ]
}
