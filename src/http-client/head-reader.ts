import { Framing, malformed, readFieldLines, valueCharacters } from '../http-message/index.ts'

const CR = 13
const SP = 32
const ZERO = 48

/** What a response's head says, as far as it decides where the response ends. One for each connection, filled again and again. */
export class HeadReader {
  status = 0
  fields: string[] = []
  /** Of HTTP/1.1, and without `Connection: close`. */
  persistent = false
  readonly framing = new Framing()
  /** What `Keep-Alive: timeout` promises, or -1. */
  keepAliveSeconds = -1
  #old = false
  #keepAliveText = ''
  #keepAliveTold = -1

  /** Reads the head in `text` up to `end`, just behind the CRLF of its last line. Throws MessageError. */
  read(text: string, end: number): void {
    this.fields = []
    this.keepAliveSeconds = -1
    const framing = this.framing
    framing.clear()
    const start = this.#readStatusLine(text)
    readFieldLines(text, start, end, this.fields)
    this.#readFraming(this.fields)
    framing.check(this.#old, text)
  }

  /** `HTTP/1.1 200 OK`; the space before an absent reason may be absent too, as some servers have it. */
  #readStatusLine(text: string): number {
    const minor = text.charCodeAt(7)
    if (!text.startsWith('HTTP/1.') || (minor !== ZERO && minor !== ZERO + 1) || text.charCodeAt(8) !== SP)
      throw malformed('the response does not begin with HTTP/1.1 or HTTP/1.0')
    this.#old = minor === ZERO
    this.persistent = !this.#old
    this.status = statusCode(text)
    let at = 12
    if (text.charCodeAt(at) === SP) while (valueCharacters[text.charCodeAt(at)] === 1) at++
    if (text.charCodeAt(at) !== CR || text.charCodeAt(at + 1) !== 10)
      throw malformed('the status line does not end where it should')
    return at + 2
  }

  #readFraming(fields: readonly string[]): void {
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i]!
      if (name.length === 10 || name.length === 16) this.#readConnectionField(name, fields[i + 1]!)
      else this.framing.take(name, fields[i + 1]!)
    }
  }

  #readConnectionField(name: string, value: string): void {
    if (name === 'keep-alive') this.#readKeepAlive(value)
    // The second was never standardised; where it is sent, it means the same.
    else if (name === 'connection' || name === 'proxy-connection') this.#readConnection(value)
  }

  #readConnection(value: string): void {
    if (value === 'keep-alive') return
    for (const option of value.split(',')) if (option.trim().toLowerCase() === 'close') this.persistent = false
  }

  /** A server says the same every time. */
  #readKeepAlive(value: string): void {
    if (value !== this.#keepAliveText) {
      const told = /(?:^|[\s,;])timeout[\t ]*=[\t ]*"?(\d{1,9})(?!\d)/i.exec(value)?.[1]
      this.#keepAliveText = value
      this.#keepAliveTold = told === undefined ? -1 : Number(told)
    }
    this.keepAliveSeconds = this.#keepAliveTold
  }
}

/** RFC 9110, 15: three digits. 600 to 999 are in use, whatever they mean there; below 100 nothing is. */
function statusCode(text: string): number {
  const hundreds = text.charCodeAt(9) - ZERO
  const tens = text.charCodeAt(10) - ZERO
  const ones = text.charCodeAt(11) - ZERO
  if (hundreds >= 1 && hundreds <= 9 && tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9)
    return hundreds * 100 + tens * 10 + ones
  throw malformed('the response has no valid status code')
}
