import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { badRequest } from '../../logical/errors.ts'
import { mountPath } from './mount-view.ts'
import type { SysServices } from './services.ts'

const path = { type: 'string', description: 'Name of the device.', example: 'file' } as const

export function auditPaths({ audits, logger }: SysServices): PathDef[] {
  return [
    definePath({
      pattern: 'audit',
      fields: {},
      sudo: true,
      operations: {
        read: () => ({ data: Object.fromEntries(audits.all().map((device) => [device.path, { ...device }])) }),
      },
      synopsis: 'List the audit devices.',
      description: 'Each by its path, with type and options.',
    }),
    definePath({
      pattern: 'audit/:path...',
      sudo: true,
      fields: {
        path,
        type: { type: 'string', description: 'Only file.', example: 'file' },
        description: { type: 'string', description: 'Description for people.', example: 'to the log shipper' },
        options: {
          type: 'object',
          description: 'file_path: where lines are appended.',
          example: { file_path: '/var/log/vault-audit.log' },
        },
        local: {
          type: 'bool',
          description: 'Accepted and shown; this server does not replicate.',
          example: false,
          default: false,
        },
      },
      operations: {
        write: async ({ fields }) => {
          const type = fields.get('type') ?? ''
          if (type !== 'file')
            throw badRequest(
              `audit device type ${JSON.stringify(type)} is not available; use type=file with options file_path=/var/log/vault-audit.log.`,
            )
          const filePath = (fields.get('options') ?? {}).file_path
          if (typeof filePath !== 'string' || filePath === '')
            throw badRequest('options.file_path is required, for example file_path=/var/log/vault-audit.log.')
          await audits.enable({
            path: mountPath(fields.require('path')),
            type,
            description: fields.get('description') ?? '',
            local: fields.get('local') ?? false,
            options: { file_path: filePath },
          })
          logger.info({ path: mountPath(fields.require('path')), type }, 'enabled audit backend')
          return undefined
        },
        delete: async ({ fields }) => {
          await audits.disable(mountPath(fields.require('path')))
          logger.info({ path: mountPath(fields.require('path')) }, 'disabled audit backend')
          return undefined
        },
      },
      synopsis: 'Enable or disable an audit device.',
      description: 'While devices are enabled, a request goes on only when one of them has its line on disk.',
    }),
    definePath({
      pattern: 'audit-hash/:path...',
      fields: {
        path,
        input: { type: 'string', description: 'The string to hash.', example: 'hvs.CAES…', secret: true },
      },
      operations: {
        write: ({ fields }) => {
          const hash = audits.hash(mountPath(fields.require('path')), fields.require('input'))
          if (hash === undefined) throw badRequest(`no audit device at ${mountPath(fields.require('path'))}`)
          return { data: { hash } }
        },
      },
      synopsis: "How a text appears in a device's lines.",
      description: 'To find the lines about a known token or value.',
    }),
  ]
}
