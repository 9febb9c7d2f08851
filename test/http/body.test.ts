import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BodyReader, unauthenticatedBodyBytes } from '../../src/http/index.ts'
import { fromUnknown } from '../../src/logical/errors.ts'
import { FakeClock, settle } from '../fakes/clock.ts'

const kibi = 1024
let server: Server
let clock: FakeClock
let sockets: Socket[]
/** Resolves with what became of the next request: a number of bytes, or the kind of the refusal. */
let outcomes: { push(outcome: string): void; next(): Promise<string> }

beforeEach(async () => {
  clock = new FakeClock()
  sockets = []
  const seen = (outcomes = queue())
  const bodies = new BodyReader({ clock, authenticated: { each: 400 * kibi, total: 1000 * kibi } })
  server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const name = request.headers['x-caller'] as string | undefined
    bodies.read(request, response, name).then(
      (body) => {
        seen.push(body === undefined ? 'gone' : `${String(body.length)} ${body.toString('latin1', 0, 3)}`)
        response.end(request.headers['x-hold'] === undefined ? 'ok' : undefined)
      },
      (thrown: unknown) => {
        seen.push(fromUnknown(thrown).kind)
        response.shouldKeepAlive = false
        response.end('no')
      },
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterEach(() => {
  for (const socket of sockets) socket.destroy()
  server.close()
})

function queue() {
  const ready: string[] = []
  const waiting: ((outcome: string) => void)[] = []
  return {
    push(outcome: string) {
      const take = waiting.shift()
      if (take) take(outcome)
      else ready.push(outcome)
    },
    next: () =>
      new Promise<string>((resolve) => {
        const outcome = ready.shift()
        if (outcome === undefined) waiting.push(resolve)
        else resolve(outcome)
      }),
  }
}

/** Sends a head that declares `declared` bytes (undefined = chunked), and the first of them. */
async function send(caller: string | undefined, declared: number | undefined, sent: number): Promise<Socket> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  sockets.push(socket)
  socket.on('error', () => undefined)
  const framing = declared === undefined ? 'Transfer-Encoding: chunked' : `Content-Length: ${String(declared)}`
  socket.write(
    `POST / HTTP/1.1\r\nHost: here\r\n${caller === undefined ? '' : `X-Caller: ${caller}\r\n`}${framing}\r\n\r\n`,
  )
  if (declared === undefined) socket.write(`${sent.toString(16)}\r\n`)
  if (sent > 0) socket.write(Buffer.alloc(sent, 'a'))
  const arrived = once(server, 'request')
  await arrived
  await settle()
  return socket
}

describe('a body', () => {
  it.each([
    ['known', 'billing', 400 * kibi],
    ['without credentials', undefined, unauthenticatedBodyBytes],
  ])('of a caller %s is read up to its limit and no further', async (_what, caller, limit) => {
    await send(caller, limit, limit)
    expect(await outcomes.next()).toBe(`${String(limit)} aaa`)
    await send(caller, limit + 1, 0)
    expect(await outcomes.next()).toBe('too_large')
    await send(caller, undefined, limit + 1)
    expect(await outcomes.next()).toBe('too_large')
  })

  it('of a client that goes away is nobody’s', async () => {
    const socket = await send('billing', 10, 5)
    socket.destroy()
    expect(await outcomes.next()).toBe('gone')
  })
})

describe('a slow body', () => {
  it('without credentials is cut after ten seconds, however it goes on', async () => {
    const socket = await send(undefined, 1000, 1)
    await clock.advance(9_000)
    socket.write(Buffer.alloc(900))
    await clock.advance(2_000)
    expect(await outcomes.next()).toBe('request_timeout')
  })

  it('of a known caller is cut once it falls behind a kibibyte a second', async () => {
    await send('billing', 100 * kibi, 20 * kibi)
    await clock.advance(29_000)
    expect(clock.waiting).toBe(1)
    await clock.advance(3_000)
    expect(await outcomes.next()).toBe('request_timeout')
  })

  it('that keeps the pace is read to its end, and nothing watches after it', async () => {
    const socket = await send('billing', 100 * kibi, 60 * kibi)
    await clock.advance(40_000)
    socket.write(Buffer.alloc(40 * kibi, 'a'))
    expect(await outcomes.next()).toBe(`${String(100 * kibi)} aaa`)
    await clock.advance(2_000)
    expect(clock.waiting).toBe(0)
  })
})

describe('bodies together', () => {
  it('of callers without credentials keep no known caller waiting', async () => {
    for (let i = 0; i < 300; i++) await send(undefined, unauthenticatedBodyBytes, unauthenticatedBodyBytes - 1)
    await send('billing', 10, 10)
    const seen: string[] = []
    for (let next = ''; next !== '10 aaa'; seen.push(next)) next = await outcomes.next()
    expect(new Set(seen.slice(0, -1))).toEqual(new Set(['unavailable']))
  })

  it('of callers without credentials give way oldest first, so that a login gets in', async () => {
    for (let i = 0; i < 300; i++) await send(undefined, unauthenticatedBodyBytes, unauthenticatedBodyBytes - 1)
    await send(undefined, 50, 50)
    const seen: string[] = []
    for (let next = ''; next !== '50 aaa'; seen.push(next)) next = await outcomes.next()
    expect(new Set(seen.slice(0, -1))).toEqual(new Set(['unavailable']))
  })

  it('of one known caller take half of the room at most', async () => {
    await send('billing', 400 * kibi, 400 * kibi - 1)
    await send('billing', 400 * kibi, 400 * kibi - 1)
    expect(await outcomes.next()).toBe('unavailable')
    await send('orders', 400 * kibi, 400 * kibi)
    expect(await outcomes.next()).toBe(`${String(400 * kibi)} aaa`)
  })
})
