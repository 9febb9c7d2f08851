import type { Clock } from '../logical/clock.ts'
import { RequestError } from '../logical/errors.ts'
import type { HttpRequest, HttpResponse } from './message.ts'
import { contentLength } from './request.ts'

/** What callers of one kind may send. */
export interface BodyShare {
  /** Bytes of one body. */
  readonly each: number
  /** Bytes of all bodies of the kind that are held at a time. */
  readonly total: number
}

export interface BodyLimits {
  readonly clock: Clock
  /** Callers whose credentials have been checked. */
  readonly authenticated: BodyShare
}

const kibi = 1024
/** Enough for any login. A body of a caller without credentials that is longer is refused before anything else is done with it. */
export const unauthenticatedBodyBytes = 64 * kibi
/** Theirs alone, so that nothing a caller without credentials sends keeps a known one waiting. */
const unauthenticated: BodyShare = { each: unauthenticatedBodyBytes, total: 16 * kibi * kibi }

/** A body must have come in at this pace, once it has had the grace; callers without credentials have the grace alone. */
const slowestBytesPerSecond = kibi
const graceMs = 10_000
const lookEveryMs = 1_000

interface Reading {
  readonly caller: string | undefined
  readonly startedMs: number
  size: number
  stop(error: RequestError): void
}

/**
 * Reads whole request bodies: within a bound for each, within one for all that are held at a time, and at a minimum pace. Callers
 * without credentials have a share of their own; when it is full, the one that has been sending longest gives way, because an honest
 * login arrives in one piece.
 */
export class BodyReader {
  readonly #limits: BodyLimits
  /** Bodies that are still coming in, oldest first. */
  readonly #open = new Set<Reading>()
  /** Bytes held, by caller; '' stands for all without credentials. */
  readonly #held = new Map<string, number>()
  #heldByKnown = 0
  #watching = false

  constructor(limits: BodyLimits) {
    this.#limits = limits
  }

  /**
   * `caller` is what tells known callers apart; undefined stands for one whose credentials nobody has checked. What is read counts
   * until `response` is closed. Throws `too_large`, `request_timeout` and `unavailable`, with the rest of the body unread; undefined
   * when the client went away while it was sending.
   */
  async read(request: HttpRequest, response: HttpResponse, caller: string | undefined): Promise<Buffer | undefined> {
    const share = caller === undefined ? unauthenticated : this.#limits.authenticated
    const declared = contentLength(request)
    if ((declared ?? 0) > share.each) throw tooLarge(share.each)
    return new Promise((resolve, reject) => {
      const body = new Gathered(caller === undefined ? 0 : (declared ?? 0))
      const reading: Reading = {
        caller,
        startedMs: this.#limits.clock.monotonic(),
        size: 0,
        stop: (error) => {
          this.#open.delete(reading)
          request.pause()
          body.drop()
          this.#count(reading, -reading.size)
          reading.size = 0
          reject(error)
        },
      }
      this.#begin(reading)
      response.once('close', () => {
        this.#open.delete(reading)
        this.#count(reading, -reading.size)
      })
      request.on('data', (chunk: Buffer) => {
        // Given up: what still comes is thrown away.
        if (!this.#open.has(reading)) return
        reading.size += chunk.length
        this.#count(reading, chunk.length)
        if (reading.size > share.each) reading.stop(tooLarge(share.each))
        else if (this.#makeRoom(reading)) body.append(chunk)
      })
      request.once('end', () => {
        this.#open.delete(reading)
        resolve(body.bytes())
      })
      for (const gone of ['close', 'error'] as const)
        request.once(gone, () => {
          this.#open.delete(reading)
          resolve(undefined)
        })
      request.resume()
    })
  }

  #begin(reading: Reading): void {
    this.#open.add(reading)
    if (this.#watching) return
    this.#watching = true
    this.#limits.clock.after(lookEveryMs, () => {
      this.#look()
    })
  }

  /** Cuts what dribbles in. Looks on only while something is being read. */
  #look(): void {
    const now = this.#limits.clock.monotonic()
    for (const reading of [...this.#open]) {
      const late = now - reading.startedMs - graceMs
      const due = reading.caller === undefined ? Infinity : (late / 1000) * slowestBytesPerSecond
      if (late >= 0 && reading.size <= due)
        reading.stop(new RequestError('request_timeout', 'the request body arrives too slowly; send it again'))
    }
    this.#watching = false
    const [next] = this.#open
    if (next) this.#begin(next)
  }

  #count({ caller = '' }: Reading, bytes: number): void {
    const held = (this.#held.get(caller) ?? 0) + bytes
    if (held > 0) this.#held.set(caller, held)
    else this.#held.delete(caller)
    if (caller !== '') this.#heldByKnown += bytes
  }

  /** Whether `reading` may go on. */
  #makeRoom(reading: Reading): boolean {
    const { total } = this.#limits.authenticated
    if (reading.caller !== undefined) {
      // Half of the share at most: one caller's uploads do not shut out another's.
      if (this.#heldByKnown <= total && this.#held.get(reading.caller)! <= total / 2) return true
      reading.stop(tooMany())
      return false
    }
    while ((this.#held.get('') ?? 0) > unauthenticated.total) {
      const oldest = [...this.#open].find(({ caller, size }) => caller === undefined && size > 0)
      if (!oldest || oldest === reading) {
        reading.stop(tooMany())
        return false
      }
      oldest.stop(tooMany())
    }
    return true
  }
}

/** One buffer that grows, so that a large body is copied as it comes and not in one piece at its end. */
class Gathered {
  #buffer: Buffer
  #length = 0

  constructor(expected: number) {
    this.#buffer = Buffer.allocUnsafeSlow(expected)
  }

  append(chunk: Buffer): void {
    const needed = this.#length + chunk.length
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#buffer.length))
      this.#buffer.copy(larger, 0, 0, this.#length)
      this.#buffer = larger
    }
    chunk.copy(this.#buffer, this.#length)
    this.#length = needed
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  drop(): void {
    this.#buffer = Buffer.alloc(0)
    this.#length = 0
  }
}

const tooMany = (): RequestError =>
  new RequestError('unavailable', 'too many request bodies are being read at once; try again')

const tooLarge = (limit: number): RequestError =>
  new RequestError('too_large', `request body too large; the limit is ${inWords(limit)}`)

function inWords(bytes: number): string {
  const mebi = kibi * kibi
  if (bytes % mebi === 0) return `${String(bytes / mebi)} MiB`
  return bytes % kibi === 0 ? `${String(bytes / kibi)} KiB` : `${String(bytes)} bytes`
}
