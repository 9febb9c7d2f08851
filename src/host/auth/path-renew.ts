import { renewTtl } from '../../framework/lease.ts'
import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { badRequest } from '../../logical/errors.ts'
import type { Response } from '../../logical/response.ts'
import { callerOf } from './caller.ts'
import { lowerLimit } from './login.ts'
import type { TokenServices } from './services.ts'
import type { TokenRecord } from './token-record.ts'
import { authOf } from './token-view.ts'

const increment = { type: 'duration', description: 'Seconds the token is to live from now.', example: '1h' } as const
const token = {
  type: 'string',
  description: "The token to renew; the caller's own when omitted.",
  example: 'hvs.CAES…',
  secret: true,
} as const
const accessor = {
  type: 'string',
  description: 'The accessor of the token.',
  example: '8609694a-cdbc-db9b-d345-e782dbb562ed',
} as const

export function renewPaths(services: TokenServices): PathDef[] {
  const description =
    'Extends the token by the increment asked for, else by what it was made with. The ceiling counts from its creation; periodic tokens have none but their own explicit_max_ttl.'
  return [
    definePath({
      pattern: 'renew-self',
      fields: { increment, token },
      operations: {
        write: ({ request, fields }) => {
          const caller = callerOf(request)
          return renew(services, caller.record, caller.token, fields.get('increment'))
        },
      },
      synopsis: 'Renew the calling token.',
      description,
    }),
    definePath({
      pattern: 'renew',
      fields: { token, increment },
      operations: {
        write: ({ request, fields }) => {
          const given = fields.get('token') || callerOf(request).token
          const record = services.tokens.find(given)
          if (!record) throw badRequest('token not found')
          return renew(services, record, given, fields.get('increment'))
        },
      },
      synopsis: 'Renew a token.',
      description,
    }),
    definePath({
      pattern: 'renew-accessor',
      fields: { accessor, increment },
      operations: {
        write: ({ fields }) => {
          const record = services.tokens.findByAccessor(fields.require('accessor'))
          if (!record) throw badRequest('invalid accessor')
          return renew(services, record, '', fields.get('increment'))
        },
      },
      synopsis: 'Renew a token by its accessor.',
      description: `${description} The token itself is not returned.`,
    }),
  ]
}

/** What limits a renewal: the terms its auth method has for the token today, else what the token was made with. */
async function renewalBounds({ limits, renewalTerms }: TokenServices, record: TokenRecord) {
  const terms = await renewalTerms(record)
  if (!terms)
    return {
      bounds: limits(),
      period: record.period,
      ttl: record.creation_ttl,
      max_ttl: record.explicit_max_ttl,
    }
  const { limits: bounds, auth } = terms
  const period = Math.min(auth.period, bounds.max_ttl)
  const { ttl, max_ttl } = auth.lease_options
  return {
    bounds,
    period,
    ttl,
    max_ttl: period > 0 ? record.explicit_max_ttl : lowerLimit(record.explicit_max_ttl, max_ttl),
  }
}

async function renew(
  services: TokenServices,
  record: TokenRecord,
  given: string,
  requested: number | undefined,
): Promise<Response> {
  if (record.type === 'batch') throw badRequest('batch tokens cannot be renewed')
  if (!record.renewable || record.expire_time === null) throw badRequest('lease is not renewable')
  const { bounds, period, ttl, max_ttl } = await renewalBounds(services, record)
  // A periodic token may be renewed for ever, one period at a time.
  const ceiling = period > 0 ? { ...bounds, max_ttl: record.explicit_max_ttl || Number.MAX_SAFE_INTEGER } : bounds
  const granted = renewTtl(
    {
      increment: period > 0 ? period : (requested ?? 0),
      ttl,
      max_ttl,
      issue_time_unix: Math.floor(record.creation_time / 1000),
      now_unix: Math.floor(services.clock.now() / 1000),
    },
    ceiling,
  )
  const renewed = await services.tokens.renew(record.id_hash, granted.ttl)
  return {
    auth: authOf(renewed, given, granted.ttl),
    ...(granted.warnings.length > 0 && { warnings: granted.warnings }),
  }
}
