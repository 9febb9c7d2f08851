import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { badRequest } from '../../logical/errors.ts'
import { mountChanges, mountFields } from './mount-fields.ts'
import { mountPath, mountView, tuneView } from './mount-view.ts'
import type { SysServices } from './services.ts'

const tuneEnd = '/tune'

/** Auth methods. This server has one, the token store, always mounted. */
export function authPaths({ router, mounts }: SysServices): PathDef[] {
  const all = () => router.all().filter(({ entry }) => entry.path.startsWith('auth/'))
  const at = (given: string) => {
    const path = mountPath(given)
    const mount = router.at(`auth/${path}`)
    if (!mount) throw badRequest(`No auth engine at ${path}`)
    return mount
  }
  return [
    definePath({
      pattern: 'auth', fields: {},
      operations: { read: () => ({ data: Object.fromEntries(all().map((mount) => [mount.entry.path.slice('auth/'.length), mountView(mount)])) }) },
      synopsis: 'List the auth methods.', description: 'The token store is the only one.',
    }),
    definePath({
      pattern: 'auth/:path...', fields: mountFields, sudo: true,
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
          if (type === 'token') throw badRequest('path is already in use at token/: the token store is always mounted there.')
          throw badRequest(`auth method ${JSON.stringify(type)} is not available: this server authenticates with tokens only. Make one with auth/token/create.`)
        },
        delete: ({ fields }) => {
          if (mountPath(fields.require('path')) === 'token/') throw badRequest('token credential backend cannot be disabled')
          return undefined
        },
      },
      synopsis: 'Read or tune an auth method.', description: 'Other methods cannot be enabled here.',
    }),
  ]
}
