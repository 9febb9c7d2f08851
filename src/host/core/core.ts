import { matchesSpecial } from '../../framework/pattern.ts'
import type { Clock } from '../../logical/clock.ts'
import { RequestError, badRequest, fromUnknown, permissionDenied } from '../../logical/errors.ts'
import type { Operation, Request } from '../../logical/request.ts'
import type { AuditBroker } from '../audit/broker.ts'
import type { Authorizer } from '../auth/authorizer.ts'
import type { TokenStore } from '../auth/token-store.ts'
import { rememberCaller } from '../auth/caller.ts'
import type { AuthenticatedCaller } from '../auth/caller.ts'
import type { Wrapping } from '../wrapping/wrapping.ts'
import { isWithin } from '../base/cidr.ts'
import type { ApiCall, ApiOutcome } from '../base/call.ts'
import { limitedSignal, requestLimitMs } from './engine-call.ts'
import type { Issuing } from './issuing.ts'
import type { Route, Router } from '../base/router.ts'

export interface CoreConfig {
  readonly clock: Clock
  readonly router: Router
  readonly tokens: TokenStore
  readonly authorizer: Authorizer
  readonly issuing: Issuing
  readonly audit: AuditBroker
  readonly wrapping: Wrapping
}

interface Admitted {
  /** Missing on unauthenticated paths. */
  readonly caller: AuthenticatedCaller | undefined
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

  async #handle(request: ApiCall): Promise<ApiOutcome> {
    const call = await this.#withWrappingToken(request)
    const route = this.#config.router.find(call.path)
    const open = isOpen(route)
    const known = await this.#authenticate(call, open)
    if (!known) return this.#admitAndServe(call, route, undefined, false)
    const { record, spent } = this.#config.wrapping.isFree(call, known.record)
      ? { record: known.record, spent: false }
      : await this.#config.tokens.use(known.record)
    try {
      return await this.#admitAndServe(call, route, { ...known, record }, spent)
    } finally {
      if (spent) await this.#config.tokens.end(record.id_hash)
    }
  }

  async #withWrappingToken(call: ApiCall): Promise<ApiCall> {
    try {
      return this.#config.wrapping.admit(call)
    } catch (thrown) {
      await this.#config.audit.request(call, undefined, undefined, call.operation, fromUnknown(thrown))
      throw thrown
    }
  }

  async #admitAndServe(
    call: ApiCall,
    route: Route | undefined,
    caller: AuthenticatedCaller | undefined,
    spent: boolean,
  ): Promise<ApiOutcome> {
    const admitted = { ...(await this.#admit(call, route, caller)), spent }
    return admitted.route.mount.track(() => this.#serve(call, admitted))
  }

  /** Undefined only on paths that are open to unauthenticated callers. */
  async #authenticate(call: ApiCall, open: boolean): Promise<AuthenticatedCaller | undefined> {
    // A token that came to life while the body was thrown away must not be given an empty one to act on.
    const record = call.unread === undefined ? this.#config.tokens.find(call.token) : undefined
    if (record && isWithin(record.bound_cidrs, call.remote_addr) && this.#config.authorizer.admits(record))
      return { token: call.token, record, acl: this.#config.authorizer.aclFor(record) }
    if (open && call.unread === undefined) return undefined
    const refusal = permissionDenied()
    await this.#config.audit.request(call, undefined, undefined, call.operation, refusal)
    throw refusal
  }

  /** Decides whether the caller may; the audit line of the decision is durable when this resolves or rejects. */
  async #admit(
    call: ApiCall,
    route: Route | undefined,
    caller: AuthenticatedCaller | undefined,
  ): Promise<Omit<Admitted, 'spent'>> {
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

  #allowed(
    call: ApiCall,
    route: Route | undefined,
    caller: AuthenticatedCaller | undefined,
    operation: Operation,
  ): boolean {
    const special = route?.mount.backend?.specialPaths
    if (route && special && matchesSpecial(special.unauthenticated, route.path)) return true
    const needsSudo = route !== undefined && special !== undefined && matchesSpecial(special.root, route.path)
    const wrapTtl = call.wrap_ttl === undefined ? {} : { wrapTtl: call.wrap_ttl }
    return caller?.acl.allows({ operation, path: call.path, data: call.data, needsSudo, ...wrapTtl }) ?? false
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

  #request(call: ApiCall, caller: AuthenticatedCaller | undefined, route: Route, operation: Operation): Request {
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
      ...(call.wrap_ttl !== undefined && { wrap: { ttl: call.wrap_ttl } }),
      signal: call.signal,
    }
    if (caller) rememberCaller(request, caller)
    return request
  }

  async #serve(call: ApiCall, admitted: Admitted): Promise<ApiOutcome> {
    const { caller, route, request } = admitted
    const made = await this.#perform(call, admitted)
    let outcome = made
    try {
      outcome = await this.#config.wrapping.wrap(call, made)
      await this.#config.audit.response(call, caller, route.mount, request.operation, outcome, undefined)
    } catch (unwritten) {
      await this.#config.issuing.takeBack(call, made, outcome.response?.wrap_info?.token)
      throw unwritten
    }
    return outcome
  }

  async #perform(call: ApiCall, { caller, route, request, spent }: Admitted): Promise<ApiOutcome> {
    try {
      // Asked again: the mount may have gone while the audit line was being written.
      const now = this.#config.router.find(call.path)
      if (now?.mount !== route.mount || route.mount.entry.tainted) throw noRoute(call.path)
      const response = await route.mount.engine().handleRequest(request)
      return await this.#config.issuing.outcome(call, { caller, mount: route.mount, spent }, response)
    } catch (thrown) {
      const error = fromUnknown(thrown)
      await this.#config.audit.response(call, caller, route.mount, request.operation, undefined, error)
      throw error
    }
  }
}

const isOpen = (route: Route | undefined): boolean =>
  route?.mount.backend !== undefined && matchesSpecial(route.mount.backend.specialPaths.unauthenticated, route.path)

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
