import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { badRequest } from '../../logical/errors.ts'
import type { Mount, MountConfig } from '../base/mount.ts'
import { mountChanges, mountFields, mountRequest } from './mount-fields.ts'
import { mountPath, mountView, tuneView } from './mount-view.ts'
import type { SysServices } from './services.ts'

const tuneEnd = '/tune'

export function mountPaths({ router, mounts, catalog, logger }: SysServices): PathDef[] {
  const at = (given: string): Mount => {
    // Auth methods too, as in Vault: Terraform reads them here. It drops a mount from its state when it reads these words.
    const mount = router.at(mountPath(given))
    if (!mount) throw badRequest(`No secret engine mount at ${mountPath(given)}`)
    return mount
  }
  const tuned = (given: string): Mount => {
    const mount = router.at(mountPath(given.slice(0, -tuneEnd.length)))
    if (!mount) throw badRequest(`No secret engine mount at ${mountPath(given.slice(0, -tuneEnd.length))}`)
    return mount
  }
  const withVersion = async (type: string, config: Partial<MountConfig>): Promise<Partial<MountConfig>> =>
    config.plugin_version === undefined
      ? config
      : { ...config, plugin_version: await catalog.mountable(type, config.plugin_version) }
  return [
    definePath({
      pattern: 'mounts',
      fields: {},
      operations: {
        read: () => ({
          data: Object.fromEntries(
            router
              .all()
              .filter(({ entry }) => !entry.path.startsWith('auth/'))
              .map((mount) => [mount.entry.path, mountView(mount)]),
          ),
        }),
      },
      synopsis: 'List the mounted secrets engines.',
      description: 'Each mount by its path, with type, options and tuning.',
    }),
    definePath({
      pattern: 'mounts/:path...',
      fields: mountFields,
      operations: {
        read: ({ fields }) => {
          const path = fields.require('path')
          return { data: path.endsWith(tuneEnd) ? tuneView(tuned(path)) : mountView(at(path)) }
        },
        write: async ({ fields }) => {
          const path = fields.require('path')
          if (path.endsWith(tuneEnd)) {
            const { entry } = tuned(path)
            const changes = mountChanges(fields)
            await mounts.tune(entry.path, { ...changes, config: await withVersion(entry.type, changes.config ?? {}) })
          } else {
            const request = mountRequest(secretsPath(path), fields)
            await mounts.enable({ ...request, config: await withVersion(request.type, request.config) })
            logger.info({ path: request.path, type: request.type }, 'successful mount')
          }
          return undefined
        },
        delete: async ({ fields }) => {
          const path = mountPath(fields.require('path'))
          if (path.startsWith('auth/') && path !== 'auth/token/')
            throw badRequest(
              `cannot unmount ${path}: auth methods are disabled at sys/auth/${path.slice('auth/'.length, -1)}.`,
            )
          await mounts.disable(path)
          logger.info({ path }, 'successfully unmounted')
          return undefined
        },
      },
      synopsis: 'Mount, read, tune or unmount a secrets engine.',
      description:
        "Unmounting revokes every lease of the mount and deletes its data. With /tune at the end the mount's TTLs, description, options and audit settings are read and changed.",
    }),
  ]
}

/** Auth methods are not mounted here, nor is anything else below `auth/`. */
function secretsPath(given: string): string {
  const path = mountPath(given)
  if (path.startsWith('auth/')) throw badRequest('path is already in use at auth/')
  return path
}

export function remountPaths({ mounts, random, logger }: SysServices): PathDef[] {
  const from = { type: 'string', description: "The mount's path now.", example: 'mcp' } as const
  const to = { type: 'string', description: 'Where it is to be.', example: 'agents' } as const
  // A move is over when it is answered; the statuses exist for clients that poll. The oldest are forgotten.
  const moves = new Map<string, { source_mount: string; target_mount: string }>()
  return [
    definePath({
      pattern: 'remount',
      fields: { from, to },
      sudo: true,
      operations: {
        write: async ({ fields }) => {
          const move = {
            source_mount: mountPath(fields.require('from')),
            target_mount: mountPath(fields.require('to')),
          }
          await mounts.remount(move.source_mount, move.target_mount)
          logger.info({ old_path: move.source_mount, new_path: move.target_mount }, 'successful remount')
          const id = Buffer.from(random(16)).toString('hex')
          moves.set(id, move)
          for (const oldest of moves.keys()) if (moves.size > 100) moves.delete(oldest)
          return { data: { migration_id: id } }
        },
      },
      synopsis: 'Move a mount.',
      description: 'Revokes every lease of the mount first. Its data stays.',
    }),
    definePath({
      pattern: 'remount/status/:migration_id',
      fields: {
        migration_id: { type: 'string', description: 'The migration id that remount returned.', example: '0f4b…' },
      },
      operations: {
        read: ({ fields }) => {
          const id = fields.require('migration_id')
          const move = moves.get(id)
          return move && { data: { migration_id: id, migration_info: { ...move, status: 'success' } } }
        },
      },
      synopsis: 'Show the status of a move.',
      description: 'A move is finished before remount responds, so the status is always success.',
    }),
  ]
}
