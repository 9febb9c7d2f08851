import type { Clock } from '../../logical/clock.ts'
import type { JwtConfigStore } from './config.ts'
import type { JwtRoleStore } from './role-store.ts'

/** What the paths of this engine work on. */
export interface JwtServices {
  readonly config: JwtConfigStore
  readonly roles: JwtRoleStore
  readonly clock: Clock
}
