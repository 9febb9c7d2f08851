import { malformed } from './message-error.ts'

const LF = 10
const CR = 13
const SEMICOLON = 59
/** Enough for a petabyte, and exact in a double. */
const MOST_SIZE_DIGITS = 12
/** Of one response: extensions mean nothing to us, and many small ones are a way to send much that counts for nothing. */
const MOST_EXTENSION_BYTES = 4096
/** RFC 9112, 7.1.1, without the white space it calls bad. */
const extensions =
  /^(?:;[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:=(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+|"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"))?)*$/

const SIZE = 0
const EXTENSION = 1
const SIZE_LF = 2
const DATA = 3
const DATA_CR = 4
const DATA_LF = 5
const LAST = 6

/** Reads the frames of a chunked body (RFC 9112, 7.1) up to the line of the last chunk; the data are the caller's to take. */
export class ChunkedBody {
  #state = SIZE
  #size = 0
  #digits = 0
  #extension = ''
  #extensionBytes = 0
  /** Bytes of data that come next. */
  left = 0

  begin(): void {
    this.#extensionBytes = 0
    this.#nextChunk()
  }

  /** The last chunk's line has been read; the trailer section follows. */
  get last(): boolean {
    return this.#state === LAST
  }

  /** Reads framing from `at` on and returns where it stopped: at data (`left` > 0), behind the last chunk's line, or at the end of `bytes`. */
  advance(bytes: Buffer, at: number): number {
    let i = at
    while (i < bytes.length && this.#state !== DATA && this.#state !== LAST) this.#step(bytes[i++]!)
    return i
  }

  /** The caller has taken `count` bytes of data, at most `left`. */
  take(count: number): void {
    this.left -= count
    if (this.left === 0) this.#state = DATA_CR
  }

  #step(byte: number): void {
    switch (this.#state) {
      case SIZE:
        this.#readSize(byte)
        return
      case EXTENSION:
        this.#readExtension(byte)
        return
      case SIZE_LF:
        expectByte(byte, LF)
        this.left = this.#size
        this.#state = this.#size === 0 ? LAST : DATA
        return
      case DATA_CR:
        expectByte(byte, CR)
        this.#state = DATA_LF
        return
      default:
        expectByte(byte, LF)
        this.#nextChunk()
    }
  }

  #readSize(byte: number): void {
    const digit = hexDigit(byte)
    if (digit >= 0) {
      if (++this.#digits > MOST_SIZE_DIGITS) throw malformed('a chunk size has too many digits')
      this.#size = this.#size * 16 + digit
      return
    }
    if (this.#digits === 0) throw malformed('a chunk has no size')
    if (byte === CR) this.#state = SIZE_LF
    else if (byte === SEMICOLON) {
      this.#state = EXTENSION
      this.#readExtension(byte)
    } else throw malformed('a chunk size is not a hexadecimal number')
  }

  #readExtension(byte: number): void {
    if (byte !== CR) {
      if (++this.#extensionBytes > MOST_EXTENSION_BYTES) throw malformed('the chunk extensions are too long')
      this.#extension += String.fromCharCode(byte)
      return
    }
    if (!extensions.test(this.#extension)) throw malformed('a chunk extension is malformed')
    this.#state = SIZE_LF
  }

  #nextChunk(): void {
    this.#state = SIZE
    this.#size = 0
    this.#digits = 0
    this.#extension = ''
    this.left = 0
  }
}

function expectByte(byte: number, expected: number): void {
  if (byte !== expected) throw malformed('a chunk does not end in CRLF where it should')
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48
  const letter = byte | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}
