import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { GatewayCallError } from '../../../src/gateway/call/call-error.ts'
import { RequestError } from '../../../src/logical/errors.ts'
import { compileProjection } from '../../../src/scope/index.ts'
import { FakeClock, settle } from '../../fakes/clock.ts'
import { notRead } from '../../../src/gateway/proxy/not-read.ts'
import { UpstreamFlow } from '../../../src/gateway/proxy/upstream-flow.ts'
import {
  call,
  callInput,
  failure,
  httpUpstream,
  KEY,
  rawUpstream,
  SCRUBBED_KEY,
  text,
  upstreamAt,
} from './upstream-server.ts'

describe('a call that is answered', () => {
  it('reaches the upstream with the real key and comes back with status, listed headers and body', async () => {
    const { url, seen } = await httpUpstream((_request, response) => {
      response.writeHead(200, {
        'content-type': 'application/json',
        etag: '"1"',
        'x-request-id': 'req_1',
        'set-cookie': 'a=b',
        server: 'x',
        'x-internal': 'y',
      })
      response.end('{"data":[]}')
    })
    const result = await call(upstreamAt(url), { target: 'GET /v1/invoices/in_1?limit=3' })
    expect(result.status).toBe(200)
    expect(Object.fromEntries(result.headers)).toMatchObject({
      'content-type': 'application/json',
      etag: '"1"',
      'x-request-id': 'req_1',
    })
    expect(
      result.headers
        .map(([name]) => name)
        .filter((name) => ['set-cookie', 'server', 'x-internal', 'content-length', 'connection'].includes(name)),
    ).toEqual([])
    expect(await text(result)).toBe('{"data":[]}')
    expect(seen).toMatchObject([
      {
        method: 'GET',
        url: '/v1/invoices/in_1?limit=3',
        headers: { authorization: `Bearer ${KEY}`, 'accept-encoding': 'identity' },
      },
    ])
    expect(await result.finished).toMatchObject({ bytes: 11, result: 'complete', key_echoes: 0 })
  })

  it.each([404, 403, 429, 500, 503])('with %i is handed on with its body', async (status) => {
    const { url } = await httpUpstream((_request, response) => {
      response.writeHead(status, { 'retry-after': '7' }).end('no')
    })
    const result = await call(upstreamAt(url))
    expect([result.status, await text(result), Object.fromEntries(result.headers)['retry-after']]).toEqual([
      status,
      'no',
      '7',
    ])
  })

  it('has its key echoes cut out of headers and body, whatever the chunks', async () => {
    const { url } = await httpUpstream((request, response) => {
      response.writeHead(200, { 'x-request-id': `for ${request.headers.authorization!}`, 'content-type': 'text/plain' })
      for (const character of `you sent ${request.headers.authorization!}, thanks`) response.write(character)
      response.end()
    })
    const result = await call(upstreamAt(url))
    expect(Object.fromEntries(result.headers)['x-request-id']).toBe(`for Bearer ${SCRUBBED_KEY}`)
    expect(await text(result)).toBe(`you sent Bearer ${SCRUBBED_KEY}, thanks`)
    expect((await result.finished).key_echoes).toBe(2)
  })

  it('loses its trailers', async () => {
    const url = await rawUpstream((socket) => {
      socket.end(
        `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Key\r\n\r\n2\r\nok\r\n0\r\nX-Key: ${KEY}\r\n\r\n`,
      )
    })
    const response = await call(upstreamAt(url))
    expect(await text(response)).toBe('ok')
    expect(JSON.stringify(response.headers)).not.toContain(KEY)
  })

  it('is awaited behind interim answers, which are dropped', async () => {
    const url = await rawUpstream((socket) => {
      socket.end(
        'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
      )
    })
    const response = await call(upstreamAt(url))
    expect([response.status, await text(response)]).toEqual([200, 'ok'])
    expect(response.headers.map(([name]) => name)).not.toContain('link')
  })

  it('streams: bytes are handed on while the upstream is still writing', async () => {
    let finish: () => void = () => undefined
    const { url } = await httpUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
      finish = () => {
        response.end('data: 2\n\n')
      }
    })
    const result = await call(upstreamAt(url))
    const chunks = result.body[Symbol.asyncIterator]()
    expect(Buffer.from((await chunks.next()).value as Uint8Array).toString()).toBe('data: 1\n\n')
    finish()
    expect(Buffer.from((await chunks.next()).value as Uint8Array).toString()).toBe('data: 2\n\n')
    expect((await chunks.next()).done).toBe(true)
  })

  it('is read no faster than the caller takes it', async () => {
    let written = 0
    const megabyte = Buffer.alloc(1024 * 1024)
    const { url } = await httpUpstream((_request, response) => {
      const more = () => {
        while (written < 64) {
          written++
          if (!response.write(megabyte)) {
            response.once('drain', more)
            return
          }
        }
        response.end()
      }
      more()
    })
    const result = await call(upstreamAt(url))
    for (let i = 0; i < 50; i++) await settle()
    // What is not read stays with the upstream, but for socket buffers of a few MiB.
    expect(written).toBeLessThan(32)
    expect((await text(result)).length).toBe(64 * 1024 * 1024)
  })

  it('to HEAD has headers, length and no body', async () => {
    const { url } = await httpUpstream((_request, response) => {
      response.writeHead(200, { 'content-length': '1234' }).end()
    })
    const result = await call(upstreamAt(url), { target: 'HEAD /v1/file' })
    expect([result.status, Object.fromEntries(result.headers)['content-length'], await text(result)]).toEqual([
      200,
      '1234',
      '',
    ])
  })

  it('without a key keeps its length', async () => {
    const { url, seen } = await httpUpstream((_request, response) => {
      response.end('hello')
    })
    const result = await call(upstreamAt(url, { auth: 'none' }))
    expect([Object.fromEntries(result.headers)['content-length'], await text(result)]).toEqual(['5', 'hello'])
    expect(seen[0]!.headers).not.toHaveProperty('authorization')
  })
})

describe('a call without a response to hand on', () => {
  it.each([401, 407])('when the upstream refuses our key with %i', async (status) => {
    const { url } = await httpUpstream((request, response) => {
      response.writeHead(status, { 'www-authenticate': 'Bearer' }).end(`bad key ${request.headers.authorization!}`)
    })
    const error = await failure(call(upstreamAt(url)))
    expect(error).toMatchObject({ code: 'upstream_unauthorized', kind: 'upstream_error' })
    expect(error.message).not.toContain(KEY)
  })

  it('when nobody listens', async () => {
    const error = await failure(call(upstreamAt('http://127.0.0.1:1')))
    expect(error).toMatchObject({ code: 'upstream_unreachable', kind: 'upstream_error' })
    expect(error.message).not.toContain('127.0.0.1')
  })

  it.each([
    ['closes without a word', '', 'upstream_unreachable'],
    ['does not speak HTTP', 'SSH-2.0-OpenSSH_9.6\r\n', 'upstream_invalid_response'],
    [
      'names two lengths',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok',
      'upstream_invalid_response',
    ],
    [
      'names a length beside chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'upstream_invalid_response',
    ],
    [
      'upgrades unasked',
      'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
      'upstream_invalid_response',
    ],
    ['answers with a part', 'HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\nok', 'upstream_invalid_response'],
    [
      'uses an unknown encoding',
      'HTTP/1.1 200 OK\r\nContent-Encoding: zstd\r\nContent-Length: 2\r\n\r\nok',
      'upstream_invalid_response',
    ],
    [
      'stacks encodings',
      'HTTP/1.1 200 OK\r\nContent-Encoding: gzip, br\r\nContent-Length: 2\r\n\r\nok',
      'upstream_invalid_response',
    ],
  ])('when the upstream %s', async (_name, bytes, code) => {
    const url = await rawUpstream((socket) => {
      socket.end(bytes)
    })
    expect(await failure(call(upstreamAt(url)))).toMatchObject({ code, kind: 'upstream_error' })
  })

  it('and no error, with all it carries for the log, holds an echo of the key', async () => {
    const garbage = await rawUpstream((socket) => {
      socket.end(`${KEY} ${KEY}\r\n\r\n`)
    })
    expect(inspect(await failure(call(upstreamAt(garbage))), { depth: 9 })).not.toContain(KEY.slice(0, 12))
    const { url } = await httpUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(KEY)
    })
    expect(
      inspect(await failure(call(upstreamAt(url), { projection: compileProjection(['a']) })), { depth: 9 }),
    ).not.toContain(KEY.slice(0, 8))
  })

  it('when the upstream sends headers without end', async () => {
    const url = await rawUpstream((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      const more = () => {
        if (!socket.destroyed) socket.write('X: y\r\n'.repeat(100), more)
      }
      more()
    })
    expect(await failure(call(upstreamAt(url)))).toMatchObject({ code: 'upstream_invalid_response' })
  })

  it('when the upstream stays silent past its time-out', async () => {
    const clock = new FakeClock()
    let requested: () => void = () => undefined
    const arrived = new Promise<void>((resolve) => {
      requested = resolve
    })
    const url = await rawUpstream(() => {
      requested()
    })
    const failed = failure(call(upstreamAt(url, { timeout: 60 }), { clock }))
    await arrived
    await clock.advance(60_000)
    expect(await failed).toMatchObject({ code: 'upstream_timeout', kind: 'upstream_error' })
  })

  it('when interim answers only keep the caller waiting', async () => {
    const clock = new FakeClock()
    let requested: () => void = () => undefined
    const arrived = new Promise<void>((resolve) => {
      requested = resolve
    })
    const url = await rawUpstream((socket) => {
      socket.write('HTTP/1.1 102 Processing\r\n\r\n'.repeat(1000))
      requested()
    })
    const failed = failure(call(upstreamAt(url), { clock }))
    await arrived
    await clock.advance(60_000)
    expect(await failed).toMatchObject({ code: 'upstream_timeout' })
  })
})

describe('a response that is not whole ends in an error', () => {
  it.each([
    ['a length not reached', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'],
    ['chunks without an end', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
    ['a chunk size that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n'],
  ])('%s', async (_name, bytes) => {
    const url = await rawUpstream((socket) => {
      socket.end(bytes)
    })
    const response = await call(upstreamAt(url))
    expect(await failure(text(response))).toMatchObject({ code: 'upstream_invalid_response' })
    expect((await response.finished).result).toBe('upstream_invalid_response')
  })

  it('when the upstream goes silent in the middle for idle_timeout', async () => {
    const clock = new FakeClock()
    const url = await rawUpstream((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\nhalf')
    })
    const response = await call(upstreamAt(url, { idle_timeout: 300 }), { clock })
    const chunks = response.body[Symbol.asyncIterator]()
    await chunks.next()
    const next = failure(chunks.next())
    await clock.advance(300_000)
    expect(await next).toMatchObject({ code: 'upstream_timeout' })
    expect((await response.finished).result).toBe('upstream_timeout')
  })

  it("but a reader that takes its time is not the upstream's fault", async () => {
    const clock = new FakeClock()
    let more: (text: string) => void = () => undefined
    const { url } = await httpUpstream((_request, response) => {
      response.write('one')
      more = (text) => {
        response.write(text)
      }
    })
    const outcomes: string[] = []
    let heard: () => void = () => undefined
    const next = () =>
      new Promise<void>((resolve) => {
        heard = resolve
      })
    const flow = new UpstreamFlow(callInput(upstreamAt(url), { clock }), {
      head: () => undefined,
      data: (chunk) => {
        outcomes.push(Buffer.from(chunk).toString())
        heard()
        return false
      },
      end: () => undefined,
      failed: ({ message }) => {
        outcomes.push(message)
        heard()
      },
    })
    const first = next()
    flow.start()
    await first
    await clock.advance(3_600_000)
    const second = next()
    flow.resume()
    more('two')
    await second
    expect(outcomes).toEqual(['one', 'two'])
    flow.fail(notRead)
  })
})

describe('a call is ended', () => {
  /** An upstream in the middle of an endless answer, and word of its connection's end. */
  async function endless(): Promise<{ url: string; closed: Promise<void> }> {
    let onClose: () => void = () => undefined
    const closed = new Promise<void>((resolve) => {
      onClose = resolve
    })
    const { url } = await httpUpstream((_request, response) => {
      response.on('close', onClose).writeHead(200).write('first')
    })
    return { url, closed }
  }

  it('by its signal, in the middle of the response: the reader gets the reason and the upstream loses its socket', async () => {
    const { url, closed } = await endless()
    const controller = new AbortController()
    const response = await call(upstreamAt(url), { signal: controller.signal })
    const chunks = response.body[Symbol.asyncIterator]()
    await chunks.next()
    const next = failure(chunks.next())
    controller.abort(new RequestError('unauthenticated', 'the session was revoked'))
    expect(await next).toMatchObject({ kind: 'unauthenticated', message: 'the session was revoked' })
    await closed
    expect(await response.finished).toMatchObject({ bytes: 5, result: 'error' })
  })

  it('by its signal, while bytes wait unread: none of them is handed out', async () => {
    const { url, closed } = await endless()
    const controller = new AbortController()
    const response = await call(upstreamAt(url), { signal: controller.signal })
    await settle()
    controller.abort()
    expect(await response.finished).toMatchObject({ result: 'call_ended' })
    expect(await failure(text(response))).toMatchObject({ code: 'call_ended', kind: 'unavailable' })
    await closed
  })

  it('by its signal, before there is a response', async () => {
    let close: () => void = () => undefined
    const closed = new Promise<void>((resolve) => {
      close = resolve
    })
    const controller = new AbortController()
    const url = await rawUpstream((socket) => {
      socket.on('close', close)
      controller.abort()
    })
    expect(await failure(call(upstreamAt(url), { signal: controller.signal }))).toMatchObject({ code: 'call_ended' })
    await closed
  })

  it('when the state behind it goes stale while the connection is being made: the key is not sent', async () => {
    const { url, seen } = await httpUpstream((_request, response) => {
      response.end()
    })
    expect(await failure(call(upstreamAt(url), { stillFresh: () => false }))).toMatchObject({
      code: 'stale',
      kind: 'unavailable',
    })
    expect(seen).toEqual([])
  })

  it('when there is a reason not to send by the time there is a connection: the key is not sent', async () => {
    const { url, seen } = await httpUpstream((_request, response) => {
      response.end()
    })
    const expired = new GatewayCallError('call_ended', 'the token expired')
    expect(await failure(call(upstreamAt(url), { whyNotSend: () => expired }))).toBe(expired)
    expect(seen).toEqual([])
  })

  it('when the state goes stale between two chunks: the second is not handed out', async () => {
    let more: () => void = () => undefined
    const { url } = await httpUpstream((_request, response) => {
      response.write('one')
      more = () => {
        response.end('two')
      }
    })
    let fresh = true
    const result = await call(upstreamAt(url), { stillFresh: () => fresh })
    const chunks = result.body[Symbol.asyncIterator]()
    await chunks.next()
    fresh = false
    more()
    expect(await failure(chunks.next())).toMatchObject({ code: 'stale' })
    expect(await result.finished).toMatchObject({ bytes: 3, result: 'stale' })
  })

  it.each<[string, (response: Awaited<ReturnType<typeof call>>) => unknown]>([
    [
      'when it is cancelled unread',
      (response) => {
        response.cancel()
      },
    ],
    ['when a reader leaves at once', (response) => response.body[Symbol.asyncIterator]().return!()],
    [
      'when a reader leaves while waiting',
      async (response) => {
        const chunks = response.body[Symbol.asyncIterator]()
        await chunks.next()
        chunks.next().catch(() => undefined)
        await chunks.return!()
      },
    ],
  ])('%s', async (_name, leave) => {
    const { url, closed } = await endless()
    const response = await call(upstreamAt(url))
    await leave(response)
    await closed
    expect((await response.finished).result).toBe('abandoned')
  })
})

it('searches a long document for the key in steps, and others have their turn meanwhile', async () => {
  const filler = 'a'.repeat(1024 * 1024)
  const { url } = await httpUpstream((_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ id: `${filler}${KEY}${filler}`, other: 1 }))
  })
  const result = await call(upstreamAt(url, { max_response_bytes: 4 * filler.length }), {
    projection: compileProjection(['id']),
  })
  let turns = 0
  let counting = true
  const count = () => {
    turns++
    if (counting) setImmediate(count)
  }
  setImmediate(count)
  expect((await text(result)) === JSON.stringify({ id: `${filler}${SCRUBBED_KEY}${filler}` })).toBe(true)
  counting = false
  expect(turns).toBeGreaterThan((2 * filler.length) / (64 * 1024) - 2)
})
