import type { Router } from '../base/router.ts'
import type { EntityStore } from './entity-store.ts'

export interface IdentityServices {
  readonly entities: EntityStore
  readonly router: Router
}
