import { createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { Backend, SystemView } from '../../logical/backend.ts'
import { RequestError, badRequest } from '../../logical/errors.ts'
import type { Storage } from '../../logical/storage.ts'
import { hmacHex } from './ids.ts'

/** A mount's tunable values. Durations in seconds; 0 = the server's own. */
export interface MountConfig {
  readonly default_lease_ttl: number
  readonly max_lease_ttl: number
  readonly force_no_cache: boolean
  /** A version registered in the catalogue; '' for the engine as it is built in. Missing in what older versions stored. */
  readonly plugin_version?: string
  /** Field names whose values stay readable in the audit log. */
  readonly audit_non_hmac_request_keys: readonly string[]
  readonly audit_non_hmac_response_keys: readonly string[]
}

/** A mount as stored and as `sys/mounts` shows it. */
export interface MountEntry {
  /** From the API root, with trailing slash: `mcp/`, `auth/token/`. */
  readonly path: string
  readonly type: string
  readonly uuid: string
  readonly accessor: string
  readonly description: string
  readonly config: MountConfig
  readonly options: Readonly<Record<string, string>> | null
  readonly local: boolean
  readonly seal_wrap: boolean
  readonly external_entropy_access: boolean
  readonly tainted: boolean
}

export const systemDefaultLeaseTtl = 768 * 3600
export const systemMaxLeaseTtl = 768 * 3600

/** Auth methods are mounted below `auth/`, secrets engines anywhere else. */
export const isAuthPath = (path: string): boolean => path.startsWith('auth/')

export const untuned: MountConfig = {
  default_lease_ttl: 0,
  max_lease_ttl: 0,
  force_no_cache: false,
  audit_non_hmac_request_keys: [],
  audit_non_hmac_response_keys: [],
}

/** A mount at run time. `entry` is replaced, never changed in place. */
export class Mount {
  entry: MountEntry
  /** Missing when the engine failed to start; its paths answer 503 until it is enabled again. */
  backend: Backend | undefined
  readonly storage: Storage
  readonly system: SystemView
  readonly #salt: KeyObject
  readonly #running = new Set<Promise<unknown>>()

  constructor(entry: MountEntry, storage: Storage) {
    this.entry = entry
    this.storage = storage
    this.#salt = createSecretKey(Buffer.from(entry.uuid))
    this.system = {
      defaultLeaseTtl: () => Promise.resolve(this.limits().default_ttl),
      maxLeaseTtl: () => Promise.resolve(this.limits().max_ttl),
      tainted: () => Promise.resolve(this.entry.tainted),
      readOnly: () => Promise.resolve(false),
    }
  }

  /** Seconds: the tuned values, else the server's. */
  limits(): { default_ttl: number; max_ttl: number } {
    const config = this.entry.config
    const max_ttl = config.max_lease_ttl || systemMaxLeaseTtl
    return { default_ttl: Math.min(config.default_lease_ttl || systemDefaultLeaseTtl, max_ttl), max_ttl }
  }

  /**
   * It is going: no new request gets through, and the engine that looks for this mark lets go of those that wait. Said before any
   * lock is asked for, as real servers do, so that nothing stands behind a waiting request. The returned function puts it back.
   */
  taint(): () => void {
    const { tainted } = this.entry
    this.entry = { ...this.entry, tainted: true }
    return () => {
      this.entry = { ...this.entry, tainted }
    }
  }

  /** A caller's token as the engine sees it: stable within the mount, not reversible, different in every mount. */
  salted(token: string): string {
    return hmacHex(this.#salt, token)
  }

  engine(): Backend {
    if (!this.backend)
      throw new RequestError('unavailable', `the engine at ${this.entry.path} did not start; see the server's log`)
    return this.backend
  }

  /** Runs a request such that unmounting can wait for it. */
  async track<T>(task: () => Promise<T>): Promise<T> {
    const run = task()
    this.#running.add(run)
    try {
      return await run
    } finally {
      this.#running.delete(run)
    }
  }

  async idle(): Promise<void> {
    await Promise.allSettled([...this.#running])
  }
}

/** `config` as it is. Throws `bad_request` where the default life of leases is longer than the longest. */
export function checkTtls(config: MountConfig): MountConfig {
  const { default_lease_ttl, max_lease_ttl } = config
  if (max_lease_ttl > 0 && default_lease_ttl > max_lease_ttl) {
    throw badRequest(`default_lease_ttl (${default_lease_ttl} s) is longer than max_lease_ttl (${max_lease_ttl} s).`)
  }
  return config
}
