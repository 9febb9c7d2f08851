import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/**
 * Vault's API has verbs that node:http refuses with 400 before any handler runs. Each is replaced, in the first bytes of a
 * request, by a verb of the same length that node:http knows and this API does not use: no byte moves, so the framing of
 * what follows cannot change.
 */
const standIns: Readonly<Record<string, string>> = { 'LIST ': 'LINK ', 'SCAN ': 'LOCK ', 'HELP ': 'BIND ' }
/** Who writes a stand-in itself does not mean the verb it stands for, but one that is not served. */
const displaced: Readonly<Record<string, string>> = { 'LINK ': 'COPY ', 'LOCK ': 'COPY ', 'BIND ': 'COPY ' }
const verbLength = 5
const verbs = Object.keys(standIns)

/** The verb the client wrote, given the method node:http read. */
export function originalMethod(method: string): string {
  return verbs.find((verb) => standIns[verb] === `${method} `)?.trimEnd() ?? method
}

/**
 * A socket as node:http reads it, with verbs replaced. Only the first bytes of a request are looked at: `expectRequest` says
 * that the last one was answered and that the next bytes begin another.
 */
export class VerbSocket extends Duplex {
  readonly #socket: Socket
  #atStart = true
  #held: Buffer = Buffer.alloc(0)

  constructor(socket: Socket) {
    super({ allowHalfOpen: true })
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(this.#replaced(chunk))) socket.pause()
    })
    socket.on('end', () => {
      if (this.#held.length > 0) this.push(this.#held)
      this.push(null)
    })
    socket.on('error', (error) => {
      this.destroy(error)
    })
    socket.on('close', () => {
      this.destroy()
    })
    socket.on('timeout', () => {
      this.emit('timeout')
    })
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? ''
  }

  get remotePort(): number | undefined {
    return this.#socket.remotePort
  }

  expectRequest(): void {
    this.#atStart = true
  }

  /** As a socket of node:net has it, where node:http looks for it: without, a connection it is done with stays until the client ends it. */
  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else
      this.once('finish', () => {
        this.destroy()
      })
  }

  setTimeout(ms: number): this {
    this.#socket.setTimeout(ms)
    return this
  }
  setNoDelay(on?: boolean): this {
    this.#socket.setNoDelay(on)
    return this
  }
  setKeepAlive(on?: boolean, ms?: number): this {
    this.#socket.setKeepAlive(on, ms)
    return this
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, encoding, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }

  #replaced(chunk: Buffer): Buffer {
    if (!this.#atStart) return chunk
    const start = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk
    const first = start.toString('latin1', 0, verbLength)
    if (start.length < verbLength && verbs.some((verb) => verb.startsWith(first))) {
      this.#held = start
      return Buffer.alloc(0)
    }
    this.#held = Buffer.alloc(0)
    this.#atStart = false
    const standIn = standIns[first] ?? displaced[first]
    return standIn === undefined ? start : Buffer.concat([Buffer.from(standIn, 'latin1'), start.subarray(verbLength)])
  }
}
