import type { Request } from '../logical/request.ts'
import type { Response } from '../logical/response.ts'
import type { LeaseOptions, Secret } from '../logical/secret.ts'

/** A declared kind of leased answer. `renew` and `revoke` read only `request.secret.internal_data`, so leases survive upgrades. */
export interface SecretType {
  readonly type: string
  renew(request: Request, secret: Secret): Promise<Response | undefined>
  /** Idempotent: revoking what is gone succeeds. */
  revoke(request: Request, secret: Secret): Promise<Response | undefined>
}

/** A secret of `type`; the tag travels in its internal data (Vault's own convention). */
export function leased(
  type: SecretType['type'],
  internal_data: Record<string, unknown>,
  lease_options: LeaseOptions,
): Secret {
  return { lease_options, internal_data: { ...internal_data, secret_type: type } }
}
