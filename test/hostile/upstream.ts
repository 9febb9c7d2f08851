/** An upstream that answers any bytes it is told to, and counts who called. */
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'

export interface HostileUpstream {
  readonly url: string
  /** Requests it was sent, with the key or without. */
  readonly calls: number
  /** Request heads as they came. */
  readonly heads: readonly string[]
  close(): Promise<void>
}

type Reply = string | Buffer | 'silence' | 'reset'

const json = (status: string, body: string, headers = ''): string =>
  `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\n${headers}content-length: ${String(body.length)}\r\n\r\n${body}`
const invoices = '{"data":[{"id":"in_1","email":"jane@example.com"}],"has_more":false}'
const encoded = (name: string, body: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from(
      `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: ${name}\r\ncontent-length: ${String(body.length)}\r\n\r\n`,
    ),
    body,
  ])
const zeros = Buffer.alloc(64 * 1024 * 1024, '[')

/** By the last segment of the path asked for. Where a text names the key or itself, `<key>` and `<self>` stand for it. */
const replies: Readonly<Record<string, Reply>> = {
  invoices: json('200 OK', invoices),
  unauthorized: json('401 Unauthorized', '{"error":"bad key <key>"}', 'www-authenticate: Bearer realm="stripe"\r\n'),
  'proxy-authentication': json('407 Proxy Authentication Required', '{}', 'proxy-authenticate: Basic\r\n'),
  'server-error': json('500 Internal Server Error', '{"error":"at handler (/srv/api.js:10:5)"}'),
  partial: json('206 Partial Content', '{"a'),
  'moved-same': 'HTTP/1.1 301 Moved Permanently\r\nlocation: <self>/v1/invoices\r\ncontent-length: 0\r\n\r\n',
  'found-same': 'HTTP/1.1 302 Found\r\nlocation: /v1/invoices?limit=3\r\ncontent-length: 0\r\n\r\n',
  'temporary-same': 'HTTP/1.1 307 Temporary Redirect\r\nlocation: invoices\r\ncontent-length: 0\r\n\r\n',
  'moved-other':
    'HTTP/1.1 301 Moved Permanently\r\nlocation: https://evil.example/v1/invoices\r\ncontent-length: 0\r\n\r\n',
  'found-other': 'HTTP/1.1 302 Found\r\nlocation: //evil.example/v1/invoices\r\ncontent-length: 0\r\n\r\n',
  'temporary-other':
    'HTTP/1.1 307 Temporary Redirect\r\nlocation: http://169.254.169.254/latest/meta-data\r\ncontent-length: 0\r\n\r\n',
  'moved-script': 'HTTP/1.1 302 Found\r\nlocation: javascript:alert(1)\r\ncontent-length: 0\r\n\r\n',
  'moved-upward': 'HTTP/1.1 302 Found\r\nlocation: /v1/%2e%2e/%2e%2e/etc\r\ncontent-length: 0\r\n\r\n',
  'moved-key': 'HTTP/1.1 302 Found\r\nlocation: /v1/invoices?key=<key>\r\ncontent-length: 0\r\n\r\n',
  lorem: 'lorem ipsum dolor sit amet\r\n\r\n',
  'old-http': 'HTTP/0.9 200 OK\r\n\r\n',
  'split-header': 'HTTP/1.1 200 OK\r\nx\0y: z\r\ncontent-length: 0\r\n\r\n',
  'two-lengths': 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}x',
  'length-and-chunks': 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
  'bad-length': 'HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\n{}',
  'huge-header': `HTTP/1.1 200 OK\r\nx-big: ${'x'.repeat(128 * 1024)}\r\ncontent-length: 0\r\n\r\n`,
  silent: 'silence',
  reset: 'reset',
  'head-then-silent': 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"data":[',
  'endless-interim': 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(64),
  upgrade: 'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n',
  huge: json('200 OK', `{"data":[${'{"id":"x"},'.repeat(4000)}{"id":"x"}]}`),
  'not-json': 'HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<h1>hello</h1',
  'broken-json': json('200 OK', '{"data":[{"id":"<key>"}'),
  'latin-1': Buffer.from(
    'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\r\n"\xe9x"\n',
    'latin1',
  ),
  'deep-json': json('200 OK', '['.repeat(200_000) + ']'.repeat(200_000)),
  'gzip-bomb': encoded('gzip', gzipSync(zeros)),
  'brotli-bomb': encoded('br', brotliCompressSync(zeros)),
  'deflate-bomb': encoded('deflate', deflateSync(zeros)),
  'damaged-gzip': encoded('gzip', Buffer.from('this is not gzip')),
  'unknown-encoding': encoded('compress', Buffer.from('xx')),
  'double-encoding': encoded('gzip, br', Buffer.from('xx')),
  cookie: json('200 OK', invoices, 'set-cookie: sid=<key>\r\nserver: secret-server\r\n'),
  echo: json('200 OK', '{"key":"<key>","data":[]}', 'x-request-id: <key>\r\n'),
}

export async function startHostileUpstream(key: string): Promise<HostileUpstream> {
  const heads: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket
      .on('close', () => {
        sockets.delete(socket)
      })
      .on('error', () => undefined)
    let pending = ''
    socket.on('data', (chunk: Buffer) => {
      pending += chunk.toString('latin1')
      const end = pending.indexOf('\r\n\r\n')
      if (end < 0) return
      const head = pending.slice(0, end)
      if (
        /^transfer-encoding/im.test(head)
          ? !pending.endsWith('0\r\n\r\n')
          : pending.length < end + 4 + Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
      )
        return
      pending = ''
      heads.push(head)
      respond(socket, replies[/\/([a-z0-9-]+)(?:\?\S*)? HTTP/.exec(head)?.[1] ?? ''] ?? json('404 Not Found', '{}'))
    })
  })

  function respond(socket: Socket, reply: Reply): void {
    if (reply === 'silence') return
    if (reply === 'reset') {
      socket.resetAndDestroy()
      return
    }
    socket.write(typeof reply === 'string' ? Buffer.from(worded(reply), 'latin1') : reply)
  }

  /** The length is kept right when a name is filled in. */
  function worded(reply: string): string {
    const filled = reply.replaceAll('<key>', key).replaceAll('<self>', url)
    const body = filled.slice(filled.indexOf('\r\n\r\n') + 4)
    return filled === reply || body === ''
      ? filled
      : filled.replace(/content-length: \d+/, `content-length: ${String(body.length)}`)
  }

  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  return {
    url,
    heads,
    get calls() {
      return heads.length
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        for (const socket of sockets) socket.destroy()
      }),
  }
}
