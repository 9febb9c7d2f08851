import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { badRequest } from '../../logical/errors.ts'
import type { Data } from '../../logical/data.ts'
import { listResponse } from '../../logical/response.ts'
import { uuid } from '../base/ids.ts'
import { mountPath } from './mount-view.ts'
import type { SysServices } from './services.ts'

const name = { type: 'string', description: 'Name of the engine.', example: 'mcp' } as const
const version = {
  type: 'string',
  description: 'A registered version; without it the engine that is built in.',
  example: 'v0.1.0',
  default: '',
} as const

const notStarted = (engine: string): string =>
  `${engine} is part of this server, which starts no plugin files: the registration is kept, and its mounts run the built-in engine.`

/**
 * The catalogue of what can be mounted. Engines are part of this server; files may be registered under their names, so that what
 * provisions a real server provisions this one, and are never started.
 */
export function pluginPaths(services: SysServices): PathDef[] {
  return [...catalogPaths(services), ...secretPaths(services), ...authPaths(services), ...reloadPaths(services)]
}

const builtin = (engine: string): Data => ({
  args: [],
  builtin: true,
  command: '',
  deprecation_status: 'supported',
  name: engine,
  sha256: '',
  version: '',
})

function catalogPaths({ mounts, catalog }: SysServices): PathDef[] {
  const detail = (engine: string, type: string) => ({
    builtin: true,
    deprecation_status: 'supported',
    name: engine,
    type,
    version: '',
  })
  return [
    definePath({
      pattern: 'plugins/catalog',
      fields: {},
      operations: {
        async read() {
          const auth = [...mounts.authTypes(), 'token']
          const registered = (await Promise.all(mounts.types().map((type) => catalog.versions(type)))).flat()
          const files = registered.map(({ name: engine, version: known, sha256 }) => ({
            builtin: false,
            name: engine,
            sha256,
            type: 'secret',
            version: known,
          }))
          return {
            data: {
              auth,
              database: [],
              detailed: [
                ...auth.map((type) => detail(type, 'auth')),
                ...mounts.types().map((type) => detail(type, 'secret')),
                ...files,
              ],
              secret: mounts.types(),
            },
          }
        },
      },
      synopsis: 'List what can be mounted.',
      description: 'The engines of this server, and the versions registered under their names.',
    }),
  ]
}

function secretPaths({ mounts, catalog }: SysServices): PathDef[] {
  return [
    definePath({
      pattern: 'plugins/catalog/secret/',
      fields: {},
      operations: { list: () => listResponse(mounts.types()) },
      synopsis: 'List the secrets engines that can be mounted.',
      description: 'All are part of this server.',
    }),
    definePath({
      pattern: 'plugins/catalog/secret/:name',
      sudo: true,
      fields: {
        name,
        version,
        type: { type: 'string', description: 'Accepted; the path says it.', example: 'secret' },
        command: { type: 'string', description: 'The file. It is never started.', example: 'vault-plugin-secrets-mcp' },
        sha256: { type: 'string', description: 'Its SHA-256, hexadecimal.', example: '67e7a547…' },
        args: { type: 'list', description: 'Arguments it would be started with.', example: [] },
        env: { type: 'list', description: 'Accepted and not kept: nothing is started.', example: [], secret: true },
        oci_image: { type: 'string', description: 'Accepted empty; this server runs no containers.', example: '' },
        runtime: { type: 'string', description: 'Accepted empty; this server runs no containers.', example: '' },
      },
      operations: {
        async read({ fields }) {
          const engine = fields.require('name')
          const requested = fields.get('version') ?? ''
          const entry = await catalog.find(engine, requested)
          if (entry)
            return {
              data: {
                args: [...entry.args],
                builtin: false,
                command: entry.command,
                name: entry.name,
                sha256: entry.sha256,
                version: entry.version,
              },
            }
          return requested === '' && mounts.types().includes(engine) ? { data: builtin(engine) } : undefined
        },
        async write({ fields }) {
          const engine = fields.require('name')
          if (!mounts.types().includes(engine))
            throw badRequest(
              `plugin ${JSON.stringify(engine)} cannot be registered: this server starts no plugin files. It has ${mounts.types().join(', ')}.`,
            )
          if (fields.get('oci_image') || fields.get('runtime'))
            throw badRequest(
              'oci_image and runtime are not supported by this server, which runs no containers; leave them out.',
            )
          await catalog.register({
            name: engine,
            version: fields.get('version') ?? '',
            command: fields.get('command') ?? '',
            sha256: fields.get('sha256') ?? '',
            args: fields.get('args') ?? [],
          })
          return { warnings: [notStarted(engine)] }
        },
        async delete({ fields }) {
          await catalog.remove(fields.require('name'), fields.get('version') ?? '')
          return undefined
        },
      },
      synopsis: 'Read, register or deregister a version of an engine.',
      description:
        'The engine itself is part of this server and cannot be taken away. A registered version can be mounted by its number; every mount runs the built-in engine.',
    }),
  ]
}

function authPaths({ mounts }: SysServices): PathDef[] {
  return [
    definePath({
      pattern: 'plugins/catalog/auth/',
      fields: {},
      operations: { list: () => listResponse([...mounts.authTypes(), 'token']) },
      synopsis: 'List the auth methods that can be enabled.',
      description: 'All are part of this server.',
    }),
    definePath({
      pattern: 'plugins/catalog/auth/:name',
      fields: { name },
      operations: {
        read: ({ fields }) =>
          [...mounts.authTypes(), 'token'].includes(fields.require('name'))
            ? { data: builtin(fields.require('name')) }
            : undefined,
      },
      synopsis: 'One auth method of the catalogue.',
      description: 'All are part of this server.',
    }),
  ]
}

function reloadPaths({ mounts, router, random }: SysServices): PathDef[] {
  return [
    definePath({
      pattern: 'plugins/reload/backend',
      fields: {
        plugin: { type: 'string', description: 'Reload every mount of this engine; or mounts.', example: 'mcp' },
        mounts: { type: 'list', description: 'Reload these.', example: ['mcp/'] },
      },
      operations: {
        async write({ fields }) {
          const engine = fields.given('plugin') ?? ''
          const given = fields.given('mounts') ?? []
          if (engine === '' && given.length === 0) throw badRequest('plugin or mounts must be provided')
          if (engine !== '' && given.length > 0) throw badRequest('plugin and mounts cannot be set at the same time')
          const ofEngine = router
            .all()
            .filter(({ entry }) => entry.type === engine)
            .map(({ entry }) => entry.path)
          for (const path of engine === '' ? given.map(mountPath) : ofEngine) await mounts.reload(path)
          return { data: { reload_id: uuid(random) } }
        },
      },
      synopsis: 'Restart engines.',
      description:
        'Between requests; leases, sessions and data stay. A mount whose engine did not start is tried again.',
    }),
  ]
}
