/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const statusLines = [
  'HTTP/1.1 200 OK',
  'HTTP/1.1 200 OK',
  'HTTP/1.1 404 Not Found',
  'HTTP/1.0 200 OK',
  'HTTP/1.1 204 No Content',
  'HTTP/1.1 304 Not Modified',
  'HTTP/1.1 205 Reset',
  'HTTP/1.1 500 ',
  'HTTP/1.1 302',
  'HTTP/1.1 999 x\xe9',
]
const interimLines = ['HTTP/1.1 100 Continue', 'HTTP/1.1 103 Early Hints', 'HTTP/1.1 102 Processing']
const oddStatusLines = [
  'HTTP/1.2 200 OK',
  'HTTP/2.0 200 OK',
  'HTTP/0.9 200 OK',
  'HTTP/1.1 2000 OK',
  'HTTP/1.1 20 OK',
  'HTTP/1.1  200 OK',
  'HTTP/1.1 099 OK',
  'http/1.1 200 OK',
  'HTTP/1.1\t200 OK',
  'HTTP/1.1 200\tOK',
  'HTTP/1.1 101 Switching Protocols',
  'ICY 200 OK',
  'HTTP/1.1 200 O\0K',
  'RTSP/1.0 200 OK',
]
const plainFields = [
  'X-A: 1',
  'etag: "abc"',
  'Set-Cookie: a=b; Path=/',
  'Connection: keep-alive',
  'Keep-Alive: timeout=5',
  'x-empty:',
  'X-Space: \t a b \t ',
  'Content-Type: application/json',
  'x-latin: caf\xe9',
  'Connection: close',
  'connection: Keep-Alive, X',
  'Proxy-Connection: close',
  'Upgrade: h2c',
  'connection: upgrade',
  'Trailer: X-Sum',
  'x_y.z~: 1',
  "!#$%&'*+-.^_`|~: odd",
]
const oddFields = [
  'Content-Length: 5',
  'content-length: 5, 5',
  'Content-Length: +5',
  'Content-Length: 5 ',
  'Content-Length : 5',
  'Content-Length: 0x5',
  'Content-Length: -5',
  'Content-Length:',
  'Content-Length: 18446744073709551616',
  'Content-Length: 5 5',
  'Content-Length:\t0',
  'Transfer-Encoding: chunked',
  'transfer-encoding: CHUNKED',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: chunked, gzip',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding:',
  'Transfer-Encoding: chunked;q=1',
  'Transfer-Encoding : chunked',
  ' folded: 1',
  '\tfolded',
  'x: a\r\n b',
  ': nameless',
  'no colon',
  'x y: 1',
  'x\xe9: 1',
  'x: a\0b',
  'x: a\rb',
  'x: a\nb',
  'x: \x7f',
  'x: \x01',
  'x(y): 1',
  '"x": 1',
  'Connection: close, close',
  'connection: clos\xe9',
  'connection:close',
  'Connection: Keep-Alive\t,\tClose',
  'Connection: x close',
  'Proxy-Connection: keep-alive',
]
const fragments = [
  '\r\n',
  '\n',
  '\r',
  '\r\n\r\n',
  '\n\n',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '0',
  '0\r\n\r\n',
  '5',
  'f',
  '-',
  '"',
  '\\',
  '\0',
  '\x7f',
  '\xff',
  '\x80',
  'chunked',
  'close',
  'HTTP/1.1 200 OK\r\n',
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  '\r\n 5',
  'a',
]
const extensions = [
  '',
  '',
  '',
  '',
  ';a',
  ';a=b',
  ';a="b;c"',
  ';a;b=c',
  ';a="\\""',
  ';',
  ' ;a',
  '; a',
  ';a =b',
  ';a= b',
  ';=b',
  ';a="b',
  ';a=""',
  ';a="\xe9"',
  ';a=',
  ' ',
  '\t',
  ';a="b"c',
  ';a=b=c',
  ';a="\x01"',
]

/** One response as a server might send it, right or wrong, and how it is sent. */
export interface Generated {
  pieces: Buffer[]
  headOnly: boolean
  closed: boolean
}

/** Writes responses at random: most of them well-formed, and most of those then damaged. */
export class ResponseGenerator {
  readonly #random: () => number

  constructor(seed: number) {
    this.#random = randomOf(seed)
  }

  next(): Generated {
    let text = ''
    while (this.#chance(0.08)) text += `${this.#pick(interimLines)}\r\n${this.#fields(1)}\r\n`
    text += this.#response()
    if (this.#chance(0.05)) text += this.#chance(0.5) ? this.#response() : this.#pick(fragments)
    for (let damages = this.#chance(0.55) ? 1 + this.#below(3) : 0; damages > 0; damages--) text = this.#damage(text)
    return { pieces: this.#cut(Buffer.from(text, 'latin1')), headOnly: this.#chance(0.1), closed: this.#chance(0.5) }
  }

  #response(): string {
    const head = `${this.#chance(0.04) ? this.#pick(oddStatusLines) : this.#pick(statusLines)}\r\n${this.#fields(4)}`
    const kind = this.#random()
    const body = 'hello, world'.slice(0, this.#below(13))
    if (kind < 0.4) return `${head}Content-Length: ${body.length}\r\n${this.#fields(2)}\r\n${body}`
    if (kind < 0.8) return `${head}Transfer-Encoding: chunked\r\n${this.#fields(2)}\r\n${this.#chunks(body)}`
    return `${head}\r\n${body}`
  }

  #fields(most: number): string {
    let text = ''
    for (let count = this.#below(most + 1); count > 0; count--)
      text += `${this.#pick(this.#chance(0.06) ? oddFields : plainFields)}\r\n`
    return text
  }

  #chunks(body: string): string {
    let text = ''
    for (let at = 0; at < body.length;) {
      const length = 1 + this.#below(body.length - at)
      const size = this.#chance(0.1) ? `0${length.toString(16).toUpperCase()}` : length.toString(16)
      text += `${size}${this.#extension()}\r\n${body.slice(at, at + length)}\r\n`
      at += length
    }
    return `${text}0${this.#extension()}\r\n${this.#chance(0.3) ? this.#fields(2) : ''}\r\n`
  }

  #extension(): string {
    return this.#chance(0.15) ? this.#pick(extensions) : ''
  }

  #damage(text: string): string {
    const at = this.#below(text.length + 1)
    const kind = this.#random()
    if (kind < 0.35) return text.slice(0, at) + this.#pick(fragments) + text.slice(at)
    if (kind < 0.6) return text.slice(0, at) + text.slice(at + 1 + this.#below(3))
    if (kind < 0.8) return text.slice(0, at) + String.fromCharCode(this.#below(256)) + text.slice(at + 1)
    if (kind < 0.9) return text.slice(0, at)
    const lines = text.split('\r\n')
    const line = this.#below(lines.length)
    lines.splice(line, 0, this.#chance(0.5) ? this.#pick(oddFields) : lines[this.#below(lines.length)]!)
    return lines.join('\r\n')
  }

  #cut(all: Buffer): Buffer[] {
    const pieces: Buffer[] = []
    let rest = all
    while (rest.length > 0) {
      const length = this.#chance(0.5) ? rest.length : 1 + this.#below(rest.length)
      pieces.push(rest.subarray(0, length))
      rest = rest.subarray(length)
    }
    return pieces
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  #chance(share: number): boolean {
    return this.#random() < share
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#below(list.length)]!
  }
}
