import type { Clock } from '../../logical/clock.ts'
import { RequestError } from '../../logical/errors.ts'
import type { Request } from '../../logical/request.ts'
import type { Response } from '../../logical/response.ts'
import type { LeaseCall } from '../lease/lease-entry.ts'
import type { Mount } from '../base/mount.ts'
import type { Router } from '../base/router.ts'

/** The longest an engine may work on one request. */
export const requestLimitMs = 90_000

/** A signal that aborts with the client's, or when the limit is hit. Call `done` when the work has ended. */
export function limitedSignal(
  clock: Clock,
  limitMs: number,
  client?: AbortSignal,
): { signal: AbortSignal; done: () => void } {
  const limit = new AbortController()
  const cancel = clock.after(limitMs, () => {
    limit.abort()
  })
  const signal = client ? AbortSignal.any([client, limit.signal]) : limit.signal
  return { signal, done: cancel }
}

/** Renew, revoke and rollback: requests the host itself starts. */
export class EngineCalls {
  readonly #router: Router
  readonly #clock: Clock

  constructor(router: Router, clock: Clock) {
    this.#router = router
    this.#clock = clock
  }

  async lease(call: LeaseCall): Promise<Response | undefined> {
    const route = this.#router.find(call.path)
    if (!route) throw new RequestError('unsupported_path', `no engine serves ${call.path}`)
    const { internal_data, ttl, max_ttl, renewable, increment, issue_time } = call
    return this.#run(route.mount, {
      operation: call.operation,
      path: route.path,
      secret: { internal_data, lease_options: { ttl, max_ttl, renewable, increment, issue_time } },
    })
  }

  /** What the auth method that made a token by a login at `path` says of renewing it. `metadata` is the token's. */
  async renewLogin(path: string, metadata: Readonly<Record<string, string>>): Promise<Response | undefined> {
    const route = this.#router.find(path)
    if (!route) throw new RequestError('unsupported_path', `no auth method serves ${path}`)
    return this.#run(route.mount, {
      operation: 'renew',
      path: route.path,
      secret: {
        internal_data: { ...metadata, secret_type: 'login' },
        lease_options: { ttl: 0, max_ttl: 0, renewable: true },
      },
    })
  }

  async rollback(mount: Mount): Promise<void> {
    await this.#run(mount, { operation: 'rollback', path: '' })
  }

  async #run(mount: Mount, request: Pick<Request, 'operation' | 'path' | 'secret'>): Promise<Response | undefined> {
    const { signal, done } = limitedSignal(this.#clock, requestLimitMs)
    const late = new Promise<never>((_resolve, reject) => {
      signal.addEventListener(
        'abort',
        () => {
          reject(new RequestError('unavailable', `the engine at ${mount.entry.path} did not respond in time`))
        },
        { once: true },
      )
    })
    try {
      const response = mount.engine().handleRequest({
        id: '',
        ...request,
        data: {},
        storage: mount.storage,
        client_token: mount.salted(''),
        client_token_accessor: '',
        display_name: '',
        entity_id: '',
        mount_point: mount.entry.path,
        remote_addr: '',
        signal,
      })
      return await Promise.race([response, late])
    } finally {
      done()
    }
  }
}
