/** The leases opened during this run, to be revoked even where Terraform has no chance to ask for it. */
import type { Logger } from '../../logical/log.ts'
import { CallFailure } from '../call-failure.ts'
import type { Server } from '../server.ts'

/** What it takes to revoke a credential; Terraform keeps it in memory. Not the token. */
export interface HeldLease {
  readonly lease_id: string
  /** `mcp/creds/<agent>/<session>`: closing it needs no right on leases. */
  readonly session_path: string
}

/** Terraform kills a provider two seconds after it asked it to end. */
const SHUTDOWN_REVOKE_MS = 600

export class HeldLeases {
  readonly #open = new Map<string, { readonly lease: HeldLease; readonly server: Server }>()
  readonly #logger: Logger
  #over = false

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** The run is ending: no further lease may be opened. */
  get over(): boolean {
    return this.#over
  }

  add(lease: HeldLease, server: Server): void {
    this.#open.set(lease.lease_id, { lease, server })
  }

  /** Rejects where that failed; it is tried again at the end. */
  async revoke(lease: HeldLease, server: Server, within?: number): Promise<void> {
    const limit = within === undefined ? {} : { within }
    try {
      await server.request('PUT', 'sys/leases/revoke', { body: { lease_id: lease.lease_id, sync: true }, ...limit })
    } catch (error) {
      if (
        !(error instanceof CallFailure) ||
        (error.error.kind !== 'permission_denied' && error.error.kind !== 'bad_request')
      )
        throw error
      // The token may not revoke leases, or this one is over: the token that opened a session may close it.
      await server.request('DELETE', lease.session_path, limit)
    }
    this.#open.delete(lease.lease_id)
  }

  /** Never rejects. Within the time a provider has left. */
  async revokeAll(): Promise<void> {
    this.#over = true
    await Promise.all(
      [...this.#open.values()].map(async ({ lease, server }) => {
        try {
          await this.revoke(lease, server, SHUTDOWN_REVOKE_MS)
        } catch (error) {
          this.#logger.warn(
            { lease_id: lease.lease_id, error: error instanceof Error ? error.message : String(error) },
            'a credential could not be revoked; it ends by its TTL',
          )
        }
      }),
    )
  }
}
