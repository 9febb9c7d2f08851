import { STATUS_CODES } from 'node:http'

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/
/** Of the connection, and so of the server itself to say. */
const ownFields: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding'])

interface Exchanged {
  /** For a head that names none. */
  readonly date: string
  readonly method: string
  readonly version: '1.0' | '1.1'
  /** 0: the connection ends with this response. */
  readonly keepAliveSeconds: number
}

/** How a body is sent: not at all, in the length that was declared, in chunks, or until the connection ends. */
type BodyForm = 'none' | 'length' | 'chunked' | 'until close'

/** The head of a response as it is sent, for Latin-1. */
export class SentHead {
  readonly text: string
  readonly body: BodyForm
  /** Bytes, where `body` is `length`; otherwise 0. */
  readonly contentLength: number

  constructor(status: number, headers: readonly string[], exchanged: Exchanged) {
    let text = `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? 'unknown'}\r\n`
    let declared = -1
    let hasDate = false
    for (let at = 0; at < headers.length; at += 2) {
      const name = headers[at]!
      const value = headers[at + 1]!
      if (name.length === 14 && name.toLowerCase() === 'content-length') declared = Number(value)
      else if (name.length === 4 && name.toLowerCase() === 'date') hasDate = true
      text += SentHead.fieldLine(name, value)
    }
    const { method, version, keepAliveSeconds, date } = exchanged
    this.body = bodyForm(method, version, status, declared)
    this.contentLength = this.body === 'length' ? declared : 0
    if (!hasDate) text += `Date: ${date}\r\n`
    if (this.body === 'chunked') text += 'Transfer-Encoding: chunked\r\n'
    text +=
      keepAliveSeconds > 0 && this.body !== 'until close'
        ? `Connection: keep-alive\r\nKeep-Alive: timeout=${String(keepAliveSeconds)}\r\n\r\n`
        : 'Connection: close\r\n\r\n'
    this.text = text
  }

  /** Throws for a name or a value that would begin another line, and for a field that is the server's own. */
  static fieldLine(name: string, value: string): string {
    if (!token.test(name) || ownFields.has(name.toLowerCase()))
      throw new Error('a response header has a name it cannot have')
    if (!fieldValue.test(value)) throw new Error('a response header holds a character that cannot be sent')
    return `${name}: ${value}\r\n`
  }
}

function bodyForm(method: string, version: string, status: number, declared: number): BodyForm {
  if (method === 'HEAD' || status === 204 || status === 304) return 'none'
  if (declared >= 0) return 'length'
  return version === '1.1' ? 'chunked' : 'until close'
}
