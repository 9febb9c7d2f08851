import { KeyedLock } from '../../logical/keyed-lock.ts'
import { getJson, putJson } from '../../logical/storage.ts'
import type { Storage } from '../../logical/storage.ts'

/** What `auth/token/create/<role>` makes tokens by, whatever policies the caller has. Names are the API's; durations in seconds. */
export interface TokenRole {
  readonly name: string
  readonly orphan: boolean
  readonly renewable: boolean
  /** Follows the role's name in the path of its tokens, so that they can be revoked by it. */
  readonly path_suffix: string
  readonly allowed_policies: readonly string[]
  readonly allowed_policies_glob: readonly string[]
  readonly disallowed_policies: readonly string[]
  readonly disallowed_policies_glob: readonly string[]
  readonly token_bound_cidrs: readonly string[]
  readonly token_explicit_max_ttl: number
  readonly token_period: number
  readonly token_num_uses: number
  readonly token_no_default_policy: boolean
  readonly token_type: 'service' | 'batch' | 'default-service' | 'default-batch'
}

export const newTokenRole: Omit<TokenRole, 'name'> = {
  orphan: false,
  renewable: true,
  path_suffix: '',
  allowed_policies: [],
  allowed_policies_glob: [],
  disallowed_policies: [],
  disallowed_policies_glob: [],
  token_bound_cidrs: [],
  token_explicit_max_ttl: 0,
  token_period: 0,
  token_num_uses: 0,
  token_no_default_policy: false,
  token_type: 'default-service',
}

export class TokenRoleStore {
  readonly #storage: Storage
  readonly #lock = new KeyedLock()

  constructor(storage: Storage) {
    this.#storage = storage
  }

  find(name: string): Promise<TokenRole | undefined> {
    return getJson<TokenRole>(this.#storage, encodeURIComponent(name))
  }

  async names(): Promise<string[]> {
    return (await this.#storage.list('')).map(decodeURIComponent)
  }

  /** Creates a role or changes one; nothing changes when `next` throws. */
  save(name: string, next: (before: Omit<TokenRole, 'name'>) => Omit<TokenRole, 'name'>): Promise<void> {
    return this.#lock.run(name, async () => {
      const before = (await this.find(name)) ?? newTokenRole
      await putJson(this.#storage, encodeURIComponent(name), { ...next(before), name })
    })
  }

  delete(name: string): Promise<void> {
    return this.#lock.run(name, () => this.#storage.delete(encodeURIComponent(name)))
  }
}
