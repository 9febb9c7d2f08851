import type { Clock } from '../../logical/clock.ts'
import type { AuditDevices } from '../audit/devices.ts'
import type { Authorizer } from '../auth/authorizer.ts'
import type { PolicyStore } from '../auth/policy-store.ts'
import type { TokenStore } from '../auth/token-store.ts'
import type { Random } from '../base/ids.ts'
import type { Mounts } from '../base/mounts.ts'
import type { Router } from '../base/router.ts'
import type { Expiration } from '../lease/expiration.ts'
import type { Monitors } from '../monitor/monitors.ts'
import type { Logger } from '../../logical/log.ts'
import type { Wrapping } from '../wrapping/wrapping.ts'
import type { PluginCatalog } from './plugin-catalog.ts'

/** What the system engine's paths work on. */
export interface SysServices {
  readonly clock: Clock
  readonly logger: Logger
  readonly random: Random
  readonly router: Router
  readonly mounts: Mounts
  readonly policies: PolicyStore
  readonly authorizer: Authorizer
  readonly tokens: TokenStore
  readonly leases: Expiration
  readonly audits: AuditDevices
  readonly catalog: PluginCatalog
  readonly wrapping: Wrapping
  readonly monitors: Monitors
  /** What has served this storage, oldest first. */
  readonly versions: () => readonly { readonly version: string; readonly installed: number }[]
  /** The Vault version clients are told. */
  readonly version: string
}
