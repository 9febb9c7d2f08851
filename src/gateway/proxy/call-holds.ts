import { tokenDigest } from '../../scope/index.ts'
import type { OpenCall } from '../decision/open-call.ts'
import type { GatewayFailure } from '../error.ts'
import type { Hold, Limits } from '../limits/index.ts'
import type { UsableKey } from './keys.ts'

/** What one call holds until it is over: bytes of bodies, and the key it was sent with. */
export class CallHolds {
  readonly #bytes: Hold
  #cut: ((reason: GatewayFailure) => void) | undefined
  #releaseKey: () => void = () => undefined

  /** Bytes count for the token: the session is not known yet when the first ones come. */
  constructor(limits: Limits, token: string) {
    this.#bytes = limits.buffers.hold(tokenDigest(token), (reason) => this.#cut?.(reason))
  }

  /** From here on giving way means that the call is cut; before, that its next bytes are refused. */
  cutsFrom(call: OpenCall): void {
    this.#cut = (reason) => {
      call.cut(reason)
    }
  }

  /** The call is cut as soon as its key may be used no longer. */
  key(key: UsableKey, call: OpenCall): void {
    this.#releaseKey = key.watch({
      sensitivity: () => call.upstream.sensitivity,
      end: (reason) => {
        call.cut(reason)
      },
    })
  }

  take(bytes: number): void {
    this.#bytes.take(bytes)
  }

  release(): void {
    this.#releaseKey()
    this.#bytes.release()
  }
}
