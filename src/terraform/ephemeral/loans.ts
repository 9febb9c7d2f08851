/** What was lent during this run and is to be taken back, also where Terraform does not get to ask for it. */
import type { Logger } from '../../logical/log.ts'
import { CallFailure } from '../call-failure.ts'
import type { Server } from '../server.ts'

/** What is needed to take a credential back; Terraform keeps it in memory. Not the token. */
export interface Loan {
  readonly lease_id: string
  /** `mcp/creds/<agent>/<session>`: closing it needs no right on leases. */
  readonly session_path: string
}

/** Terraform kills a provider two seconds after it asked it to end. */
const IN_HASTE_MS = 600

export class Loans {
  readonly #open = new Map<string, { readonly loan: Loan; readonly server: Server }>()
  readonly #logger: Logger
  #over = false

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** The run is ending: nothing is to be lent any more. */
  get over(): boolean {
    return this.#over
  }

  add(loan: Loan, server: Server): void {
    this.#open.set(loan.lease_id, { loan, server })
  }

  /** Rejects where it could not be; it is tried again at the end. */
  async takeBack(loan: Loan, server: Server, within?: number): Promise<void> {
    const limit = within === undefined ? {} : { within }
    try {
      await server.request('PUT', 'sys/leases/revoke', { body: { lease_id: loan.lease_id, sync: true }, ...limit })
    } catch (error) {
      if (
        !(error instanceof CallFailure) ||
        (error.error.kind !== 'permission_denied' && error.error.kind !== 'bad_request')
      )
        throw error
      // The token may not revoke leases, or this one is over: whoever opened a session may close it.
      await server.request('DELETE', loan.session_path, limit)
    }
    this.#open.delete(loan.lease_id)
  }

  /** Never rejects. Within the time a provider has left. */
  async takeAllBack(): Promise<void> {
    this.#over = true
    await Promise.all(
      [...this.#open.values()].map(async ({ loan, server }) => {
        try {
          await this.takeBack(loan, server, IN_HASTE_MS)
        } catch (error) {
          this.#logger.warn(
            { lease_id: loan.lease_id, error: error instanceof Error ? error.message : String(error) },
            'a credential could not be revoked; it ends by its TTL',
          )
        }
      }),
    )
  }
}
