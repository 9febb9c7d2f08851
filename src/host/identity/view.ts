/** Entities and aliases as the API returns them. */
import { isoSeconds } from '../../logical/clock.ts'
import type { Data } from '../../logical/data.ts'
import type { Router } from '../base/router.ts'
import type { Alias, Entity } from './entity.ts'

export const mountOf = (router: Router, accessor: string) =>
  router.all().find(({ entry }) => entry.accessor === accessor)?.entry

export function entityView(entity: Entity, router: Router): Data {
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

export function aliasView(entity: Entity, alias: Alias, router: Router): Data {
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
