import { createServer } from 'node:net'
import { messageOf, onMessages } from './messages.ts'
import { listenOnLoopback } from './stand-in-server.ts'
import type { StandInServer } from './stand-in-server.ts'

const items = Array.from({ length: 12 }, (_, index) => ({
  id: `in_${String(index)}`,
  customer: `cus_${String(index * 7)}`,
  amount: index * 13,
  currency: 'usd',
  paid: index % 2 === 0,
}))
const body = JSON.stringify({ data: items, has_more: false })

/** Heads as APIs and the servers before them write them, so that not all names are those of one. */
const heads = [
  ['Server: nginx', 'Last-Modified: Tue, 01 Dec 2026 09:00:00 GMT', 'Connection: keep-alive', 'ETag: "5f-1"'],
  ['X-Request-Id: req_1', 'Cache-Control: no-store', 'Vary: Accept', 'X-RateLimit-Remaining: 99'],
]
const responses = heads.map((lines) =>
  messageOf(
    [
      'HTTP/1.1 200 OK',
      'Date: Tue, 01 Dec 2026 09:00:00 GMT',
      'Content-Type: application/json',
      ...lines,
      `Content-Length: ${String(Buffer.byteLength(body))}`,
    ],
    body,
  ),
)

/** An API that answers every request with about a kibibyte of JSON, and hangs up on anyone who lacks its key. */
export function startStandInUpstream(key: string): Promise<StandInServer> {
  const authorization = `Bearer ${key}`
  let served = 0
  const server = createServer({ noDelay: true }, (socket) => {
    onMessages(socket, (request) => {
      if (request.includes(authorization)) socket.write(responses[served++ % responses.length]!)
      else socket.destroy()
    })
  })
  return listenOnLoopback(server)
}
