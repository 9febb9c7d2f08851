import { matchesSpecial } from '../../framework/pattern.ts'
import type { Clock } from '../../logical/clock.ts'
import { RequestError, badRequest, fromUnknown, permissionDenied } from '../../logical/errors.ts'
import type { Logger } from '../../logical/log.ts'
import type { Operation, Request } from '../../logical/request.ts'
import type { Response } from '../../logical/response.ts'
import type { Secret } from '../../logical/secret.ts'
import type { AuditBroker } from '../audit/broker.ts'
import type { Authorizer } from '../auth/authorizer.ts'
import { tokenOfLogin } from '../auth/login.ts'
import type { TokenStore } from '../auth/token-store.ts'
import type { Expiration } from '../lease/expiration.ts'
import { rememberCaller } from '../auth/caller.ts'
import type { Caller } from '../auth/caller.ts'
import type { ApiCall, ApiOutcome } from '../base/call.ts'
import { limitedSignal, requestLimitMs } from './engine-call.ts'
import { isAuthPath } from '../base/mount.ts'
import type { Mount } from '../base/mount.ts'
import type { Route, Router } from '../base/router.ts'

export interface CoreConfig {
  readonly clock: Clock
  readonly logger: Logger
  readonly router: Router
  readonly tokens: TokenStore
  readonly authorizer: Authorizer
  readonly leases: Expiration
  readonly audit: AuditBroker
}

interface Admitted {
  /** Missing on unauthenticated paths. */
  readonly caller: Caller | undefined
  readonly route: Route
  readonly request: Request
  readonly spent: boolean
}

/**
 * One API request's way: token, mount, create or update, access rights, durable audit line, engine, lease, audit line of the
 * answer. Every step refuses by throwing a `RequestError`.
 */
export class Core {
  readonly #config: CoreConfig

  constructor(config: CoreConfig) {
    this.#config = config
  }

  async handle(call: ApiCall): Promise<ApiOutcome> {
    checkPath(call)
    const { signal, done } = limitedSignal(this.#config.clock, requestLimitMs, call.signal)
    try {
      return await this.#handle({ ...call, signal })
    } finally {
      done()
    }
  }

  /** Who sends a request, before its body is read. */
  standing(token: string, path: string): { kind: 'known'; caller: string } | { kind: 'open' | 'refused' } {
    const record = this.#config.tokens.find(token)
    if (record) return { kind: 'known', caller: record.id_hash }
    return { kind: isOpen(this.#config.router.find(path)) ? 'open' : 'refused' }
  }

  async #handle(call: ApiCall): Promise<ApiOutcome> {
    const route = this.#config.router.find(call.path)
    const open = isOpen(route)
    const known = await this.#authenticate(call, open)
    if (!known) return this.#admitAndServe(call, route, undefined, false)
    const { record, spent } = await this.#config.tokens.use(known.record)
    try {
      return await this.#admitAndServe(call, route, { ...known, record }, spent)
    } finally {
      if (spent) await this.#config.tokens.end(record.id_hash)
    }
  }

  async #admitAndServe(
    call: ApiCall,
    route: Route | undefined,
    caller: Caller | undefined,
    spent: boolean,
  ): Promise<ApiOutcome> {
    const admitted = { ...(await this.#admit(call, route, caller)), spent }
    return admitted.route.mount.track(() => this.#serve(call, admitted))
  }

  /** Undefined only on paths that are open to strangers. */
  async #authenticate(call: ApiCall, open: boolean): Promise<Caller | undefined> {
    // A token that came to life while the body was thrown away must not be given an empty one to act on.
    const record = call.unread === undefined ? this.#config.tokens.find(call.token) : undefined
    if (record) return { token: call.token, record, acl: this.#config.authorizer.aclFor(record) }
    if (open && call.unread === undefined) return undefined
    const refusal = permissionDenied()
    await this.#config.audit.request(call, undefined, undefined, call.operation, refusal)
    throw refusal
  }

  /** Decides whether the caller may; the audit line of the decision is durable when this resolves or rejects. */
  async #admit(call: ApiCall, route: Route | undefined, caller: Caller | undefined): Promise<Omit<Admitted, 'spent'>> {
    let operation: Operation = call.operation
    let refusal: RequestError | undefined
    try {
      operation = await this.#operation(call, route)
      if (!this.#allowed(call, route, caller, operation)) throw policyDenied()
      if (!route || route.mount.entry.tainted) throw noRoute(call.path)
    } catch (thrown) {
      refusal = fromUnknown(thrown)
    }
    await this.#config.audit.request(call, caller, route?.mount, operation, refusal)
    if (refusal || !route) throw refusal ?? permissionDenied()
    return { caller, route, request: this.#request(call, caller, route, operation) }
  }

  #allowed(call: ApiCall, route: Route | undefined, caller: Caller | undefined, operation: Operation): boolean {
    const special = route?.mount.backend?.specialPaths
    if (route && special && matchesSpecial(special.unauthenticated, route.path)) return true
    const needsSudo = route !== undefined && special !== undefined && matchesSpecial(special.root, route.path)
    return caller?.acl.allows({ operation, path: call.path, data: call.data, needsSudo }) ?? false
  }

  /** create or update: the engine knows whether the object is there. Unknown paths fail later, with their own words. */
  async #operation(call: ApiCall, route: Route | undefined): Promise<Operation> {
    if (call.operation !== 'update' || !route?.mount.backend || route.mount.entry.tainted) return call.operation
    try {
      const exists = await route.mount.backend.handleExistenceCheck(this.#request(call, undefined, route, 'update'))
      return exists === false ? 'create' : 'update'
    } catch (thrown) {
      const error = fromUnknown(thrown)
      if (error.kind === 'unsupported_path') return 'update'
      throw error
    }
  }

  #request(call: ApiCall, caller: Caller | undefined, route: Route, operation: Operation): Request {
    const { mount, path } = route
    const request: Request = {
      id: call.id,
      operation,
      path,
      data: call.data,
      storage: mount.storage,
      client_token: mount.salted(call.token),
      client_token_accessor: caller?.record.accessor ?? '',
      display_name: caller?.record.display_name ?? '',
      entity_id: caller?.record.entity_id ?? '',
      mount_point: mount.entry.path,
      remote_addr: call.remote_addr,
      signal: call.signal,
    }
    if (caller) rememberCaller(request, caller)
    return request
  }

  async #serve(call: ApiCall, admitted: Admitted): Promise<ApiOutcome> {
    const { caller, route, request } = admitted
    let outcome: ApiOutcome
    try {
      // Asked again: the mount may have gone while the audit line was being written.
      const now = this.#config.router.find(call.path)
      if (now?.mount !== route.mount || route.mount.entry.tainted) throw noRoute(call.path)
      outcome = await this.#answer(call, admitted, await route.mount.engine().handleRequest(request))
    } catch (thrown) {
      const error = fromUnknown(thrown)
      if (error.kind === 'internal')
        this.#config.logger.error(
          { cause: error.cause ?? error, path: call.path, request_id: call.id },
          'request failed inside the server',
        )
      await this.#config.audit.response(call, caller, route.mount, request.operation, undefined, error)
      throw error
    }
    try {
      await this.#config.audit.response(call, caller, route.mount, request.operation, outcome, undefined)
    } catch (unwritten) {
      // The client will not see the secret, so nobody may hold it.
      if (outcome.lease) await this.#config.leases.revokeLater(outcome.lease.lease_id)
      if (outcome.auth?.client_token) await this.#endUnseen(outcome.auth.client_token, call)
      throw unwritten
    }
    return outcome
  }

  /** Of a renewal or a look-up the client holds the token already: only what this call made ends. */
  async #endUnseen(token: string, call: ApiCall): Promise<void> {
    const record = this.#config.tokens.find(token)
    if (record?.path === call.path) await this.#config.tokens.end(record.id_hash)
  }

  async #answer(call: ApiCall, admitted: Admitted, response: Response | undefined): Promise<ApiOutcome> {
    const { mount } = admitted.route
    const plain = { operation: call.operation, path: call.path, mount_type: mount.entry.type, response }
    // The token store answers with tokens it has made; what a login may have is made here.
    if (response?.auth && mount.entry.type === 'token') return { ...plain, auth: response.auth }
    if (response?.auth && isAuthPath(mount.entry.path)) {
      const { path: mountPath } = mount.entry
      const { auth, warnings } = await tokenOfLogin(this.#config.tokens, {
        auth: response.auth,
        path: call.path,
        mountPath,
        limits: mount.limits(),
      })
      return { ...plain, response: { ...response, warnings: [...(response.warnings ?? []), ...warnings] }, auth }
    }
    if (!response?.secret) return plain
    // The system engine tells of a lease that exists already.
    if (mount.entry.type === 'system') return { ...plain, lease: leaseOf(response.secret) }
    // KV states how long a copy may be kept; there is nothing to revoke.
    if (mount.entry.type === 'kv')
      return { ...plain, lease: { lease_id: '', ttl: response.secret.lease_options.ttl, renewable: false } }
    const lease = await this.#lease(call, admitted, mount, response.secret)
    return { ...plain, response: { ...response, warnings: [...(response.warnings ?? []), ...lease.warnings] }, lease }
  }

  async #lease(call: ApiCall, { caller, spent }: Admitted, mount: Mount, secret: Secret) {
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

const isOpen = (route: Route | undefined): boolean =>
  route?.mount.backend !== undefined && matchesSpecial(route.mount.backend.specialPaths.unauthenticated, route.path)

const leaseOf = ({ lease_id, lease_options }: Secret): { lease_id: string; ttl: number; renewable: boolean } => ({
  lease_id: lease_id ?? '',
  ttl: lease_options.ttl,
  renewable: lease_options.renewable,
})

/** Worded as Vault words what its policies refuse; clients look for it. */
const policyDenied = (): RequestError =>
  new RequestError('permission_denied', '1 error occurred:\n\t* permission denied\n\n')

const noRoute = (path: string): RequestError =>
  new RequestError('unsupported_path', `no handler for route ${JSON.stringify(path)}. route entry not found.`)

function checkPath(call: ApiCall): void {
  if (call.path === '') throw noRoute(call.path)
  if (/[\u0000-\u001f\u007f]/.test(call.path)) throw badRequest('path cannot contain non-printable characters')
  if (call.path.split('/').some((segment) => segment === '.' || segment === '..'))
    throw badRequest('path cannot contain relative segments such as ".."')
  if ((call.operation === 'update' || call.operation === 'patch') && call.path.endsWith('/'))
    throw badRequest("cannot write to a path ending in '/'")
}
