import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { RequestsOn } from './requests.ts'

/** What is wrong with a request that no handler gets to see. */
export interface Unreadable {
  readonly status: number
  readonly message: string
}

const byParserCode: Readonly<Record<string, Unreadable>> = {
  HPE_INVALID_METHOD: { status: 400, message: 'the request does not begin with a known method, for example GET' },
  HPE_HEADER_OVERFLOW: { status: 431, message: 'the request line and headers are longer than 16 KiB' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, message: 'the chunk extensions of the body are too long' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, message: 'the request did not arrive in time' },
}
const notHttp: Unreadable = {
  status: 400,
  message: 'the request is not well-formed HTTP/1.1: its first line, a header or the framing of its body is wrong',
}
const methods = 'GET, HEAD, POST, PUT, PATCH, DELETE'

/**
 * Answers in an API's own words what node:http refuses by itself, in silence or with an empty body: requests its parser does not
 * accept, CONNECT, and expectations other than 100-continue. `bodyOf` words the JSON. Connections end with these responses.
 */
export function respondUnreadable(
  server: Server,
  bodyOf: (refused: Unreadable) => object,
  requestsOn: RequestsOn,
): void {
  // Headers past node's 2000th would be left out in silence, and the request judged without them; their bytes are bounded anyway.
  server.maxHeadersCount = 0
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    const { code = '' } = error
    const answerable = code.startsWith('HPE_') || code in byParserCode
    // Within another response's body these words would look like part of it.
    const hasBegun = requestsOn(socket).some(({ headersSent }) => headersSent)
    if (!answerable || hasBegun || !socket.writable) {
      socket.destroy()
      return
    }
    end(socket, byParserCode[code] ?? notHttp, bodyOf)
  })
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => undefined)
    end(socket, { status: 405, message: 'CONNECT is not served here' }, bodyOf)
  })
  server.on('checkExpectation', ({ socket }: IncomingMessage) => {
    end(socket, { status: 417, message: 'Expect: only 100-continue is supported' }, bodyOf)
  })
}

const reasons: Readonly<Record<number, string>> = {
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Payload Too Large',
  417: 'Expectation Failed',
  431: 'Request Header Fields Too Large',
}

function end(socket: Duplex, refused: Unreadable, bodyOf: (refused: Unreadable) => object): void {
  const { status } = refused
  const body = `${JSON.stringify(bodyOf(refused))}\n`
  const head = [
    `HTTP/1.1 ${String(status)} ${reasons[status] ?? 'Bad Request'}`,
    'Content-Type: application/json',
    `Content-Length: ${String(Buffer.byteLength(body))}`,
    'Cache-Control: no-store',
    ...(status === 405 ? [`Allow: ${methods}`] : []),
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => {
    socket.destroy()
  })
}
