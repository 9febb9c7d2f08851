/** A TCP connection on which a test writes whatever it likes, and reads what comes back as HTTP/1.1. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'

export interface WireResponse {
  /** 0 = the other side closed, or said nothing. */
  readonly status: number
  /** Names in lower case; repeated ones joined by commas. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Every byte of it. */
  readonly wire: string
  /** The body ended where its framing says. */
  readonly whole: boolean
}

/** Long enough for any response these tests wait for: who is silent for that long hangs. */
const SILENCE_MS = 8_000

export class Connection {
  readonly #socket: Socket
  #received = Buffer.alloc(0)
  #closed = false
  #wake: () => void = () => undefined

  constructor(origin: string) {
    const { hostname, port } = new URL(origin)
    this.#socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
    this.#socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    this.#socket.on('end', () => {
      this.#closed = true
      this.#wake()
    })
    this.#socket.on('close', () => {
      this.#closed = true
      this.#wake()
    })
    this.#socket.on('error', () => {
      this.#closed = true
      this.#wake()
    })
  }

  get closed(): boolean {
    return this.#closed
  }

  send(bytes: string | Uint8Array): void {
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }
  /** Says that nothing more will be sent. */
  finish(): void {
    this.#socket.end()
  }
  destroy(): void {
    this.#socket.destroy()
  }

  /** The next response; interim ones are passed over. `bodiless` = it answers a HEAD. */
  async answer(bodiless = false): Promise<WireResponse> {
    for (;;) {
      const end = await this.#until(() => {
        const at = this.#received.indexOf('\r\n\r\n')
        return at < 0 ? undefined : at + 4
      })
      if (end === undefined)
        return { status: 0, headers: {}, body: '', wire: this.#take(this.#received.length), whole: false }
      const head = this.#take(end)
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0)
      if (status >= 100 && status < 200) continue
      const headers = headersOf(head)
      const { text, framing, whole } =
        bodiless || status === 204 || status === 304
          ? { text: '', framing: '', whole: true }
          : await this.#body(headers)
      return { status, headers, body: text, wire: head + framing, whole }
    }
  }

  async #body(headers: Readonly<Record<string, string>>): Promise<{ text: string; framing: string; whole: boolean }> {
    if (headers['transfer-encoding'] === 'chunked') return this.#chunks()
    const declared = headers['content-length']
    if (declared === undefined) {
      await this.#until(() => undefined)
      const text = this.#take(this.#received.length)
      return { text, framing: text, whole: true }
    }
    const length = Number(declared)
    await this.#until(() => (this.#received.length >= length ? length : undefined))
    const text = this.#take(length)
    return { text, framing: text, whole: Buffer.byteLength(text, 'latin1') === length }
  }

  async #chunks(): Promise<{ text: string; framing: string; whole: boolean }> {
    let [text, framing] = ['', '']
    for (;;) {
      const line = await this.#until(() => {
        const at = this.#received.indexOf('\r\n')
        return at < 0 ? undefined : at + 2
      })
      if (line === undefined) return { text, framing, whole: false }
      const size = this.#take(line)
      const bytes = Number.parseInt(size, 16)
      const got = await this.#until(() => (this.#received.length >= bytes + 2 ? bytes + 2 : undefined))
      const chunk = this.#take(got ?? this.#received.length)
      framing += size + chunk
      if (bytes > 0) text += chunk.slice(0, bytes)
      if (bytes === 0 || got === undefined) return { text, framing, whole: got !== undefined }
    }
  }

  #take(bytes: number): string {
    const taken = this.#received.toString('latin1', 0, bytes)
    this.#received = this.#received.subarray(bytes)
    return taken
  }

  /** What `found` finds as soon as it finds something; undefined when the other side closes or is silent before. */
  async #until(found: () => number | undefined): Promise<number | undefined> {
    for (;;) {
      const at = found()
      if (at !== undefined || this.#closed) return at
      const silent = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => {
          resolve(true)
        }, SILENCE_MS)
        this.#wake = () => {
          clearTimeout(timer)
          resolve(false)
        }
      })
      if (silent) return undefined
    }
  }
}

function headersOf(head: string): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const line of head.split('\r\n').slice(1)) {
    const colon = line.indexOf(':')
    if (colon < 1) continue
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`
  }
  return headers
}
