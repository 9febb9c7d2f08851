/** Of one id, and of all that are drawn at once: each draw is a call into the system's generator. */
const ID_BYTES = 16
const DRAWN_BYTES = 4096

/** Ids of ours: `req_` and 32 hexadecimal digits. Never the caller's: two requests of one id could not be distinguished. */
export class RequestIdSource {
  readonly #random: (bytes: number) => Uint8Array
  #drawn = Buffer.alloc(0)
  #at = 0

  constructor(random: (bytes: number) => Uint8Array) {
    this.#random = random
  }

  next(): string {
    if (this.#at + ID_BYTES > this.#drawn.length) {
      this.#drawn = Buffer.from(this.#random(DRAWN_BYTES))
      this.#at = 0
    }
    return `req_${this.#drawn.toString('hex', this.#at, (this.#at += ID_BYTES))}`
  }
}

/** One id from its own draw. */
export const requestIdOf = (random: (bytes: number) => Uint8Array): string =>
  `req_${Buffer.from(random(ID_BYTES)).toString('hex')}`

/** The caller's request id if it is fit to stand in headers and records (1 to 128 of `A-Za-z0-9._:-`), else undefined. */
export const callerRequestIdOf = (given: unknown): string | undefined =>
  typeof given === 'string' && /^[A-Za-z0-9._:-]{1,128}$/.test(given) ? given : undefined
