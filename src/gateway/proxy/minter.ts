/** Exchanges what a secret holds for short-lived tokens, and keeps those in memory while they live. */
import { hash } from 'node:crypto'
import { keepNewest } from '../../logical/bounded-map.ts'
import type { Clock } from '../../logical/clock.ts'
import type { Minting } from '../../scope/index.ts'
import type { VaultClient } from '../../vault-client/index.ts'
import { GatewayCallError } from '../call/call-error.ts'
import { tokenRequest } from '../call/token-request.ts'
import { readTokenResponse } from '../call/token-response.ts'
import type { UpstreamDocument } from '../../document/index.ts'
import type { OperatorLog } from './operator-log.ts'
import type { Seed } from './refresh-record.ts'
import { Refresher, tooShort } from './refresher.ts'
import type { TokenExchange } from './token-endpoint.ts'

/** What exchanging needs beside what reading a key does. */
export interface MintingDependencies {
  readonly exchange: TokenExchange
  readonly random: (bytes: number) => Uint8Array
  /** The engine's clock, which all gateways know. Unix milliseconds; Infinity while nothing is known of it. */
  readonly unixMs: () => number
  /** Random name of this process. */
  readonly gatewayId: string
}

export interface MinterConfig {
  readonly clock: Clock
  readonly vault: VaultClient
  readonly log: OperatorLog
  /** Undefined = nothing is exchanged here. */
  readonly minting?: MintingDependencies | undefined
}

/** One secret that is exchanged for a token. */
export interface MintUse {
  readonly upstream: UpstreamDocument
  readonly minting: Minting
  /** As `auth` spells it. */
  readonly placement: string
  /** Texts of the secret. */
  readonly fields: Readonly<Record<string, string>>
  /** The secret's place in its mount, and which version of it this is. */
  readonly secret: Pick<Seed, 'path' | 'version' | 'createdTime'>
  /** In the same mount: where gateways keep a refresh token that is replaced at each use. */
  readonly recordPath: string
}

export interface MintedCredential {
  readonly token: string
  /** What else came of exchanges and may not be seen. */
  readonly others: readonly string[]
}

interface Minted extends MintedCredential {
  /** Monotonic. */
  readonly untilMs: number
  /** From then on another is asked for, while this one still does. */
  readonly renewMs: number
}

/** Where the exchange fails, for so long nobody asks again. */
const PAUSE_MS = 2_000
/** Beyond what a read of the secret vouches for. */
const SPARE_MS = 5_000
/** A token is renewed when this share of its life is left. */
const RENEWED_AT = 0.2
const MOST_KEPT = 1_000

export class Minter {
  readonly #config: MinterConfig
  readonly #refresher: Refresher | undefined
  /** By upstream, placement and what the secret holds: another secret gets another token. */
  readonly #minted = new Map<string, Minted>()
  readonly #underWay = new Map<string, Promise<Minted>>()
  readonly #failed = new Map<string, { readonly error: unknown; readonly untilMs: number }>()

  constructor(config: MinterConfig) {
    this.#config = config
    const { minting, ...others } = config
    this.#refresher = minting && new Refresher({ ...others, ...minting })
  }

  /**
   * A token that lives for `vouchedMs` and a little longer. Throws `key_unavailable` where the secret or the token endpoint does not
   * yield one, `needs_reauthorization`, `token_endpoint_unavailable` where it cannot at the moment, and `upstream_unreachable` where that
   * is out of reach.
   */
  async token(use: MintUse, vouchedMs: number): Promise<MintedCredential> {
    try {
      return await this.#enough(use, vouchedMs + SPARE_MS)
    } catch (error) {
      if (!(error instanceof GatewayCallError)) throw error
      const { code, message, cause } = error
      if (code === 'key_unavailable')
        throw new GatewayCallError(code, `the key of upstream ${use.upstream.name} cannot be minted: ${message}`)
      if (code !== 'token_endpoint_unavailable') throw error
      throw new GatewayCallError(code, `upstream ${use.upstream.name}: ${message}; try again later`, { cause })
    }
  }

  forget(): void {
    this.#minted.clear()
    this.#underWay.clear()
    this.#failed.clear()
  }

  /** Resolves when no refresh token is being exchanged or waits to be stored any more. */
  async finished(): Promise<void> {
    await this.#refresher?.finished()
  }

  async #enough(use: MintUse, neededMs: number): Promise<MintedCredential> {
    const name = nameOf(use)
    const nowMs = this.#config.clock.monotonic()
    const kept = this.#minted.get(name)
    if (kept !== undefined && kept.untilMs - nowMs >= neededMs) {
      // An issuer that is slow or away takes nothing from what it has given before.
      if (nowMs >= kept.renewMs) void this.#mintOnce(name, use, neededMs, kept.token).catch(() => undefined)
      return kept
    }
    const minted = await this.#mintOnce(name, use, neededMs, undefined)
    if (minted.untilMs - nowMs >= neededMs) return minted
    throw tooShort(neededMs)
  }

  async #mintOnce(name: string, use: MintUse, neededMs: number, insteadOf: string | undefined): Promise<Minted> {
    const underWay = this.#underWay.get(name)
    if (underWay) return underWay
    const failed = this.#failed.get(name)
    if (failed && this.#config.clock.monotonic() < failed.untilMs) throw failed.error
    const mint = this.#mint(use, neededMs, insteadOf)
      .then((minted) => {
        if (this.#underWay.get(name) === mint) keepNewest(this.#minted, name, minted, MOST_KEPT)
        this.#failed.delete(name)
        return minted
      })
      .catch((error: unknown) => {
        this.#tell(use, insteadOf !== undefined, error)
        keepNewest(this.#failed, name, { error, untilMs: this.#config.clock.monotonic() + PAUSE_MS }, MOST_KEPT)
        throw error
      })
      .finally(() => {
        if (this.#underWay.get(name) === mint) this.#underWay.delete(name)
      })
    this.#underWay.set(name, mint)
    return mint
  }

  /** A renewal fails without a call that fails with it; and what calls fail with in passing says nothing to the operator. */
  #tell({ upstream, secret, minting }: MintUse, isRenewal: boolean, error: unknown): void {
    if (!(error instanceof GatewayCallError) || (error.code === 'key_unavailable' && !isRenewal)) return
    const what = `${minting.tokenUrl} yields no access token for upstream ${upstream.name}: ${error.message}`
    if (error.code !== 'stale' && error.code !== 'call_ended')
      this.#config.log.tell(upstream, secret.path, error.code, what)
  }

  async #mint(use: MintUse, neededMs: number, insteadOf: string | undefined): Promise<Minted> {
    const { clock, minting: dependencies } = this.#config
    if (!dependencies) throw new GatewayCallError('key_unavailable', 'it has no way to its token endpoint')
    if (use.minting.kind === 'oauth2_refresh') return this.#refreshed(use, neededMs, insteadOf)
    // It ages from when it was asked for.
    const [sentMs, sentSeconds] = [clock.monotonic(), Math.floor(clock.now() / 1000)]
    const request = await tokenRequest(use.minting, use.fields, sentSeconds)
    const { status, text } = await dependencies.exchange(use.upstream, request)
    const { token, lifeSeconds } = readTokenResponse(status, text, sentSeconds)
    return agedFrom(sentMs, lifeSeconds * 1000, token, [])
  }

  async #refreshed(use: MintUse, neededMs: number, insteadOf: string | undefined): Promise<Minted> {
    const { minting, fields, secret, recordPath: path } = use
    const client = { clientId: fields.client_id ?? '', refreshToken: fields.refresh_token ?? '' }
    const seed = { ...secret, tokenUrl: minting.tokenUrl, ...client }
    const { access, others } = await this.#refresher!.token({ ...use, path, seed }, { neededMs, insteadOf })
    // Another gateway may have asked for it, on the clock that all know.
    const elapsedMs = this.#config.minting!.unixMs() - access.asked_at
    const lifeMs = access.expires_at - access.asked_at
    return agedFrom(this.#config.clock.monotonic() - elapsedMs, lifeMs, access.token, others)
  }
}

const agedFrom = (fromMs: number, lifeMs: number, token: string, others: readonly string[]): Minted => ({
  token,
  others,
  untilMs: fromMs + lifeMs,
  renewMs: fromMs + lifeMs * (1 - RENEWED_AT),
})

const nameOf = ({ upstream, minting, placement, fields, secret, recordPath }: MintUse): string =>
  hash(
    'sha256',
    JSON.stringify([
      upstream.name,
      placement,
      minting.fields.map((field) => fields[field]),
      // Anyone who writes the same refresh token again says that it is good again.
      ...(minting.kind === 'oauth2_refresh' ? [secret, recordPath] : []),
    ]),
    'hex',
  )
