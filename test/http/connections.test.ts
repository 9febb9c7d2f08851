import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { limitConnections } from '../../src/http/connections.ts'
import { trackRequests } from '../../src/http/requests.ts'

let server: Server
let sockets: Socket[]
beforeEach(async () => {
  sockets = []
  server = createServer((request, response) => {
    if (request.url !== '/wait') response.end('ok')
  })
  limitConnections(server, { unfinished: 3, total: 6 }, trackRequests(server))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterEach(() => {
  for (const socket of sockets) socket.destroy()
  server.close()
  server.closeAllConnections()
})

async function open(text: string): Promise<Socket> {
  const accepted = once(server, 'connection')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  sockets.push(socket)
  socket.on('error', () => undefined)
  socket.write(text)
  await accepted
  return socket
}
const closed = (socket: Socket): Promise<unknown> => (socket.destroyed ? Promise.resolve() : once(socket, 'close'))
const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: here\r\n\r\n`

it('of unfinished heads the oldest gives way, and a whole request is answered beside them', async () => {
  const dribbling = [await open('GET / HT'), await open('GET / HT'), await open('GET / HT')]
  const honest = await open(request('/'))
  await closed(dribbling[0]!)
  expect(String((await once(honest, 'data'))[0])).toContain('200 OK')
  expect(dribbling.slice(1).map(({ destroyed }) => destroyed)).toEqual([false, false])
})

it('of all connections an idle one gives way to a new one', async () => {
  const idle = []
  for (let i = 0; i < 6; i++) {
    const socket = await open(request('/'))
    await once(socket, 'data')
    idle.push(socket)
  }
  const next = await open(request('/'))
  await closed(idle[0]!)
  expect(String((await once(next, 'data'))[0])).toContain('200 OK')
  expect(idle.slice(1).some(({ destroyed }) => destroyed)).toBe(false)
})

it('requests under way are not broken off: where all are busy the new connection is', async () => {
  const busy = []
  for (let i = 0; i < 6; i++) {
    const pending = once(server, 'request')
    busy.push(await open(request('/wait')))
    await pending
  }
  const next = await open(request('/'))
  await closed(next)
  expect(busy.some(({ destroyed }) => destroyed)).toBe(false)
})
