import type { FieldData } from '../../framework/field-data.ts'
import type { Fields } from '../../framework/field.ts'
import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { badRequest } from '../../logical/errors.ts'
import { listResponse } from '../../logical/response.ts'
import type { Response } from '../../logical/response.ts'
import type { Entity } from './entity.ts'
import { id, metadata, name, textsOf } from './fields.ts'
import type { IdentityServices } from './services.ts'
import { entityView } from './view.ts'

const entityFields = {
  id,
  name,
  metadata,
  policies: { type: 'list', description: 'Policies its tokens have in addition to their own.', example: ['mcp-agent'] },
  disabled: { type: 'bool', description: 'Its tokens are refused.', example: false },
} as const satisfies Fields

export function entityPaths({ entities, router }: IdentityServices): PathDef[] {
  const save = async (
    given: FieldData<typeof entityFields>,
    at: { id?: string; name?: string },
  ): Promise<Response | undefined> => {
    const { entity, made } = await entities.save(at.id, {
      ...(at.name !== undefined && at.name !== '' && { name: at.name }),
      ...(given.has('metadata') && { metadata: textsOf('metadata', given.get('metadata')) }),
      ...(given.has('policies') && { policies: policiesOf(given.get('policies') ?? []) }),
      ...(given.has('disabled') && { disabled: given.get('disabled') ?? false }),
    })
    return made ? { data: { aliases: null, id: entity.id, name: entity.name } } : undefined
  }
  const shown = (entity: Entity | undefined) => entity && { data: entityView(entity, router) }
  return [
    definePath({
      pattern: 'entity',
      fields: entityFields,
      operations: {
        write: ({ fields }) => {
          const given = { id: fields.given('id') ?? '', name: fields.given('name') ?? '' }
          return save(fields, given.id === '' ? { name: given.name } : given)
        },
      },
      synopsis: 'Create or change an entity.',
      description: 'By id, else by name. Without either a new one gets a name of its own.',
    }),
    definePath({
      pattern: 'entity/id/',
      fields: {},
      operations: {
        list: () => {
          const all = entities.all()
          return listResponse(
            all.map((entity) => entity.id),
            Object.fromEntries(all.map((entity) => [entity.id, { name: entity.name }])),
          )
        },
      },
      synopsis: 'List the entities by id.',
      description: 'With their names.',
    }),
    definePath({
      pattern: 'entity/id/:id',
      fields: entityFields,
      operations: {
        read: ({ fields }) => shown(entities.find(fields.require('id'))),
        write: ({ fields }) => save(fields, { id: fields.require('id'), name: fields.given('name') ?? '' }),
        delete: async ({ fields }) => {
          await entities.delete(fields.require('id'))
          return undefined
        },
      },
      synopsis: 'Read, change or delete an entity by id.',
      description: 'The tokens of one that is deleted or disabled are refused.',
    }),
    definePath({
      pattern: 'entity/name/',
      fields: {},
      operations: { list: () => listResponse(entities.all().map((entity) => entity.name)) },
      synopsis: 'List the entities by name.',
      description: 'Names only.',
    }),
    definePath({
      pattern: 'entity/name/:name',
      fields: entityFields,
      operations: {
        read: ({ fields }) => shown(entities.findByName(fields.require('name'))),
        write: ({ fields }) => save(fields, { name: fields.require('name') }),
        delete: async ({ fields }) => {
          await entities.delete(entities.findByName(fields.require('name'))?.id ?? '')
          return undefined
        },
      },
      synopsis: 'Create, read, change or delete an entity by name.',
      description: 'As by id.',
    }),
  ]
}

function policiesOf(given: readonly string[]): string[] {
  const names = given.map((one) => one.trim().toLowerCase()).filter((one) => one !== '')
  if (names.includes('root')) throw badRequest('policies cannot contain root')
  return [...new Set(names)].sort()
}
