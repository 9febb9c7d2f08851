import { once } from 'node:events'
import { request as httpsRequest } from 'node:https'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { throwAwayCertificate } from '../fakes/certificate.ts'
import { echo, eventually, startServer, statuses, turns } from './harness.ts'
import type { Peer, ServerHarness } from './harness.ts'

let harness: ServerHarness
afterEach(() => harness.stop())
const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n'

describe('a client may take its time, and no more', () => {
  it.each([
    ['says nothing', '', 15_000],
    ['dribbles its head', 'GET / HT', 15_000],
    ['dribbles its body', 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab', 300_000],
  ])('one that %s is told that it is late', async (_what, text, ms) => {
    harness = await startServer()
    const client = harness.peer(text)
    await eventually(() => !client.socket.connecting && client.socket.bytesWritten === text.length)
    await turns()
    await harness.clock.advance(ms - 1)
    await turns()
    expect([client.isClosed, client.received]).toEqual([false, ''])
    await harness.clock.advance(5_001)
    await eventually(() => client.isClosed)
    expect(statuses(client.received)).toEqual(['408'])
  })

  it('one that has had its response is let go when it asks nothing further', async () => {
    harness = await startServer()
    const client = harness.peer(GET)
    await eventually(() => statuses(client.received).length === 1)
    await harness.clock.advance(64_999)
    client.socket.write(GET)
    await eventually(() => statuses(client.received).length === 2)
    await harness.clock.advance(64_999)
    await turns()
    expect(client.isClosed).toBe(false)
    await harness.clock.advance(5_001)
    await eventually(() => client.isClosed)
    expect(statuses(client.received)).toEqual(['200', '200'])
  })

  it('one that takes nothing of its response is let go, and one that takes it slowly is not', async () => {
    harness = await startServer((_request, response) => {
      response.writeHead(200, [])
    })
    const [stuck, slow] = [harness.peer(GET), harness.peer(GET)]
    await eventually(() => harness.served.length === 2)
    const chunk = Buffer.alloc(1 << 16)
    for (const { socket } of [stuck, slow]) socket.pause()
    const responses = [stuck, slow].map(
      ({ socket }) => harness.served.find(({ request }) => request.socket.remotePort === socket.localPort)!.response,
    )
    for (const response of responses) for (let count = 0; count < 512; count++) response.write(chunk)
    for (let waited = 0; waited < 300_000; waited += 60_000) {
      await harness.clock.advance(59_999)
      await turns()
      expect(responses.map(({ closed }) => closed)).toEqual([false, false])
      const before = slow.received.length
      slow.socket.resume()
      await eventually(() => slow.received.length > before + (1 << 20))
      slow.socket.pause()
      await harness.clock.advance(1)
    }
    await harness.clock.advance(5_000)
    await eventually(() => responses[0]!.closed)
    expect([responses[0]!.writableFinished, responses[1]!.closed]).toEqual([false, false])
  })

  it('a response may take as long as it takes', async () => {
    harness = await startServer(() => undefined)
    const client = harness.peer(GET)
    await eventually(() => harness.served.length === 1)
    await harness.clock.advance(3_600_000)
    await turns()
    expect(client.isClosed).toBe(false)
  })
})

describe('connections', () => {
  const limits = { unfinished: 3, total: 6 }

  it('without a request: the oldest gives way, and a whole request is served beside them', async () => {
    harness = await startServer(echo, { limits })
    const dribbling: Peer[] = []
    for (let count = 0; count < 3; count++) {
      dribbling.push(harness.peer('GET / HT'))
      await turns(20)
    }
    const honest = harness.peer(GET)
    await eventually(() => dribbling[0]!.isClosed && statuses(honest.received).length === 1)
    expect(dribbling.map(({ isClosed }) => isClosed)).toEqual([true, false, false])
  })

  it('of which all are idle: the oldest gives way', async () => {
    harness = await startServer(echo, { limits })
    const idle: Peer[] = []
    for (let count = 0; count < 6; count++) {
      const client = harness.peer(GET)
      await eventually(() => statuses(client.received).length === 1)
      idle.push(client)
    }
    const next = harness.peer(GET)
    await eventually(() => idle[0]!.isClosed && statuses(next.received).length === 1)
    expect(idle.slice(1).some(({ isClosed }) => isClosed)).toBe(false)
  })

  it('of which all are busy: the new one gives way', async () => {
    harness = await startServer(() => undefined, { limits })
    const busy: Peer[] = []
    for (let count = 1; count <= 6; count++) {
      busy.push(harness.peer(GET))
      await eventually(() => harness.served.length === count)
    }
    const next = harness.peer(GET)
    await eventually(() => next.isClosed)
    expect(busy.some(({ isClosed }) => isClosed)).toBe(false)
    for (const { response } of harness.served) response.destroy()
    await eventually(() => busy.every(({ isClosed }) => isClosed))
    const after = harness.peer(GET)
    await eventually(() => harness.served.length === 7)
    expect(after.isClosed).toBe(false)
  })
})

it('connections from one port to two addresses of the server are two', async () => {
  harness = await startServer(echo, { host: '0.0.0.0' })
  const localPort = await new Promise<number>((resolve) => {
    const free = createServer().listen(0, '127.0.0.1', () => {
      const { port } = free.address() as AddressInfo
      free.close(() => {
        resolve(port)
      })
    })
  })
  const closed: string[] = []
  const sockets = ['127.0.0.1', '127.0.0.2'].map((host) => {
    const socket = connect({ host, port: harness.port, localAddress: '127.0.0.1', localPort })
    socket.on('close', () => closed.push(host))
    socket.on('error', () => undefined)
    socket.write(GET)
    return socket
  })
  await eventually(() => harness.served.length === 2)
  await harness.server.close()
  for (const socket of sockets) socket.resume()
  await eventually(() => closed.length === 2)
})

it('a server that is drained ends idle connections at once and others with their response', async () => {
  harness = await startServer(() => undefined)
  const [idle, busy] = [harness.peer(), harness.peer(GET)]
  await eventually(() => harness.served.length === 1)
  let drained = false
  const all = harness.server.drain().then(() => (drained = true))
  await eventually(() => idle.isClosed)
  expect([busy.isClosed, drained]).toEqual([false, false])
  const { response } = harness.served[0]!
  response.writeHead(200, ['Content-Length', '2'])
  response.end('ok')
  await all
  await eventually(() => busy.isClosed)
  expect(busy.received).toMatch(/Connection: close\r\n\r\nok$/)
})

describe('over TLS', () => {
  const { certificate, key } = throwAwayCertificate()
  const tls = { cert: certificate, key }

  it('a client that goes within the handshake is not waited for', async () => {
    harness = await startServer(echo, { tls })
    const client = harness.peer()
    client.socket.end()
    await eventually(() => client.isClosed)
  })

  it('what was written goes out to a client that closes its side, and what was not breaks', async () => {
    harness = await startServer(
      ({ url }, response) => {
        response.writeHead(200, [])
        response.write('begun')
        if (url === '/whole') response.end(Buffer.alloc(8 << 20))
      },
      { tls },
    )
    const lengths: number[] = []
    for (const path of ['/whole', '/part']) {
      let received = 0
      const client = tlsConnect({ port: harness.port, host: '127.0.0.1', ca: certificate })
      client.on('data', (chunk: Buffer) => (received += chunk.length))
      client.end(`GET ${path} HTTP/1.0\r\nHost: h\r\n\r\n`)
      await once(client, 'close')
      lengths.push(received)
    }
    expect(lengths[0]).toBeGreaterThan(8 << 20)
    expect(lengths[1]).toBeLessThan(200)
  })

  it('a request is served, and a client that speaks none is let go', async () => {
    harness = await startServer(echo, { tls })
    const plain = harness.peer(GET)
    await eventually(() => plain.isClosed)
    expect(harness.served).toEqual([])
    const text = await new Promise<string>((resolve, reject) => {
      const request = httpsRequest(
        { host: '127.0.0.1', port: harness.port, path: '/a', method: 'POST', ca: certificate, agent: false },
        (response) => {
          let body = ''
          response.on('data', (chunk: Buffer) => (body += chunk.toString()))
          response.on('end', () => {
            resolve(body)
          })
        },
      )
      request.on('error', reject)
      request.end('body')
    })
    expect(text).toBe('POST /a body')
  })
})
