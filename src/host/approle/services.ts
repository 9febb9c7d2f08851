import type { SystemView } from '../../logical/backend.ts'
import type { RoleStore } from './role-store.ts'
import type { SecretIdStore } from './secret-id-store.ts'

/** What the paths of this auth method work on. */
export interface AppRoleServices {
  readonly roles: RoleStore
  readonly secretIds: SecretIdStore
  readonly system: SystemView
}
