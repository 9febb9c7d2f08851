/** A refusal reaches a client that is still sending its body, and the connection does not outlive it for long. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BodyReader, writeResponse } from '../../src/http/index.ts'
import { Http1Server } from '../../src/http-server/index.ts'
import type { ServerRequest, ServerResponse } from '../../src/http-server/index.ts'
import { startHostHarness } from '../host/harness.ts'
import { FakeClock } from '../fakes/clock.ts'

const mebi = 1024 * 1024
let sockets: Socket[]
let closers: (() => unknown)[]
let clock: FakeClock
beforeEach(() => {
  sockets = []
  closers = []
  clock = new FakeClock()
})
afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  for (const close of closers) await close()
})

async function listening(serve: (request: ServerRequest, response: ServerResponse) => void): Promise<number> {
  const server = new Http1Server({
    clock,
    tls: undefined,
    timeouts: { headersTimeout: 15_000, requestTimeout: 300_000, keepAliveTimeout: 65_000 },
    unreadable: ({ message }) => ({ message }),
    serve,
  })
  closers.push(() => server.close())
  return (await server.listen({ host: '127.0.0.1', port: 0 })).port
}

/** A listener that refuses every body at once, before it has read any of it. */
function refusing(): Promise<number> {
  return listening((_request, response) => {
    writeResponse(response, 413, { 'content-type': 'text/plain' }, 'too large')
  })
}

/** The embedded server. */
async function embedded(): Promise<number> {
  const { host } = await startHostHarness({ clock })
  closers.push(() => host.close())
  return Number(new URL((await host.listen({ address: '127.0.0.1:0' })).url).port)
}

const listeners: [string, () => Promise<number>, string][] = [
  ['any listener', refusing, 'HTTP/1.1 413 '],
  ['the embedded server', embedded, 'HTTP/1.1 403 '],
]

interface Client {
  readonly socket: Socket
  /** Of the socket: what came, and how it ended. */
  readonly outcome: Promise<{ text: string; error: string | undefined }>
}

function request(port: number, bytes: number): Client {
  const socket = connect(port, '127.0.0.1')
  sockets.push(socket)
  let text = ''
  let error: string | undefined
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  socket.on('error', (thrown: NodeJS.ErrnoException) => (error = thrown.code))
  socket.write(
    `POST /v1/secret/data/x HTTP/1.1\r\nHost: 127.0.0.1:${String(port)}\r\nContent-Length: ${String(bytes)}\r\n\r\n`,
  )
  return {
    socket,
    outcome: new Promise((resolve) => {
      socket.once('close', () => {
        resolve({ text, error })
      })
    }),
  }
}

describe.each(listeners)('%s', (_name, start, status) => {
  it('is heard by a client that reads only when it has sent everything', async () => {
    const { socket, outcome } = request(await start(), 20 * mebi)
    socket.pause()
    const chunk = Buffer.alloc(mebi, 'a')
    for (let sent = 0; sent < 20; sent++) {
      const taken = new Promise((resolve) => socket.write(chunk, resolve))
      await taken
    }
    socket.resume()
    const { text, error } = await outcome
    expect(error).toBeUndefined()
    expect(text).toContain(status)
    expect(text.toLowerCase()).toContain('connection: close')
  })

  it('answers at once, and closes after seconds on a client that goes on sending slowly', async () => {
    const { socket, outcome } = request(await start(), 20 * mebi)
    socket.write(Buffer.alloc(100_000, 'a'))
    await once(socket, 'data')
    let closed = false
    void outcome.then(() => (closed = true))
    await clock.advance(4_000)
    socket.write('a')
    await clock.advance(500)
    expect(closed).toBe(false)
    await clock.advance(1_000)
    expect((await outcome).text).toContain(status)
  })

  it('closes on a client that sends without end', async () => {
    const { socket, outcome } = request(await start(), 1024 * mebi)
    const chunk = Buffer.alloc(mebi, 'a')
    const isTaken = () =>
      new Promise<boolean>((resolve) => {
        socket.write(chunk, (failed) => {
          resolve(!failed)
        })
      })
    let sent = 0
    while (sent < 200 && (await isTaken())) sent++
    expect((await outcome).text).toContain(status)
    expect(sent).toBeLessThan(100)
  })
})

it('bytes that are thrown away take no room from other bodies', async () => {
  const bodies = new BodyReader({ clock, authenticated: { each: mebi, total: 4 * mebi } })
  const port = await listening((incoming, response) => {
    bodies.read(incoming, response, 'a').then(
      (body) => {
        writeResponse(response, 200, {}, String(body?.length))
      },
      () => {
        writeResponse(response, 413, {}, '')
      },
    )
  })
  // Half of four is all that one caller may have held.
  for (let index = 0; index < 3; index++) {
    const socket = connect(port, '127.0.0.1')
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n180000\r\n')
    socket.write(Buffer.alloc(0x180000, 'a'))
    expect(String((await once(socket, 'data'))[0])).toContain('413')
  }
  const served = await fetch(`http://127.0.0.1:${String(port)}/`, { method: 'POST', body: 'b'.repeat(mebi) })
  expect(await served.text()).toBe(String(mebi))
})
