import { createBackend } from '../../framework/backend.ts'
import type { FieldData } from '../../framework/field-data.ts'
import type { Fields } from '../../framework/field.ts'
import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import type { Factory } from '../../logical/backend.ts'
import { isoSeconds } from '../../logical/clock.ts'
import type { Data } from '../../logical/data.ts'
import { badRequest } from '../../logical/errors.ts'
import { listResponse } from '../../logical/response.ts'
import type { Response } from '../../logical/response.ts'
import type { Router } from '../base/router.ts'
import type { Alias, Entity } from './entity.ts'
import type { EntityStore } from './entity-store.ts'

export interface IdentityServices {
  readonly entities: EntityStore
  readonly router: Router
}

const id = { type: 'string', description: 'Its id.', example: '8d6a45e5-572f-8f13-d226-cd0d1ec57297' } as const
const name = { type: 'string', description: 'Its name.', example: 'billing-agent' } as const
const metadata = {
  type: 'object',
  description: 'Texts, for policies and people.',
  example: { team: 'platform' },
} as const
const mountAccessor = {
  type: 'string',
  description: 'Accessor of the auth method, as sys/auth shows it.',
  example: 'auth_approle_37dc1ca5',
} as const

const entityFields = {
  id,
  name,
  metadata,
  policies: { type: 'list', description: 'What its tokens may do besides.', example: ['mcp-agent'] },
  disabled: { type: 'bool', description: 'Its tokens are refused.', example: false },
} as const satisfies Fields

const aliasFields = {
  id,
  name: { ...name, description: 'Who it is at the auth method: a role id, a user.' },
  canonical_id: { ...id, description: 'The entity it is of; a new one when omitted.' },
  mount_accessor: mountAccessor,
  custom_metadata: metadata,
} as const satisfies Fields

/** The engine at `identity/`: who the holders of tokens are, whichever auth method they log in with. */
export function identityFactory(services: IdentityServices): Factory {
  return (config) =>
    Promise.resolve(
      createBackend({
        help: 'The identity store: entities, and their aliases at auth methods. Policies name them in templates.',
        paths: [...entityPaths(services), ...aliasPaths(services), lookupPath(services)],
        system: config.system,
      }),
    )
}

function entityPaths({ entities, router }: IdentityServices): PathDef[] {
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

function aliasPaths({ entities, router }: IdentityServices): PathDef[] {
  const save = async (given: FieldData<typeof aliasFields>): Promise<Response | undefined> => {
    const known = entities.findAlias(given.given('id') ?? '')
    const alias = given.given('name') ?? known?.alias.name ?? ''
    const accessor = given.given('mount_accessor') ?? known?.alias.mount_accessor ?? ''
    if (alias === '' || accessor === '') throw badRequest("'id' or 'mount_accessor' and 'name' must be provided")
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

function lookupPath({ entities, router }: IdentityServices): PathDef {
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
    description: 'By id, by name, or by an alias. One that is not known is answered with 204.',
  })
}

const mountOf = (router: Router, accessor: string) =>
  router.all().find(({ entry }) => entry.accessor === accessor)?.entry

function policiesOf(given: readonly string[]): string[] {
  const names = given.map((one) => one.trim().toLowerCase()).filter((one) => one !== '')
  if (names.includes('root')) throw badRequest('policies cannot contain root')
  return [...new Set(names)].sort()
}

function textsOf(field: string, given: Record<string, unknown> | undefined): Record<string, string> | null {
  if (given === undefined) return null
  for (const [key, value] of Object.entries(given))
    if (typeof value !== 'string')
      throw badRequest(`${field}.${key} must be a string, for example ${field}={"team":"platform"}.`)
  return given as Record<string, string>
}

function entityView(entity: Entity, router: Router): Data {
  const { metadata: texts, policies, disabled } = entity
  return {
    aliases: entity.aliases.map((alias) => aliasView(entity, alias, router)),
    creation_time: isoSeconds(entity.creation_time),
    direct_group_ids: [],
    disabled,
    group_ids: [],
    id: entity.id,
    inherited_group_ids: [],
    last_update_time: isoSeconds(entity.last_update_time),
    merged_entity_ids: null,
    metadata: texts,
    name: entity.name,
    namespace_id: 'root',
    policies: [...policies],
  }
}

function aliasView(entity: Entity, alias: Alias, router: Router): Data {
  const mount = mountOf(router, alias.mount_accessor)
  return {
    canonical_id: entity.id,
    creation_time: isoSeconds(alias.creation_time),
    custom_metadata: alias.custom_metadata,
    id: alias.id,
    last_update_time: isoSeconds(alias.last_update_time),
    local: false,
    merged_from_canonical_ids: null,
    metadata: alias.metadata,
    mount_accessor: alias.mount_accessor,
    mount_path: mount?.path ?? '',
    mount_type: mount?.type ?? '',
    name: alias.name,
  }
}
