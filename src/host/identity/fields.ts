/** Fields that entities and aliases have in common. */
import { badRequest } from '../../logical/errors.ts'

export const id = { type: 'string', description: 'Its id.', example: '8d6a45e5-572f-8f13-d226-cd0d1ec57297' } as const
export const name = { type: 'string', description: 'Its name.', example: 'billing-agent' } as const
export const metadata = {
  type: 'object',
  description: 'Texts, for policies and people.',
  example: { team: 'platform' },
} as const
export const mountAccessor = {
  type: 'string',
  description: 'Accessor of the auth method, as sys/auth shows it.',
  example: 'auth_approle_37dc1ca5',
} as const

/** Values of `metadata` and `custom_metadata`, which must be strings. */
export function textsOf(field: string, given: Record<string, unknown> | undefined): Record<string, string> | null {
  if (given === undefined) return null
  for (const [key, value] of Object.entries(given))
    if (typeof value !== 'string')
      throw badRequest(`${field}.${key} must be a string, for example ${field}={"team":"platform"}.`)
  return given as Record<string, string>
}
