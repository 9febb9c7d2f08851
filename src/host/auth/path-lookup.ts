import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { badRequest, permissionDenied } from '../../logical/errors.ts'
import { listResponse } from '../../logical/response.ts'
import { callerOf } from './caller.ts'
import type { TokenServices } from './services.ts'
import type { TokenRecord } from './token-record.ts'
import { tokenView } from './token-view.ts'

const token = {
  type: 'string',
  description: "The token to look up; the caller's own when omitted.",
  example: 'hvs.CAES…',
  secret: true,
} as const
const accessor = {
  type: 'string',
  description: 'The accessor of the token.',
  example: '8609694a-cdbc-db9b-d345-e782dbb562ed',
} as const

export function lookupPaths({ tokens, clock, entities }: TokenServices): PathDef[] {
  const view = (record: TokenRecord, id: string) => {
    const policies = entities.find(record.entity_id)?.policies ?? []
    return {
      data: {
        ...tokenView(record, id, clock.now()),
        ...(policies.length > 0 && { identity_policies: policies, external_namespace_policies: {} }),
      },
    }
  }
  const lookup = (given: string) => {
    const record = tokens.find(given)
    if (!record) throw permissionDenied()
    return view(record, given)
  }
  return [
    definePath({
      pattern: 'lookup-self',
      fields: {},
      operations: {
        read: ({ request }) => {
          const caller = callerOf(request)
          return view(caller.record, caller.token)
        },
        write: ({ request }) => {
          const caller = callerOf(request)
          return view(caller.record, caller.token)
        },
      },
      synopsis: 'Look up the calling token.',
      description: 'Policies, times and limits of the token the request was made with.',
    }),
    definePath({
      pattern: 'lookup',
      fields: { token },
      operations: {
        read: ({ request }) => lookup(callerOf(request).token),
        write: ({ request, fields }) => lookup(fields.get('token') || callerOf(request).token),
      },
      synopsis: 'Look up a token.',
      description: 'Policies, times and limits of a token. An unknown token returns 403, as it does for its holder.',
    }),
    definePath({
      pattern: 'lookup-accessor',
      fields: { accessor },
      operations: {
        write: ({ fields }) => {
          const record = tokens.findByAccessor(fields.require('accessor'))
          if (!record) throw badRequest('invalid accessor')
          return view(record, '')
        },
      },
      synopsis: 'Look up a token by its accessor.',
      description: 'As lookup, for those who do not hold the token.',
    }),
    definePath({
      pattern: 'accessors/',
      fields: {},
      sudo: true,
      operations: { list: () => listResponse(tokens.accessors()) },
      synopsis: 'List the accessors of all living tokens.',
      description: 'With an accessor a token can be looked up, renewed and revoked.',
    }),
  ]
}
