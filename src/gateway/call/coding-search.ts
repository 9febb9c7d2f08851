/** A compressed body that is handed on as it came, each part of it once what a reader decodes of that part has been searched. */
import { damaged, decoderFor, requireModest } from './decode.ts'
import type { Coding, CodingDecoder } from './decode.ts'
import type { Matcher } from './matcher.ts'
import { Scrubber } from './scrub.ts'

/** Of the compressed body, whatever is to be decided about it. */
const MOST_HELD = 512 * 1024

/**
 * How far behind its input a decoder may be. That of zstd decodes whole blocks (RFC 8878, 3.1.1.2), of up to 128 KiB, behind a header
 * and a checksum; the others decode all that they were given.
 */
const LAG: Readonly<Record<Coding, number>> = { gzip: 0, deflate: 0, br: 0, zstd: 128 * 1024 + 64 }

interface Part {
  readonly bytes: Uint8Array
  /** In the compressed body and in the decoded one: where it ends. */
  readonly end: number
  readonly decodedEnd: number
}

export class CodingSearch {
  readonly #upstreamName: string
  readonly #coding: Coding
  readonly #scrubber: Scrubber
  #decoder: SteppedDecoder | undefined
  #parts: Part[] = []
  #encodedBytes = 0
  #decodedBytes = 0

  constructor(upstreamName: string, coding: Coding, matcher: Matcher) {
    this.#upstreamName = upstreamName
    this.#coding = coding
    this.#scrubber = new Scrubber(matcher)
  }

  /** Places in which the key was found. Once there is one, nothing is released any more. */
  get matches(): number {
    return this.#scrubber.matches
  }
  get hasDecoded(): boolean {
    return this.#decodedBytes > 0
  }
  /** What was pushed and not released. */
  get held(): readonly Uint8Array[] {
    return this.#parts.map(({ bytes }) => bytes)
  }

  /** Resolves to the parts that may be handed on now. One call at a time. Throws for a body that is not what its coding says. */
  async push(bytes: Uint8Array): Promise<readonly Uint8Array[]> {
    this.#decoder ??= new SteppedDecoder(this.#coding, bytes[0]!, this.#decoded)
    this.#encodedBytes += bytes.length
    await this.#decoder.write(bytes).catch(this.#refuse)
    requireModest(this.#upstreamName, this.#encodedBytes, this.#decodedBytes)
    this.#parts.push({ bytes, end: this.#encodedBytes, decodedEnd: this.#decodedBytes })
    const decided = this.#decodedBytes - this.#scrubber.undecided
    return this.#release(this.#encodedBytes - LAG[this.#coding], decided)
  }

  /** The rest, when the body is whole. An empty one is empty, whatever coding it claims. */
  async end(): Promise<readonly Uint8Array[]> {
    await this.#decoder?.end().catch(this.#refuse)
    this.#scrubber.flush()
    return this.#release(this.#encodedBytes, this.#decodedBytes)
  }

  close(): void {
    this.#decoder?.close()
  }

  readonly #decoded = (bytes: Uint8Array): void => {
    this.#decodedBytes += bytes.length
    requireModest(this.#upstreamName, this.#encodedBytes, this.#decodedBytes)
    if (this.matches === 0) this.#scrubber.push(bytes)
  }

  readonly #refuse = (error: unknown): never => {
    requireModest(this.#upstreamName, this.#encodedBytes, this.#decodedBytes)
    throw damaged(this.#upstreamName, error)
  }

  #release(end: number, decodedEnd: number): readonly Uint8Array[] {
    if (this.matches > 0) return []
    const first = this.#parts.findIndex((part) => part.end > end || part.decodedEnd > decodedEnd)
    const released = this.#parts.splice(0, first < 0 ? this.#parts.length : first)
    if (this.#encodedBytes - (this.#parts[0]?.end ?? this.#encodedBytes) > MOST_HELD)
      throw damaged(this.#upstreamName, new Error('nothing follows for too long'))
    return released.map(({ bytes }) => bytes)
  }
}

/** A decoder whose steps can be waited for: when one is over, everything that its input holds has been handed over. */
class SteppedDecoder {
  readonly #stream: CodingDecoder
  readonly #coding: Coding
  #written = 0
  #isOver = false
  #fail: (error: Error) => void = () => undefined
  #failure: Error | undefined
  #ended: () => void = () => undefined

  constructor(coding: Coding, firstByte: number, take: (bytes: Uint8Array) => void) {
    this.#coding = coding
    this.#stream = decoderFor(coding, firstByte)
    this.#stream
      .on('data', (bytes: Buffer) => {
        try {
          take(bytes)
        } catch (error) {
          this.#stream.destroy(error as Error)
        }
      })
      .on('error', (error) => {
        this.#failure = error
        this.#fail(error)
      })
      .on('end', () => {
        this.#isOver = true
        this.#ended()
      })
  }

  /** Rejects where the bytes are not of the coding, or more than it follows. */
  async write(bytes: Uint8Array): Promise<void> {
    const before = this.#written
    this.#written += bytes.length
    if (!this.#isOver) await this.#step((done) => this.#stream.write(bytes, done))
    if (this.#isOver) this.#requirePadding(bytes.subarray(Math.max(0, this.#stream.bytesWritten - before)))
  }

  async end(): Promise<void> {
    if (!this.#isOver) await this.#step(() => this.#stream.end())
  }

  close(): void {
    this.#stream.destroy()
  }

  #step(start: (done: (error?: Error | null) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure) {
        reject(this.#failure)
        return
      }
      this.#fail = reject
      // A decoder that comes to the end of its format calls nobody back.
      this.#ended = resolve
      start((error) => {
        if (error) return
        while (this.#stream.read() !== null);
        resolve()
      })
    })
  }

  /**
   * Behind the end some readers go on and some do not, so nothing may follow but zeros, which gzip is padded with and which all skip
   * or stop at.
   */
  #requirePadding(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    if (this.#coding !== 'gzip' || bytes.some((byte) => byte !== 0)) throw new Error('more follows its end')
  }
}
