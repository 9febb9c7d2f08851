import { createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { passesKeyedCheck } from '../../scope/index.ts'

/** The mount's check keys as the feed told them. Private fields: neither a log nor `JSON.stringify` shows them. */
export class TokenCheck {
  readonly #keys: readonly KeyObject[]
  readonly #enforcedFromUnixMs: number

  /** `keys` in base64; `enforcedFromUnix` in seconds on the engine's clock. */
  constructor(keys: readonly string[], enforcedFromUnix: number) {
    this.#keys = keys.map((key) => createSecretKey(key, 'base64'))
    this.#enforcedFromUnixMs = enforcedFromUnix * 1000
  }

  /** Certain that the engine never minted this token. Before the check is enforced nothing is: it may be an earlier one. */
  refuses(token: string, nowUnixMs: number): boolean {
    return this.#keys.length > 0 && nowUnixMs >= this.#enforcedFromUnixMs && !passesKeyedCheck(token, this.#keys)
  }
}
