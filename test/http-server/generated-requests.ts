import { MessageGenerator } from '../http-message/generated-messages.ts'

const requestLines = [
  'GET / HTTP/1.1',
  'GET /a/b?c=d&e HTTP/1.1',
  'POST /a HTTP/1.1',
  'PUT /a%20b HTTP/1.1',
  'HEAD / HTTP/1.1',
  'DELETE /a;b=c HTTP/1.1',
  'OPTIONS * HTTP/1.1',
  'PATCH http://h/a HTTP/1.1',
  'PROPFIND /a/ HTTP/1.1',
  'M-SEARCH /~!$&()+,:@ HTTP/1.1',
]
const oldRequestLines = ['GET / HTTP/1.0', 'POST /a HTTP/1.0']
const oddRequestLines = [
  'get / HTTP/1.1',
  'GET  / HTTP/1.1',
  'GET / HTTP/1.1 ',
  'GET / HTTP/1.2',
  'GET / HTTP/2.0',
  'GET / HTTP/0.9',
  'GET / http/1.1',
  'GET /',
  'GET\t/ HTTP/1.1',
  'GET /\tHTTP/1.1',
  'GET a HTTP/1.1',
  'GET ?a HTTP/1.1',
  'GET /a#b HTTP/1.1',
  'GET /a b HTTP/1.1',
  'GET /caf\xe9 HTTP/1.1',
  'GET /\x7f HTTP/1.1',
  'GET //h/a HTTP/1.1',
  'GET http:///a HTTP/1.1',
  'GET http://u@h:1/a HTTP/1.1',
  'GET http://[::1]/a HTTP/1.1',
  'GET h:80 HTTP/1.1',
  'GET ** HTTP/1.1',
  'GET /"<>\\^`{|}[] HTTP/1.1',
  'CONNECT h:80 HTTP/1.1',
  'CONNECT / HTTP/1.1',
  'PRI * HTTP/2.0',
  'SOURCE / HTTP/1.1',
  'QUERY /a HTTP/1.1',
  'DESCRIBE / RTSP/1.0',
  'SOURCE / ICE/1.0',
  'GET / RTSP/1.0',
  'HELLO / HTTP/1.1',
  'GETT / HTTP/1.1',
  'GE / HTTP/1.1',
  ' GET / HTTP/1.1',
]
const requestFields = [
  'Host: h',
  'Host: h',
  'Host: h:80',
  'host:',
  'Expect: 100-continue',
  'expect: 100-Continue',
  'TE: trailers',
  'Cookie: a=b; c="d"',
]
const oddRequestFields = ['Expect: 200-ok', 'Expect:', 'Expect: 100-continue, x', 'Host : h', 'Upgrade: websocket']

/** Writes what a client might send on one connection: up to four requests one behind the other, most of them right. */
export class RequestGenerator extends MessageGenerator {
  constructor(seed: number) {
    super(seed, 'GET / HTTP/1.1\r\n')
  }

  next(): Buffer[] {
    let text = this.chance(0.05) ? '\r\n' : ''
    do text += this.#request()
    while (this.chance(0.5) && text.length < 1000)
    if (this.chance(0.05)) text += this.fragment()
    return this.cut(this.damaged(text))
  }

  #request(): string {
    const head = `${this.#requestLine()}\r\n${this.#requestFields()}${this.fields(2)}`
    const kind = this.random()
    const body = 'GET / HTTP/1.1\r\n\r\n'.slice(0, this.below(19))
    if (kind < 0.35) return `${head}Content-Length: ${body.length}\r\n${this.fields(1)}\r\n${body}`
    if (kind < 0.7) return `${head}Transfer-Encoding: chunked\r\n${this.fields(1)}\r\n${this.chunks(body)}`
    return `${head}\r\n${this.chance(0.03) ? body : ''}`
  }

  #requestLine(): string {
    const kind = this.random()
    if (kind < 0.05) return this.pick(oddRequestLines)
    return this.pick(kind < 0.1 ? oldRequestLines : requestLines)
  }

  #requestFields(): string {
    let text = ''
    for (let count = this.below(3); count > 0; count--)
      text += `${this.pick(this.chance(0.03) ? oddRequestFields : requestFields)}\r\n`
    return text
  }
}
