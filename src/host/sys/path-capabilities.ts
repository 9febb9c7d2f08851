import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { badRequest } from '../../logical/errors.ts'
import type { Response } from '../../logical/response.ts'
import type { HostAcl } from '../auth/authorizer.ts'
import { callerOf } from '../auth/caller.ts'
import type { SysServices } from './services.ts'

const path = { type: 'list', description: 'Paths to judge (also as paths).', example: ['mcp/creds/ci'] } as const
const paths = {
  type: 'list',
  description: 'Paths to judge.',
  example: ['mcp/creds/ci', 'secret/data/mcp/stripe'],
} as const
const token = { type: 'string', description: 'The token to judge for.', example: 'hvs.CAES…', secret: true } as const
const accessor = {
  type: 'string',
  description: 'The accessor of the token to judge for.',
  example: '8609694a-cdbc-db9b-d345-e782dbb562ed',
} as const

export function capabilityPaths({ tokens, authorizer }: SysServices): PathDef[] {
  return [
    definePath({
      pattern: 'capabilities-self',
      fields: { path, paths, token },
      operations: {
        write: ({ request, fields }) => respond(callerOf(request).acl, fields.get('paths') ?? fields.get('path')),
      },
      synopsis: 'What the calling token may do on given paths.',
      description: 'Per path its capabilities; ["deny"] for none, ["root"] for a root token.',
    }),
    definePath({
      pattern: 'capabilities',
      fields: { path, paths, token },
      operations: {
        write: ({ fields }) => {
          const record = tokens.find(fields.require('token'))
          if (!record) throw badRequest('invalid token')
          return respond(authorizer.aclFor(record), fields.get('paths') ?? fields.get('path'))
        },
      },
      synopsis: 'What a token may do on given paths.',
      description: 'As capabilities-self, for any token.',
    }),
    definePath({
      pattern: 'capabilities-accessor',
      fields: { path, paths, accessor },
      operations: {
        write: ({ fields }) => {
          const record = tokens.findByAccessor(fields.require('accessor'))
          if (!record) throw badRequest('invalid accessor')
          return respond(authorizer.aclFor(record), fields.get('paths') ?? fields.get('path'))
        },
      },
      synopsis: 'What the token of an accessor may do on given paths.',
      description: 'As capabilities-self, for those who do not hold the token.',
    }),
  ]
}

function respond(acl: HostAcl, requested: readonly string[] | undefined): Response {
  if (!requested || requested.length === 0) throw badRequest('paths is required, for example paths=mcp/creds/ci.')
  const judged = Object.fromEntries(requested.map((one) => [one, acl.capabilities(one.replace(/^\//, ''))]))
  const only = requested.length === 1 ? judged[requested[0]!] : undefined
  return { data: { ...judged, ...(only && { capabilities: only }) } }
}
