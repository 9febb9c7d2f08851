const nothing = Buffer.alloc(0)

/** Looks for texts, as they are, in a stream of chunks, however it is cut. Holds back only what may be the beginning of one. */
export class LiteralSearch {
  readonly #texts: readonly Buffer[]
  #held: Buffer = nothing

  /** Texts must not be empty. */
  constructor(texts: readonly string[]) {
    this.#texts = texts.map((text) => Buffer.from(text, 'utf8'))
  }

  /** The bytes that belong to none of the texts, a part of `chunk` where nothing is held back; undefined when one is found. */
  push(chunk: Uint8Array): Uint8Array | undefined {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    const window = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes])
    if (this.#texts.some((text) => window.includes(text))) return undefined
    const boundary = Math.min(...this.#texts.map((text) => beginningAt(window, text)))
    // A copy: the chunk belongs to the socket's read buffer.
    this.#held = boundary === window.length ? nothing : Buffer.from(window.subarray(boundary))
    return window.subarray(0, boundary)
  }

  /** The rest, at the end of the stream. */
  flush(): Uint8Array {
    return this.#held
  }
}

/** Where the longest beginning of `text` stands that `window` ends with; its length when there is none. */
function beginningAt(window: Buffer, text: Buffer): number {
  for (let at = Math.max(0, window.length - text.length + 1); at < window.length; at++)
    if (window[at] === text[0] && window.subarray(at).equals(text.subarray(0, window.length - at))) return at
  return window.length
}
