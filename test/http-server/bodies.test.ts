import { afterEach, expect, it } from 'vitest'
import type { ServerRequest } from '../../src/http-server/index.ts'
import { randomOf } from '../http-message/generated-messages.ts'
import { eventually, startServer, statuses, turns } from './harness.ts'
import type { ServerHarness } from './harness.ts'

let harness: ServerHarness
afterEach(() => harness.stop())

type Take = (request: ServerRequest, random: () => number) => Promise<Buffer>

/** By events; `restless`: paused and resumed at any moment, within the event and between. */
const byEvents =
  (restless: boolean): Take =>
  (request, random) =>
    new Promise((resolve) => {
      const pieces: Buffer[] = []
      let isOver = false
      const rest = async () => {
        request.pause()
        if (random() < 0.5) await turns(Math.floor(random() * 8))
        request.resume()
        if (random() < 0.2) request.resume()
      }
      request.on('data', (piece: Buffer) => {
        if (isOver) throw new Error('data behind the end')
        pieces.push(piece)
        if (restless && random() < 0.5) void rest()
      })
      request.once('end', () => {
        isOver = true
        resolve(Buffer.concat(pieces))
      })
      request.resume()
    })

/** By pieces, each in its own time. */
const byPieces: Take = async (request, random) => {
  const pieces: Uint8Array[] = []
  for await (const piece of request.chunks()) {
    pieces.push(piece)
    if (random() < 0.3) await turns(Math.floor(random() * 8))
  }
  return Buffer.concat(pieces)
}

/** The first piece by itself, the rest by events. */
const byBoth: Take = async (request, random) => {
  const { value } = await request.chunks().next()
  return Buffer.concat([value ?? Buffer.alloc(0), await byEvents(true)(request, random)])
}

const ways: Take[] = [byEvents(false), byEvents(true), byPieces, byBoth]

/** `body` as a request sends it. */
function requestOf(body: Buffer, random: () => number): Buffer {
  const head = 'POST / HTTP/1.1\r\nHost: h\r\n'
  if (random() < 0.5) return Buffer.concat([Buffer.from(`${head}Content-Length: ${body.length}\r\n\r\n`), body])
  const parts: Uint8Array[] = [Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n`)]
  for (let at = 0; at < body.length;) {
    const piece = body.subarray(at, at + 1 + Math.floor(random() ** 3 * 100_000))
    parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'))
    at += piece.length
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')])
}

it.each([1, 2, 3, 4])('a body comes once, whole and in order, however it is sent and taken: seed %i', async (seed) => {
  const random = randomOf(seed)
  const taken: Buffer[] = []
  harness = await startServer((request, response) => {
    const serve = async () => {
      if (random() < 0.3) await turns(Math.floor(random() * 8))
      taken.push(await ways[Math.floor(random() * ways.length)]!(request, random))
      response.writeHead(204, [])
      response.end()
    }
    void serve()
  })
  const client = harness.peer()
  const bodies = Array.from({ length: 40 }, () => {
    const length = random() < 0.2 ? Math.floor(random() * 4) : Math.floor(random() ** 2 * 300_000)
    return Buffer.from(Array.from({ length }, (_, at) => (at * 31 + length) & 255))
  })
  let rest = Buffer.concat(bodies.map((body) => requestOf(body, random)))
  while (rest.length > 0) {
    const length = 1 + Math.floor(random() ** 4 * 200_000)
    client.socket.write(rest.subarray(0, length))
    rest = rest.subarray(length)
    if (random() < 0.5) await turns(1 + Math.floor(random() * 4))
  }
  await eventually(() => statuses(client.received).length === bodies.length)
  expect(taken.map((body, at) => body.equals(bodies[at]!))).toEqual(bodies.map(() => true))
})
