import { permissionDenied } from '../../logical/errors.ts'
import type { Request } from '../../logical/request.ts'
import type { HostAcl } from './authorizer.ts'
import type { TokenRecord } from './token-record.ts'

/** Who is asking. Known to the host's own engines only: what others get is the salted hash in `Request.client_token`. */
export interface AuthenticatedCaller {
  readonly token: string
  readonly record: TokenRecord
  readonly acl: HostAcl
}

const callers = new WeakMap<Request, AuthenticatedCaller>()

export function rememberCaller(request: Request, caller: AuthenticatedCaller): void {
  callers.set(request, caller)
}

/** The caller behind a request of a built-in engine; 403 when it came without a valid token (to an unauthenticated path). */
export function callerOf(request: Request): AuthenticatedCaller {
  const caller = callers.get(request)
  if (!caller) throw permissionDenied()
  return caller
}
