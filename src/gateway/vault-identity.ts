import { Backoff } from '../logical/backoff.ts'
import { delay } from '../logical/clock.ts'
import type { Clock } from '../logical/clock.ts'
import { RequestError } from '../logical/errors.ts'
import type { Logger } from '../logical/log.ts'
import { LoginRefused, createVaultClient, watchTokenLifetime } from '../vault-client/index.ts'
import type { LifetimeWatcher, TokenGrant, VaultClient } from '../vault-client/index.ts'

/** Where Vault is. */
export interface VaultPlace {
  /** `https://vault.internal:8200`, or the nodes of one cluster. */
  readonly address: string | readonly string[]
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

const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 1_000
/** Not oftener does a login replace a token: where policies are what is wrong, each would only leave a token behind. */
const REPLACE_EVERY_MS = 10_000
/** A login that finds its token leaves none behind; the right one may be put there at any time. */
const FIND_EVERY_MS = 2_000
/** How long a token that Vault has vouched for is not doubted again. */
const VOUCHED_MS = 5_000
/** How long a refused login is not tried again by those who ask for its reason. */
const REFUSED_MS = 5_000

/**
 * A Vault client under a token that is kept alive, renewed or replaced for as long as the process runs. What its client rejects
 * with is never the fault of a token that has died: that is replaced and the request made again, or it is `unavailable`.
 */
export class VaultIdentity {
  readonly client: VaultClient
  readonly #config: IdentityConfig
  readonly #inner: VaultClient
  readonly #stop = new AbortController()
  #watcher: LifetimeWatcher
  #replacing: Promise<void> | undefined
  #replacedAtMs = -Infinity
  /** What the last login gave. */
  #granted: TokenGrant | undefined
  #checking: Promise<boolean> | undefined
  #vouchedAtMs = -Infinity
  /** Why Vault refused the last login that was to replace a token, if it did. */
  #refused: string | undefined
  #refusedAtMs = -Infinity

  constructor(config: IdentityConfig) {
    this.#config = config
    const { address, namespace, caFile, clock } = config
    const place = {
      address,
      clock,
      ...(namespace === undefined ? {} : { namespace }),
      ...(caFile === undefined ? {} : { caFile }),
    }
    this.#inner = createVaultClient({ ...place, token: () => this.#watcher.token() })
    this.client = config.login ? this.#guarded(this.#inner) : this.#inner
    this.#watcher = this.#watch(config.token)
  }

  /** Vault's reason where there is no token because Vault said no; undefined while there is one, and in an outage. */
  get refusal(): string | undefined {
    const isRecent = this.#config.clock.monotonic() - this.#refusedAtMs < REFUSED_MS
    return isRecent ? this.#refused : this.#watcher.refusal
  }

  /** Resolves once there is a token; tries for as long as that takes. Requests are `unavailable` until then. */
  async start(): Promise<void> {
    const { clock, logger } = this.#config
    const backoff = new Backoff({ firstMs: FIRST_PAUSE_MS, longestMs: LONGEST_PAUSE_MS })
    let told: string | undefined
    while (!this.#stop.signal.aborted) {
      try {
        await this.#watcher.start()
        return
      } catch (error) {
        const reason = reasonOf(error)
        if (reason !== told) logger.warn({ error: reason }, 'Vault issues no token yet; still trying')
        told = reason
        await delay(clock, backoff.next(), this.#stop.signal)
      }
    }
  }

  /**
   * Vault refused what the present token asked for: logs in again where there is a login and it has not just done so. Rejects with
   * `LoginRefused` when Vault says no to that too.
   */
  async replace(): Promise<void> {
    if (!this.#config.login || this.#replacedLately()) return
    await (this.#replacing ??= this.#replace().finally(() => {
      this.#replacing = undefined
    }))
  }

  async close(): Promise<void> {
    this.#stop.abort()
    this.#watcher.stop()
    await this.#inner.close()
  }

  async #replace(): Promise<void> {
    const { clock, logger } = this.#config
    const watcher = this.#watch(undefined)
    const before = this.#granted?.token
    await watcher.start().catch((error: unknown) => {
      this.#refused = watcher.refusal
      this.#refusedAtMs = clock.monotonic()
      throw error instanceof RequestError && finalKinds.has(error.kind) ? new LoginRefused(error) : error
    })
    if (this.#stop.signal.aborted) {
      watcher.stop()
      return
    }
    // The token before is left to run out: leases that were asked for with it end with it.
    this.#watcher.stop()
    this.#watcher = watcher
    this.#refused = undefined
    this.#replacedAtMs = clock.monotonic()
    if (this.#granted?.token !== before) logger.info({}, 'logged in to Vault again')
  }

  #replacedLately(): boolean {
    const everyMs = this.#granted?.isFound ? FIND_EVERY_MS : REPLACE_EVERY_MS
    return this.#config.clock.monotonic() - this.#replacedAtMs < everyMs
  }

  #watch(token: string | undefined): LifetimeWatcher {
    const { clock, random, logger, login } = this.#config
    return watchTokenLifetime({
      client: this.#inner,
      clock,
      random,
      logger,
      ...(token === undefined ? {} : { token }),
      ...(login === undefined ? {} : { login: async (signal) => (this.#granted = await login(signal)) }),
    })
  }

  #guarded(inner: VaultClient): VaultClient {
    return Object.freeze<VaultClient>({
      request: (...call) => this.#send(() => inner.request(...call)),
      read: (...call) => this.#send(() => inner.read(...call)),
      list: (...call) => this.#send(() => inner.list(...call)),
      write: (...call) => this.#send(() => inner.write(...call)),
      delete: (...call) => this.#send(() => inner.delete(...call)),
      withToken: (token) => inner.withToken(token),
      close: () => inner.close(),
    })
  }

  /** Vault says 403 alike to a token that has died and to one that may not. What it refused it did not do, so it may be asked again. */
  async #send<T>(request: () => Promise<T>): Promise<T> {
    const token = this.#watcher.token()
    try {
      return await request()
    } catch (refusal) {
      if (!isRefusal(refusal)) throw refusal
      if (token === this.#watcher.token()) {
        if (this.#replacedLately() || (await this.#vouchedFor(token))) throw refusal
        await this.replace().catch((cause: unknown) => {
          if (cause instanceof LoginRefused) throw cause
          throw new RequestError(
            'unavailable',
            `Vault has ended the token of this process and has not issued another yet: ${reasonOf(cause)}`,
            { cause },
          )
        })
      }
      return request()
    }
  }

  /** Does Vault still know the token? */
  async #vouchedFor(token: string): Promise<boolean> {
    if (this.#config.clock.monotonic() - this.#vouchedAtMs < VOUCHED_MS) return true
    return (this.#checking ??= this.#lookUp(token).finally(() => {
      this.#checking = undefined
    }))
  }

  async #lookUp(token: string): Promise<boolean> {
    try {
      await this.#inner.withToken(token).request('GET', 'auth/token/lookup-self', { signal: this.#stop.signal })
    } catch (error) {
      if (isRefusal(error)) return false
      throw error
    }
    this.#vouchedAtMs = this.#config.clock.monotonic()
    return true
  }
}

/** What a login is refused with where its role, its secret id, its auth method or its namespace is gone. */
const finalKinds: ReadonlySet<string> = new Set([
  'bad_request',
  'permission_denied',
  'unauthenticated',
  'unsupported_path',
  'not_found',
])

const isRefusal = (error: unknown): boolean =>
  error instanceof RequestError && (error.kind === 'permission_denied' || error.kind === 'unauthenticated')
const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : 'unexpected')
