import { Backoff, fractionOf, jitterOf } from '../logical/backoff.ts'
import { delay } from '../logical/clock.ts'
import type { Clock } from '../logical/clock.ts'
import { fromUnknown, RequestError } from '../logical/errors.ts'
import { silentLogger } from '../logical/log.ts'
import type { Logger } from '../logical/log.ts'
import type { VaultClient } from './client.ts'
import { refused } from './errors.ts'

/** What a login gives. `ttl` in seconds from when the login was asked for; 0 never expires. */
export interface TokenGrant {
  readonly token: string
  readonly ttl: number
  readonly renewable: boolean
  /** The login made no token but found one that there was already, as in a file: asking again leaves none behind. */
  readonly isFound?: boolean
}

export interface LifetimeWatcherOptions {
  /** Whose connections to use; its own token is not. */
  readonly client: VaultClient
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
  /** The token to begin with; without one, `start` logs in. */
  readonly token?: string
  /** Asked for a new token when the present one cannot be renewed, and again until it gives one. */
  readonly login?: (signal: AbortSignal) => Promise<TokenGrant>
  readonly logger?: Logger
}

/** Keeps this process's own Vault token alive. */
export interface LifetimeWatcher {
  /** Gets the first token, or looks up how long the given one lives. Throws what Vault says; may be called again then. */
  start(): Promise<void>
  /** The token of the moment. Throws `unavailable` before `start` and once the token has expired: an expired token's 403 must not look like the caller's. */
  token(): string
  /** Vault's reason where there is no token because Vault said no, which waiting does not fix; undefined else, in an outage too. */
  readonly refusal: string | undefined
  /** Ends the watch. The token is left to run out. */
  stop(): void
}

interface Held {
  readonly token: string
  readonly renewable: boolean
  /** Lifetime when the token was new, the measure for what a renewal gives. */
  readonly fullMs: number
  readonly ttlMs: number
  /** Monotonic; Infinity for a token that never expires. */
  readonly expiresAtMs: number
}

const SHORTEST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 30_000
const outages: readonly string[] = ['unavailable', 'sealed', 'rate_limited', 'internal', 'upstream_error']

const isOutage = (error: RequestError): boolean => outages.includes(error.kind)

export function watchTokenLifetime(options: LifetimeWatcherOptions): LifetimeWatcher {
  if (options.token === undefined && !options.login)
    throw refused('token: neither a token nor a login is given; one of them is needed')
  return new TokenWatch(options)
}

class TokenWatch implements LifetimeWatcher {
  readonly #options: LifetimeWatcherOptions
  readonly #logger: Logger
  readonly #stop = new AbortController()
  #held: Held | undefined
  #started: Promise<void> | undefined
  #told = ''
  #refused: string | undefined

  constructor(options: LifetimeWatcherOptions) {
    this.#options = options
    this.#logger = options.logger ?? silentLogger
  }

  start(): Promise<void> {
    this.#started ??= this.#begin().catch((thrown: unknown) => {
      this.#started = undefined
      this.#noteRefusal(fromUnknown(thrown))
      throw thrown
    })
    return this.#started
  }

  async #begin(): Promise<void> {
    const { token } = this.#options
    this.#held = token === undefined ? await this.#login() : await this.#lookUp(token)
    void this.#watch()
  }

  token(): string {
    const held = this.#held
    if (!held) throw new RequestError('unavailable', 'this process has no Vault token yet')
    if (this.#options.clock.monotonic() >= held.expiresAtMs)
      throw new RequestError('unavailable', 'the Vault token of this process has expired and could not be replaced')
    return held.token
  }

  get refusal(): string | undefined {
    const isHeld = this.#held !== undefined && this.#options.clock.monotonic() < this.#held.expiresAtMs
    return isHeld ? undefined : this.#refused
  }

  stop(): void {
    this.#stop.abort()
  }

  #noteRefusal(error: RequestError): void {
    this.#refused = isOutage(error) ? undefined : error.message
  }

  async #watch(): Promise<void> {
    const { clock } = this.#options
    while (!this.#stop.signal.aborted) {
      const held = this.#held
      if (!held || held.expiresAtMs === Infinity) return
      await this.#sleepUntil(clock.monotonic() + Math.max(this.#beforeRenewalMs(held), SHORTEST_PAUSE_MS))
      if (!(await this.#replace())) return
    }
  }

  /** Renews or logs in, as often as it takes. False when there is nothing left to try. */
  async #replace(): Promise<boolean> {
    const { clock, login } = this.#options
    const jitter = jitterOf(this.#options.random, 0.5, 1)
    const backoff = new Backoff({ firstMs: SHORTEST_PAUSE_MS, longestMs: LONGEST_PAUSE_MS, jitter })
    while (!this.#stop.signal.aborted && this.#held) {
      const held = this.#held
      const renewing = held.renewable && clock.monotonic() < held.expiresAtMs
      if (!renewing && !login) {
        this.#refused = 'its Vault token ran out, and there is no login to replace it'
        this.#logger.error({}, 'the Vault token of this process cannot be renewed and there is no login to replace it')
        return false
      }
      try {
        this.#held = renewing ? await this.#renew(held) : await this.#login()
        this.#told = ''
        return true
      } catch (thrown) {
        if (this.#stop.signal.aborted) return false
        const error = fromUnknown(thrown)
        this.#noteRefusal(error)
        this.#tell(error, renewing ? 'renewing the Vault token of this process failed' : 'logging in to Vault failed')
        // Vault has said no: this token will not be renewed, so a login, if there is one, is due now.
        if (renewing && !isOutage(error)) this.#held = { ...held, renewable: false }
        else {
          await this.#sleepUntil(this.#nextTryMs(held, backoff.next()))
        }
      }
    }
    return false
  }

  /** Once for each failure, however often it is met before the next success. */
  #tell({ kind, message: error }: RequestError, what: string): void {
    if (this.#told !== what + error) this.#logger.warn({ kind, error }, what)
    this.#told = what + error
  }

  /** While the token lives there is time; once it has expired everything waits for the next one. */
  #nextTryMs(held: Held, pauseMs: number): number {
    const nowMs = this.#options.clock.monotonic()
    return Math.min(nowMs + pauseMs, Math.max(held.expiresAtMs, nowMs + Math.min(pauseMs, SHORTEST_PAUSE_MS)))
  }

  async #lookUp(token: string): Promise<Held> {
    const sentAtMs = this.#options.clock.monotonic()
    const { data } = await this.#options.client
      .withToken(token)
      .request('GET', 'auth/token/lookup-self', { signal: this.#stop.signal })
    const ttl = data?.ttl
    if (typeof ttl !== 'number')
      throw new RequestError('unavailable', 'Vault did not say how long the token of this process lives')
    return this.#hold({ token, ttl, renewable: data?.renewable === true }, sentAtMs)
  }

  async #login(): Promise<Held> {
    const { clock, login } = this.#options
    const sentAtMs = clock.monotonic()
    const grant = await login!(this.#stop.signal)
    return this.#hold(grant, sentAtMs)
  }

  async #renew(held: Held): Promise<Held> {
    const sentAtMs = this.#options.clock.monotonic()
    const { auth } = await this.#options.client
      .withToken(held.token)
      .write('auth/token/renew-self', {}, { signal: this.#stop.signal })
    // Zero is how a token that never expires is described; of a renewal it says that nothing was gained.
    if (!auth || auth.lease_duration <= 0) return { ...held, renewable: false }
    const renewed = this.#hold({ token: held.token, ttl: auth.lease_duration, renewable: auth.renewable }, sentAtMs)
    // Near its maximum TTL a renewal gives less and less; with a login at hand the next step is a new token.
    const running = renewed.ttlMs < held.fullMs / 2 && this.#options.login !== undefined
    return { ...renewed, renewable: renewed.renewable && !running, fullMs: held.fullMs }
  }

  /** Life counts from when the request was sent: the server's count began later. */
  #hold({ token, ttl, renewable }: TokenGrant, sentAtMs: number): Held {
    const ttlMs = ttl * 1000
    return { token, renewable, fullMs: ttlMs, ttlMs, expiresAtMs: ttl === 0 ? Infinity : sentAtMs + ttlMs }
  }

  /** Two thirds of what is left, less up to a tenth, so that processes started together do not renew together. */
  #beforeRenewalMs(held: Held): number {
    return (((held.expiresAtMs - this.#options.clock.monotonic()) * 2) / 3) * (1 - 0.1 * this.#fraction())
  }

  /** In [0, 1]. */
  #fraction(): number {
    return fractionOf(this.#options.random)
  }

  async #sleepUntil(atMs: number): Promise<void> {
    const { clock } = this.#options
    // A clock cuts very long timers short, so the deadline is looked at again.
    while (clock.monotonic() < atMs && !this.#stop.signal.aborted)
      await delay(clock, atMs - clock.monotonic(), this.#stop.signal)
  }
}
