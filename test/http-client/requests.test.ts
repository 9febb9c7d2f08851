import { createServer } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { HttpClientError, RequestHead } from '../../src/http-client/index.ts'
import { requestText } from '../../src/http-client/request-text.ts'
import { randomOf } from '../http-message/generated-messages.ts'
import { llhttpRequests } from '../http-message/llhttp.ts'
import { failure, get, listen, ok, poolFor, rawServer, start, until } from './harness.ts'

const methods = new Set(['GET', 'POST', 'PUT', 'DELETE'])

/** What is put on the wire for a request. */
async function sent(request: Partial<RequestHead>): Promise<string> {
  const { origin, peers } = await rawServer(({ socket }) => socket.write(ok()))
  await start(poolFor(origin), request).over
  return peers[0]!.received.replace(/^host: .*$/m, 'host: h')
}

describe('a request is sent', () => {
  it('as it was given, with what is the client’s to write', async () => {
    expect(
      await sent({ path: '/a/%2F?b=c&d', headers: ['X-A', '1', 'x-b', 'caf\xe9\t!', 'X-A', '', 'accept', '*/*'] }),
    ).toBe(
      'GET /a/%2F?b=c&d HTTP/1.1\r\nhost: h\r\nconnection: keep-alive\r\nX-A: 1\r\nx-b: caf\xe9\t!\r\nX-A: \r\naccept: */*\r\n\r\n',
    )
  })

  it.each<[string, Partial<RequestHead>, string]>([
    ['POST without a body', { method: 'POST' }, 'connection: keep-alive\r\ncontent-length: 0\r\n\r\n'],
    ['DELETE without a body', { method: 'DELETE' }, 'connection: keep-alive\r\n\r\n'],
    [
      'PATCH with a body',
      { method: 'PATCH', body: Buffer.from('\xff{}', 'latin1') },
      'connection: keep-alive\r\ncontent-length: 3\r\n\r\n\xff{}',
    ],
    ['GET with a body', { body: Buffer.from('{}') }, 'connection: close\r\ncontent-length: 2\r\n\r\n{}'],
    ['HEAD', { method: 'HEAD' }, 'connection: close\r\n\r\n'],
    [
      'PROPFIND',
      { method: 'PROPFIND', body: Buffer.from('<a/>') },
      'connection: keep-alive\r\ncontent-length: 4\r\n\r\n<a/>',
    ],
  ])('%s', async (_name, request, expected) => {
    expect(await sent(request)).toBe(`${request.method ?? 'GET'} / HTTP/1.1\r\nhost: h\r\n${expected}`)
  })

  it('with a large body, whole', async () => {
    const body = Buffer.alloc(300_000, 'abcdefg')
    const server = createServer((request, response) => {
      let length = 0
      request.on('data', (chunk: Buffer) => (length += chunk.length)).on('end', () => response.end(`${length}`))
    })
    const pool = poolFor(`http://127.0.0.1:${await listen(server)}`)
    expect((await start(pool, { method: 'POST', body }).over).body).toBe('300000')
  })

  it('with a stream in chunks, from before there is a connection', async () => {
    const { origin, peers } = await rawServer(() => undefined)
    const pool = poolFor(origin)
    const call = start(pool, { method: 'POST', body: 'stream' })
    expect(call.exchange.write(Buffer.from('early'))).toBe(false)
    await until(() => call.drains === 1)
    expect(call.exchange.write(Buffer.from('x'.repeat(20)))).toBe(true)
    call.exchange.write(Buffer.alloc(0))
    call.exchange.end()
    call.exchange.end()
    await until(() => peers[0]!.received.endsWith('\r\n0\r\n\r\n'))
    expect(peers[0]!.received).toMatch(/\r\ntransfer-encoding: chunked\r\n\r\n5\r\nearly\r\n14\r\nx{20}\r\n0\r\n\r\n$/)
    expect(() => call.exchange.write(Buffer.from('more'))).toThrow('the body has been sent already')
  })

  it('with a stream that has ended before there is a connection', async () => {
    const { origin, peers } = await rawServer(() => undefined)
    const pool = poolFor(origin)
    const calls = [
      start(pool, { method: 'PUT', body: 'stream' }),
      start(pool, { method: 'PUT', body: 'stream', contentLength: 5 }),
    ]
    calls[0]!.exchange.end()
    calls[1]!.exchange.write(Buffer.from('ab'))
    calls[1]!.exchange.write(Buffer.from('cde'))
    calls[1]!.exchange.end()
    await until(() => peers.length === 2 && peers.every(({ received }) => /0\r\n\r\n$|abcde$/.test(received)))
    const all = peers.map(({ received }) => received).join('')
    expect(all).toContain('transfer-encoding: chunked\r\n\r\n0\r\n\r\n')
    expect(all).toContain('content-length: 5\r\n\r\nabcde')
  })

  it('no faster than the server takes it', async () => {
    const { origin, peers } = await rawServer(({ socket }) => socket.pause())
    const pool = poolFor(origin)
    const call = start(pool, { method: 'POST', body: 'stream' })
    const chunk = Buffer.alloc(1 << 20)
    await until(() => peers.length === 1 && peers[0]!.received !== '')
    let written = 0
    while (call.exchange.write(chunk)) written++
    expect(written).toBeLessThan(32)
    const { drains } = call
    peers[0]!.socket.resume()
    await until(() => call.drains > drains)
    call.exchange.end()
    await until(() => peers[0]!.received.endsWith('\r\n0\r\n\r\n'))
    peers[0]!.socket.write(ok())
    expect((await call.over).body).toBe('ok')
  })

  it.each([
    ['longer', 3, 'the body is longer than its Content-Length'],
    ['shorter', 10, 'the body is shorter than its Content-Length'],
  ])('with a stream %s than promised: it fails, and the connection is cut', async (_how, contentLength, message) => {
    const { origin, peers } = await rawServer(() => undefined)
    const pool = poolFor(origin)
    const call = start(pool, { method: 'POST', body: 'stream', contentLength })
    await until(() => peers.length === 1 && peers[0]!.received !== '')
    call.exchange.write(Buffer.from('1234'))
    call.exchange.end()
    await expect(call.over).rejects.toThrow(message)
    await peers[0]!.closed
    expect(peers[0]!.received).not.toContain('12345')
  })
})

describe('a response is read no faster than it is taken', () => {
  it.each(['content-length: 67108864\r\n', 'connection: close\r\n'])('with %s', async (field) => {
    const megabyte = Buffer.alloc(1 << 20)
    let written = 0
    const { origin } = await rawServer(({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\n${field}\r\n`)
      const more = () => {
        while (written < 64) {
          written++
          if (!socket.write(megabyte)) {
            socket.once('drain', more)
            return
          }
        }
        if (field.startsWith('connection')) socket.end()
      }
      more()
    })
    let taken = 0
    const call = start(poolFor(origin), {}, (one) => {
      one.onChunk = (chunk) => {
        one.body = ''
        taken += chunk.length
        if (taken < 1000_000) one.exchange.pause()
      }
    })
    await call.head
    await until(() => taken > 0)
    let before = -1
    for (let turns = 0; turns < 50 || written !== before; turns++) {
      before = written
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(written).toBeLessThan(32)
    expect(taken).toBeLessThan(200_000)
    while (taken < 1000_000) {
      const seen = taken
      call.exchange.resume()
      await until(() => taken > seen)
    }
    await call.over
    expect(taken).toBe(64 << 20)
  })

  it('paused before there is a connection', async () => {
    const { origin, peers } = await rawServer(({ socket }) => socket.write(ok()))
    const call = start(poolFor(origin))
    call.exchange.pause()
    await until(() => peers.length === 1 && peers[0]!.received !== '')
    for (let turns = 0; turns < 50; turns++) await new Promise((resolve) => setImmediate(resolve))
    expect(call.events).toEqual([])
    call.exchange.resume()
    expect((await call.over).body).toBe('ok')
  })
})

describe('nothing a caller passes becomes another line, field or request', () => {
  const refused: [string, Partial<RequestHead>][] = [
    ['CR LF in a value', { headers: ['x', 'a\r\nhost: evil'] }],
    ['LF in a value', { headers: ['x', 'a\nhost: evil'] }],
    ['CR in a value', { headers: ['x', 'a\rhost: evil'] }],
    ['NUL in a value', { headers: ['x', 'a\0'] }],
    ['DEL in a value', { headers: ['x', 'a\x7f'] }],
    ['a value that becomes LF in Latin-1', { headers: ['x', 'a\u010ahost: evil'] }],
    ['a value beyond Latin-1', { headers: ['x', '\u20ac'] }],
    ['a value that is no string', { headers: ['x', { toString: () => 'a' } as unknown as string] }],
    ['a name without a value', { headers: ['x'] }],
    ['an empty name', { headers: ['', 'a'] }],
    ['a colon in a name', { headers: ['x: y', 'a'] }],
    ['CR LF in a name', { headers: ['x\r\ny', 'a'] }],
    ['a space behind a name', { headers: ['x ', 'a'] }],
    ['a name beyond ASCII', { headers: ['\u017f', 'a'] }],
    ['a method with a space', { method: 'GET /evil HTTP/1.1\r\n' }],
    ['a method in small letters', { method: 'get' }],
    ['an empty method', { method: '' }],
    ['CONNECT', { method: 'CONNECT' }],
    ['a path with a space', { path: '/a b' }],
    ['a path with CR LF', { path: '/ HTTP/1.1\r\nhost: evil\r\n' }],
    ['a path with LF', { path: '/a\nb' }],
    ['a path beyond ASCII', { path: '/caf\xe9' }],
    ['a path that becomes LF in Latin-1', { path: '/\u010a' }],
    ['a path that does not begin with a slash', { path: 'http://evil/' }],
    ['an empty path', { path: '' }],
    ['* for GET', { path: '*' }],
    ['a length that is no number', { method: 'POST', body: 'stream', contentLength: NaN }],
    ['a negative length', { method: 'POST', body: 'stream', contentLength: -1 }],
    ['half a byte', { method: 'POST', body: 'stream', contentLength: 0.5 }],
    ...[
      'Host',
      'content-length',
      'Transfer-Encoding',
      'connection',
      'Keep-Alive',
      'proxy-connection',
      'Upgrade',
      'TE',
      'trailer',
      'expect',
    ].map((name): [string, Partial<RequestHead>] => [`${name}, which is the client's own`, { headers: [name, '1'] }]),
  ]

  it.each(refused)('%s is refused, and nothing is done', (_what, request) => {
    const pool = poolFor('http://127.0.0.1:1', { connect: () => expect.fail('a connection is opened') })
    const call = { ...get, ...request }
    let error: HttpClientError | undefined
    try {
      pool.send(call, { whyNotSend: () => expect.fail('asked') } as never)
    } catch (thrown) {
      error = thrown as HttpClientError
    }
    expect(error?.code).toBe('invalid_request')
    expect(error!.message).not.toContain('evil')
    expect(pool.stats.calls).toBe(0)
  })

  it('generated requests are refused, or read by a server as exactly what was asked for', () => {
    const random = randomOf(7)
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
    const some = (list: readonly string[], most: number): string =>
      Array.from({ length: Math.floor(random() * (most + 1)) }, () => pick(list)).join('')
    const plain = ['a', 'B', '7', '-', 'x-y', '_', '~', '!', '%2F', 'é', '\xff']
    const odd = [
      '\r',
      '\n',
      '\r\n',
      '\r\n\r\n',
      '\0',
      '\t',
      ' ',
      ':',
      '\u010a',
      '\u010d',
      '\u2028',
      '\x7f',
      'HTTP/1.1',
      '"',
      '?',
      '#',
    ]
    const text = (most: number): string => some(random() < 0.03 ? [...plain, ...odd] : plain.slice(0, 9), most)
    let accepted = 0
    let refusals = 0
    for (let i = 0; i < 20_000; i++) {
      const headers = Array.from({ length: Math.floor(random() * 4) }, () => [
        `x${text(3)}`,
        random() < 0.3 ? some(plain, 5) : text(5),
      ]).flat()
      const body = random() < 0.5 ? null : Buffer.from(text(5), 'latin1')
      const request = {
        method: pick(['GET', 'POST', 'PUT', 'DELETE', `GET${text(1)}`]),
        path: `/${text(5)}`,
        headers,
        body,
      }
      let sentText: string | undefined
      try {
        sentText = requestText(request, 'h')
      } catch (error) {
        refusals++
        expect((error as HttpClientError).code).toBe('invalid_request')
      }
      if (sentText === undefined) continue
      const found = llhttpRequests(Buffer.concat([Buffer.from(sentText, 'latin1'), body ?? Buffer.alloc(0)]))
      // A method that llhttp does not know is none of ours to judge.
      if (found === undefined && !methods.has(request.method)) continue
      accepted++
      const own = ['host', 'h', 'connection', expect.any(String)]
      const length =
        body === null
          ? request.method === 'GET' || request.method === 'DELETE'
            ? []
            : ['content-length', '0']
          : ['content-length', `${body.length}`]
      expect(found).toEqual([
        {
          ...request,
          headers: [...own, ...headers.map((part) => part.replace(/^[\t ]+|[\t ]+$/g, '')), ...length],
          body: body?.toString('latin1') ?? '',
        },
      ])
    }
    expect(accepted).toBeGreaterThan(10_000)
    expect(refusals).toBeGreaterThan(1_000)
  })

  it('and what the client throws at one call concerns no other', async () => {
    const { origin } = await rawServer(({ socket }) => socket.write(ok()))
    const pool = poolFor(origin)
    expect(await failure((async () => start(pool, { path: '' }))())).toBe('invalid_request')
    expect((await start(pool).over).body).toBe('ok')
  })
})
