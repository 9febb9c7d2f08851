import { Framing, malformed, readFieldLines } from '../http-message/index.ts'
import { LARGEST_HEAD, UnreadableRequest, noMethod } from './unreadable.ts'

const LF = 10
const CR = 13
const SP = 32
const ZERO = 48
const DEL = 127
/** More fields than fit in a head: their bytes are what is bounded. */
const MOST_FIELDS = LARGEST_HEAD / 4

/** What a request's head says. One for each connection, filled again and again. */
export class ReceivedHead {
  method = ''
  /** The request line's, as it came: visible ASCII characters. */
  target = ''
  version: '1.0' | '1.1' = '1.1'
  /** Names, in lower case, and values in turn. A new list for each request. */
  fields: string[] = []
  readonly framing = new Framing()
  readonly #methods: ReadonlySet<string>
  /** The connection may carry another request. */
  persistent = false
  /** The body is held back until it is asked for (RFC 9110, 10.1.1). */
  expectsContinue = false

  /** `methods`: those that are known here. */
  constructor(methods: ReadonlySet<string>) {
    this.#methods = methods
  }

  get hasBody(): boolean {
    return this.framing.chunked || this.framing.contentLength > 0
  }

  /** Reads the head in `text` up to `end`, just behind the CRLF of its last line. Throws MessageError and UnreadableRequest. */
  read(text: string, end: number): void {
    this.fields = []
    this.expectsContinue = false
    this.framing.clear()
    const start = this.#readRequestLine(text)
    readFieldLines(text, start, end, this.fields, MOST_FIELDS)
    this.#readFields(this.fields)
    this.framing.check(this.version === '1.0', text)
  }

  /** `GET /path HTTP/1.1`, with one space between (RFC 9112, 3). */
  #readRequestLine(text: string): number {
    const behindMethod = text.indexOf(' ')
    const method = text.slice(0, behindMethod)
    if (!this.#methods.has(method)) throw noMethod()
    if (method === 'CONNECT') throw new UnreadableRequest(405, 'CONNECT is not served here')
    const at = this.#readTarget(text, behindMethod + 1)
    this.method = method
    const minor = text.charCodeAt(at + 8)
    if (!text.startsWith(' HTTP/1.', at) || (minor !== ZERO && minor !== ZERO + 1)) throw noVersion()
    if (text.charCodeAt(at + 9) !== CR || text.charCodeAt(at + 10) !== LF) throw noVersion()
    this.version = minor === ZERO ? '1.0' : '1.1'
    // RFC 9112, 9.3, allows an HTTP/1.0 client to ask for more; none that matters does.
    this.persistent = minor !== ZERO
    return at + 11
  }

  #readTarget(text: string, from: number): number {
    let at = from
    for (let code = text.charCodeAt(at); code > SP && code < DEL; code = text.charCodeAt(at)) at++
    if (text.charCodeAt(at) === CR) throw noVersion()
    if (at === from || text.charCodeAt(at) !== SP)
      throw malformed('the target is not made of visible ASCII characters; escape others, for example %20 for a space')
    this.target = text.slice(from, at)
    return at
  }

  #readFields(fields: readonly string[]): void {
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i]!
      if (isConnection(name)) this.#readConnection(fields[i + 1]!)
      else if (name.length === 6 && name === 'expect') this.#readExpectation(fields[i + 1]!)
      else this.framing.take(name, fields[i + 1]!)
    }
  }

  #readConnection(value: string): void {
    if (value === 'keep-alive') return
    for (const option of value.split(',')) if (option.trim().toLowerCase() === 'close') this.persistent = false
  }

  /** An HTTP/1.0 client does not know what a 100 is (RFC 9110, 10.1.1). */
  #readExpectation(value: string): void {
    if (value.toLowerCase() !== '100-continue')
      throw new UnreadableRequest(417, 'Expect: only 100-continue is supported')
    this.expectsContinue = this.version === '1.1'
  }
}

const noVersion = (): Error => malformed('the request line does not end in HTTP/1.1 or HTTP/1.0')

/** The second has no meaning (RFC 9112, C.2.2), and yet some readers end the connection by it. */
const isConnection = (name: string): boolean =>
  (name.length === 10 && name === 'connection') || (name.length === 16 && name === 'proxy-connection')
