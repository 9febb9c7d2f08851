import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { connect } from '../../src/client/index.ts'
import type { GatewayClient, SessionToken, Upstream } from '../../src/client/index.ts'
import { startFakeGateway } from '../../src/client/testing.ts'
import type { FakeGateway } from '../../src/client/testing.ts'
import { until } from './until.ts'

type Handler = (request: Request) => Response | Promise<Response>

let fake: FakeGateway
let gateway: GatewayClient
let session: SessionToken
let handler: Handler
let api: Upstream

beforeEach(async () => {
  fake = await startFakeGateway({ upstreams: { api: (request) => handler(request) } })
  gateway = connect({ address: fake.address, token: fake.token })
  session = fake.openSession()
  api = gateway.upstream('api', session.token)
})

afterEach(async () => {
  gateway.close()
  await fake.close()
})

const endless = (): { response: Response; isCancelled: () => boolean; pulled: () => number } => {
  let cancelled = false
  let pulled = 0
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        pulled += 1
        controller.enqueue(new Uint8Array(16_384).fill(pulled % 251))
      },
      cancel() {
        cancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  return { response: new Response(body), isCancelled: () => cancelled, pulled: () => pulled }
}
const head = () => fake.calls.find(({ method }) => method === 'Stream')!.request

describe('what is sent', () => {
  const echo: Handler = async (request) =>
    Response.json({
      method: request.method,
      url: request.url,
      type: request.headers.get('content-type'),
      length: request.headers.get('content-length'),
      body: await request.text(),
    })

  beforeEach(() => {
    handler = echo
  })
  const sent = async (...args: Parameters<Upstream['fetch']>) => (await api.fetch(...args)).json()

  test('a plain path is a GET without body', async () => {
    expect(await sent('/v1/invoices?limit=3')).toEqual({
      method: 'GET',
      url: 'http://api.invalid/v1/invoices?limit=3',
      type: null,
      length: null,
      body: '',
    })
  })

  test('the path goes out as it was written', async () => {
    handler = () => new Response('')
    await api.fetch('/v1/a%2Fb/../c?x=%20')
    expect(head().path).toBe('/v1/a%2Fb/../c?x=%20')
  })

  test.each<[string, RequestInit['body'], string, string]>([
    ['text', 'hello', 'text/plain;charset=UTF-8', 'hello'],
    [
      'a form',
      new URLSearchParams({ charge: 'ch_1' }),
      'application/x-www-form-urlencoded;charset=UTF-8',
      'charge=ch_1',
    ],
    ['a blob with its type', new Blob(['{}'], { type: 'application/json' }), 'application/json', '{}'],
  ])('%s carries its type and length', async (_, body, type, text) => {
    expect(await sent('/x', { method: 'post', body: body ?? null })).toMatchObject({
      method: 'POST',
      type,
      length: String(text.length),
      body: text,
    })
  })

  test('bytes have a length and no type', async () => {
    expect(await sent('/x', { method: 'PUT', body: new TextEncoder().encode('bytes') })).toMatchObject({
      type: null,
      length: '5',
      body: 'bytes',
    })
  })

  test('a type that is given stays', async () => {
    expect(
      await sent('/x', { method: 'POST', body: '{}', headers: { 'Content-Type': 'application/json' } }),
    ).toMatchObject({ type: 'application/json' })
  })

  test('a stream goes out in parts, of unknown length', async () => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const part of ['a', 'b', 'c']) controller.enqueue(new TextEncoder().encode(part))
        controller.close()
      },
    })
    expect(await sent('/x', { method: 'POST', body })).toMatchObject({ length: null, body: 'abc' })
  })

  test('a megabyte arrives whole', async () => {
    handler = async (request) => Response.json({ length: (await request.arrayBuffer()).byteLength })
    expect(await sent('/x', { method: 'POST', body: new Uint8Array(1_048_576) })).toEqual({ length: 1_048_576 })
  })

  test('the token goes in the message, never in a header of the call', async () => {
    handler = () => new Response('')
    await api.fetch('/x', { headers: { accept: 'application/json' } })
    expect(head().token).toBe(session.token)
    expect(head().headers).toEqual([{ name: 'accept', value: 'application/json' }])
  })

  test.each(['v1/invoices', '//evil.example/x', 'https://api.stripe.com/v1/invoices', ''])(
    '"%s" is not a path',
    async (path) => {
      await expect(api.fetch(path)).rejects.toMatchObject({
        type: 'invalid_request',
        message: expect.stringContaining('/v1/invoices') as string,
      })
      expect(fake.calls).toEqual([])
    },
  )

  test('a body that breaks breaks the call, with its own error', async () => {
    handler = async (request) => new Response(await request.text())
    const body = new ReadableStream<Uint8Array>({
      pull() {
        throw new RangeError('disk gone')
      },
    })
    await expect(api.fetch('/x', { method: 'POST', body })).rejects.toThrow(new RangeError('disk gone'))
  })

  test('a response before the body is read whole is a response', async () => {
    handler = () => new Response('too much', { status: 413 })
    const response = await api.fetch('/x', { method: 'POST', body: new Uint8Array(4_194_304) })
    expect([response.status, await response.text()]).toEqual([413, 'too much'])
  })
})

describe('what comes back', () => {
  test('is a Response with status, headers and body', async () => {
    handler = () =>
      new Response('teapot', {
        status: 418,
        headers: [
          ['x-a', '1'],
          ['link', '<a>'],
          ['link', '<b>'],
        ],
      })
    const response = await api.fetch('/x')
    expect(response).toBeInstanceOf(Response)
    expect([
      response.status,
      response.ok,
      response.headers.get('x-a'),
      response.headers.get('link'),
      await response.text(),
    ]).toEqual([418, false, '1', '<a>, <b>', 'teapot'])
  })

  test.each([204, 304])('%i has no body', async (status) => {
    handler = () => new Response(null, { status })
    const response = await api.fetch('/x')
    expect([response.status, response.body]).toEqual([status, null])
  })

  test('HEAD has no body', async () => {
    handler = () => new Response(null, { headers: { 'x-total': '7' } })
    const response = await api.fetch('/x', { method: 'HEAD' })
    expect([response.headers.get('x-total'), response.body]).toEqual(['7', null])
  })

  test('arrives while the upstream still writes', async () => {
    let write: ReadableStreamDefaultController<Uint8Array> | undefined
    handler = () =>
      new Response(
        new ReadableStream<Uint8Array>({
          start(controller) {
            write = controller
          },
        }),
      )
    const pending = api.fetch('/ticks')
    const reader = (await pending).body!.pipeThrough(new TextDecoderStream()).getReader()
    write!.enqueue(new TextEncoder().encode('tick 1'))
    expect((await reader.read()).value).toBe('tick 1')
    write!.enqueue(new TextEncoder().encode('tick 2'))
    expect((await reader.read()).value).toBe('tick 2')
    write!.close()
    expect((await reader.read()).done).toBe(true)
  })

  test('is read no faster than it is used', async () => {
    const source = endless()
    handler = () => source.response
    const reader = (await api.fetch('/big')).body!.getReader()
    await reader.read()
    let last = -1
    await until(() => {
      const isStill = source.pulled() === last
      last = source.pulled()
      return isStill
    })
    expect(source.pulled()).toBeLessThan(400)
    await reader.cancel()
  })

  test('is given up when the reader leaves, and the upstream sees it', async () => {
    const source = endless()
    handler = () => source.response
    const reader = (await api.fetch('/big')).body!.getReader()
    await reader.read()
    await reader.cancel()
    await until(() => source.isCancelled())
    expect(source.isCancelled()).toBe(true)
  })
})

describe('the end of a call', () => {
  test('a session that ends mid-stream ends it, with the reason', async () => {
    handler = () => endless().response
    const reader = (await api.fetch('/big')).body!.getReader()
    await reader.read()
    fake.endSession(session.session_id)
    const rest = (async () => {
      while (!(await reader.read()).done);
    })()
    await expect(rest).rejects.toMatchObject({ name: 'GatewayError', type: 'invalid_token', code: 'revoked' })
  })

  test('a dead session is refused before the upstream hears of it', async () => {
    let heard = 0
    handler = () => {
      heard += 1
      return new Response('')
    }
    fake.endSession(session.session_id, 'expired')
    await expect(api.fetch('/x')).rejects.toMatchObject({ type: 'invalid_token', code: 'expired', http_status: 401 })
    expect(heard).toBe(0)
  })

  test('a signal ends a call that waits for its response', async () => {
    handler = () => new Promise<Response>(() => undefined)
    const giveUp = new AbortController()
    const pending = api.fetch('/x', { signal: giveUp.signal })
    await until(() => fake.calls.length === 1)
    giveUp.abort(new Error('enough'))
    await expect(pending).rejects.toThrow('enough')
  })

  test('a signal ends a call that is being read, and drops what waits unread', async () => {
    handler = () => endless().response
    const giveUp = new AbortController()
    const reader = (await api.fetch('/x', { signal: giveUp.signal })).body!.getReader()
    await reader.read()
    giveUp.abort(new Error('enough'))
    await expect(reader.read()).rejects.toThrow('enough')
  })

  test('a signal that aborts before the request has been put together sends nothing', async () => {
    const giveUp = new AbortController()
    const answered = api.fetch('/x', { method: 'POST', body: 'a=1', signal: giveUp.signal })
    giveUp.abort(new Error('enough'))
    await expect(answered).rejects.toThrow('enough')
    expect(fake.calls).toEqual([])
  })

  test('a signal that is aborted already sends nothing', async () => {
    await expect(api.fetch('/x', { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
    expect(fake.calls).toEqual([])
  })

  test('a gateway that goes down mid-stream is unavailable', async () => {
    handler = () => endless().response
    const reader = (await api.fetch('/x')).body!.getReader()
    await reader.read()
    await fake.close()
    const rest = (async () => {
      while (!(await reader.read()).done);
    })()
    await expect(rest).rejects.toMatchObject({ type: 'unavailable' })
  })

  test('a refusal is not asked again: the upstream may have acted', async () => {
    fake.fail('Stream', { type: 'unavailable', code: 'stale', message: 'no longer vouched for' })
    await expect(api.fetch('/x', { method: 'POST' })).rejects.toMatchObject({ type: 'unavailable', code: 'stale' })
    expect(fake.calls).toHaveLength(1)
  })

  test('an upstream that cannot be called is upstream_error', async () => {
    fake.fail('Stream', { type: 'upstream_error', code: 'upstream_unreachable', message: 'api cannot be reached' })
    await expect(api.fetch('/x')).rejects.toMatchObject({
      type: 'upstream_error',
      code: 'upstream_unreachable',
      http_status: 502,
    })
  })
})
