import { createSecretKey } from 'node:crypto'
import type { Clock } from '../../logical/clock.ts'
import { badRequest } from '../../logical/errors.ts'
import { collectKeys, getJson, putJson } from '../../logical/storage.ts'
import type { Storage } from '../../logical/storage.ts'
import { hmacHex, uuid } from '../base/ids.ts'
import type { Random } from '../base/ids.ts'
import { KeyedLock } from '../../logical/keyed-lock.ts'
import type { RoleRecord } from './role.ts'

/** A secret id as stored, under its HMAC; the secret id itself is kept nowhere. Times in Unix milliseconds. */
export interface SecretIdRecord {
  readonly accessor: string
  /** Uses left; 0 = no limit. */
  readonly num_uses: number
  /** Seconds it was made for; 0 = it does not expire. */
  readonly ttl: number
  readonly creation_time: number
  readonly expiration_time: number | null
  readonly last_updated_time: number
  readonly metadata: Readonly<Record<string, string>>
  readonly cidr_list?: readonly string[]
  readonly token_bound_cidrs?: readonly string[]
}

export interface SecretIdTerms {
  readonly num_uses: number
  readonly ttl: number
  readonly metadata: Readonly<Record<string, string>>
  /** Address blocks it can be used from; none = any. */
  readonly cidr_list: readonly string[]
  /** Address blocks its tokens can be used from; none = as the role says. */
  readonly token_bound_cidrs: readonly string[]
}

export interface MadeSecretId {
  readonly secretId: string
  readonly record: SecretIdRecord
}

/**
 * `secret/<role uid>/<HMAC>` holds a secret id, `accessor/<role uid>/<accessor>` the HMAC an accessor stands for. Secrets are never
 * compared: what is looked for is the HMAC, which reveals nothing to an attacker who measures time. Whatever changes a role's secret ids, uses
 * included, happens one at a time.
 */
export class SecretIdStore {
  readonly #storage: Storage
  readonly #clock: Clock
  readonly #random: Random
  readonly #lock = new KeyedLock()

  constructor(storage: Storage, clock: Clock, random: Random) {
    this.#storage = storage
    this.#clock = clock
    this.#random = random
  }

  /** Makes a secret id, the given one or a random one. */
  create(role: RoleRecord, terms: SecretIdTerms, given?: string): Promise<MadeSecretId> {
    return this.#lock.run(role.uid, async () => {
      const secretId = given ?? uuid(this.#random)
      const hmac = hmacOf(role, secretId)
      if (await this.#living(role, hmac)) throw badRequest('failed to store secret_id: SecretID is already registered')
      const now = this.#clock.now()
      const record: SecretIdRecord = {
        ...terms,
        accessor: uuid(this.#random),
        creation_time: now,
        last_updated_time: now,
        expiration_time: terms.ttl > 0 ? now + terms.ttl * 1000 : null,
      }
      // The accessor first: it counts for nothing until there is what it stands for.
      await putJson(this.#storage, accessorKey(role, record.accessor), hmac)
      await putJson(this.#storage, secretKey(role, hmac), record)
      return { secretId, record }
    })
  }

  find(role: RoleRecord, secretId: string): Promise<SecretIdRecord | undefined> {
    return this.#living(role, hmacOf(role, secretId))
  }

  async findByAccessor(role: RoleRecord, accessor: string): Promise<SecretIdRecord | undefined> {
    const hmac = await this.#hmacOfAccessor(role, accessor)
    const record = hmac === undefined ? undefined : await this.#living(role, hmac)
    return record?.accessor === accessor ? record : undefined
  }

  /** Accessors of what still lives, sorted. */
  async accessors(role: RoleRecord): Promise<string[]> {
    const all = await this.#storage.list(`accessor/${role.uid}/`)
    const living = await Promise.all(all.map((accessor) => this.findByAccessor(role, accessor)))
    return all.filter((_accessor, index) => living[index])
  }

  /** Counts one use, durable when this resolves; undefined when the secret id is not good for one. */
  use(role: RoleRecord, secretId: string): Promise<SecretIdRecord | undefined> {
    return this.#lock.run(role.uid, async () => {
      const hmac = hmacOf(role, secretId)
      const record = await this.#living(role, hmac)
      if (record?.num_uses === 1) await this.#delete(role, hmac, record)
      else if (record && record.num_uses > 1)
        await putJson(this.#storage, secretKey(role, hmac), {
          ...record,
          num_uses: record.num_uses - 1,
          last_updated_time: this.#clock.now(),
        })
      return record
    })
  }

  /** Destroying what is gone succeeds. */
  destroy(role: RoleRecord, secretId: string): Promise<void> {
    return this.#lock.run(role.uid, async () => {
      await this.#destroy(role, hmacOf(role, secretId))
    })
  }

  /** False when the accessor stands for nothing. */
  destroyByAccessor(role: RoleRecord, accessor: string): Promise<boolean> {
    return this.#lock.run(role.uid, async () => {
      if (!(await this.findByAccessor(role, accessor))) return false
      await this.#destroy(role, (await this.#hmacOfAccessor(role, accessor))!)
      return true
    })
  }

  /** Forgets all of a role that is gone. */
  forget(role: RoleRecord): Promise<void> {
    return this.#lock.run(role.uid, async () => {
      for (const folder of ['secret', 'accessor']) {
        for (const key of await collectKeys(this.#storage, `${folder}/${role.uid}/`)) await this.#storage.delete(key)
      }
    })
  }

  /** Deletes what has expired, and accessors that stand for nothing. */
  async tidy(role: RoleRecord): Promise<void> {
    for (const accessor of await this.#storage.list(`accessor/${role.uid}/`)) {
      await this.#lock.run(role.uid, async () => {
        if (await this.findByAccessor(role, accessor)) return
        const hmac = await this.#hmacOfAccessor(role, accessor)
        const record =
          hmac === undefined ? undefined : await getJson<SecretIdRecord>(this.#storage, secretKey(role, hmac))
        if (hmac !== undefined && record?.accessor === accessor) await this.#storage.delete(secretKey(role, hmac))
        await this.#storage.delete(accessorKey(role, accessor))
      })
    }
  }

  async #living(role: RoleRecord, hmac: string): Promise<SecretIdRecord | undefined> {
    const record = await getJson<SecretIdRecord>(this.#storage, secretKey(role, hmac))
    return record && (record.expiration_time === null || record.expiration_time > this.#clock.now())
      ? record
      : undefined
  }

  async #destroy(role: RoleRecord, hmac: string): Promise<void> {
    const record = await getJson<SecretIdRecord>(this.#storage, secretKey(role, hmac))
    if (record) await this.#delete(role, hmac, record)
  }

  async #delete(role: RoleRecord, hmac: string, { accessor }: SecretIdRecord): Promise<void> {
    await this.#storage.delete(secretKey(role, hmac))
    await this.#storage.delete(accessorKey(role, accessor))
  }

  /** An accessor comes from a client: text that could name another key is not an accessor. */
  async #hmacOfAccessor(role: RoleRecord, accessor: string): Promise<string | undefined> {
    return /^[0-9a-f-]{36}$/.test(accessor) ? getJson<string>(this.#storage, accessorKey(role, accessor)) : undefined
  }
}

const secretKey = (role: RoleRecord, hmac: string): string => `secret/${role.uid}/${hmac}`
const accessorKey = (role: RoleRecord, accessor: string): string => `accessor/${role.uid}/${accessor}`
const hmacOf = (role: RoleRecord, secretId: string): string =>
  hmacHex(createSecretKey(Buffer.from(role.hmac_key, 'hex')), secretId)
