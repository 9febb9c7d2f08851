import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { badRequest } from '../../logical/errors.ts'
import { callerOf } from './caller.ts'
import type { TokenServices } from './services.ts'
import type { TokenRecord } from './token-record.ts'

const token = { type: 'string', description: 'The token to revoke.', example: 'hvs.CAES…', secret: true } as const
const accessor = {
  type: 'string',
  description: 'The accessor of the token to revoke.',
  example: '8609694a-cdbc-db9b-d345-e782dbb562ed',
} as const

export function revokePaths({ tokens }: TokenServices): PathDef[] {
  const end = async (record: TokenRecord | undefined, idHash = record?.id_hash ?? ''): Promise<void> => {
    if (record?.type === 'batch') throw badRequest('batch tokens cannot be revoked')
    await tokens.end(idHash)
  }
  return [
    definePath({
      pattern: 'revoke-self',
      fields: {},
      operations: {
        write: async ({ request }) => {
          await end(callerOf(request).record)
          return undefined
        },
      },
      synopsis: 'Revoke the calling token.',
      description: 'Ends the token, every token made with it and every lease of these.',
    }),
    definePath({
      pattern: 'revoke',
      fields: { token },
      operations: {
        write: async ({ fields }) => {
          await end(tokens.find(fields.require('token')), tokens.hash(fields.require('token')))
          return undefined
        },
      },
      synopsis: 'Revoke a token.',
      description:
        'Ends the token, every token made with it and every lease of these. Revoking an unknown token succeeds.',
    }),
    definePath({
      pattern: 'revoke-accessor',
      fields: { accessor },
      operations: {
        write: async ({ fields }) => {
          const record = tokens.findByAccessor(fields.require('accessor'))
          if (!record) return { warnings: ['No token found with this accessor'] }
          await tokens.end(record.id_hash)
          return undefined
        },
      },
      synopsis: 'Revoke a token by its accessor.',
      description: 'As revoke, for callers who do not hold the token. Revoking an unknown one succeeds with a warning.',
    }),
    definePath({
      pattern: 'revoke-orphan',
      fields: { token },
      sudo: true,
      operations: {
        write: async ({ fields }) => {
          const idHash = tokens.hash(fields.require('token'))
          if (!tokens.findByHash(idHash)) throw badRequest('token to revoke not found')
          await tokens.endAlone(idHash)
          return undefined
        },
      },
      synopsis: 'Revoke a token but not its children.',
      description: 'The token and its leases end; tokens made with it live on as orphans.',
    }),
  ]
}
