// HTTP/1.1 messages as they stand on the wire (RFC 9112). What is read here is compared: nothing is repaired, joined or decoded.
const LONGEST_HEAD = 1 << 20

/** `GET / HTTP/1.1` and the fields of a head, in order and as spelled. */
export function headOf(text) {
  const [start, ...lines] = text.split('\r\n')
  return { start, headers: fieldsOf(lines) }
}

const fieldsOf = (lines) =>
  lines.map((line) => {
    const at = line.indexOf(':')
    if (at < 1) throw new Error(`not a header field: ${JSON.stringify(line)}`)
    return [line.slice(0, at), line.slice(at + 1).trim()]
  })

/** The values under a name, in any case; undefined where there are none. */
export function fieldOf({ headers }, name) {
  const values = headers.filter(([given]) => given.toLowerCase() === name).map(([, value]) => value)
  return values.length === 0 ? undefined : values.join(', ')
}

const isChunked = (message) => /(?:^|,)\s*chunked\s*$/i.test(fieldOf(message, 'transfer-encoding') ?? '')

/** RFC 9112, 6.3: bytes, or `chunked`, or `close` (until the end of the connection). */
export function framingOfRequest(message) {
  return isChunked(message) ? 'chunked' : Number(fieldOf(message, 'content-length') ?? 0)
}

export function framingOfResponse(message, method) {
  const status = statusOf(message)
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return 0
  if (isChunked(message)) return 'chunked'
  const length = fieldOf(message, 'content-length')
  return length === undefined ? 'close' : Number(length)
}

export const statusOf = ({ start }) => Number(start.split(' ')[1])

/** Splits the bytes of one direction of a connection into messages. */
export class MessageReader {
  #events
  #rest = Buffer.alloc(0)
  #message
  #left = 0
  #state = this.#readHead

  /** `events`: `framing(message)`, `begun(message)`, `ended(message)`; a message is { start, headers, body: [Buffer], trailers }. */
  constructor(events) {
    this.#events = events
  }

  push(bytes) {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    while (this.#state());
  }

  /** The connection is over: what lasts until then has ended well. */
  close() {
    if (this.#state === this.#readAll) this.#end()
  }

  #line() {
    const at = this.#rest.indexOf('\r\n')
    return at < 0
      ? undefined
      : this.#take(at + 2)
          .toString('latin1')
          .slice(0, -2)
  }

  #take(length) {
    const taken = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(length)
    return taken
  }

  #readHead() {
    const at = this.#rest.indexOf('\r\n\r\n')
    if (at < 0 && this.#rest.length > LONGEST_HEAD) throw new Error('a head has no end')
    if (at < 0) return false
    this.#message = {
      ...headOf(
        this.#take(at + 4)
          .toString('latin1')
          .slice(0, -4),
      ),
      body: [],
      trailers: [],
    }
    this.#events.begun(this.#message)
    const framing = this.#events.framing(this.#message)
    if (framing === 'chunked') this.#state = this.#readSize
    else if (framing === 'close') this.#state = this.#readAll
    else this.#expect(framing, this.#readLength)
    return true
  }

  #expect(length, state) {
    if (!Number.isSafeInteger(length) || length < 0) throw new Error('the length of a body is no number')
    this.#left = length
    this.#state = state
  }

  #readBody() {
    const bytes = this.#take(Math.min(this.#left, this.#rest.length))
    this.#left -= bytes.length
    if (bytes.length > 0) this.#message.body.push(bytes)
    return this.#left === 0
  }

  #readLength() {
    return this.#readBody() && this.#end()
  }

  #readAll() {
    if (this.#rest.length > 0) this.#message.body.push(this.#take(this.#rest.length))
    return false
  }

  #readSize() {
    const line = this.#line()
    if (line === undefined) return false
    const size = parseInt(line, 16)
    if (size === 0) this.#state = this.#readTrailer
    else this.#expect(size, this.#readChunk)
    return true
  }

  #readChunk() {
    if (!this.#readBody()) return false
    this.#state = this.#readChunkEnd
    return true
  }

  #readChunkEnd() {
    if (this.#line() === undefined) return false
    this.#state = this.#readSize
    return true
  }

  #readTrailer() {
    const line = this.#line()
    if (line === undefined) return false
    if (line === '') return this.#end()
    this.#message.trailers.push(...fieldsOf([line]))
    return true
  }

  #end() {
    this.#state = this.#readHead
    this.#events.ended(this.#message)
    return true
  }
}
