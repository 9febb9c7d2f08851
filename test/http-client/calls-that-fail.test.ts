import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import type { HttpClientError, RequestHead } from '../../src/http-client/index.ts'
import { failure, listen, ok, poolFor, rawServer, start, tcp, until, type Call } from './harness.ts'

/** A server whose connections answer once and are reset, or ended, when a second request comes. */
async function staleServer(end: 'reset' | 'end' = 'reset') {
  let unanswered = 0
  const server = await rawServer(({ socket }, nth) => {
    if (nth === 0) {
      socket.write(ok())
      return
    }
    unanswered++
    if (end === 'reset') socket.resetAndDestroy()
    else socket.destroy()
  })
  return { ...server, unanswered: () => unanswered }
}

/** A pool with one idle connection that the server will end at the next request. */
async function stalePool(end?: 'reset' | 'end') {
  const server = await staleServer(end)
  const pool = poolFor(server.origin)
  await start(pool).over
  await until(() => pool.stats.idle === 1)
  return { ...server, pool }
}

describe('a connection that the server ends as a request is sent on it', () => {
  it.each<[string, Partial<RequestHead>]>([
    ['GET', {}],
    ['HEAD', { method: 'HEAD' }],
    ['OPTIONS', { method: 'OPTIONS', path: '*' }],
    ['DELETE', { method: 'DELETE' }],
    ['PUT with a body', { method: 'PUT', body: Buffer.from('whole') }],
    ['PUT with a large body', { method: 'PUT', body: Buffer.alloc(100_000, 'x') }],
  ])('is made up for with %s: once, on a new one', async (_name, request) => {
    for (const end of ['reset', 'end'] as const) {
      const { pool, peers, unanswered } = await stalePool(end)
      const call = start(pool, request)
      expect((await call.over).status).toBe(200)
      expect([call.asked, unanswered(), peers.length]).toEqual([2, 1, 2])
      expect(call.events.filter((event) => event !== 'data')).toEqual(['head', 'end'])
      expect(peers[1]!.received.startsWith(request.method ?? 'GET')).toBe(true)
    }
  })

  it.each<[string, Partial<RequestHead>]>([
    ['POST', { method: 'POST' }],
    ['POST with a body', { method: 'POST', body: Buffer.from('a=1') }],
    ['PATCH', { method: 'PATCH', body: Buffer.from('{}') }],
    ['a method nobody knows', { method: 'PAY' }],
  ])('fails %s, which is never sent twice', async (_name, request) => {
    const { pool, peers, unanswered } = await stalePool()
    const call = start(pool, request)
    expect(await failure(call.over)).toBe('closed_without_response')
    expect([call.asked, unanswered(), peers.length, call.events]).toEqual([1, 1, 1, ['error']])
  })

  it('fails a PUT whose body is a stream', async () => {
    const { pool, peers } = await stalePool()
    const call = start(pool, { method: 'PUT', body: 'stream' })
    call.exchange.end()
    expect(await failure(call.over)).toBe('closed_without_response')
    expect(peers).toHaveLength(1)
  })

  it('fails a GET whose response has begun, were it with one byte', async () => {
    for (const text of ['H', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell']) {
      const { origin, peers } = await rawServer(({ socket }, nth) => {
        if (nth === 0) socket.write(ok())
        else socket.end(text)
      })
      const pool = poolFor(origin)
      await start(pool).over
      await until(() => pool.stats.idle === 1)
      expect(await failure(start(pool).over)).toBe('broke_off')
      expect(peers).toHaveLength(1)
    }
  })

  it('fails a GET that was sent on a new one, and one that has been sent twice', async () => {
    const { origin, peers } = await rawServer(({ socket, index }, nth) => {
      if (index === 0 && nth === 0) socket.write(ok())
      else socket.resetAndDestroy()
    })
    const pool = poolFor(origin)
    await start(pool).over
    await until(() => pool.stats.idle === 1)
    const call = start(pool)
    expect(await failure(call.over)).toBe('closed_without_response')
    expect([peers.length, call.asked]).toEqual([2, 2])
    expect(await failure(start(pool).over)).toBe('closed_without_response')
    expect(peers).toHaveLength(3)
  })

  it('is not made up for where there is a reason not to send any more', async () => {
    const { pool, peers } = await stalePool()
    const call = start(pool, {}, (one) => {
      one.refusal = () => (one.asked === 2 ? new Error('ended meanwhile') : undefined)
    })
    expect(await failure(call.over)).toEqual(new Error('ended meanwhile'))
    expect(peers).toHaveLength(2)
    expect(peers[1]!.received).toBe('')
    // The new connection is as good as new.
    expect((await start(pool).over).body).toBe('ok')
    expect(peers).toHaveLength(2)
  })

  it('is not made up for on another idle one', async () => {
    const { origin, peers } = await staleServer()
    const pool = poolFor(origin)
    await Promise.all([start(pool).over, start(pool).over])
    await until(() => pool.stats.idle === 2)
    expect((await start(pool).over).body).toBe('ok')
    expect(peers).toHaveLength(3)
  })

  it('is not made up for on one that has become free meanwhile', async () => {
    const { origin, peers } = await rawServer(({ socket, index }, nth) => {
      if (nth === 1) socket.resetAndDestroy()
      else if (index === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n')
      else socket.write(ok())
    })
    const pending: (() => void)[] = []
    const pool = poolFor(origin, {
      connect: (target, callback) => {
        if (peers.length < 2) tcp(target, callback)
        else
          pending.push(() => {
            tcp(target, callback)
          })
      },
    })
    const [first, busy] = [start(pool), start(pool)]
    const slow = await Promise.race([first.over.then(() => busy), busy.over.then(() => first)])
    await until(() => pool.stats.idle === 1)
    const call = start(pool)
    await until(() => pending.length === 1)
    peers[1]!.socket.write('ok')
    await slow.over
    await until(() => pool.stats.idle === 1)
    expect(call.asked).toBe(1)
    pending[0]!()
    expect((await call.over).body).toBe('ok')
    expect(peers.map(({ received }) => received.match(/GET/g)?.length)).toEqual([2, 1, 1])
  })

  it('can be waited for in vain: the call is aborted, nothing is sent', async () => {
    const { origin, peers } = await staleServer()
    const pending: (() => void)[] = []
    const pool = poolFor(origin, {
      connect: (target, callback) => {
        if (peers.length === 0) tcp(target, callback)
        else
          pending.push(() => {
            tcp(target, callback)
          })
      },
    })
    await start(pool).over
    await until(() => pool.stats.idle === 1)
    const call = start(pool)
    await until(() => pending.length === 1)
    expect(pool.stats).toMatchObject({ waiting: 1, calls: 1 })
    call.exchange.abort(new Error('too late'))
    expect(await failure(call.over)).toEqual(new Error('too late'))
    pending[0]!()
    await until(() => pool.stats.idle === 1)
    expect(peers[1]!.received).toBe('')
  })
})

describe('a call that is not sent', () => {
  it('leaves the connection to others', async () => {
    const { origin, peers } = await rawServer(({ socket }) => socket.write(ok()))
    const pool = poolFor(origin)
    const refuse = (reason: () => Error | undefined) => (call: Call) => {
      call.refusal = reason
    }
    const reason = new Error('stopped')
    expect(
      await failure(
        start(
          pool,
          {},
          refuse(() => reason),
        ).over,
      ),
    ).toBe(reason)
    await until(() => pool.stats.idle === 1)
    const call = start(
      pool,
      {},
      refuse(() => reason),
    )
    expect(call.events).toEqual([])
    expect(await failure(call.over)).toBe(reason)
    const thrower = start(
      pool,
      {},
      refuse(() => {
        throw reason
      }),
    )
    expect(await failure(thrower.over)).toBe(reason)
    expect(peers[0]!.received).toBe('')
    expect((await start(pool).over).body).toBe('ok')
    expect(peers).toHaveLength(1)
  })

  it('that is aborted while it is asked about is over once', async () => {
    const { origin, peers } = await rawServer(({ socket }) => socket.write(ok()))
    const pool = poolFor(origin)
    const call = start(pool, {}, (one) => {
      one.refusal = () => {
        one.exchange.abort(new Error('now'))
        return new Error('later')
      }
    })
    expect(await failure(call.over)).toEqual(new Error('now'))
    await until(() => pool.stats.idle === 1)
    expect([call.events, peers[0]!.received]).toEqual([['error'], ''])
  })
})

describe('a call that is aborted', () => {
  it('cuts its connection and is over at once', async () => {
    const { origin, peers } = await rawServer(() => undefined)
    const pool = poolFor(origin)
    const call = start(pool)
    await until(() => peers[0]?.received !== '' && peers.length === 1)
    call.exchange.abort(new Error('enough'))
    expect(call.events).toEqual(['error'])
    call.exchange.abort(new Error('again'))
    expect(await failure(call.over)).toEqual(new Error('enough'))
    await peers[0]!.closed
    expect(pool.stats).toEqual({ connections: 0, idle: 0, connecting: 0, waiting: 0, calls: 0 })
  })

  it.each(['atHead', 'onChunk'] as const)('by its own %s gets nothing more of what has been read', async (hook) => {
    const { origin, peers } = await rawServer(({ socket }) =>
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n'),
    )
    const call = start(poolFor(origin), {}, (one) => {
      one[hook] = () => {
        one.exchange.abort(new Error('that will do'))
      }
    })
    expect(await failure(call.over)).toEqual(new Error('that will do'))
    expect(call.events).toEqual(hook === 'atHead' ? ['head', 'error'] : ['head', 'data', 'error'])
    await peers[0]!.closed
  })

  it('after its end does nothing to the call that has its connection now', async () => {
    const { origin, peers } = await rawServer(({ socket }, nth) => nth === 0 && socket.write(ok()))
    const pool = poolFor(origin)
    const first = start(pool)
    await first.over
    await until(() => pool.stats.idle === 1)
    const second = start(pool)
    first.exchange.pause()
    first.exchange.abort(new Error('too late'))
    first.exchange.resume()
    expect(first.exchange.write(Buffer.from('stray'))).toBe(true)
    first.exchange.end()
    await until(() => peers[0]!.received.match(/GET/g)?.length === 2)
    peers[0]!.socket.write(ok('second'))
    expect((await second.over).body).toBe('second')
    expect(first.events).toEqual(['head', 'data', 'end'])
    expect(peers[0]!.received).not.toContain('stray')
  })
})

describe('a handler that throws', () => {
  it.each(['atHead', 'onChunk', 'atEnd'] as const)('in %s hears of it, and the pool goes on', async (hook) => {
    const { origin } = await rawServer(({ socket }) => socket.write(ok()))
    const pool = poolFor(origin)
    const call = start(pool, {}, (one) => {
      one[hook] = () => {
        throw new Error('a mistake')
      }
    })
    await until(() => call.events.some((event) => event.startsWith('error')))
    expect((await start(pool).over).body).toBe('ok')
    expect(pool.stats.calls).toBe(0)
  })
})

describe('a response that cannot be relied on', () => {
  it.each([
    ['is not HTTP', 'SSH-2.0-x\r\n', 'invalid_response'],
    [
      'has both lengths',
      'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n',
      'invalid_response',
    ],
    ['switches protocols', 'HTTP/1.1 101 Switching Protocols\r\n\r\n', 'invalid_response'],
    ['has too long a head', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}`, 'head_too_large'],
  ])('because it %s fails the call and cuts the connection', async (_why, text, code) => {
    const { origin, peers } = await rawServer(({ socket }) => socket.write(text))
    const pool = poolFor(origin)
    const call = start(pool)
    expect(await failure(call.over)).toBe(code)
    expect(call.events).toEqual(['error'])
    await peers[0]!.closed
    expect(pool.stats.connections).toBe(0)
  })

  it('because its chunks go wrong fails the call after what came before', async () => {
    const { origin } = await rawServer(({ socket }) =>
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\nx\r\n'),
    )
    const call = start(poolFor(origin))
    expect(await failure(call.over)).toBe('invalid_response')
    expect(call.events).toEqual(['head', 'data', 'error'])
  })

  it('ends with the connection and not with a reset, where nothing else tells its end', async () => {
    for (const [end, expected] of [
      ['end', 'whole'],
      ['resetAndDestroy', 'broke_off'],
    ] as const) {
      const { origin, peers } = await rawServer(({ socket }) => socket.write('HTTP/1.1 200 OK\r\n\r\nwhole'))
      const call = start(poolFor(origin))
      await until(() => call.body === 'whole')
      peers[0]!.socket[end]()
      expect(
        await call.over.then(
          ({ body }) => body,
          (error: unknown) => (error as HttpClientError).code,
        ),
      ).toBe(expected)
    }
  })
})

describe('a pool that is closed', () => {
  it('lets calls finish and takes no more', async () => {
    const { origin, peers } = await rawServer(({ socket }) =>
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n'),
    )
    const pool = poolFor(origin, { connections: 1 })
    const calls = [start(pool), start(pool)]
    await calls[0]!.head
    let closed = false
    const closing = pool.close().then(() => (closed = true))
    expect(await failure(start(pool).over)).toBe('pool_closed')
    peers[0]!.socket.write('ok')
    await calls[1]!.head
    expect(closed).toBe(false)
    peers[0]!.socket.write('ok')
    expect((await calls[1]!.over).body).toBe('ok')
    await closing
    await peers[0]!.closed
    expect(pool.stats).toMatchObject({ connections: 0, calls: 0 })
    await pool.close()
  })

  it('by force ends every call, sent or not, with the error given', async () => {
    const { origin, peers } = await rawServer(() => undefined)
    const pool = poolFor(origin, { connections: 1 })
    const calls = [start(pool), start(pool)]
    await until(() => peers.length === 1 && pool.stats.waiting === 1)
    const reason = new Error('shutting down')
    const destroyed = pool.destroy(reason)
    expect(calls.map(({ events }) => events)).toEqual([['error'], ['error']])
    await destroyed
    expect(await Promise.all(calls.map(({ over }) => failure(over)))).toEqual([reason, reason])
    expect(await failure(start(pool).over)).toBe(reason)
    await peers[0]!.closed
  })

  it('by force has no use for a connection that comes late, nor for one it was just about to use', async () => {
    const { origin, peers } = await rawServer(() => undefined)
    let open: () => void = () => undefined
    const pool = poolFor(origin, {
      connect: (target, callback) => {
        open = () => {
          tcp(target, callback)
        }
      },
    })
    const waiting = start(pool)
    await pool.destroy(new Error('down'))
    expect(await failure(waiting.over)).toEqual(new Error('down'))
    open()
    await until(() => peers.length === 1)
    await peers[0]!.closed
    expect(pool.stats.connections).toBe(0)

    const other = poolFor(origin)
    const call = start(other, {}, (one) => {
      one.refusal = () => {
        void other.destroy(new Error('down'))
        return undefined
      }
    })
    expect(await failure(call.over)).toEqual(new Error('down'))
    await peers[1]!.closed
    expect(peers[1]!.received).toBe('')
  })
})

describe('a server that is not there', () => {
  it('fails the call with the error of the socket', async () => {
    const server = createServer()
    const port = await listen(server)
    server.close()
    expect(await failure(start(poolFor(`http://127.0.0.1:${port}`)).over)).toBe('ECONNREFUSED')
  })
})
