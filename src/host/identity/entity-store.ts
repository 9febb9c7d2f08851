import type { Clock } from '../../logical/clock.ts'
import { badRequest } from '../../logical/errors.ts'
import { KeyedLock } from '../../logical/keyed-lock.ts'
import { collectKeys, getJson, putJson } from '../../logical/storage.ts'
import type { Storage } from '../../logical/storage.ts'
import { uuid } from '../base/ids.ts'
import type { Random } from '../base/ids.ts'
import type { Alias, Entity } from './entity.ts'

export interface EntityChanges {
  readonly name?: string
  readonly metadata?: Readonly<Record<string, string>> | null
  readonly policies?: readonly string[]
  readonly disabled?: boolean
}

export interface AliasSpec {
  readonly name: string
  readonly mount_accessor: string
  /** The entity it is to be of; a new one when omitted. */
  readonly canonical_id?: string
  readonly metadata?: Readonly<Record<string, string>> | null
  readonly custom_metadata?: Readonly<Record<string, string>> | null
}

const longestName = 512

/** The entities, in memory and, each with its aliases in one record, in storage. One change at a time, durable before it counts. */
export class EntityStore {
  readonly #storage: Storage
  readonly #clock: Clock
  readonly #random: Random
  readonly #lock = new KeyedLock()
  readonly #entities = new Map<string, Entity>()
  readonly #names = new Map<string, string>()
  /** Entity ids by mount accessor and alias name. */
  readonly #aliases = new Map<string, string>()

  constructor(storage: Storage, clock: Clock, random: Random) {
    this.#storage = storage
    this.#clock = clock
    this.#random = random
  }

  async start(): Promise<void> {
    for (const key of await collectKeys(this.#storage, '')) {
      const entity = await getJson<Entity>(this.#storage, key)
      if (entity) this.#index(entity)
    }
  }

  all(): Entity[] {
    return [...this.#entities.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  find(id: string): Entity | undefined {
    return this.#entities.get(id)
  }

  /** Names are distinguished without regard to case. */
  findByName(name: string): Entity | undefined {
    return this.#entities.get(this.#names.get(name.toLowerCase()) ?? '')
  }

  findByAlias(mountAccessor: string, name: string): Entity | undefined {
    return this.#entities.get(this.#aliases.get(aliasKey({ mount_accessor: mountAccessor, name })) ?? '')
  }

  findAlias(id: string): { entity: Entity; alias: Alias } | undefined {
    for (const entity of this.#entities.values()) {
      const alias = entity.aliases.find((one) => one.id === id)
      if (alias) return { entity, alias }
    }
    return undefined
  }

  /** Changes an entity, or makes one when there is not one of that id or name. */
  save(id: string | undefined, changes: EntityChanges): Promise<{ entity: Entity; made: boolean }> {
    return this.#lock.run('', async () => {
      const known = id === undefined ? this.findByName(changes.name ?? '') : this.find(id)
      if (id !== undefined && !known) throw badRequest('entity not found from id')
      const now = this.#clock.now()
      const before = known ?? this.#blank(now)
      const entity = { ...before, ...changes, name: changes.name || before.name, last_update_time: now }
      this.#checkName(entity)
      await this.#put(entity)
      return { entity, made: !known }
    })
  }

  delete(id: string): Promise<void> {
    return this.#lock.run('', async () => {
      const entity = this.#entities.get(id)
      if (!entity) return
      await this.#storage.delete(id)
      this.#forget(entity)
    })
  }

  /** Gives an entity an alias, moves one, or changes it; undefined `made`: there was such a one already. */
  saveAlias(spec: AliasSpec): Promise<{ entity: Entity; alias: Alias; made: boolean }> {
    return this.#lock.run('', async () => {
      const owner = this.findByAlias(spec.mount_accessor, spec.name)
      const wanted = spec.canonical_id === undefined ? owner : this.find(spec.canonical_id)
      if (spec.canonical_id !== undefined && !wanted) throw badRequest('invalid canonical ID')
      const now = this.#clock.now()
      const entity = wanted ?? this.#blank(now)
      const same = owner?.aliases.find((one) => isOf(one, spec))
      const others = entity.aliases.filter((one) => one.id !== same?.id)
      if (others.some((one) => one.mount_accessor === spec.mount_accessor))
        throw badRequest('Alias already exists for requested entity and mount accessor')
      const { canonical_id: _owner, ...given } = spec
      const alias: Alias = {
        ...{ id: uuid(this.#random), metadata: null, custom_metadata: null, creation_time: now },
        ...same,
        ...given,
        last_update_time: now,
      }
      // Taken from its owner first: an alias never stands for two.
      if (owner && owner.id !== entity.id)
        await this.#put({ ...owner, aliases: owner.aliases.filter((one) => one.id !== alias.id) })
      const changed = { ...entity, aliases: [...others, alias] }
      await this.#put(changed)
      return { entity: changed, alias, made: !same }
    })
  }

  deleteAlias(id: string): Promise<void> {
    return this.#lock.run('', async () => {
      const found = this.findAlias(id)
      if (!found) return
      await this.#put({ ...found.entity, aliases: found.entity.aliases.filter((one) => one.id !== id) })
    })
  }

  /** Who logs in under this alias: the entity that has it, else a new one. */
  async ofLogin(spec: AliasSpec): Promise<Entity> {
    return this.findByAlias(spec.mount_accessor, spec.name) ?? (await this.saveAlias(spec)).entity
  }

  #blank(now: number): Entity {
    return {
      id: uuid(this.#random),
      name: `entity_${Buffer.from(this.#random(4)).toString('hex')}`,
      metadata: null,
      policies: [],
      disabled: false,
      aliases: [],
      creation_time: now,
      last_update_time: now,
    }
  }

  #checkName({ id, name }: Entity): void {
    if (name.length > longestName || /[\u0000-\u001f\u007f]/.test(name))
      throw badRequest(`name must have at most ${longestName} characters, none of them a control character.`)
    const other = this.findByName(name)
    if (other && other.id !== id) throw badRequest('entity name is already in use')
  }

  async #put(entity: Entity): Promise<void> {
    await putJson(this.#storage, entity.id, entity)
    const before = this.#entities.get(entity.id)
    if (before) this.#forget(before)
    this.#index(entity)
  }

  #index(entity: Entity): void {
    this.#entities.set(entity.id, entity)
    this.#names.set(entity.name.toLowerCase(), entity.id)
    for (const alias of entity.aliases) this.#aliases.set(aliasKey(alias), entity.id)
  }

  #forget(entity: Entity): void {
    this.#entities.delete(entity.id)
    this.#names.delete(entity.name.toLowerCase())
    for (const alias of entity.aliases)
      if (this.#aliases.get(aliasKey(alias)) === entity.id) this.#aliases.delete(aliasKey(alias))
  }
}

const aliasKey = ({ mount_accessor, name }: Pick<Alias, 'mount_accessor' | 'name'>): string =>
  JSON.stringify([mount_accessor, name])
const isOf = (alias: Alias, spec: AliasSpec): boolean => aliasKey(alias) === aliasKey(spec)
