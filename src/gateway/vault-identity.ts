import { delay } from '../logical/clock.ts'
import type { Clock } from '../logical/clock.ts'
import type { Logger } from '../logical/log.ts'
import { createVaultClient, watchTokenLifetime } from '../vault-client/index.ts'
import type { LifetimeWatcher, TokenGrant, VaultClient } from '../vault-client/index.ts'

/** Where Vault is. */
export interface VaultPlace {
  /** `https://vault.internal:8200` */
  readonly address: string
  readonly namespace?: string
  /** PEM file of the authorities to trust instead of the machine's. */
  readonly caFile?: string
}

/** One Vault token of this process, or a way to get one. Either must be given. */
export interface VaultCredentials {
  readonly token?: string
  readonly login?: (signal: AbortSignal) => Promise<TokenGrant>
}

export interface IdentityConfig extends VaultPlace, VaultCredentials {
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
  readonly logger: Logger
}

const RETRY_MS = 1_000

/** A Vault client under a token that is kept alive, renewed or replaced for as long as the process runs. */
export class VaultIdentity {
  readonly client: VaultClient
  readonly #config: IdentityConfig
  readonly #stop = new AbortController()
  #watcher: LifetimeWatcher

  constructor(config: IdentityConfig) {
    this.#config = config
    const { address, namespace, caFile, clock } = config
    const place = { address, clock, ...(namespace === undefined ? {} : { namespace }), ...(caFile === undefined ? {} : { caFile }) }
    this.client = createVaultClient({ ...place, token: () => this.#watcher.token() })
    this.#watcher = this.#watch(config.token)
  }

  /** Resolves once there is a token; tries for as long as that takes. Requests are `unavailable` until then. */
  async start(): Promise<void> {
    const { clock, logger } = this.#config
    while (!this.#stop.signal.aborted) {
      try {
        await this.#watcher.start()
        return
      } catch (error) {
        logger.warn({ error: error instanceof Error ? error.message : 'unexpected' }, 'Vault gives no token yet')
        await delay(clock, RETRY_MS, this.#stop.signal)
      }
    }
  }

  /** Vault refused the present token: logs in again where there is a login. */
  async replace(): Promise<void> {
    if (!this.#config.login) return
    const watcher = this.#watch(undefined)
    await watcher.start()
    this.#watcher.stop()
    this.#watcher = watcher
  }

  async close(): Promise<void> {
    this.#stop.abort()
    this.#watcher.stop()
    await this.client.close()
  }

  #watch(token: string | undefined): LifetimeWatcher {
    const { clock, random, logger, login } = this.#config
    return watchTokenLifetime({ client: this.client, clock, random, logger, ...(token === undefined ? {} : { token }), ...(login === undefined ? {} : { login }) })
  }
}
