import { Readable } from 'node:stream'
import type { Clock } from '../../logical/clock.ts'

/** Vault's bound, in lines; the second one is ours, in bytes. */
const mostLines = 512
const mostBytes = 512 * 1024
/** How often Vault tells of lines that were dropped. */
const lookEveryMs = 3_000
/** Looks at which nothing had been read since lines were dropped; then the reader is given up. */
const mostIdleLooks = 20
/** How long a reader may take for what is left at the end. */
const drainMs = 10_000

/**
 * The lines one reader gets, as a stream. A slow reader costs no more than the bounds: lines beyond them are dropped, and the stream
 * tells how many, in Vault's words. One that reads nothing for a minute of that is cut off.
 */
export class Monitor extends Readable {
  readonly #clock: Clock
  #lines: string[] = []
  #bytes = 0
  #dropped = 0
  #notice: string | undefined
  /** The stream has room. */
  #wanted = false
  #finished = false
  #idleLooks = 0
  #cancelLook: (() => void) | undefined

  constructor(clock: Clock) {
    super({ highWaterMark: 16 * 1024, encoding: 'utf8' })
    this.#clock = clock
  }

  offer(line: string): void {
    if (this.destroyed || this.#finished) return
    if (this.#lines.length >= mostLines || this.#bytes + line.length > mostBytes) {
      this.#dropped += 1
      this.#cancelLook ??= this.#lookLater()
      return
    }
    this.#lines.push(line)
    this.#bytes += line.length
    this.#flow()
  }

  /** No more lines: what is there may still be read. */
  finish(): void {
    if (this.destroyed || this.#finished) return
    this.#finished = true
    this.#stopLooking()
    for (const line of this.#lines.splice(0)) this.push(line)
    this.#count()
    if (this.#notice !== undefined) this.push(this.#notice)
    this.push(null)
    this.#cancelLook = this.#clock.after(drainMs, () => {
      this.destroy()
    })
  }

  override _read(): void {
    this.#wanted = true
    this.#idleLooks = 0
    this.#flow()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#stopLooking()
    this.#lines = []
    done(error)
  }

  #flow(): void {
    while (this.#wanted && !this.#finished) {
      const line = this.#take()
      if (line === undefined) return
      this.#wanted = this.push(line)
    }
  }

  #take(): string | undefined {
    if (this.#notice !== undefined) {
      const notice = this.#notice
      this.#notice = undefined
      return notice
    }
    const line = this.#lines.shift()
    this.#bytes -= line?.length ?? 0
    return line
  }

  #lookLater(): () => void {
    return this.#clock.after(lookEveryMs, () => {
      this.#cancelLook = undefined
      this.#look()
    })
  }

  #look(): void {
    this.#count()
    this.#flow()
    if (this.#notice === undefined) return
    this.#idleLooks += 1
    if (this.#idleLooks >= mostIdleLooks) this.destroy()
    else this.#cancelLook = this.#lookLater()
  }

  #count(): void {
    if (this.#dropped === 0 || this.#notice !== undefined) return
    this.#notice = `Monitor dropped ${String(this.#dropped)} logs during monitor request\n`
    this.#dropped = 0
  }

  #stopLooking(): void {
    this.#cancelLook?.()
    this.#cancelLook = undefined
  }
}
