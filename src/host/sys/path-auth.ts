import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { badRequest } from '../../logical/errors.ts'
import { mountChanges, mountFields, mountRequest } from './mount-fields.ts'
import { mountPath, mountView, tuneView } from './mount-view.ts'
import type { SysServices } from './services.ts'

const tuneEnd = '/tune'

/** Auth methods: the token store, always mounted, and all others that are enabled. */
export function authPaths({ router, mounts, logger }: SysServices): PathDef[] {
  const all = () => router.all().filter(({ entry }) => entry.path.startsWith('auth/'))
  const at = (given: string) => {
    const path = mountPath(given)
    const mount = router.at(`auth/${path}`)
    if (!mount) throw badRequest(`No auth engine at ${path}`)
    return mount
  }
  return [
    definePath({
      pattern: 'auth',
      fields: {},
      operations: {
        read: () => ({
          data: Object.fromEntries(all().map((mount) => [mount.entry.path.slice('auth/'.length), mountView(mount)])),
        }),
      },
      synopsis: 'List the auth methods.',
      description: 'Each by its path, with type and tuning.',
    }),
    definePath({
      pattern: 'auth/:path...',
      fields: mountFields,
      sudo: true,
      operations: {
        read: ({ fields }) => {
          const path = fields.require('path')
          return { data: path.endsWith(tuneEnd) ? tuneView(at(path.slice(0, -tuneEnd.length))) : mountView(at(path)) }
        },
        write: async ({ fields }) => {
          const path = fields.require('path')
          if (path.endsWith(tuneEnd)) {
            await mounts.tune(at(path.slice(0, -tuneEnd.length)).entry.path, mountChanges(fields))
            return undefined
          }
          const type = fields.get('type') ?? ''
          if (type === 'token')
            throw badRequest('path is already in use at token/: the token store is always mounted there.')
          await mounts.enable(mountRequest(`auth/${mountPath(path)}`, fields))
          logger.info({ path: mountPath(path), type }, 'enabled credential backend')
          return undefined
        },
        delete: async ({ fields }) => {
          const path = mountPath(fields.require('path'))
          if (path === 'token/') throw badRequest('token credential backend cannot be disabled')
          await mounts.disable(`auth/${path}`)
          logger.info({ path: `auth/${path}` }, 'disabled credential backend')
          return undefined
        },
      },
      synopsis: 'Enable, read, tune or disable an auth method.',
      description:
        'Disabling one ends every token that came from it, and deletes its data. With /tune at the end its TTLs, description and audit settings are read and changed.',
    }),
  ]
}
