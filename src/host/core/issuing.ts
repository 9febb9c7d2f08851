import { RequestError, badRequest, permissionDenied } from '../../logical/errors.ts'
import type { Response } from '../../logical/response.ts'
import type { Auth, Secret } from '../../logical/secret.ts'
import type { AuthenticatedCaller } from '../auth/caller.ts'
import { tokenOfLogin } from '../auth/login.ts'
import type { TokenStore } from '../auth/token-store.ts'
import type { ApiCall, ApiOutcome } from '../base/call.ts'
import { isAuthPath } from '../base/mount.ts'
import type { Mount } from '../base/mount.ts'
import type { Entity } from '../identity/entity.ts'
import type { EntityStore } from '../identity/entity-store.ts'
import type { Expiration } from '../lease/expiration.ts'

export interface IssuingConfig {
  readonly tokens: TokenStore
  readonly leases: Expiration
  readonly entities: EntityStore
}

/** Who asked, and whom. */
export interface Performed {
  readonly caller: AuthenticatedCaller | undefined
  readonly mount: Mount
  /** The request was the last use of the caller's token. */
  readonly spent: boolean
}

/** What an engine's response makes the host issue: the token of a login, the lease of a secret. */
export class Issuing {
  readonly #config: IssuingConfig

  constructor(config: IssuingConfig) {
    this.#config = config
  }

  async outcome(call: ApiCall, performed: Performed, response: Response | undefined): Promise<ApiOutcome> {
    const { path: mountPath, type } = performed.mount.entry
    const plain = { operation: call.operation, path: call.path, mount_type: type, response }
    if (performed.mount.backend?.leasing === 'engine') return { ...plain, ...existing(response) }
    if (response?.auth && isAuthPath(mountPath)) return this.#login(call, performed.mount, response, response.auth)
    if (!response?.secret) return plain
    const lease = await this.#lease(call, performed, response.secret)
    return {
      ...plain,
      response: { ...response, warnings: [...(response.warnings ?? []), ...lease.warnings] },
      lease,
      issued: true,
    }
  }

  /**
   * The client will not see what this call made, so nobody may hold it. A lease or token it only renewed, looked up or unwrapped is
   * held by somebody already and lives on.
   */
  async takeBack(call: ApiCall, made: ApiOutcome, wrappingToken: string | undefined): Promise<void> {
    const { lease, auth, issued, response } = made
    response?.stream?.destroy()
    const { leases, tokens } = this.#config
    if (lease && issued) await leases.revokeLater(lease.lease_id)
    // A token knows the call that made it.
    const login = tokens.find(auth?.client_token ?? '')
    if (login?.path === call.path) await tokens.end(login.id_hash)
    const wrapping = tokens.find(wrappingToken ?? '')
    if (wrapping) await tokens.end(wrapping.id_hash)
  }

  async #login(call: ApiCall, mount: Mount, response: Response, given: Auth): Promise<ApiOutcome> {
    const { path: mountPath, type } = mount.entry
    const entity = await this.#entityOf(mount, given)
    const { auth, warnings } = await tokenOfLogin(this.#config.tokens, {
      auth: given,
      entityId: entity?.id ?? '',
      path: call.path,
      mountPath,
      limits: mount.limits(),
    })
    return {
      operation: call.operation,
      path: call.path,
      mount_type: type,
      response: { ...response, warnings: [...(response.warnings ?? []), ...warnings] },
      auth: { ...auth, ...(entity && entity.policies.length > 0 && { identity_policies: entity.policies }) },
    }
  }

  /** Who logs in. One who is not known yet is made known; one who is disabled stays out. */
  async #entityOf(mount: Mount, { alias_name, metadata }: Auth): Promise<Entity | undefined> {
    if (alias_name === undefined) return undefined
    const { accessor: mount_accessor } = mount.entry
    const entity = await this.#config.entities.ofLogin({ name: alias_name, mount_accessor, metadata })
    if (entity.disabled) throw permissionDenied()
    return entity
  }

  async #lease(call: ApiCall, { caller, mount, spent }: Performed, secret: Secret) {
    const { leases, tokens } = this.#config
    if (!caller) {
      await leases.undo(call.path, secret)
      throw permissionDenied()
    }
    if (spent) {
      await leases.undo(call.path, secret)
      throw badRequest(
        'Secret cannot be returned; token had one use left, so leased credentials were immediately revoked.',
      )
    }
    const lease = await leases.register(call.path, secret, caller.record.id_hash)
    const refusal = call.signal.aborted
      ? new RequestError('unavailable', 'the request was cancelled')
      : mount.entry.tainted
        ? new RequestError('unavailable', `${mount.entry.path} is being removed`)
        : tokens.findByHash(caller.record.id_hash)
          ? undefined
          : permissionDenied()
    if (!refusal) return lease
    await leases.revokeLater(lease.lease_id)
    throw refusal
  }
}

function existing(response: Response | undefined): Pick<ApiOutcome, 'lease' | 'auth'> {
  const { secret, auth } = response ?? {}
  const lease = secret && {
    lease_id: secret.lease_id ?? '',
    ttl: secret.lease_options.ttl,
    renewable: secret.lease_options.renewable,
  }
  return { ...(lease && { lease }), ...(auth && { auth }) }
}
