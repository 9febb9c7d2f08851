import { MessageGenerator } from '../http-message/generated-messages.ts'

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
/** One response as a server might send it, right or wrong, and how it is sent. */
export interface Generated {
  pieces: Buffer[]
  headOnly: boolean
  closed: boolean
}

/** Writes responses at random: most of them well-formed, and most of those then damaged. */
export class ResponseGenerator extends MessageGenerator {
  constructor(seed: number) {
    super(seed, 'HTTP/1.1 200 OK\r\n')
  }

  next(): Generated {
    let text = ''
    while (this.chance(0.08)) text += `${this.pick(interimLines)}\r\n${this.fields(1)}\r\n`
    text += this.#response()
    if (this.chance(0.05)) text += this.chance(0.5) ? this.#response() : this.fragment()
    return { pieces: this.cut(this.damaged(text)), headOnly: this.chance(0.1), closed: this.chance(0.5) }
  }

  #response(): string {
    const head = `${this.chance(0.04) ? this.pick(oddStatusLines) : this.pick(statusLines)}\r\n${this.fields(4)}`
    const kind = this.random()
    const body = 'hello, world'.slice(0, this.below(13))
    if (kind < 0.4) return `${head}Content-Length: ${body.length}\r\n${this.fields(2)}\r\n${body}`
    if (kind < 0.8) return `${head}Transfer-Encoding: chunked\r\n${this.fields(2)}\r\n${this.chunks(body)}`
    return `${head}\r\n${body}`
  }
}
