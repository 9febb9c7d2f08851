import { tokenDigest } from '../../scope/index.ts'
import type { GatewayFailure } from '../error.ts'
import type { Hold, Limits } from '../limits/index.ts'

/** Bytes of bodies that one call holds until it is over. Most calls hold none. */
export class CallHolds {
  readonly #limits: Limits
  readonly #token: string
  readonly #giveWay: (reason: GatewayFailure) => void
  #bytes: Hold | undefined
  #released = false

  /** Bytes count for the token: the session is not known yet when the first ones come. `giveWay`: the call has to end to make room. */
  constructor(limits: Limits, token: string, giveWay: (reason: GatewayFailure) => void) {
    this.#limits = limits
    this.#token = token
    this.#giveWay = giveWay
  }

  take(bytes: number): void {
    this.#bytes ??= this.#limits.buffers.hold(tokenDigest(this.#token), this.#giveWay)
    if (this.#released) this.#bytes.release()
    this.#bytes.take(bytes)
  }

  release(): void {
    this.#released = true
    this.#bytes?.release()
  }
}
