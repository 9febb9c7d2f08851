/** The cut, measured by what the gateway hands to its sockets, not by what a reader sees: kernels hold megabytes. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { Client, Metadata, credentials, status } from '@grpc/grpc-js'
import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'
import { openSession, tokenOf } from '../harness.ts'
import { asService, methodOf } from './harness.ts'
import { behind, bytesOut, still, until } from './upstream.ts'

const scopes = ['read:stripe:invoices', 'create:stripe:refunds']
const head = (token: string) => ({
  head: { token, upstream: 'stripe', method: 'GET', path: '/v1/invoices', request_id: 'req-cut' },
})

/** RST_STREAM is 13 bytes; PING and SETTINGS acknowledgements may come along. A part of a body would be thousands. */
const FRAMES_ONLY = 200

/** A response without end, as fast as it is taken. */
function endless(): { answer: Parameters<typeof behind>[0]; taken: () => number } {
  let bytes = 0
  const chunk = Buffer.alloc(64 * 1024, 'x')
  return {
    taken: () => bytes,
    answer: (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' })
      const more = () => {
        while (!response.destroyed && response.write(chunk)) bytes += chunk.length
        bytes += chunk.length
      }
      response.on('drain', more)
      more()
    },
  }
}

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

/** A way to the port that can stop taking anything from it. */
async function valve(address: string): Promise<{ address: string; shut(): void; open(): void }> {
  const pairs: [inner: Socket, outer: Socket][] = []
  const server = createServer((outer) => {
    const socket = connect(Number(address.split(':').at(-1)), '127.0.0.1')
    pairs.push([socket, outer])
    outer.pipe(socket).pipe(outer)
    for (const end of [outer, socket])
      end.on('error', () => {
        outer.destroy()
        socket.destroy()
      })
    cleanups.push(() => {
      outer.destroy()
      socket.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => {
    server.close()
  })
  return {
    address: `127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    shut: () => {
      for (const [inner] of pairs) {
        inner.unpipe()
        inner.pause()
      }
    },
    open: () => {
      for (const [inner, outer] of pairs) inner.pipe(outer)
    },
  }
}

function openStream(client: Client): {
  call: ClientDuplexStream<object, object>
  received: () => number
  ended: Promise<ServiceError | undefined>
} {
  const { path, requestSerialize, responseDeserialize } = methodOf('Upstreams.Stream')
  const metadata = new Metadata()
  metadata.set('authorization', asService.authorization)
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata)
  let messages = 0
  call.on('data', () => {
    messages++
  })
  const ended = new Promise<ServiceError | undefined>((resolve) => {
    call.on('error', resolve).on('end', () => {
      resolve(undefined)
    })
  })
  return { call, received: () => messages, ended }
}

describe('when a session ends during a stream', () => {
  it('with nothing on its way out, the stream ends ABORTED and says why', async () => {
    const state = await behind((_request, response) => {
      response.writeHead(200).write('first')
    })
    const session = openSession(state.harness, { scopes })
    const stream = state.grpc.open('Upstreams.Stream')
    stream.write(head(tokenOf(session)))
    await stream.seen(2)
    state.harness.engine.end(session)
    expect(await stream.ended).toMatchObject({
      code: status.ABORTED,
      type: 'invalid_token',
      error: 'revoked',
      request_id: expect.stringMatching(/^req_[0-9a-f]{32}$/) as string,
      details: 'the session was ended during the call',
    })
    await until(() => state.broken === 1)
    await until(() => state.harness.sink.outcomes.length > 0)
    expect(state.harness.sink.outcomes).toMatchObject([{ result: 'revoked', bytes: 5 }])
  })

  it('with a part held up by a reader that does not read, nothing more leaves and no reason is sent', async () => {
    const { answer: response, taken } = endless()
    const state = await behind(response)
    const session = openSession(state.harness, { scopes })
    const sent = bytesOut(state.grpc.server.address)
    const stream = state.grpc.open('Upstreams.Stream')
    stream.write(head(tokenOf(session)))
    await stream.seen(2)
    stream.pause()
    const before = await still(sent)
    const takenBefore = await still(taken)
    state.harness.engine.end(session)
    await until(() => state.broken === 1)
    stream.resume()
    const failure = await stream.ended
    expect(failure).toMatchObject({ code: status.CANCELLED, type: undefined })
    expect((await still(sent)) - before).toBeLessThan(FRAMES_ONLY)
    expect(await still(taken)).toBe(takenBefore)
  })

  it('with the connection itself stuffed, what waits for the socket is dropped too', async () => {
    const { answer: response } = endless()
    const state = await behind(response)
    const session = openSession(state.harness, { scopes })
    const way = await valve(state.grpc.server.address)
    const client = new Client(way.address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
      'grpc-node.flow_control_window': 512 * 1024 * 1024,
    })
    cleanups.push(() => {
      client.close()
    })
    const sent = bytesOut(state.grpc.server.address)
    const streams = [1, 2, 3, 4].map(() => openStream(client))
    for (const { call } of streams) call.write(head(tokenOf(session)))
    await until(() => streams.every(({ received }) => received() > 1))
    way.shut()
    const before = await still(sent)
    state.harness.engine.end(session)
    await until(() => state.broken === streams.length)
    way.open()
    for (const { ended } of streams) expect(await ended).toMatchObject({ code: status.CANCELLED })
    expect((await still(sent)) - before).toBeLessThan(FRAMES_ONLY)
  })

  it('others on the same connection go on', async () => {
    const state = await behind((_request, response, { url }) => {
      response.writeHead(200).write('first')
      if (url.endsWith('in_2')) setImmediate(() => response.end(' and last'))
    })
    const [session, other] = [openSession(state.harness, { scopes }), openSession(state.harness, { scopes })]
    const cut = state.grpc.open('Upstreams.Stream')
    cut.write(head(tokenOf(session)))
    await cut.seen(2)
    state.harness.engine.end(session)
    expect(await cut.ended).toMatchObject({ code: status.ABORTED })
    const whole = state.grpc.open('Upstreams.Stream')
    whole.write({ head: { token: tokenOf(other), upstream: 'stripe', method: 'GET', path: '/v1/invoices/in_2' } })
    expect(await whole.ended).toBeUndefined()
  })
})

describe('when a session ends while a whole response is on its way', () => {
  it('the rest of it is not sent', async () => {
    const state = await behind((_request, response) => {
      response.end(Buffer.alloc(3 * 1024 * 1024, 'x'))
    })
    const session = openSession(state.harness, { scopes })
    const way = await valve(state.grpc.server.address)
    const client = new Client(way.address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
    })
    cleanups.push(() => {
      client.close()
    })
    const sent = bytesOut(state.grpc.server.address)
    await new Promise<void>((resolve, reject) => {
      client.waitForReady(Infinity, (error) => {
        if (error) reject(error)
        else resolve()
      })
    })
    await still(sent)
    way.shut()
    const { path, requestSerialize, responseDeserialize } = methodOf('Upstreams.Call')
    const metadata = new Metadata()
    metadata.set('authorization', asService.authorization)
    const failed = new Promise<ServiceError | null>((resolve) => {
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        head(tokenOf(session)).head,
        metadata,
        (error) => {
          resolve(error)
        },
      )
    })
    await until(() => sent() > 60_000)
    const before = await still(sent)
    state.harness.engine.end(session)
    await until(() => state.harness.sink.outcomes.length > 0)
    way.open()
    expect(await failed).toMatchObject({ code: status.CANCELLED })
    expect((await still(sent)) - before).toBeLessThan(FRAMES_ONLY)
    expect(state.harness.sink.outcomes).toMatchObject([{ result: 'revoked' }])
  })
})

describe('when an upstream takes no more of a request', () => {
  it('no more is taken from the caller either', async () => {
    const state = await behind(
      (request) => {
        request.pause()
      },
      { early: true, settings: { max_request_bytes: 1024 * 1024 * 1024 } },
    )
    const { call } = openStream(state.grpc.client)
    const part = Buffer.alloc(256 * 1024, 'x')
    let left = 0
    call.write({
      head: { ...head(tokenOf(openSession(state.harness, { scopes }))).head, method: 'POST', path: '/v1/refunds' },
    })
    for (let count = 0; count < 200; count++)
      call.write({ body: part }, () => {
        left++
      })
    await until(() => state.requests.length === 1)
    // Of 50 MiB: what two kernels hold between caller, gateway and upstream, and a few parts.
    expect(await still(() => left)).toBeLessThan(80)
    call.cancel()
    await until(() => state.harness.core.openCalls.size === 0)
  })
})

describe('when nothing can vouch for a session any more', () => {
  it('a stream ends ABORTED, not as an invalid token', async () => {
    const state = await behind((_request, response) => {
      response.writeHead(200).write('first')
    })
    const session = openSession(state.harness, { scopes })
    const stream = state.grpc.open('Upstreams.Stream')
    stream.write(head(tokenOf(session)))
    await stream.seen(2)
    state.harness.vault.cutLine()
    await state.harness.clock.advance(6_000)
    expect(await stream.ended).toMatchObject({ code: status.ABORTED, type: 'unavailable', error: 'stale' })
    await until(() => state.broken === 1)
    expect(state.broken).toBe(1)
  })

  it('a stream whose agent loses the scope ends, and one of another tool goes on', async () => {
    const state = await behind((_request, response) => {
      response.writeHead(200).write('first')
    })
    const session = openSession(state.harness, { scopes })
    const stream = state.grpc.open('Upstreams.Stream')
    stream.write(head(tokenOf(session)))
    await stream.seen(2)
    state.harness.engine.agent('claude-billing-agent', { scopes: ['create:stripe:refunds'] })
    expect(await stream.ended).toMatchObject({ code: status.ABORTED, type: 'insufficient_scope' })
  })
})
