import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { buildConnector } from 'undici'
import { describe, expect, it } from 'vitest'
import { FakeClock } from '../fakes/clock.ts'
import { throwAwayCertificate } from '../fakes/certificate.ts'
import { failure, listen, ok, poolFor, rawServer, start, tcp, until } from './harness.ts'

describe('connections are used again', () => {
  it('one after another, the same one', async () => {
    const { origin, peers } = await rawServer(({ socket }, nth) => socket.write(ok(`${nth}`)))
    const pool = poolFor(origin)
    for (const expected of ['0', '1', '2', '3']) {
      expect(await start(pool).over).toMatchObject({ status: 200, body: expected, trailers: [] })
      await until(() => pool.stats.idle === 1)
    }
    expect(peers).toHaveLength(1)
    expect(pool.stats).toEqual({ connections: 1, idle: 1, connecting: 0, waiting: 0, calls: 0 })
  })

  it('the one used last first', async () => {
    const { origin, peers } = await rawServer(({ socket, index }) => socket.write(ok(`${index}`)))
    const pool = poolFor(origin)
    const bodies = await Promise.all([start(pool).over, start(pool).over])
    expect(bodies.map(({ body }) => body).sort()).toEqual(['0', '1'])
    await until(() => pool.stats.idle === 2)
    const { body } = await start(pool).over
    await until(() => pool.stats.idle === 2)
    expect((await start(pool).over).body).toBe(body)
    expect(peers).toHaveLength(2)
  })

  it('by those who wait, in their order, when there may be no more', async () => {
    const { origin, peers } = await rawServer(({ socket }, _nth, head) => socket.write(ok(head.split(' ')[1])))
    const pool = poolFor(origin, { connections: 1 })
    const done: string[] = []
    const calls = ['/a', '/b', '/c', '/d'].map((path) =>
      start(pool, { path }, (call) => (call.atEnd = () => done.push(call.body))),
    )
    expect(pool.stats).toMatchObject({ connecting: 1, waiting: 4 })
    calls[1]!.exchange.abort(new Error('not any more'))
    expect(pool.stats.waiting).toBe(3)
    await Promise.all([calls[0]!.over, calls[2]!.over, calls[3]!.over])
    expect(done).toEqual(['/a', '/c', '/d'])
    expect(calls[1]!.asked).toBe(0)
    expect(calls[1]!.events).toEqual(['error'])
    expect(peers).toHaveLength(1)
  })

  it('by a call that is sent as the last one ends', async () => {
    const { origin, peers } = await rawServer(({ socket }) => socket.write(ok()))
    const pool = poolFor(origin, { connections: 1 })
    let second: Promise<unknown> | undefined
    await start(pool, {}, (call) => (call.atEnd = () => (second = start(pool).over))).over
    expect(await second).toMatchObject({ body: 'ok' })
    expect(peers).toHaveLength(1)
  })

  it('after a response that was paused when it ended', async () => {
    const { origin, peers } = await rawServer(({ socket }) => socket.write(ok()))
    const pool = poolFor(origin)
    const call = start(
      pool,
      {},
      (one) =>
        (one.onChunk = () => {
          one.exchange.pause()
        }),
    )
    await call.over
    await until(() => pool.stats.idle === 1)
    call.exchange.pause()
    expect((await start(pool).over).body).toBe('ok')
    expect(peers).toHaveLength(1)
  })

  it('after a body of the request', async () => {
    const { origin, peers } = await rawServer(({ socket }) => socket.write(ok()))
    const pool = poolFor(origin)
    for (let i = 0; i < 3; i++) {
      await start(pool, { method: 'POST', body: Buffer.from('a=1') }).over
      await until(() => pool.stats.idle === 1)
    }
    expect(peers).toHaveLength(1)
    expect(peers[0]!.received.match(/POST \/ HTTP\/1.1\r\n[^]*?content-length: 3\r\n\r\na=1/g)).toHaveLength(3)
  })
})

describe('a connection is not used again', () => {
  it.each([
    ['the server closes it', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'],
    ['the server speaks HTTP/1.0', 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok'],
    ['something follows the response', `${ok()}\r\n`],
    ['another response follows', `${ok()}${ok('forged')}`],
    ['a response without a body has one', `HTTP/1.1 204 No Content\r\n\r\n${ok('forged')}`],
    ['304 tells a length', 'HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n'],
    ['the server keeps it for a second', ok('ok', 'Keep-Alive: timeout=1\r\n')],
  ])('where %s', async (_why, response) => {
    const { origin, peers } = await rawServer(({ socket }) => socket.write(response))
    const pool = poolFor(origin)
    for (let i = 0; i < 2; i++) {
      expect((await start(pool).over).body).not.toContain('forged')
      await until(() => pool.stats.connections === 0)
    }
    await Promise.all(peers.map(({ closed }) => closed))
    expect(peers).toHaveLength(2)
  })

  it.each([
    ['HEAD', { method: 'HEAD' }],
    ['a GET with a body', { body: Buffer.from('{}') }],
    ['a DELETE with a body', { method: 'DELETE', body: Buffer.from('{}') }],
  ])('after %s, and the server is told so', async (_what, request) => {
    const { origin, peers } = await rawServer(({ socket }) =>
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'),
    )
    const pool = poolFor(origin)
    await start(pool, request).over
    await peers[0]!.closed
    expect(peers[0]!.received).toContain('\r\nconnection: close\r\n')
    expect(pool.stats.connections).toBe(0)
  })

  it('when bytes come while it is idle: no other call gets to see them', async () => {
    const { origin, peers } = await rawServer(({ socket }) => socket.write(ok()))
    const pool = poolFor(origin)
    await start(pool).over
    await until(() => pool.stats.idle === 1)
    peers[0]!.socket.write(ok('forged'))
    await peers[0]!.closed
    expect(pool.stats.connections).toBe(0)
    expect((await start(pool).over).body).toBe('ok')
    expect(peers).toHaveLength(2)
  })

  it('when bytes come before the first request', async () => {
    const { origin, peers } = await rawServer(
      ({ socket }) => socket.write(ok()),
      ({ socket, index }) => index === 0 && socket.write(ok('forged')),
    )
    const pool = poolFor(origin, { connections: 2 })
    const call = start(pool)
    call.exchange.abort(new Error('changed my mind'))
    await until(() => peers.length === 1)
    await peers[0]!.closed
    expect((await start(pool).over).body).toBe('ok')
  })

  it('when what follows a response comes with the next read, in the same turn', async () => {
    // The response fills reads of 64 KiB to the last byte; a second one lies behind it in the kernel.
    const head = 'HTTP/1.1 200 OK\r\ncontent-length: '
    const length = 65_536 - head.length - '65000\r\n\r\n'.length
    const { origin, peers } = await rawServer(({ socket }) =>
      socket.write(`${head}${length}\r\n\r\n${'x'.repeat(length)}${ok('forged')}`),
    )
    const pool = poolFor(origin)
    let second: Promise<unknown> | undefined
    const first = await start(pool, {}, (call) => (call.atEnd = () => (second = start(pool).over))).over
    expect(first.body).toHaveLength(length)
    expect(await second).toMatchObject({ body: first.body })
    expect(peers).toHaveLength(2)
  })

  it('when the request had not been sent whole as its response began', async () => {
    const { origin, peers } = await rawServer(
      ({ socket }, nth) => nth === 0 && socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno'),
    )
    const pool = poolFor(origin)
    const call = start(pool, { method: 'POST', body: 'stream' })
    call.exchange.write(Buffer.from('begun'))
    expect(await call.over).toMatchObject({ status: 413, body: 'no' })
    expect(call.exchange.write(Buffer.from('more'))).toBe(true)
    call.exchange.end()
    await peers[0]!.closed
    expect(pool.stats.connections).toBe(0)
  })

  it('when the body ended after the response began', async () => {
    const { origin, peers } = await rawServer(
      ({ socket }, nth) => nth === 0 && socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n'),
    )
    const pool = poolFor(origin)
    const call = start(pool, { method: 'POST', body: 'stream' })
    await call.head
    call.exchange.end()
    await until(() => peers[0]!.received.endsWith('\r\n0\r\n\r\n'))
    peers[0]!.socket.write('ok')
    expect((await call.over).body).toBe('ok')
    await peers[0]!.closed
    expect(pool.stats.connections).toBe(0)
  })

  it('after it has been idle for four seconds, or what the server says and a second less', async () => {
    const { origin, peers } = await rawServer(({ socket, index }) =>
      socket.write(ok('ok', index === 0 ? '' : 'Keep-Alive: timeout=10\r\n')),
    )
    const clock = new FakeClock()
    const pool = poolFor(origin, { clock })
    const once = async () => {
      await start(pool).over
      await until(() => pool.stats.idle === 1)
    }
    await once()
    await clock.advance(3_999)
    await once()
    expect(peers).toHaveLength(1)
    await clock.advance(4_999)
    expect(pool.stats.connections).toBe(0)
    await peers[0]!.closed
    await once()
    await clock.advance(8_999)
    await once()
    expect(peers).toHaveLength(2)
    clock.sleepThrough(9_000)
    await once()
    expect(peers).toHaveLength(3)
  })

  it('when the server has ended it', async () => {
    const { origin, peers } = await rawServer(({ socket }) => socket.write(ok()))
    const pool = poolFor(origin)
    await start(pool).over
    await until(() => pool.stats.idle === 1)
    peers[0]!.socket.end()
    await until(() => pool.stats.connections === 0)
    expect((await start(pool, { method: 'POST', body: Buffer.from('x') }).over).body).toBe('ok')
    expect(peers).toHaveLength(2)
  })
})

describe('opening a connection', () => {
  it('that fails fails one call for each attempt, with the error of the connector', async () => {
    const errors = [new Error('first'), new Error('second')]
    const pool = poolFor('http://127.0.0.1:1', {
      connect: (_target, callback) => {
        callback(errors.shift()!, null)
      },
    })
    const calls = [start(pool), start(pool)]
    expect(calls.map(({ events }) => events)).toEqual([[], []])
    expect(((await failure(calls[0]!.over)) as Error).message).toBe('first')
    expect(((await failure(calls[1]!.over)) as Error).message).toBe('second')
    expect(pool.stats).toEqual({ connections: 0, idle: 0, connecting: 0, waiting: 0, calls: 0 })
  })

  it('that throws is one that fails', async () => {
    const pool = poolFor('http://127.0.0.1:1', {
      connect: () => {
        throw new Error('no socket')
      },
    })
    expect(((await failure(start(pool).over)) as Error).message).toBe('no socket')
  })

  it('is asked for the origin', async () => {
    const targets: unknown[] = []
    const connect = (target: unknown, callback: (error: Error, socket: null) => void) => {
      targets.push(target)
      callback(new Error('no'), null)
    }
    for (const origin of ['https://api.example.com', 'http://[::1]:8080'])
      await failure(start(poolFor(origin, { connect })).over)
    expect(targets).toEqual([
      { protocol: 'https:', hostname: 'api.example.com', host: 'api.example.com', port: '' },
      { protocol: 'http:', hostname: '::1', host: '[::1]:8080', port: '8080' },
    ])
  })

  it('fails nobody where the call that it was for is gone and others wait for theirs', async () => {
    const { origin } = await rawServer(({ socket }) => socket.write(ok()))
    const attempts: (() => void)[] = []
    const pool = poolFor(origin, {
      connect: (target, callback) => {
        attempts.push(
          attempts.length === 0
            ? () => {
                callback(new Error('no'), null)
              }
            : () => {
                tcp(target, callback)
              },
        )
      },
    })
    const [first, second] = [start(pool), start(pool)]
    first.exchange.abort(new Error('gone'))
    for (const attempt of attempts) attempt()
    expect((await second.over).body).toBe('ok')
  })

  it('is not done beyond the limit, and calls beyond theirs fail', async () => {
    const { origin, peers } = await rawServer(() => undefined)
    const pool = poolFor(origin, { connections: 2, maxWaiting: 3 })
    const calls = [start(pool), start(pool)]
    await until(() => peers.length === 2 && pool.stats.waiting === 0)
    calls.push(start(pool), start(pool), start(pool))
    expect(await failure(start(pool).over)).toBe('queue_full')
    expect(pool.stats).toMatchObject({ connections: 2, waiting: 3, calls: 5 })
    calls[0]!.exchange.abort(new Error('enough'))
    await until(() => peers.length === 3)
    expect(pool.stats).toMatchObject({ waiting: 2 })
  })
})

describe('over TLS and with a server of Node', () => {
  const { certificate, key } = throwAwayCertificate()

  it('calls are made on one connection', async () => {
    let connections = 0
    const server = createHttpsServer({ cert: certificate, key }, (request, response) => {
      response.setHeader('x-path', request.url!)
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => response.end(Buffer.concat(chunks)))
    })
    server.on('secureConnection', () => connections++)
    const pool = poolFor(`https://127.0.0.1:${await listen(server)}`, { connect: buildConnector({ ca: certificate }) })
    const body = Buffer.alloc(1_000_000, 'abc')
    for (let i = 0; i < 3; i++) {
      const outcome = await start(pool, { method: 'PUT', path: `/${i}`, body }).over
      expect(outcome.headers).toEqual(expect.arrayContaining(['x-path', `/${i}`]))
      expect(outcome.body).toBe(body.toString())
      await until(() => pool.stats.idle === 1)
    }
    expect(connections).toBe(1)
  })

  it('a certificate that is not trusted fails the call', async () => {
    const server = createHttpsServer({ cert: certificate, key }, (_request, response) => response.end())
    const pool = poolFor(`https://127.0.0.1:${await listen(server)}`, { connect: buildConnector({}) })
    expect(await failure(start(pool).over)).toBe('DEPTH_ZERO_SELF_SIGNED_CERT')
  })

  it('streams go both ways', async () => {
    const server = createHttpServer((request, response) => {
      response.setHeader('trailer', 'x-sum')
      request
        .on('data', (chunk: Buffer) => response.write(chunk))
        .on('end', () => {
          response.addTrailers({ 'X-Sum': '3' })
          response.end()
        })
    })
    const pool = poolFor(`http://127.0.0.1:${await listen(server)}`)
    const call = start(pool, { method: 'POST', body: 'stream' })
    for (const text of ['one', 'two', 'three']) call.exchange.write(Buffer.from(text))
    call.exchange.write(Buffer.alloc(0))
    call.exchange.end()
    expect(await call.over).toMatchObject({ body: 'onetwothree', trailers: ['x-sum', '3'] })
  })
})
