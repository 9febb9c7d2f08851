import type { Clock } from './clock.ts'
import type { Logger } from './log.ts'
import type { Request } from './request.ts'
import type { Response } from './response.ts'
import type { Storage } from './storage.ts'

/** What an engine may ask of its host. Durations in seconds. */
export interface SystemView {
  /** The mount's tuned value, else the server's. */
  defaultLeaseTtl(): Promise<number>
  maxLeaseTtl(): Promise<number>
  /** True while the mount is being removed. */
  tainted(): Promise<boolean>
  /** True where storage may not be written: standbys and secondaries. Issuing paths ask before any side effect. */
  readOnly(): Promise<boolean>
}

/** API paths relative to the mount; `*` only as last character, `+` for one whole segment (unauthenticated only). */
export interface SpecialPaths {
  /** Paths that need the `sudo` capability. */
  readonly root: readonly string[]
  readonly unauthenticated: readonly string[]
}

/** One mounted engine, as hosts drive it. */
export interface Backend {
  readonly type: 'secret' | 'auth'
  readonly specialPaths: SpecialPaths
  /**
   * Who makes the leases and tokens that responses speak of. `host`: a secret gets a lease, a login gets a token. `engine`: they
   * exist already (the token store, the system engine), or the response only says how long a copy may be kept (KV).
   */
  readonly leasing: 'host' | 'engine'
  /** Called once after mounting; storage may be read and written from here on. */
  initialize(): Promise<void>
  /** Rejects with `RequestError`. */
  handleRequest(request: Request): Promise<Response | undefined>
  /** Before a write is authorised: does the object exist? `undefined` = the path has no such question (treated as update). */
  handleExistenceCheck(request: Request): Promise<boolean | undefined>
  /** A stored key changed elsewhere: drop caches. Never writes. */
  invalidateKey(key: string): void
  cleanup(): Promise<void>
}

/** What a host hands an engine when mounting it. `config` holds the mount's options. */
export interface BackendConfig {
  readonly storage: Storage
  readonly system: SystemView
  readonly logger: Logger
  readonly clock: Clock
  /** Cryptographic randomness: `bytes` of it. */
  readonly random: (bytes: number) => Uint8Array
  readonly config: Readonly<Record<string, string>>
  /** Stable for the life of the mount; empty at registration probes. */
  readonly backend_uuid: string
}

export type Factory = (config: BackendConfig) => Promise<Backend>
