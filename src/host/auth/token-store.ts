import { createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { Clock } from '../../logical/clock.ts'
import { RequestError, badRequest } from '../../logical/errors.ts'
import type { Logger } from '../../logical/log.ts'
import { collectKeys, getJson, putJson } from '../../logical/storage.ts'
import type { Storage } from '../../logical/storage.ts'
import { base62, hmacHex } from '../base/ids.ts'
import type { Random } from '../base/ids.ts'
import { KeyedLock } from '../../logical/keyed-lock.ts'
import { ExpiryQueue } from '../lease/expiry-queue.ts'
import type { TokenRecord, TokenSpec } from './token-record.ts'

export interface TokenStoreConfig {
  readonly storage: Storage
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** A token has ended: its leases are to be revoked. Called after the end is durable; must not throw. */
  readonly onEnded: (idHash: string) => void
}

const idPattern = /^[A-Za-z0-9._-]{1,128}$/

/**
 * The tokens. Records live in memory and, under the salted hash of the token, in storage, where every change is written
 * before it is acknowledged. A token is alive while it and all its ancestors are: ending one is one write, whatever hangs below.
 */
export class TokenStore {
  readonly #config: TokenStoreConfig
  readonly #lock = new KeyedLock()
  readonly #expiry: ExpiryQueue
  readonly #records = new Map<string, TokenRecord>()
  readonly #accessors = new Map<string, string>()
  readonly #children = new Map<string, Set<string>>()
  #salt: KeyObject | undefined

  constructor(config: TokenStoreConfig) {
    this.#config = config
    this.#expiry = new ExpiryQueue(config.clock, (idHash) => {
      this.#expired(idHash)
    })
  }

  /** Reads everything back; ends that were begun before a crash are finished. */
  async start(): Promise<void> {
    const { storage, random } = this.#config
    let salt = await getJson<string>(storage, 'salt')
    if (salt === undefined) {
      salt = Buffer.from(random(32)).toString('hex')
      await putJson(storage, 'salt', salt)
    }
    this.#salt = createSecretKey(Buffer.from(salt, 'hex'))
    for (const key of await collectKeys(storage, 'id/')) {
      const record = await getJson<TokenRecord>(storage, key)
      if (record) this.#index(record)
    }
    for (const record of [...this.#records.values()]) {
      const stray = record.parent !== '' && !this.#records.has(record.parent)
      if (record.ended || stray || record.num_uses < 0) await this.end(record.id_hash)
    }
  }

  close(): void {
    this.#expiry.close()
  }

  /** Salted hash of a token's id: its name everywhere behind the front door. */
  hash(token: string): string {
    if (!this.#salt) throw new Error('the token store has not been started')
    return hmacHex(this.#salt, token)
  }

  /** The record of a living token. */
  find(token: string): TokenRecord | undefined {
    return token === '' ? undefined : this.findByHash(this.hash(token))
  }

  findByHash(idHash: string): TokenRecord | undefined {
    const record = this.#records.get(idHash)
    return record && this.#alive(record) ? record : undefined
  }

  /** As `find`, with a token whose last use is the request at hand. */
  findSpent(token: string): TokenRecord | undefined {
    const record = this.#records.get(this.hash(token))
    return record && (record.num_uses < 0 ? !record.ended : this.#alive(record)) ? record : undefined
  }

  findByAccessor(accessor: string): TokenRecord | undefined {
    const idHash = this.#accessors.get(accessor)
    return idHash === undefined ? undefined : this.findByHash(idHash)
  }

  /** Accessors of all living tokens, sorted. */
  accessors(): string[] {
    return [...this.#accessors.keys()].filter((accessor) => this.findByAccessor(accessor)).sort()
  }

  async create(spec: TokenSpec): Promise<{ token: string; record: TokenRecord }> {
    if (spec.id !== undefined && !idPattern.test(spec.id))
      throw badRequest('id may only hold letters, digits, dots, dashes and underscores, for example id=dev-root.')
    const token = spec.id ?? `${spec.type === 'batch' ? 'hvb' : 'hvs'}.${base62(this.#config.random, 24)}`
    const id_hash = this.hash(token)
    return this.#lock.run(id_hash, async () => {
      if (this.#records.has(id_hash)) throw badRequest('cannot create a token with a duplicate ID')
      const now = this.#config.clock.now()
      const record: TokenRecord = {
        id_hash,
        // A batch token has none: nobody can look it up, renew it or revoke it.
        accessor: spec.type === 'batch' ? '' : base62(this.#config.random, 24),
        policies: spec.policies,
        path: spec.path,
        meta: spec.meta,
        display_name: spec.display_name,
        num_uses: spec.num_uses,
        parent: spec.parent,
        creation_time: now,
        creation_ttl: spec.ttl,
        expire_time: spec.ttl > 0 ? now + spec.ttl * 1000 : null,
        last_renewal_time: null,
        explicit_max_ttl: spec.explicit_max_ttl,
        period: spec.period,
        renewable: spec.renewable,
        entity_id: spec.entity_id ?? '',
        ...(spec.type && { type: spec.type }),
        ...(spec.role !== undefined && { role: spec.role }),
        ...(spec.bound_cidrs && spec.bound_cidrs.length > 0 && { bound_cidrs: spec.bound_cidrs }),
      }
      this.#index(record)
      try {
        await this.#save(record)
      } catch (cause) {
        this.#forget(record)
        throw cause
      }
      // The parent may have ended while the record was being written; then the child never lived.
      if (!this.#alive(record)) {
        void this.end(id_hash).catch(() => undefined)
        throw new RequestError('permission_denied')
      }
      return { token, record }
    })
  }

  /** Gives a living token a new expiry. */
  renew(idHash: string, ttlSeconds: number): Promise<TokenRecord> {
    return this.#change(idHash, (record) => {
      const now = this.#config.clock.now()
      return { ...record, expire_time: now + ttlSeconds * 1000, last_renewal_time: now }
    })
  }

  /** Counts one use. The record as it is after it; `spent` when that was the last. */
  async use(record: TokenRecord): Promise<{ record: TokenRecord; spent: boolean }> {
    if (record.num_uses === 0) return { record, spent: false }
    let spent = false
    const used = await this.#change(record.id_hash, (current) => {
      if (current.num_uses < 0) throw new RequestError('permission_denied')
      spent = current.num_uses === 1
      // Below zero = used up: 0 would mean unlimited.
      return { ...current, num_uses: spent ? -1 : current.num_uses - 1 }
    })
    return { record: used, spent }
  }

  /**
   * Ends a token and everything below it. Resolves once the end is durable and every lease is handed over; ending what is
   * gone succeeds. Records of the tree are deleted bottom up, so that a crash leaves a mark to resume from.
   */
  async end(idHash: string): Promise<void> {
    await this.#lock.run(idHash, async () => {
      const record = this.#records.get(idHash)
      if (!record || record.ended) return
      const ended = { ...record, ended: true }
      this.#records.set(idHash, ended)
      await this.#save(ended)
    })
    await this.#bury(idHash)
  }

  /** Ends one token; its children live on as orphans. */
  async endAlone(idHash: string): Promise<void> {
    for (const child of [...(this.#children.get(idHash) ?? [])]) {
      if (!this.findByHash(child)) continue
      await this.#change(child, (record) => ({ ...record, parent: '' }))
      this.#children.get(idHash)?.delete(child)
    }
    await this.end(idHash)
  }

  /** Ends every token made by a path below `prefix`: their auth method is going. */
  async endMadeBelow(prefix: string): Promise<void> {
    for (const { id_hash, path } of [...this.#records.values()]) if (path.startsWith(prefix)) await this.end(id_hash)
  }

  async #bury(idHash: string): Promise<void> {
    // Parents before children here, so read backwards; a loop because chains of tokens may be longer than the stack is deep.
    const tree = [idHash]
    for (const member of tree) tree.push(...(this.#children.get(member) ?? []))
    for (const member of tree) this.#config.onEnded(member)
    for (const member of tree.reverse()) {
      await this.#lock.run(member, async () => {
        const record = this.#records.get(member)
        if (!record) return
        await this.#config.storage.delete(`id/${member}`)
        this.#forget(record)
      })
    }
  }

  #expired(idHash: string): void {
    this.end(idHash).catch((cause: unknown) => {
      this.#config.logger.error({ cause }, 'an expired token could not be removed; trying again in a minute')
      this.#expiry.set(idHash, this.#config.clock.now() + 60_000)
    })
  }

  #alive(record: TokenRecord): boolean {
    const now = this.#config.clock.now()
    for (let link: TokenRecord | undefined = record; link; link = this.#records.get(link.parent)) {
      if (link.ended || link.num_uses < 0 || (link.expire_time !== null && link.expire_time <= now)) return false
      if (link.parent === '') return true
    }
    return false
  }

  #change(idHash: string, next: (record: TokenRecord) => TokenRecord): Promise<TokenRecord> {
    return this.#lock.run(idHash, async () => {
      const record = this.#records.get(idHash)
      if (!record || !this.#alive(record)) throw new RequestError('permission_denied')
      const changed = next(record)
      await this.#save(changed)
      this.#index(changed)
      return changed
    })
  }

  #save(record: TokenRecord): Promise<void> {
    return putJson(this.#config.storage, `id/${record.id_hash}`, record)
  }

  #index(record: TokenRecord): void {
    this.#records.set(record.id_hash, record)
    if (record.accessor !== '') this.#accessors.set(record.accessor, record.id_hash)
    if (record.parent !== '') {
      const siblings = this.#children.get(record.parent) ?? new Set()
      this.#children.set(record.parent, siblings.add(record.id_hash))
    }
    if (record.expire_time !== null) this.#expiry.set(record.id_hash, record.expire_time)
  }

  #forget(record: TokenRecord): void {
    this.#records.delete(record.id_hash)
    this.#accessors.delete(record.accessor)
    this.#children.get(record.parent)?.delete(record.id_hash)
    if (this.#children.get(record.parent)?.size === 0) this.#children.delete(record.parent)
    this.#children.delete(record.id_hash)
    this.#expiry.delete(record.id_hash)
  }
}
