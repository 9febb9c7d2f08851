import type { FieldData } from '../../framework/field-data.ts'
import type { Fields } from '../../framework/field.ts'
import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { badRequest } from '../../logical/errors.ts'
import { listResponse } from '../../logical/response.ts'
import type { Response } from '../../logical/response.ts'
import { id, metadata, mountAccessor, name, textsOf } from './fields.ts'
import type { IdentityServices } from './services.ts'
import { aliasView, mountOf } from './view.ts'

const aliasFields = {
  id,
  name: { ...name, description: 'Its name at the auth method: a role id, a user.' },
  canonical_id: { ...id, description: 'The entity it belongs to; a new one when omitted.' },
  mount_accessor: mountAccessor,
  custom_metadata: metadata,
} as const satisfies Fields

export function aliasPaths({ entities, router }: IdentityServices): PathDef[] {
  /** The login an alias stands for; an id names one that is there. */
  const loginOf = (given: FieldData<typeof aliasFields>): { alias: string; accessor: string } => {
    const known = entities.findAlias(given.given('id') ?? '')
    const alias = given.given('name') ?? known?.alias.name ?? ''
    const accessor = given.given('mount_accessor') ?? known?.alias.mount_accessor ?? ''
    if (alias === '' || accessor === '') throw badRequest("'id' or 'mount_accessor' and 'name' must be provided")
    return { alias, accessor }
  }
  const save = async (given: FieldData<typeof aliasFields>): Promise<Response | undefined> => {
    const { alias, accessor } = loginOf(given)
    if (!mountOf(router, accessor)) throw badRequest(`invalid mount accessor ${JSON.stringify(accessor.slice(0, 64))}`)
    const canonicalId = given.given('canonical_id') ?? ''
    const saved = await entities.saveAlias({
      name: alias,
      mount_accessor: accessor,
      ...(canonicalId !== '' && { canonical_id: canonicalId }),
      ...(given.has('custom_metadata') && {
        custom_metadata: textsOf('custom_metadata', given.get('custom_metadata')),
      }),
    })
    return saved.made ? { data: { canonical_id: saved.entity.id, id: saved.alias.id } } : undefined
  }
  return [
    definePath({
      pattern: 'entity-alias',
      fields: aliasFields,
      operations: { write: ({ fields }) => save(fields) },
      synopsis: 'Create, change or move an alias.',
      description: 'A login under it gets a token of its entity.',
    }),
    definePath({
      pattern: 'entity-alias/id/',
      fields: {},
      operations: {
        list: () => {
          const all = entities.all().flatMap((entity) => entity.aliases.map((alias) => ({ entity, alias })))
          return listResponse(
            all.map(({ alias }) => alias.id),
            Object.fromEntries(all.map(({ entity, alias }) => [alias.id, aliasView(entity, alias, router)])),
          )
        },
      },
      synopsis: 'List the aliases by id.',
      description: 'Each with its entity and auth method.',
    }),
    definePath({
      pattern: 'entity-alias/id/:id',
      fields: aliasFields,
      operations: {
        read: ({ fields }) => {
          const found = entities.findAlias(fields.require('id'))
          return found && { data: aliasView(found.entity, found.alias, router) }
        },
        write: ({ fields }) => save(fields),
        delete: async ({ fields }) => {
          await entities.deleteAlias(fields.require('id'))
          return undefined
        },
      },
      synopsis: 'Read, change or delete an alias.',
      description: 'Its entity stays, and with it the tokens it has.',
    }),
  ]
}
