/** What Vault keeps of the leases it gave out: durable, and shared by the nodes of a cluster. */
import type { Secret } from '../../src/logical/secret.ts'

export interface Lease {
  readonly id: string
  /** Path below the mount it was issued at. */
  readonly path: string
  readonly secret: Secret
  readonly issuedUnixMs: number
  expiresUnixMs: number
  /** Names in the history. */
  readonly token: string
  readonly session: string
}

/** The secret as it is handed back to the engine. `issueTime` null = it never got as far as being registered. */
export const secretOf = (
  lease: Pick<Lease, 'secret' | 'id'>,
  issueTime: number | null,
  increment?: number,
): Secret => ({
  internal_data: structuredClone(lease.secret.internal_data),
  lease_id: lease.id,
  lease_options: {
    ...lease.secret.lease_options,
    issue_time: issueTime,
    ...(increment === undefined ? {} : { increment }),
  },
})
