/** Exchanges what a secret holds for short-lived tokens, and keeps those in memory while they live. */
import { hash } from 'node:crypto'
import type { Clock } from '../../logical/clock.ts'
import type { Minting } from '../../scope/index.ts'
import { GatewayCallError } from '../call/call-error.ts'
import { readTokenResponse, tokenRequest } from '../call/token-request.ts'
import type { TokenRequest } from '../call/token-request.ts'
import type { UpstreamDocument } from '../../document/index.ts'

/** Makes one exchange. Rejects when there is no response. */
export type TokenExchange = (
  upstream: UpstreamDocument,
  request: TokenRequest,
) => Promise<{ readonly status: number; readonly text: string }>

export interface MinterConfig {
  readonly clock: Clock
  /** Undefined = nothing is exchanged here. */
  readonly exchange?: TokenExchange | undefined
}

interface Minted {
  readonly token: string
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
  /** By upstream, placement and what the secret holds: another secret gets another token. */
  readonly #minted = new Map<string, Minted>()
  readonly #underWay = new Map<string, Promise<Minted>>()
  readonly #failed = new Map<string, { readonly error: unknown; readonly untilMs: number }>()

  constructor(config: MinterConfig) {
    this.#config = config
  }

  /**
   * A token that lives for `vouchedMs` and a little longer. Throws `key_unavailable` where the secret or the token endpoint does not
   * yield one, and `upstream_unreachable` where that is out of reach.
   */
  async token(
    upstream: UpstreamDocument,
    minting: Minting,
    fields: Readonly<Record<string, string>>,
    vouchedMs: number,
  ): Promise<string> {
    try {
      return await this.#enough(upstream, minting, fields, vouchedMs)
    } catch (error) {
      if (!(error instanceof GatewayCallError) || error.code !== 'key_unavailable') throw error
      throw new GatewayCallError(error.code, `the key of upstream ${upstream.name} cannot be minted: ${error.message}`)
    }
  }

  async #enough(
    upstream: UpstreamDocument,
    minting: Minting,
    fields: Readonly<Record<string, string>>,
    vouchedMs: number,
  ): Promise<string> {
    const neededMs = vouchedMs + SPARE_MS
    const name = nameOf(upstream, minting, fields)
    const nowMs = this.#config.clock.monotonic()
    const kept = this.#minted.get(name)
    const isEnough = kept !== undefined && kept.untilMs - nowMs >= neededMs
    if (isEnough) {
      // An issuer that is slow or away takes nothing from what it has given before.
      if (nowMs >= kept.renewMs) void this.#mintOnce(name, upstream, minting, fields).catch(() => undefined)
      return kept.token
    }
    const { token, untilMs } = await this.#mintOnce(name, upstream, minting, fields)
    if (untilMs - nowMs >= neededMs) return token
    throw new GatewayCallError(
      'key_unavailable',
      `its tokens live less than ${String(Math.ceil(neededMs / 1000))} s, the least at its sensitivity`,
    )
  }

  forget(): void {
    this.#minted.clear()
    this.#underWay.clear()
    this.#failed.clear()
  }

  async #mintOnce(
    name: string,
    upstream: UpstreamDocument,
    minting: Minting,
    fields: Readonly<Record<string, string>>,
  ): Promise<Minted> {
    const underWay = this.#underWay.get(name)
    if (underWay) return underWay
    const failed = this.#failed.get(name)
    if (failed && this.#config.clock.monotonic() < failed.untilMs) throw failed.error
    const mint = this.#mint(upstream, minting, fields)
      .then((minted) => {
        if (this.#underWay.get(name) === mint) keep(this.#minted, name, minted)
        this.#failed.delete(name)
        return minted
      })
      .catch((error: unknown) => {
        keep(this.#failed, name, { error, untilMs: this.#config.clock.monotonic() + PAUSE_MS })
        throw error
      })
      .finally(() => {
        if (this.#underWay.get(name) === mint) this.#underWay.delete(name)
      })
    this.#underWay.set(name, mint)
    return mint
  }

  async #mint(upstream: UpstreamDocument, minting: Minting, fields: Readonly<Record<string, string>>): Promise<Minted> {
    const { clock, exchange } = this.#config
    if (!exchange) throw new GatewayCallError('key_unavailable', 'it has no way to its token endpoint')
    // It ages from when it was asked for.
    const [sentMs, sentSeconds] = [clock.monotonic(), Math.floor(clock.now() / 1000)]
    const { status, text } = await exchange(upstream, await tokenRequest(minting, fields, sentSeconds))
    const { token, lifeSeconds } = readTokenResponse(status, text, sentSeconds)
    const lifeMs = lifeSeconds * 1000
    return { token, untilMs: sentMs + lifeMs, renewMs: sentMs + lifeMs * (1 - RENEWED_AT) }
  }
}

const nameOf = ({ name }: UpstreamDocument, minting: Minting, fields: Readonly<Record<string, string>>): string =>
  hash(
    'sha256',
    JSON.stringify([
      name,
      minting.kind,
      minting.tokenUrl,
      minting.what,
      [...minting.parameters],
      minting.fields.map((field) => fields[field]),
    ]),
    'hex',
  )

function keep<T>(kept: Map<string, T>, name: string, value: T): void {
  kept.delete(name)
  const oldest = kept.size >= MOST_KEPT ? kept.keys().next() : undefined
  if (oldest?.done === false) kept.delete(oldest.value)
  kept.set(name, value)
}
