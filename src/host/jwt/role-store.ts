import { getJson, putJson } from '../../logical/storage.ts'
import type { Storage } from '../../logical/storage.ts'
import { KeyedLock } from '../../logical/keyed-lock.ts'
import type { TokenTerms } from '../auth/token-terms.ts'
import type { ClaimRules } from './claims.ts'

/** What a role wants of a token, and what it gives for it. */
export interface JwtRole extends ClaimRules, TokenTerms {}

export class JwtRoleStore {
  readonly #storage: Storage
  readonly #lock = new KeyedLock()

  constructor(storage: Storage) {
    this.#storage = storage
  }

  find(name: string): Promise<JwtRole | undefined> {
    return getJson<JwtRole>(this.#storage, `role/${name}`)
  }
  names(): Promise<string[]> {
    return this.#storage.list('role/')
  }

  /** Creates a role or changes one; nothing changes when `next` throws. */
  save(name: string, next: (before: JwtRole | undefined) => JwtRole): Promise<void> {
    return this.#lock.run(name, async () => {
      await putJson(this.#storage, `role/${name}`, next(await this.find(name)))
    })
  }

  delete(name: string): Promise<void> {
    return this.#lock.run(name, () => this.#storage.delete(`role/${name}`))
  }
}
