/** KV and an issuer under virtual time, which fail as a seed has it. */
import { GatewayCallError } from '../../../src/gateway/call/call-error.ts'
import { TokenEndpointError } from '../../../src/gateway/call/token-response.ts'
import { OperatorLog } from '../../../src/gateway/proxy/operator-log.ts'
import { Refresher } from '../../../src/gateway/proxy/refresher.ts'
import type { TokenExchange } from '../../../src/gateway/proxy/token-endpoint.ts'
import { delay } from '../../../src/logical/clock.ts'
import { silentLogger } from '../../../src/logical/log.ts'
import { VaultError } from '../../../src/vault-client/index.ts'
import type { VaultClient } from '../../../src/vault-client/index.ts'
import { FakeClock } from '../../fakes/clock.ts'
import type { Random } from '../../sim/random.ts'

export const LIFE_MS = 300_000

export interface Faults {
  /** Of a request to Vault: it does not arrive, or its response does not. */
  readonly vault: number
  /** The same of the issuer. */
  readonly issuer: number
  /** The issuer has no time for it. */
  readonly busy: number
  /** The gateway dies in an exchange. */
  readonly deaths: number
}

/** A gateway that can die at any moment: nothing it has begun goes on then. */
export interface Process {
  readonly life: { isDead: boolean }
  readonly refresher: Refresher
}

const never = new Promise<never>(() => undefined)

export class FaultyWorld {
  readonly clock = new FakeClock()
  faults: Faults
  readonly #random: Random
  #kv: { version: number; data: unknown } | undefined
  #issued = 0
  /** The refresh token that is good. */
  #current: string | undefined
  readonly #consumed = new Set<string>()
  readonly #accessEnds = new Map<string, number>()
  /** A refresh token came again: the issuer takes it for stolen. */
  reused = 0
  exchanges = 0

  constructor(random: Random, faults: Faults) {
    this.#random = random
    this.faults = faults
  }

  /** A refresh token as its owner stores it. */
  authorize(): string {
    this.#current = `refresh-${String(++this.#issued)}`
    return this.#current
  }

  isGood(accessToken: string): boolean {
    return this.clock.now() < (this.#accessEnds.get(accessToken) ?? 0)
  }

  start(gatewayId: string): Process {
    const { clock } = this
    const life = { isDead: false }
    const isDead = () => life.isDead
    const refresher = new Refresher({
      vault: this.#vaultFor(isDead),
      clock,
      random: (bytes) => this.#random.bytes(bytes),
      unixMs: () => clock.now(),
      gatewayId,
      exchange: this.#exchangeFor(life),
      log: new OperatorLog({ clock, logger: silentLogger }),
    })
    return { life, refresher }
  }

  #vaultFor(isDead: () => boolean): VaultClient {
    const refuse = () => Promise.reject(new Error('is not used here'))
    const through = async <T>(handle: () => T): Promise<T> => {
      await this.#travel(isDead)
      if (this.#random.chance(this.faults.vault)) throw noResponse()
      // Whatever dies from now on, it is handled.
      const result = handle()
      await this.#travel(isDead)
      if (this.#random.chance(this.faults.vault)) throw noResponse()
      return result
    }
    return {
      request: refuse,
      list: refuse,
      delete: refuse,
      withToken: () => this.#vaultFor(isDead),
      close: () => Promise.resolve(),
      read: () =>
        through(() => {
          const kv = this.#kv
          return kv && { status: 200, raw: undefined, data: { data: kv.data, metadata: { version: kv.version } } }
        }),
      write: (_path, body) =>
        through(() => {
          const { data, options } = body as { data: unknown; options: { cas: number } }
          const version = this.#kv?.version ?? 0
          if (options.cas !== version)
            throw new VaultError('bad_request', 400, 'check-and-set parameter did not match the current version')
          this.#kv = { version: version + 1, data }
          return { status: 200, raw: undefined }
        }),
    }
  }

  #exchangeFor(life: Process['life']): TokenExchange {
    const isDead = () => life.isDead
    return async (_upstream, { body }) => {
      await this.#travel(isDead)
      if (this.#random.chance(this.faults.issuer)) throw new GatewayCallError('upstream_unreachable', 'no way')
      this.exchanges++
      if (this.#random.chance(this.faults.busy)) return { status: 503, text: 'later' }
      const result = this.#judge(new URLSearchParams(body).get('refresh_token')!)
      const isLost = this.#random.chance(this.faults.issuer)
      life.isDead ||= this.#random.chance(this.faults.deaths)
      await this.#travel(isDead)
      if (isLost) throw new TokenEndpointError('token_endpoint_unavailable', 'unknown', 'broke off')
      return result
    }
  }

  #judge(refreshToken: string): { status: number; text: string } {
    if (refreshToken !== this.#current) {
      if (this.#consumed.has(refreshToken)) this.reused++
      this.#current = undefined
      return { status: 400, text: '{"error":"invalid_grant"}' }
    }
    this.#consumed.add(refreshToken)
    const access = `access-${String(++this.#issued)}`
    this.#accessEnds.set(access, this.clock.now() + LIFE_MS)
    const body = { access_token: access, expires_in: LIFE_MS / 1000, refresh_token: this.authorize() }
    return { status: 200, text: JSON.stringify(body) }
  }

  async #travel(isDead: () => boolean): Promise<void> {
    await delay(this.clock, this.#random.chance(0.1) ? this.#random.between(100, 6_000) : this.#random.between(1, 40))
    if (isDead()) await never
  }
}

const noResponse = (): VaultError => new VaultError('unavailable', 0, 'no response')
