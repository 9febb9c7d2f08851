import { afterEach, describe, expect, it } from 'vitest'
import { eventually, startServer, statuses, turns } from './harness.ts'
import type { Peer, Serve, ServerHarness } from './harness.ts'

let harness: ServerHarness
afterEach(() => harness.stop())

const DATE = 'Date: Sun, 15 Mar 2026 16:00:00 GMT'
const keep = 'Connection: keep-alive\r\nKeep-Alive: timeout=65'

/** All that a client gets for one request. */
async function responseTo(request: string, serve: Serve): Promise<string> {
  harness = await startServer(serve)
  const client = harness.peer(request)
  await eventually(() => harness.served[0]?.response.closed === true)
  await turns()
  return client.received
}
const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n'

describe('a response is sent', () => {
  it.each<[string, string, Serve, string]>([
    [
      'in its length',
      GET,
      (_, response) => {
        response.writeHead(200, ['X-A', 'caf\xe9', 'Content-Length', '5'])
        response.end('hello')
      },
      `HTTP/1.1 200 OK\r\nX-A: caf\xe9\r\nContent-Length: 5\r\n${DATE}\r\n${keep}\r\n\r\nhello`,
    ],
    [
      'in chunks, with trailers',
      GET,
      (_, response) => {
        response.writeHead(299, [])
        response.flushHeaders()
        response.write('ab')
        response.write('')
        response.addTrailers([['x-sum', '1']])
        response.end('c')
      },
      `HTTP/1.1 299 unknown\r\n${DATE}\r\nTransfer-Encoding: chunked\r\n${keep}\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nx-sum: 1\r\n\r\n`,
    ],
    [
      'empty, in chunks',
      GET,
      (_, response) => {
        response.writeHead(200, ['date', 'today'])
        response.end()
      },
      `HTTP/1.1 200 OK\r\ndate: today\r\nTransfer-Encoding: chunked\r\n${keep}\r\n\r\n0\r\n\r\n`,
    ],
    [
      'until the connection ends, to a client that knows no chunks',
      'GET / HTTP/1.0\r\nHost: h\r\n\r\n',
      (_, response) => {
        response.writeHead(200, [])
        response.write('a')
        response.end('b')
      },
      `HTTP/1.1 200 OK\r\n${DATE}\r\nConnection: close\r\n\r\nab`,
    ],
    [
      'without a body to HEAD, whose length is that of GET',
      'HEAD / HTTP/1.1\r\nHost: h\r\n\r\n',
      (_, response) => {
        response.writeHead(200, ['Content-Length', '5'])
        response.end('hello')
      },
      `HTTP/1.1 200 OK\r\nContent-Length: 5\r\n${DATE}\r\n${keep}\r\n\r\n`,
    ],
    [
      'without a body where its status has none',
      GET,
      (_, response) => {
        response.writeHead(304, ['ETag', '"a"'])
        response.end('hello')
      },
      `HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n${DATE}\r\n${keep}\r\n\r\n`,
    ],
    [
      'with the end of the connection, where it is to be the last',
      GET,
      (_, response) => {
        response.shouldKeepAlive = false
        response.writeHead(204, [])
        response.end()
      },
      `HTTP/1.1 204 No Content\r\n${DATE}\r\nConnection: close\r\n\r\n`,
    ],
  ])('%s', async (_what, request, serve, expected) => {
    expect(await responseTo(request, serve)).toBe(expected)
  })

  it.each([16_384, 16_385, 1_000_000])('whole, with a body of %i bytes', async (length) => {
    const text = await responseTo(GET, (_, response) => {
      response.writeHead(200, ['Content-Length', String(length)])
      response.end(Buffer.alloc(length, 'x'))
    })
    expect(text.length - text.indexOf('\r\n\r\n') - 4).toBe(length)
    harness.served.splice(0)
    await harness.stop()
    const chunked = await responseTo(GET, (_, response) => {
      response.writeHead(200, [])
      response.end(Buffer.alloc(length, 'x'))
    })
    expect(chunked.slice(chunked.indexOf('\r\n\r\n') + 4)).toBe(
      `${length.toString(16)}\r\n${'x'.repeat(length)}\r\n0\r\n\r\n`,
    )
  })
})

describe('a response is not sent', () => {
  it.each([
    ['a line end in a value', ['X-A', 'a\r\nX-B: b']],
    ['a line end in a name', ['X-A\r\nX-B', 'b']],
    ['a character beyond Latin-1', ['X-A', '€']],
    ['framing of its own', ['Transfer-Encoding', 'chunked']],
    ['a connection of its own', ['connection', 'close']],
  ])('with %s', async (_what, headers) => {
    let thrown: unknown
    const text = await responseTo(GET, (_, response) => {
      try {
        response.writeHead(200, headers)
      } catch (error) {
        thrown = error
      }
      response.writeHead(500, ['Content-Length', '0'])
      response.end()
    })
    expect(thrown).toBeInstanceOf(Error)
    expect(text).toMatch(/^HTTP\/1\.1 500 [^]*\r\n\r\n$/)
    expect(text).not.toContain('X-B')
  })

  it.each([
    ['longer', 'hello world'],
    ['shorter', 'hell'],
  ])('with a body that is %s than it declared: the connection breaks', async (_what, body) => {
    harness = await startServer((_, response) => {
      response.writeHead(200, ['Content-Length', '5'])
      response.flushHeaders()
      response.end(body)
    })
    const client = harness.peer(GET + GET)
    await eventually(() => client.isClosed)
    expect(client.received).not.toContain('world')
    expect(harness.served).toHaveLength(1)
    expect(harness.served[0]!.response.writableFinished).toBe(false)
  })
})

it('a slow reader holds up who writes, and is told of when it takes more', async () => {
  let drains = 0
  harness = await startServer((_, response) => {
    response.on('drain', () => drains++)
    response.writeHead(200, [])
  })
  const client = harness.peer(GET)
  await eventually(() => harness.served.length === 1)
  client.socket.pause()
  const { response } = harness.served[0]!
  const chunk = Buffer.alloc(1 << 20)
  let written = 1
  while (response.write(chunk)) written++
  expect(written).toBeLessThan(64)
  expect(drains).toBe(0)
  client.socket.resume()
  await eventually(() => drains === 1)
  response.end()
  await eventually(() => client.received.endsWith('0\r\n\r\n'))
  expect(client.received.length).toBeGreaterThan(written << 20)
  expect(statuses(client.received.slice(0, 100))).toEqual(['200'])
})

it('a response that breaks while its last bytes wait has not ended, and what came behind it is not served', async () => {
  const told: string[] = []
  harness = await startServer((_, response) => {
    for (const event of ['finish', 'close']) response.on(event, () => told.push(event))
    response.writeHead(200, [])
    response.end(Buffer.alloc(32 << 20))
  })
  const client = harness.peer()
  client.socket.pause()
  client.socket.write(GET + GET)
  await eventually(() => harness.served.length === 1 && client.socket.readableLength > 0)
  const { response } = harness.served[0]!
  response.destroy()
  await eventually(() => response.closed)
  await turns()
  expect([told, response.writableFinished, harness.served.length]).toEqual([['close'], false, 1])
})

describe('a response of unknown length to a client that knows no chunks', () => {
  const OLD = 'GET / HTTP/1.0\r\nHost: h\r\n\r\n'
  const begin: Serve = (_, response) => {
    response.writeHead(200, [])
    response.write('begun')
  }

  it.each<[string, (peer: Peer) => unknown]>([
    ['the server is closed', () => harness.server.close()],
    ['the client closes its side', ({ socket }) => socket.end()],
    ['its writer gives up', () => harness.served[0]!.response.destroy()],
  ])('does not look whole when %s', async (_what, end) => {
    harness = await startServer(begin)
    const client = harness.peer(OLD)
    await eventually(() => client.received.endsWith('begun'))
    end(client)
    await eventually(() => client.isClosed)
    expect(client.error).toBe('ECONNRESET')
  })

  it('comes whole where the client closed its side once all of it was written', async () => {
    const length = 32 << 20
    harness = await startServer((_, response) => {
      response.writeHead(200, [])
      response.end(Buffer.alloc(length, 'x'))
    })
    const client = harness.peer()
    let bytes = 0
    client.socket.removeAllListeners('data')
    client.socket.pause()
    client.socket.end(OLD)
    await eventually(() => harness.served.length === 1)
    await turns()
    client.socket.on('data', (chunk: Buffer) => (bytes += chunk.length))
    client.socket.resume()
    await eventually(() => client.isClosed)
    expect(bytes).toBeGreaterThan(length)
    expect(client.error).toBeUndefined()
  })
})
