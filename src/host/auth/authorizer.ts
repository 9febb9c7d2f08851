import type { Operation } from '../../logical/request.ts'
import type { Data } from '../../logical/data.ts'
import { compileAcl, substituteTemplates } from '../../policy/index.ts'
import type { Acl, PolicyDocument } from '../../policy/index.ts'
import { templateValue } from '../identity/entity.ts'
import type { Entity } from '../identity/entity.ts'
import type { EntityStore } from '../identity/entity-store.ts'
import type { PolicyStore } from './policy-store.ts'
import { isRoot } from './token-record.ts'
import type { TokenRecord } from './token-record.ts'

export interface AuthorizationQuery {
  readonly operation: Operation
  /** Full path, mount included. */
  readonly path: string
  readonly data: Data
  /** The path is among its engine's root paths. */
  readonly needsSudo: boolean
  /** Seconds; present when the response is to be wrapped. */
  readonly wrapTtl?: number
}

/** What one set of policies allows, as the host asks it. */
export interface HostAcl {
  readonly root: boolean
  allows(query: AuthorizationQuery): boolean
  /** Whether the policies carry sudo on a path. */
  sudo(path: string): boolean
  /** As `sys/capabilities` answers: `['root']`, `['deny']`, or sorted names. */
  capabilities(path: string): string[]
  /** May the caller know that a mount exists at this prefix? */
  seesBelow(prefix: string): boolean
}

const rootAcl: HostAcl = {
  root: true,
  allows: () => true,
  sudo: () => true,
  capabilities: () => ['root'],
  seesBelow: () => true,
}
const cacheLimit = 1000

/** Compiled access rights per set of policy names, thrown away whenever a policy changes. */
export class Authorizer {
  readonly #policies: PolicyStore
  readonly #entities: EntityStore
  readonly #cache = new Map<string, HostAcl>()
  #version = -1

  constructor(policies: PolicyStore, entities: EntityStore) {
    this.#policies = policies
    this.#entities = entities
  }

  /** Whether the holder of the token may act at all: not when the entity it is of is disabled or gone. */
  admits({ entity_id }: TokenRecord): boolean {
    return entity_id === '' || this.#entities.find(entity_id)?.disabled === false
  }

  aclFor(record: TokenRecord): HostAcl {
    if (isRoot(record)) return rootAcl
    const entity = record.entity_id === '' ? undefined : this.#entities.find(record.entity_id)
    return this.#compiled([...new Set([...record.policies, ...(entity?.policies ?? [])])], entity)
  }

  #compiled(names: readonly string[], entity: Entity | undefined): HostAcl {
    if (this.#version !== this.#policies.version || this.#cache.size >= cacheLimit) {
      this.#cache.clear()
      this.#version = this.#policies.version
    }
    // Names may hold any character, so that joining them would make one of several.
    const key = JSON.stringify([[...names].sort(), entity ?? null])
    const known = this.#cache.get(key)
    if (known) return known
    const made = hostAcl(compileAcl(this.#policies.documents(names).map((document) => filledIn(document, entity))))
    this.#cache.set(key, made)
    return made
  }
}

const filledIn = (document: PolicyDocument, entity: Entity | undefined): PolicyDocument =>
  substituteTemplates(document, (parameter) => entity && templateValue(entity, parameter))

function hostAcl(acl: Acl): HostAcl {
  return {
    root: false,
    allows({ operation, path, data, needsSudo, wrapTtl }) {
      // Help describes the API, not its contents: any living token may read it.
      if (operation === 'help') return true
      const result = acl.judge({
        path,
        capability: operation,
        parameters: data,
        ...(wrapTtl !== undefined && { wrapTtlSeconds: wrapTtl }),
      })
      return result.allowed && (!needsSudo || result.sudo)
    },
    sudo: (path) => acl.match(path)?.capabilities.has('sudo') ?? false,
    capabilities: (path) => acl.capabilities(path),
    seesBelow: (prefix) => acl.grantsBelow(prefix),
  }
}
