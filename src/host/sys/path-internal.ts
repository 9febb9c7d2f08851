import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { RequestError } from '../../logical/errors.ts'
import type { Data } from '../../logical/data.ts'
import { callerOf } from '../auth/caller.ts'
import type { HostAcl } from '../auth/authorizer.ts'
import { mountView } from './mount-view.ts'
import { serverDocument } from './openapi.ts'
import type { SysServices } from './services.ts'

/** The request clients ask before they use a path: which mount is it, and of what version? Any token may ask about what it can reach. */
export function internalPaths({ router, version }: SysServices): PathDef[] {
  const visible = (acl: HostAcl, auth: boolean): Data =>
    Object.fromEntries(
      router
        .all()
        .filter(({ entry }) => entry.path.startsWith('auth/') === auth && acl.seesBelow(entry.path))
        .map((mount) => [auth ? mount.entry.path.slice('auth/'.length) : mount.entry.path, mountView(mount)]),
    )
  return [
    definePath({
      pattern: 'internal/ui/mounts',
      fields: {},
      operations: {
        read: ({ request }) => {
          const { acl } = callerOf(request)
          return { data: { secret: visible(acl, false), auth: visible(acl, true) } }
        },
      },
      synopsis: 'The mounts the caller can reach.',
      description: 'Used by user interfaces.',
    }),
    definePath({
      pattern: 'internal/ui/mounts/:path...',
      fields: { path: { type: 'string', description: 'Any path below a mount.', example: 'secret/data/mcp/stripe' } },
      operations: {
        read: ({ request, fields }) => {
          const { acl } = callerOf(request)
          const path = fields.require('path')
          const mount = router.find(path)?.mount
          // The same response whether the mount is missing or out of reach: the path tells nobody what exists.
          if (!mount || !acl.seesBelow(mount.entry.path)) {
            throw new RequestError(
              'permission_denied',
              `preflight capability check returned 403, please ensure client's policies grant access to path "${path}/"`,
            )
          }
          return { data: { ...mountView(mount), path: mount.entry.path } }
        },
      },
      synopsis: 'The mount that serves a path.',
      description: 'Clients ask before reading, to tell KV version 1 from version 2.',
    }),
    definePath({
      pattern: 'internal/specs/openapi',
      fields: {
        generic_mount_paths: {
          type: 'bool',
          description: 'Write mounts as parameters, for generators of clients.',
          example: true,
          default: false,
        },
      },
      operations: {
        read: async ({ request, fields }) => {
          const { acl } = callerOf(request)
          const mounts = router.all().filter(({ entry }) => acl.seesBelow(entry.path))
          return {
            data: {
              ...(await serverDocument({
                mounts,
                info: { ...info, version },
                generic: fields.get('generic_mount_paths') ?? false,
                request,
              })),
            },
          }
        },
      },
      synopsis: 'OpenAPI document of the mounts the caller can reach.',
      description: 'Returned without the envelope of other responses. Its schemas describe what is in data.',
    }),
  ]
}

const info = {
  title: 'HashiCorp Vault API',
  description: 'HTTP API of this server. All API routes are prefixed with `/v1/`.',
  license: { name: 'Mozilla Public License 2.0', url: 'https://www.mozilla.org/en-US/MPL/2.0' },
}
