/** What generators of requests and of responses have in common: fields, chunks, damage, and cuts anywhere. */

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

/** Writes parts of messages at random: most of them well-formed, and most of those then damaged. */
export class MessageGenerator {
  protected readonly random: () => number
  readonly #fragments: readonly string[]

  /** `startLine`: one that damage puts anywhere. */
  constructor(seed: number, startLine: string) {
    this.random = randomOf(seed)
    this.#fragments = [...fragments, startLine]
  }

  protected fragment(): string {
    return this.pick(this.#fragments)
  }

  protected fields(most: number): string {
    let text = ''
    for (let count = this.below(most + 1); count > 0; count--)
      text += `${this.pick(this.chance(0.06) ? oddFields : plainFields)}\r\n`
    return text
  }

  protected chunks(body: string): string {
    let text = ''
    for (let at = 0; at < body.length;) {
      const length = 1 + this.below(body.length - at)
      const size = this.chance(0.1) ? `0${length.toString(16).toUpperCase()}` : length.toString(16)
      text += `${size}${this.#extension()}\r\n${body.slice(at, at + length)}\r\n`
      at += length
    }
    return `${text}0${this.#extension()}\r\n${this.chance(0.3) ? this.fields(2) : ''}\r\n`
  }

  #extension(): string {
    return this.chance(0.15) ? this.pick(extensions) : ''
  }

  /** As it is, or with up to three things wrong. */
  protected damaged(text: string): string {
    let damaged = text
    for (let damages = this.chance(0.55) ? 1 + this.below(3) : 0; damages > 0; damages--)
      damaged = this.#damage(damaged)
    return damaged
  }

  #damage(text: string): string {
    const at = this.below(text.length + 1)
    const kind = this.random()
    if (kind < 0.35) return text.slice(0, at) + this.fragment() + text.slice(at)
    if (kind < 0.6) return text.slice(0, at) + text.slice(at + 1 + this.below(3))
    if (kind < 0.8) return text.slice(0, at) + String.fromCharCode(this.below(256)) + text.slice(at + 1)
    if (kind < 0.9) return text.slice(0, at)
    const lines = text.split('\r\n')
    const line = this.below(lines.length)
    lines.splice(line, 0, this.chance(0.5) ? this.pick(oddFields) : lines[this.below(lines.length)]!)
    return lines.join('\r\n')
  }

  protected cut(text: string): Buffer[] {
    const pieces: Buffer[] = []
    let rest = Buffer.from(text, 'latin1')
    while (rest.length > 0) {
      const length = this.chance(0.5) ? rest.length : 1 + this.below(rest.length)
      pieces.push(rest.subarray(0, length))
      rest = rest.subarray(length)
    }
    return pieces
  }

  protected below(limit: number): number {
    return Math.floor(this.random() * limit)
  }

  protected chance(share: number): boolean {
    return this.random() < share
  }

  protected pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }
}
