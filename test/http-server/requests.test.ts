import { afterEach, describe, expect, it } from 'vitest'
import { echo, eventually, startServer, statuses, turns } from './harness.ts'
import type { Peer, Serve, ServerHarness } from './harness.ts'

let harness: ServerHarness
afterEach(() => harness.stop())
const start = async (...options: Parameters<typeof startServer>): Promise<ServerHarness> => {
  harness = await startServer(...options)
  return harness
}
const get = (path = '/', ...fields: string[]): string =>
  ['GET ' + path + ' HTTP/1.1', 'Host: h', ...fields, '', ''].join('\r\n')

describe('requests on one connection', () => {
  it('are served one after another, each with its response before the next is looked at', async () => {
    const held: (() => void)[] = []
    const { peer, served } = await start((_request, response) => {
      held.push(() => {
        response.writeHead(204, [])
        response.end()
      })
    })
    const client = peer(get('/1') + get('/2') + get('/3'))
    for (let count = 1; count <= 3; count++) {
      await eventually(() => held.length === count)
      await turns()
      expect(served.map(({ request }) => request.url)).toEqual(['/1', '/2', '/3'].slice(0, count))
      held[count - 1]!()
    }
    await eventually(() => statuses(client.received).length === 3)
    expect(client.isClosed).toBe(false)
  })

  it.each([
    ['a body of known length', 'POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello', 'POST /a hello'],
    [
      'a body in chunks, with an extension and trailers',
      'PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2;x=1\r\nhe\r\n3\r\nllo\r\n0\r\nX-Sum: 1\r\n\r\n',
      'PUT /a hello',
    ],
    ['an empty line before it', `\r\n${get('/a')}`, 'GET /a '],
    ['a method of WebDAV', 'PROPFIND /a HTTP/1.1\r\nHost: h\r\n\r\n', 'PROPFIND /a '],
    ['a body on GET', 'GET /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}', 'GET /a {}'],
    ['the asterisk', 'OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n', 'OPTIONS * '],
  ])('with %s are read whole, in whatever pieces they come', async (_what, text, expected) => {
    const { peer } = await start()
    const whole = peer(text + get('/next'))
    const byByte = peer()
    for (const byte of text + get('/next')) {
      byByte.socket.write(byte, 'latin1')
      await turns(1)
    }
    for (const client of [whole, byByte]) {
      await eventually(() => client.received.includes('GET /next '))
      expect(client.received).toContain(`\r\n\r\n${expected}HTTP/1.1 200 OK`)
    }
  })

  it.each([
    ['HTTP/1.1 asked to close', get('/', 'Connection: x, Close')],
    ['HTTP/1.1 asked to close by the name some readers know', get('/', 'Proxy-Connection: close')],
    ['HTTP/1.0', 'GET / HTTP/1.0\r\nHost: h\r\n\r\n'],
  ])('end with the response of %s, and what follows is not served', async (_what, text) => {
    const { peer, served } = await start()
    const client = peer(text + get('/smuggled'))
    await eventually(() => client.isClosed)
    expect(client.received).toContain('Connection: close')
    expect(served).toHaveLength(1)
  })

  it('end with a response that came before the whole body, which is not taken for another request', async () => {
    const { peer, served, clock } = await start((_request, response) => {
      response.writeHead(413, [])
      response.end('too large')
    })
    const [slow, done] = [peer(), peer()]
    for (const client of [slow, done])
      client.socket.write(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n${get('/smuggled')}`)
    // Whole, whatever the client still sends.
    for (const client of [slow, done]) await eventually(() => client.received.endsWith('too large\r\n0\r\n\r\n'))
    done.socket.write('x'.repeat(100))
    await eventually(() => done.isClosed)
    await clock.advance(4_999)
    await turns()
    expect(slow.isClosed).toBe(false)
    await clock.advance(1)
    await eventually(() => slow.isClosed)
    expect([slow, done].map(({ received }) => statuses(received))).toEqual([['413'], ['413']])
    expect(done.error).toBeUndefined()
    expect(served).toHaveLength(2)
    // What is left is the look at who is late.
    expect(clock.waiting).toBe(1)
  })

  it('breaks, without a word, where the rest of a body that is thrown away is not one', async () => {
    const { peer } = await start((_request, response) => {
      response.writeHead(413, ['Content-Length', '0'])
      response.end()
    })
    const client = peer('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n')
    await eventually(() => statuses(client.received).length === 1)
    client.socket.write('zz\r\n')
    await eventually(() => client.isClosed)
    expect(statuses(client.received)).toEqual(['413'])
  })
})

describe('what is not a request, or could be read as two different ones, is refused', () => {
  const cases: [string, string, string][] = [
    ['no method', 'HELLO / HTTP/1.1\r\nHost: h\r\n\r\n', '400'],
    ['a TLS handshake, before it is over', '\x16\x03\x01\x02', '400'],
    ['a method in small letters', 'get / HTTP/1.1\r\n\r\n', '400'],
    ['CONNECT', 'CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n', '405'],
    ['another version', 'GET / HTTP/2.0\r\n\r\n', '400'],
    ['two spaces', 'GET  / HTTP/1.1\r\n\r\n', '400'],
    ['a tab for a space', 'GET\t/ HTTP/1.1\r\n\r\n', '400'],
    ['a space in the target', 'GET /a b HTTP/1.1\r\n\r\n', '400'],
    ['a byte beyond ASCII in the target', 'GET /\xe9 HTTP/1.1\r\n\r\n', '400'],
    ['bare line feeds', 'GET / HTTP/1.1\nHost: h\n\n', '400'],
    ['a bare line feed in a field', 'GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n', '400'],
    ['a folded field', 'GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n', '400'],
    ['a space before the colon', 'GET / HTTP/1.1\r\nContent-Length : 3\r\n\r\nabc', '400'],
    ['a control character in a field', 'GET / HTTP/1.1\r\nA: b\0\r\n\r\n', '400'],
    ['two lengths', 'POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na', '400'],
    ['a list of lengths', 'POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\na', '400'],
    ['a signed length', 'POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\na', '400'],
    [
      'a length and chunks',
      'POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      '400',
    ],
    ['chunks of HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', '400'],
    ['another coding', 'POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', '501'],
    ['chunked twice', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n', '501'],
    ['another expectation', 'POST / HTTP/1.1\r\nExpect: 200-ok\r\nContent-Length: 1\r\n\r\na', '417'],
    ['a head past its bound', `GET / HTTP/1.1\r\nA: ${'b'.repeat(17_000)}`, '431'],
    ['empty lines without end', '\r\n'.repeat(20), '400'],
  ]

  it.each(cases)('%s', async (_what, text, status) => {
    const { peer, served } = await start()
    const client = peer(text)
    await eventually(() => client.isClosed)
    expect(statuses(client.received)).toEqual([status])
    expect(client.received).toMatch(/Connection: close\r\n\r\n\{"error":".+"\}\n$/)
    expect(served).toEqual([])
  })

  it.each(cases)('%s, behind a request that is served first', async (_what, text, status) => {
    const { peer, served } = await start()
    const client = peer(get('/first') + text)
    await eventually(() => client.isClosed)
    expect(statuses(client.received)).toEqual(['200', status])
    expect(served).toHaveLength(1)
  })

  it.each<[string, Serve, string[], string | undefined]>([
    ['before the response has begun: in words', () => undefined, ['400'], undefined],
    [
      'within a response: the connection breaks, and no words look like part of it',
      (request, response) => {
        response.writeHead(200, [])
        response.write('begun')
        request.resume()
      },
      ['200'],
      'ECONNRESET',
    ],
  ])('a chunk without a size, %s', async (_what, serve, expected, error) => {
    const { peer, served } = await start(serve)
    const client = peer('POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n')
    await eventually(() => served.length === 1)
    served[0]!.request.resume()
    await turns()
    client.socket.write('zz\r\n')
    await eventually(() => client.isClosed)
    expect(statuses(client.received)).toEqual(expected)
    expect(client.error).toBe(error)
    expect(served[0]!.request.destroyed).toBe(true)
    expect(served[0]!.response.closed).toBe(true)
  })
})

describe('a client that expects 100-continue', () => {
  const head = 'POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n'

  it('is told to go on when its body is wanted, once, and not before', async () => {
    const { peer, served } = await start(() => undefined)
    const client = peer(head)
    await eventually(() => served.length === 1)
    await turns()
    expect(client.received).toBe('')
    echo(served[0]!.request, served[0]!.response)
    await eventually(() => client.received === 'HTTP/1.1 100 Continue\r\n\r\n')
    client.socket.write('ok')
    await eventually(() => statuses(client.received).includes('200'))
    expect(statuses(client.received)).toEqual(['100', '200'])
  })

  it('is not told so when it is refused', async () => {
    const { peer, clock } = await start((_request, response) => {
      response.writeHead(401, ['Content-Length', '0'])
      response.end()
    })
    const client = peer(head)
    await eventually(() => statuses(client.received).length > 0)
    await clock.advance(5_000)
    await eventually(() => client.isClosed)
    expect(statuses(client.received)).toEqual(['401'])
  })

  it('of HTTP/1.0, or with its body on the way already, is not told so', async () => {
    const { peer } = await start()
    const old = peer(`${head.replace('HTTP/1.1', 'HTTP/1.0')}ok`)
    const eager = peer(`${head}ok`)
    for (const client of [old, eager]) {
      await eventually(() => statuses(client.received).includes('200'))
      expect(statuses(client.received)).toEqual(['200'])
    }
  })
})

describe('a body', () => {
  it('that nobody wants is read ahead so far and no further', async () => {
    const { peer, served } = await start(() => undefined)
    const client = peer('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n')
    await eventually(() => served.length === 1)
    let sent = 0
    const chunk = Buffer.alloc(1 << 20)
    while (sent < 64 && client.socket.write(chunk) !== undefined && client.socket.writableLength < 16 << 20) sent++
    await turns(500)
    expect(client.socket.writableLength).toBeGreaterThan(4 << 20)
    expect(served[0]!.request.socket.bytesRead).toBeLessThan(1 << 20)
  })

  it('is read by pieces at the pace of who takes them, and its end is the end of them', async () => {
    let bytes = 0
    const { peer } = await start((request, response) => {
      const read = async () => {
        for await (const piece of request.chunks()) {
          bytes += piece.length
          await turns(1)
        }
        response.writeHead(200, ['Content-Length', '0'])
        response.end()
      }
      void read()
    })
    const client = peer('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n')
    client.socket.write(Buffer.alloc(1_000_000))
    await eventually(() => statuses(client.received).length === 1)
    expect(bytes).toBe(1_000_000)
  })

  it('that breaks off is an error for who reads it by pieces', async () => {
    const told: unknown[] = []
    const { peer, served } = await start((request) => {
      const read = async () => {
        for await (const piece of request.chunks()) told.push(piece.length)
      }
      read().catch((error: unknown) => told.push((error as Error).message))
    })
    const client = peer('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc')
    await eventually(() => told.length === 1)
    client.socket.destroy()
    await eventually(() => told.length === 2)
    expect(told).toEqual([3, 'the connection ended within the body'])
    expect(served[0]!.response.destroyed).toBe(true)
  })
})

it('a client that closes its side while its response is made has gone', async () => {
  const gone: string[] = []
  const { peer, served } = await start((_request, response) => {
    response.once('close', () => gone.push('response'))
  })
  const client: Peer = peer(get())
  await eventually(() => served.length === 1)
  client.socket.end()
  await eventually(() => client.isClosed)
  expect(gone).toEqual(['response'])
  expect(served[0]!.response.writableFinished).toBe(false)
})

it('names are in lower case, values as they came, repeats kept apart', async () => {
  const { peer, served } = await start()
  const client = peer(
    get('/', 'X-A:  1 ', 'x-a: caf\xe9', 'Cookie: a', 'cookie: b', 'AUTHORIZATION: 1', 'Authorization: 2'),
  )
  await eventually(() => statuses(client.received).length === 1)
  const { rawHeaders, headers } = served[0]!.request
  expect(rawHeaders.slice(2)).toEqual([
    'x-a',
    '1',
    'x-a',
    'caf\xe9',
    'cookie',
    'a',
    'cookie',
    'b',
    'authorization',
    '1',
    'authorization',
    '2',
  ])
  expect({ ...headers }).toEqual({ host: 'h', 'x-a': '1, caf\xe9', cookie: 'a; b', authorization: '1' })
})
