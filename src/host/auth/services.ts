import type { LeaseLimits } from '../../framework/lease.ts'
import type { Clock } from '../../logical/clock.ts'
import type { Auth } from '../../logical/secret.ts'
import type { Authorizer } from './authorizer.ts'
import type { EntityStore } from '../identity/entity-store.ts'
import type { TokenRoleStore } from './role-store.ts'
import type { TokenRecord } from './token-record.ts'
import type { TokenStore } from './token-store.ts'

/** On what terms the token of a login is renewed: what its auth method answers now, within its mount's bounds. */
export interface RenewalTerms {
  readonly auth: Auth
  readonly limits: LeaseLimits
}

/** What the token engine's paths work on. */
export interface TokenServices {
  readonly clock: Clock
  readonly tokens: TokenStore
  readonly authorizer: Authorizer
  readonly roles: TokenRoleStore
  readonly entities: EntityStore
  /** TTL bounds of `auth/token/`, as tuned now. */
  readonly limits: () => LeaseLimits
  /** Undefined for tokens the token store made itself. */
  readonly renewalTerms: (record: TokenRecord) => Promise<RenewalTerms | undefined>
}
