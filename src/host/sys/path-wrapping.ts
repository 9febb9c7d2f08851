import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { badRequest } from '../../logical/errors.ts'
import type { Request } from '../../logical/request.ts'
import { callerOf } from '../auth/caller.ts'
import type { SysServices } from './services.ts'

const token = {
  type: 'string',
  description: "The wrapping token; the request's own when omitted.",
  example: 'hvs.CAES…',
  secret: true,
} as const

export function wrappingPaths({ wrapping }: SysServices): PathDef[] {
  const ofCaller = (request: Request) => callerOf(request).token
  const lookup = (request: Request, given: string | undefined) =>
    wrapping.lookup(given === undefined || given === '' ? ofCaller(request) : given)
  return [
    definePath({
      pattern: 'wrapping/wrap',
      fields: {},
      takes_arbitrary_input: true,
      operations: {
        write: ({ request }) => {
          if (!request.wrap) throw badRequest('endpoint requires response wrapping to be used')
          return { data: request.data }
        },
      },
      synopsis: 'Wrap any data.',
      description: 'Returns a single-use token for the fields of the body. X-Vault-Wrap-TTL says how long it lives.',
    }),
    definePath({
      pattern: 'wrapping/lookup',
      fields: { token },
      operations: {
        read: ({ request, fields }) => lookup(request, fields.get('token')),
        write: ({ request, fields }) => lookup(request, fields.get('token')),
      },
      synopsis: 'Look a wrapping token up.',
      description: 'Where and when it was made and for how long. Does not use it, and needs no other token.',
    }),
    definePath({
      pattern: 'wrapping/unwrap',
      fields: { token },
      operations: {
        write: ({ request, fields }) => {
          const given = fields.get('token') ?? ''
          return wrapping.unwrap(given === '' ? ofCaller(request) : given, given === '')
        },
      },
      synopsis: 'Open what a wrapping token stands for.',
      description: 'Returns the wrapped response, once. The wrapping token may be that of the request, or in the body.',
    }),
    definePath({
      pattern: 'wrapping/rewrap',
      fields: { token },
      operations: {
        write: ({ request, fields }) => {
          const given = fields.get('token') ?? ''
          return wrapping.rewrap(given === '' ? ofCaller(request) : given, given === '')
        },
      },
      synopsis: 'Give a wrapped response a new token.',
      description: 'Of the same life, counted from now. The old token is over.',
    }),
  ]
}
