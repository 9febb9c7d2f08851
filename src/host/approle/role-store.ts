import { createHash } from 'node:crypto'
import { badRequest } from '../../logical/errors.ts'
import { getJson, putJson } from '../../logical/storage.ts'
import type { Storage } from '../../logical/storage.ts'
import { uuid } from '../base/ids.ts'
import type { Random } from '../base/ids.ts'
import { KeyedLock } from '../../logical/keyed-lock.ts'
import type { RoleRecord, RoleSettings } from './role.ts'

const namePattern = /^\w(?:[\w.-]*\w)?$/
const LONGEST_NAME = 255
const LONGEST_ID = 4096

/** `role/<name>` holds the role; `role_id/<digest>` names the role of a role id. */
export class RoleStore {
  readonly #storage: Storage
  readonly #random: Random
  readonly #lock = new KeyedLock()

  constructor(storage: Storage, random: Random) {
    this.#storage = storage
    this.#random = random
  }

  /** Names are distinguished without regard to case. */
  find(name: string): Promise<RoleRecord | undefined> {
    return getJson<RoleRecord>(this.#storage, `role/${nameOf(name)}`)
  }

  async require(name: string): Promise<RoleRecord> {
    const role = await this.find(name)
    if (!role) throw badRequest(`role ${JSON.stringify(nameOf(name))} does not exist`)
    return role
  }

  /** The role of this role id. An index that an interrupted change left behind points at nothing. */
  async findById(roleId: string): Promise<RoleRecord | undefined> {
    const name = await getJson<string>(this.#storage, indexOf(roleId))
    const role = name === undefined ? undefined : await this.find(name)
    return role?.role_id === roleId ? role : undefined
  }

  names(): Promise<string[]> {
    return this.#storage.list('role/')
  }

  /** Creates a role or changes one; `roleId` replaces the random one, or the one it has. */
  save(name: string, settings: (before: RoleSettings | undefined) => RoleSettings, roleId?: string): Promise<void> {
    return this.#lock.run('roles', async () => {
      const before = await this.find(name)
      const id = roleId ?? before?.role_id ?? uuid(this.#random)
      const role: RoleRecord = {
        ...settings(before),
        name: nameOf(name),
        uid: before?.uid ?? uuid(this.#random),
        role_id: id,
        hmac_key: before?.hmac_key ?? Buffer.from(this.#random(32)).toString('hex'),
      }
      await this.#put(role, before)
    })
  }

  /** Throws when there is no such role, or the id is another role's. */
  saveRoleId(name: string, roleId: string): Promise<void> {
    return this.#lock.run('roles', async () => {
      const before = await this.require(name)
      await this.#put({ ...before, role_id: roleId }, before)
    })
  }

  /** The role that was deleted; from then on its role id and secret ids are good for nothing. */
  delete(name: string): Promise<RoleRecord | undefined> {
    return this.#lock.run('roles', async () => {
      const role = await this.find(name)
      if (!role) return undefined
      await this.#storage.delete(`role/${role.name}`)
      await this.#storage.delete(indexOf(role.role_id))
      return role
    })
  }

  async #put(role: RoleRecord, before: RoleRecord | undefined): Promise<void> {
    if (role.role_id.length > LONGEST_ID) throw badRequest(`role_id is longer than ${LONGEST_ID} characters`)
    const owner = await this.findById(role.role_id)
    if (owner && owner.name !== role.name) throw badRequest('role_id already in use')
    // Index first: it counts for nothing until the role says the same.
    if (before?.role_id !== role.role_id) await putJson(this.#storage, indexOf(role.role_id), role.name)
    await putJson(this.#storage, `role/${role.name}`, role)
    if (before && before.role_id !== role.role_id) await this.#storage.delete(indexOf(before.role_id))
  }
}

const indexOf = (roleId: string): string => `role_id/${createHash('sha256').update(roleId).digest('hex')}`

function nameOf(name: string): string {
  if (name.length > LONGEST_NAME || !namePattern.test(name))
    throw badRequest(
      `role_name must be 1 to ${LONGEST_NAME} letters, digits, "_", "-" and ".", the last two not at its ends, for example mcp-gateway.`,
    )
  return name.toLowerCase()
}
