import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import type { Egress } from '../../../src/gateway/proxy/egress.ts'
import type { ClientExchange, ClientPool, ResponseHandler } from '../../../src/http-client/index.ts'
import { Deadlines } from '../../../src/logical/deadlines.ts'
import type { WithDeadline } from '../../../src/logical/deadlines.ts'
import { FakeClock, settle } from '../../fakes/clock.ts'
import { call, failure, rawUpstream, upstreamAt } from './upstream-server.ts'

/** A response with this head, of which the test writes the rest. */
async function openResponse(head: string) {
  const clock = new FakeClock()
  let socket: Socket | undefined
  const url = await rawUpstream((one) => {
    socket = one
    one.write(`HTTP/1.1 200 OK\r\n${head}\r\n`)
  })
  const response = await call(upstreamAt(url, { timeout: 60, idle_timeout: 300 }), { clock })
  const chunks = response.body[Symbol.asyncIterator]()
  return {
    response,
    /** After a second of waiting for it, `text` comes; resolves with the number of bytes the caller gets. */
    async second(text: string): Promise<number> {
      let bytes = 0
      const first = chunks.next()
      first.catch(() => undefined)
      await clock.advance(1_000)
      socket!.write(text)
      for (let next = await first; ; next = await chunks.next()) {
        bytes += next.value?.length ?? 0
        if (next.done || bytes >= text.length) return bytes
      }
    },
  }
}

describe('a response that never stops moving and never comes to an end', () => {
  it('is cut at one byte a second, soon after timeout and idle_timeout together', async () => {
    const { response, second } = await openResponse('Content-Type: text/plain\r\n')
    let seconds = 0
    const drip = async () => {
      for (; seconds < 400; seconds++) await second('x')
    }
    expect(await failure(drip())).toMatchObject({ code: 'upstream_too_slow', kind: 'upstream_error' })
    expect(seconds).toBe(360)
    expect((await response.finished).result).toBe('upstream_too_slow')
  })

  it('is cut as well where it is called another kind of stream', async () => {
    const { second } = await openResponse('Content-Type: text/event-streaming\r\n')
    const drip = async () => {
      for (let seconds = 0; seconds < 400; seconds++) await second('x')
    }
    expect(await failure(drip())).toMatchObject({ code: 'upstream_too_slow' })
  })

  it('is cut while it takes a request a byte at a time, before it responds', async () => {
    const clock = new FakeClock()
    const deadlines = new Deadlines<WithDeadline>(clock)
    let handler!: ResponseHandler
    let taken = 0
    const exchange: ClientExchange = {
      write: () => {
        taken++
        return false
      },
      end: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
      abort: () => undefined,
    }
    const pool: Pick<ClientPool, 'send'> = {
      send: (_request, one) => {
        handler = one
        return exchange
      },
    }
    async function* bytes() {
      for (;;) yield await Promise.resolve(Uint8Array.of(1))
    }
    const failed = failure(
      call(upstreamAt('https://api.stripe.com', { timeout: 60, idle_timeout: 300 }), {
        target: 'POST /v1/invoices',
        clock,
        egress: { deadlines, poolFor: () => pool } as unknown as Egress,
        body: bytes(),
      }),
    )
    for (let pieces = 0; pieces < 20; pieces++) {
      await settle()
      await clock.advance(50_000)
      handler.onDrain()
    }
    expect(await failed).toMatchObject({ code: 'upstream_too_slow' })
    expect(taken).toBe(8)
  })
})

describe('what is slow and honest is not cut', () => {
  it('10 MiB at 64 KiB a second', async () => {
    const { second, response } = await openResponse('Content-Type: application/octet-stream\r\n')
    const piece = 'x'.repeat(64 * 1024)
    let bytes = 0
    for (let seconds = 0; seconds < 160; seconds++) bytes += await second(piece)
    expect(bytes).toBe(10 * 1024 * 1024)
    response.cancel()
  })

  it('1 MiB at 2 KiB a second, for longer than any of its timeouts', async () => {
    const { second, response } = await openResponse('Content-Type: application/octet-stream\r\n')
    const piece = 'x'.repeat(2048)
    let bytes = 0
    for (let seconds = 0; seconds < 512; seconds++) bytes += await second(piece)
    expect(bytes).toBe(1024 * 1024)
    response.cancel()
  })

  it.each(['text/event-stream', 'Text/Event-Stream; charset=utf-8'])('events, sent as %s', async (type) => {
    const { second, response } = await openResponse(`Content-Type: ${type}\r\n`)
    for (let seconds = 0; seconds < 500; seconds++) expect(await second(':')).toBe(1)
    response.cancel()
  })
})
