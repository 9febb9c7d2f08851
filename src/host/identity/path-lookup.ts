import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { badRequest } from '../../logical/errors.ts'
import { id, mountAccessor, name } from './fields.ts'
import type { IdentityServices } from './services.ts'
import { entityView } from './view.ts'

export function lookupPath({ entities, router }: IdentityServices): PathDef {
  return definePath({
    pattern: 'lookup/entity',
    fields: {
      id,
      name,
      alias_id: { ...id, description: 'The id of one of its aliases.' },
      alias_name: { ...name, description: 'The name of one, together with alias_mount_accessor.' },
      alias_mount_accessor: mountAccessor,
    },
    operations: {
      write: ({ fields }) => {
        const given = (field: Parameters<typeof fields.given>[0]) => fields.given(field) ?? ''
        if ([given('id'), given('name'), given('alias_id'), given('alias_name')].every((text) => text === ''))
          throw badRequest('query parameter not supplied')
        const entity =
          entities.find(given('id')) ??
          entities.findByName(given('name')) ??
          entities.findAlias(given('alias_id'))?.entity ??
          entities.findByAlias(given('alias_mount_accessor'), given('alias_name'))
        return entity && { data: entityView(entity, router) }
      },
    },
    synopsis: 'Find an entity.',
    description: 'By id, by name, or by an alias. An unknown one returns 204.',
  })
}
