import { MessageError, malformed } from './message-error.ts'

const ZERO = 48
/** More digits than any file has bytes, and few enough to be exact in a double. */
const MOST_DIGITS = 15
const tabBehindFraming = /^(?:content-length|transfer-encoding):[\t ]*[^\t\r\n ]+ *\t/im

/** How the end of a message is told (RFC 9112, 6). One for each connection, filled again and again. */
export class Framing {
  chunked = false
  /** Bytes; -1: not given. */
  contentLength = -1

  clear(): void {
    this.chunked = false
    this.contentLength = -1
  }

  /** Takes one field, the name in lower case, if it concerns the framing. Throws `malformed` and `unknown_coding`. */
  take(name: string, value: string): void {
    // Most names are none of these, as their length tells.
    if (name.length === 14 && name === 'content-length') this.#readContentLength(value)
    else if (name.length === 17 && name === 'transfer-encoding') this.#readTransferEncoding(value)
  }

  /** Once all fields have been taken. `old`: of HTTP/1.0. `head`: the text they stood in. */
  check(old: boolean, head: string): void {
    // RFC 9112, 6.1 and 6.3: either might be believed by somebody, so neither is.
    if (this.chunked && this.contentLength >= 0) throw malformed('there are both Content-Length and Transfer-Encoding')
    if (this.chunked && old) throw malformed('Transfer-Encoding is not part of HTTP/1.0')
    // Legal white space (RFC 9110, 5.6.3), and yet some readers take the value for another one then.
    if (head.includes('\t') && tabBehindFraming.test(head))
      throw malformed('a field that frames the message ends in a tab')
  }

  #readContentLength(value: string): void {
    if (this.contentLength >= 0) throw malformed('there is more than one Content-Length')
    if (value.length === 0 || value.length > MOST_DIGITS) throw malformed('Content-Length is not a number')
    let length = 0
    for (let i = 0; i < value.length; i++) {
      const digit = value.charCodeAt(i) - ZERO
      if (!(digit >= 0 && digit <= 9)) throw malformed('Content-Length is not a number')
      length = length * 10 + digit
    }
    this.contentLength = length
  }

  #readTransferEncoding(value: string): void {
    if (this.chunked || value.toLowerCase() !== 'chunked')
      throw new MessageError('unknown_coding', 'the Transfer-Encoding is not chunked alone')
    this.chunked = true
  }
}

/** RFC 9110, 6.5.1: framing is told before the body, never after it. */
export function refuseFraming(trailers: readonly string[]): void {
  for (let i = 0; i < trailers.length; i += 2)
    if (trailers[i] === 'content-length' || trailers[i] === 'transfer-encoding')
      throw malformed('a trailer concerns the framing of the message')
}
