import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { isoSeconds } from '../../logical/clock.ts'
import { badRequest } from '../../logical/errors.ts'
import { listResponse } from '../../logical/response.ts'
import type { Response } from '../../logical/response.ts'
import type { SysServices } from './services.ts'

const leaseId = {
  type: 'string',
  description: 'The lease id, as returned when it was issued.',
  example: 'mcp/creds/ci/2f6aC0…',
} as const
const increment = {
  type: 'duration',
  description: "Seconds the lease is to live from now; the engine's own when omitted.",
  example: 900,
} as const
/** As in Vault, whose CLI sends false where nothing is asked for. */
const sync = {
  type: 'bool',
  description:
    'Respond after the engine has revoked, with its error if it failed. false: respond 202 once the revocation is queued.',
  example: false,
  default: true,
} as const
const prefix = {
  type: 'string',
  description: 'Start of the lease ids, by whole segments, or one whole lease id.',
  example: 'mcp/creds/ci',
} as const
/** The revocation is on disk and queued; the engine's part follows. */
const queued: Response = { status: 202 }
const done = (revocation: Promise<void>): Promise<undefined> => revocation.then(() => undefined)
const later = (revocation: Promise<void>): Promise<Response> => revocation.then(() => queued)
const wholeSegments = (given: string): string => `${given.replace(/\/$/, '')}/`

export function leasePaths(services: SysServices): PathDef[] {
  return [...lookupPaths(services), ...renewPaths(services), ...revokePaths(services)]
}

function lookupPaths({ leases, clock, router }: SysServices): PathDef[] {
  return [
    definePath({
      pattern: 'leases/lookup',
      fields: { lease_id: leaseId },
      operations: {
        write: ({ fields }) => {
          const entry = leases.get(fields.require('lease_id'))
          if (!entry) throw badRequest('invalid lease')
          return {
            data: {
              id: entry.lease_id,
              path: entry.path,
              issue_time: isoSeconds(entry.issue_time),
              expire_time: isoSeconds(entry.expire_time),
              last_renewal: entry.last_renewal === null ? null : isoSeconds(entry.last_renewal),
              renewable: entry.renewable && entry.irrevocable === undefined,
              ttl: Math.max(0, Math.ceil((entry.expire_time - clock.now()) / 1000)),
            },
          }
        },
        list: () => listResponse(leases.list('')),
      },
      synopsis: 'Look up a lease.',
      description: 'When it was issued, when it ends and whether it can be renewed.',
    }),
    definePath({
      pattern: 'leases/lookup/:prefix...',
      fields: { prefix },
      sudo: true,
      operations: { list: ({ fields }) => listResponse(leases.list(wholeSegments(fields.require('prefix')))) },
      synopsis: 'List leases below a prefix.',
      description: 'Folders end in a slash.',
    }),
    definePath({
      pattern: 'leases/count',
      fields: {
        type: {
          type: 'string',
          description: 'irrevocable is the only kind that is counted.',
          example: 'irrevocable',
        },
      },
      operations: {
        read: ({ fields }) => {
          if (fields.get('type') !== 'irrevocable') return undefined
          const counts: Record<string, number> = {}
          const stuck = leases.all().filter((entry) => entry.irrevocable !== undefined)
          for (const { path } of stuck) {
            const mount = router.find(path)?.mount.entry.path ?? ''
            counts[mount] = (counts[mount] ?? 0) + 1
          }
          return { data: { lease_count: stuck.length, counts } }
        },
      },
      synopsis: 'How many leases the server has given up revoking.',
      description: 'In all, and by mount.',
    }),
    definePath({
      pattern: 'leases/tidy',
      fields: {},
      operations: {
        // Leases are in memory with their owners; what a crash leaves behind is fixed at the start.
        write: () => ({
          status: 202,
          warnings: ['Tidy operation successfully started. There is nothing to tidy here.'],
        }),
      },
      synopsis: 'Remove what leases have left behind.',
      description: 'Leases of this server leave nothing behind; the path is there for operators who run it.',
    }),
    definePath({
      pattern: 'leases',
      fields: {
        type: {
          type: 'string',
          description: 'irrevocable is the only kind that can be listed.',
          example: 'irrevocable',
          allowed: ['irrevocable'],
        },
      },
      sudo: true,
      operations: {
        read: ({ fields }) => {
          fields.require('type')
          const stuck = leases.all().filter((entry) => entry.irrevocable !== undefined)
          return {
            data: {
              lease_count: stuck.length,
              leases: stuck.map((entry) => ({
                lease_id: entry.lease_id,
                mount_point: `${entry.path.split('/')[0]!}/`,
                error: entry.irrevocable,
              })),
            },
          }
        },
      },
      synopsis: 'Leases the server has given up revoking.',
      description: 'With the error of the last attempt. revoke-force removes them.',
    }),
  ]
}

function renewPaths({ leases }: SysServices): PathDef[] {
  const renew = async (id: string, seconds: number): Promise<Response | undefined> => {
    const renewed = await leases.renew(id, seconds)
    if (!renewed) return undefined
    const warnings = [...(renewed.response.warnings ?? []), ...renewed.warnings]
    return {
      secret: {
        lease_id: renewed.lease_id,
        lease_options: { ttl: renewed.ttl, max_ttl: 0, renewable: renewed.renewable },
        internal_data: {},
      },
      ...(warnings.length > 0 && { warnings }),
    }
  }
  const paths = (pattern: string): PathDef =>
    definePath({
      pattern,
      fields: { lease_id: leaseId, increment },
      operations: { write: ({ fields }) => renew(fields.require('lease_id'), fields.get('increment') ?? 0) },
      synopsis: 'Renew a lease.',
      description: "Asks the engine to extend the lease; the mount's and the engine's ceilings hold.",
    })
  return [paths('leases/renew'), paths('leases/renew/:lease_id...'), paths('renew'), paths('renew/:lease_id...')]
}

function revokePaths({ leases }: SysServices): PathDef[] {
  const one = (pattern: string): PathDef =>
    definePath({
      pattern,
      fields: { lease_id: leaseId, sync },
      operations: {
        write: ({ fields }) => {
          const id = fields.require('lease_id')
          return fields.get('sync') ? done(leases.revokeNow(id)) : later(leases.revokeLater(id))
        },
      },
      synopsis: 'Revoke a lease.',
      description: 'Queued with sync=false. Revoking a lease that is gone succeeds.',
    })
  const prefixed = (pattern: string): PathDef =>
    definePath({
      pattern,
      fields: { prefix, sync },
      sudo: true,
      operations: {
        write: ({ fields }) => {
          const under = fields.require('prefix')
          return fields.get('sync') ? done(leases.revokeAllNow(under)) : later(leases.revokeAllLater(under))
        },
      },
      synopsis: 'Revoke every lease below a prefix.',
      description: 'One by one until the first failure, or queued with sync=false.',
    })
  const forced = (pattern: string): PathDef =>
    definePath({
      pattern,
      fields: { prefix },
      sudo: true,
      operations: {
        write: async ({ fields }) => {
          for (const entry of leases.under(fields.require('prefix'))) await leases.revokeForced(entry.lease_id)
          return undefined
        },
      },
      synopsis: 'Remove every lease below a prefix, whatever the engine says.',
      description: 'The engine is called once; what it failed to revoke lives on where it was issued.',
    })
  return [
    one('leases/revoke'),
    one('leases/revoke/:lease_id...'),
    one('revoke'),
    one('revoke/:lease_id...'),
    prefixed('leases/revoke-prefix/:prefix...'),
    prefixed('revoke-prefix/:prefix...'),
    forced('leases/revoke-force/:prefix...'),
    forced('revoke-force/:prefix...'),
  ]
}
