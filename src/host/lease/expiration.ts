import { issueTtl, renewTtl } from '../../framework/lease.ts'
import type { LeaseLimits } from '../../framework/lease.ts'
import type { Clock } from '../../logical/clock.ts'
import { badRequest } from '../../logical/errors.ts'
import type { RequestError } from '../../logical/errors.ts'
import type { Logger } from '../../logical/log.ts'
import type { Response } from '../../logical/response.ts'
import type { Secret } from '../../logical/secret.ts'
import { collectKeys, getJson, putJson } from '../../logical/storage.ts'
import type { Storage } from '../../logical/storage.ts'
import { base62 } from '../base/ids.ts'
import type { Random } from '../base/ids.ts'
import { KeyedLock } from '../../logical/keyed-lock.ts'
import type { LeaseCall, LeaseEntry } from './lease-entry.ts'
import { RevokeQueue } from './revoke-queue.ts'

export interface ExpirationConfig {
  readonly storage: Storage
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** Has the engine that issued a secret renew or revoke it. */
  readonly callEngine: (call: LeaseCall) => Promise<Response | undefined>
  /** TTL bounds of the mount a path lies under. */
  readonly limits: (path: string) => LeaseLimits
  readonly ownerAlive: (owner: string) => boolean
}

export interface GrantedLease {
  readonly lease_id: string
  /** Seconds. */
  readonly ttl: number
  readonly renewable: boolean
  readonly warnings: readonly string[]
}

const dayMs = 24 * 3600 * 1000
const longestReason = 240

/** The expiration manager: every leased secret, when it ends, and seeing to it that it does. */
export class Expiration {
  readonly #config: ExpirationConfig
  readonly #lock = new KeyedLock()
  readonly #queue: RevokeQueue
  readonly #leases = new Map<string, LeaseEntry>()
  readonly #byOwner = new Map<string, Set<string>>()

  constructor(config: ExpirationConfig) {
    this.#config = config
    this.#queue = new RevokeQueue({
      clock: config.clock,
      random: config.random,
      attempt: (leaseId) => this.#revoke(leaseId, false),
      giveUp: (leaseId, error) => this.#giveUp(leaseId, error),
    })
  }

  async load(): Promise<void> {
    for (const key of await collectKeys(this.#config.storage, 'id/')) {
      const entry = await getJson<LeaseEntry>(this.#config.storage, key)
      if (entry) this.#index(entry)
    }
  }

  /** Starts the timers, once tokens and engines are there. What ended while the server was down, or whose owner did, is revoked. */
  start(): void {
    for (const entry of this.#leases.values()) {
      if (entry.irrevocable !== undefined) this.#queue.at(entry.lease_id, this.#config.clock.now() + dayMs)
      else if (entry.owner !== '' && !this.#config.ownerAlive(entry.owner)) this.#queue.now(entry.lease_id)
      else this.#queue.at(entry.lease_id, entry.expire_time)
    }
  }

  close(): void {
    this.#queue.close()
  }

  /** Registers a secret just issued. When that fails the engine is told to undo it, and the failure is the response. */
  async register(path: string, secret: Secret, owner: string): Promise<GrantedLease> {
    const granted = issueTtl(secret.lease_options, this.#config.limits(path))
    const now = this.#config.clock.now()
    const entry: LeaseEntry = {
      lease_id: `${path.replace(/\/$/, '')}/${base62(this.#config.random, 24)}`,
      path,
      owner,
      internal_data: secret.internal_data,
      ttl: granted.ttl,
      max_ttl: secret.lease_options.max_ttl,
      renewable: secret.lease_options.renewable,
      issue_time: now,
      expire_time: now + granted.ttl * 1000,
      last_renewal: null,
    }
    // Known before it is stored, so that an owner who ends meanwhile takes it along; locked, so that it is stored before it goes.
    this.#index(entry)
    await this.#lock.run(entry.lease_id, async () => {
      try {
        await this.#save(entry)
      } catch (cause) {
        this.#forget(entry)
        await this.undo(path, secret)
        throw cause
      }
      this.#queue.at(entry.lease_id, entry.expire_time)
    })
    return { lease_id: entry.lease_id, ttl: granted.ttl, renewable: entry.renewable, warnings: granted.warnings }
  }

  /** Takes back a secret that never became a lease. A failure is logged: nobody holds the secret, and its own expiry ends it. */
  async undo(path: string, secret: Secret): Promise<void> {
    const { ttl, max_ttl, renewable } = secret.lease_options
    await this.#config
      .callEngine({
        operation: 'revoke',
        path,
        internal_data: secret.internal_data,
        ttl,
        max_ttl,
        renewable,
        issue_time: null,
        increment: 0,
      })
      .catch((cause: unknown) => {
        this.#config.logger.error({ cause, path }, 'a secret without a lease could not be revoked')
      })
  }

  get(leaseId: string): LeaseEntry | undefined {
    return this.#leases.get(leaseId)
  }

  all(): LeaseEntry[] {
    return [...this.#leases.values()]
  }

  /** The lease of exactly this id; without one, those below it, by whole segments. As Vault's revoke-prefix takes either. */
  under(idOrPrefix: string): LeaseEntry[] {
    const exact = this.#leases.get(idOrPrefix)
    if (exact) return [exact]
    const prefix = `${idOrPrefix.replace(/\/$/, '')}/`
    return this.all().filter((entry) => entry.lease_id.startsWith(prefix))
  }

  /** Direct children of a prefix that ends in `/` (or is empty): folders with a slash, lease ends without. */
  list(prefix: string): string[] {
    const names = new Set<string>()
    for (const leaseId of this.#leases.keys()) {
      if (!leaseId.startsWith(prefix)) continue
      const rest = leaseId.slice(prefix.length)
      const slash = rest.indexOf('/')
      names.add(slash < 0 ? rest : rest.slice(0, slash + 1))
    }
    return [...names].sort()
  }

  /** Renews; what was granted, or undefined when the engine extended nothing. `increment` in seconds, 0 = none asked. */
  renew(leaseId: string, increment: number): Promise<(GrantedLease & { response: Response }) | undefined> {
    return this.#lock.run(leaseId, async () => {
      const entry = this.#leases.get(leaseId)
      const now = this.#config.clock.now()
      if (!entry) throw badRequest('lease not found')
      if (entry.irrevocable !== undefined || entry.expire_time <= now) throw badRequest('lease expired')
      if (!entry.renewable) throw badRequest('lease is not renewable')
      const response = await this.#config.callEngine(this.#call('renew', entry, increment))
      const secret = response?.secret
      if (!response || !secret) return undefined
      const { ttl, max_ttl, renewable } = secret.lease_options
      const granted = renewTtl(
        {
          increment,
          ttl,
          max_ttl,
          issue_time_unix: Math.floor(entry.issue_time / 1000),
          now_unix: Math.floor(now / 1000),
        },
        this.#config.limits(entry.path),
      )
      const renewed = {
        ...entry,
        internal_data: secret.internal_data,
        ttl: granted.ttl,
        max_ttl,
        renewable,
        expire_time: now + granted.ttl * 1000,
        last_renewal: now,
      }
      await this.#save(renewed)
      this.#index(renewed)
      // While the engine worked, the owner may have ended or the lease been queued; a renewal never outlives either.
      if (entry.owner !== '' && !this.#config.ownerAlive(entry.owner)) this.#queue.now(leaseId)
      else this.#queue.at(leaseId, renewed.expire_time)
      return { lease_id: leaseId, ttl: granted.ttl, renewable, warnings: granted.warnings, response }
    })
  }

  /** One attempt, now; its failure is the caller's, and the lease stays as it was. Revoking what is gone succeeds. */
  revokeNow(leaseId: string): Promise<void> {
    return this.#revoke(leaseId, false)
  }

  /** Ends the lease durably and queues the engine's part. */
  async revokeLater(leaseId: string): Promise<void> {
    await this.#lock.run(leaseId, async () => {
      const entry = this.#leases.get(leaseId)
      if (!entry) return
      const { irrevocable: _given, ...rest } = entry
      const ended = { ...rest, expire_time: Math.min(entry.expire_time, this.#config.clock.now()) }
      await this.#save(ended)
      this.#index(ended)
    })
    if (this.#leases.has(leaseId)) this.#queue.now(leaseId)
  }

  /** As `revokeLater`, for all leases below a prefix. */
  async revokeAllLater(prefix: string): Promise<void> {
    await Promise.all(this.under(prefix).map((entry) => this.revokeLater(entry.lease_id)))
  }

  /** Has the engine try once, and forgets the lease whatever it said. */
  revokeForced(leaseId: string): Promise<void> {
    return this.#revoke(leaseId, true)
  }

  /** One by one, stopping at the first failure. */
  async revokeAllNow(prefix: string): Promise<void> {
    for (const entry of this.under(prefix)) await this.revokeNow(entry.lease_id)
  }

  /** A token has ended: what it asked for ends too. The token's own end is durable, so nothing needs writing here. */
  ownerEnded(owner: string): void {
    for (const leaseId of [...(this.#byOwner.get(owner) ?? [])]) this.#queue.now(leaseId)
  }

  #revoke(leaseId: string, force: boolean): Promise<void> {
    return this.#lock.run(leaseId, async () => {
      const entry = this.#leases.get(leaseId)
      if (!entry) return
      try {
        await this.#config.callEngine(this.#call('revoke', entry, 0))
      } catch (cause) {
        if (!force) throw cause
        this.#config.logger.warn(
          { cause, lease_id: leaseId },
          'lease removed by force although its engine could not revoke it',
        )
      }
      await this.#config.storage.delete(`id/${leaseId}`)
      this.#forget(entry)
      this.#config.logger.debug({ lease_id: leaseId }, 'revoked lease')
    })
  }

  async #giveUp(leaseId: string, error: RequestError): Promise<void> {
    await this.#lock.run(leaseId, async () => {
      const entry = this.#leases.get(leaseId)
      if (!entry) return
      this.#config.logger.error(
        { lease_id: leaseId, error: error.message },
        'lease could not be revoked; it is kept as irrevocable',
      )
      const marked = { ...entry, irrevocable: error.message.slice(0, longestReason) }
      await this.#save(marked)
      this.#index(marked)
      this.#queue.at(leaseId, this.#config.clock.now() + dayMs)
    })
  }

  #call(operation: LeaseCall['operation'], entry: LeaseEntry, increment: number): LeaseCall {
    const { path, internal_data, ttl, max_ttl, renewable, issue_time } = entry
    return { operation, path, internal_data, ttl, max_ttl, renewable, issue_time, increment }
  }

  #save(entry: LeaseEntry): Promise<void> {
    return putJson(this.#config.storage, `id/${entry.lease_id}`, entry)
  }

  #index(entry: LeaseEntry): void {
    this.#leases.set(entry.lease_id, entry)
    const owned = this.#byOwner.get(entry.owner) ?? new Set()
    this.#byOwner.set(entry.owner, owned.add(entry.lease_id))
  }

  #forget(entry: LeaseEntry): void {
    this.#leases.delete(entry.lease_id)
    this.#queue.forget(entry.lease_id)
    const owned = this.#byOwner.get(entry.owner)
    owned?.delete(entry.lease_id)
    if (owned?.size === 0) this.#byOwner.delete(entry.owner)
  }
}
