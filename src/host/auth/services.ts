import type { LeaseLimits } from '../../framework/lease.ts'
import type { Clock } from '../../logical/clock.ts'
import type { Authorizer } from './authorizer.ts'
import type { TokenStore } from './token-store.ts'

/** What the token engine's paths work on. */
export interface TokenServices {
  readonly clock: Clock
  readonly tokens: TokenStore
  readonly authorizer: Authorizer
  /** TTL bounds of `auth/token/`, as tuned now. */
  readonly limits: () => LeaseLimits
}
