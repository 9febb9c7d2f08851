import { describe, expect, it } from 'vitest'
import { randomOf } from '../http-message/generated-messages.ts'
import { Call, get, poolFor, rawServer, until, type Peer } from './harness.ts'

const CALLS = 1500
const AT_ONCE = 24

/** What a server may do to the one who asks for `tag`; `forged` is what no call must ever see. */
const behaviours: Record<string, (tag: string) => string> = {
  'a length': (tag) => `HTTP/1.1 200 OK\r\nx-for: ${tag}\r\ncontent-length: ${tag.length}\r\n\r\n${tag}`,
  chunks: (tag) =>
    `HTTP/1.1 200 OK\r\nx-for: ${tag}\r\ntransfer-encoding: chunked\r\n\r\n${tag.length.toString(16)}\r\n${tag}\r\n0\r\n\r\n`,
  'an interim response first': (tag) => `HTTP/1.1 103 Early Hints\r\n\r\n${behaviours['a length']!(tag)}`,
  'a second response': (tag) => behaviours['a length']!(tag) + behaviours.chunks!('forged'),
  'a second response behind chunks': (tag) => behaviours.chunks!(tag) + behaviours['a length']!('forged'),
  'a length too short': (tag) => behaviours['a length']!(tag) + 'forged',
  'a line end too much': (tag) => `${behaviours['a length']!(tag)}\r\n`,
  '204 and a body': (tag) => `HTTP/1.1 204 No Content\r\nx-for: ${tag}\r\n\r\n${behaviours['a length']!('forged')}`,
  '304 and a body': (tag) => `HTTP/1.1 304 Not Modified\r\nx-for: ${tag}\r\ncontent-length: 6\r\n\r\nforged`,
  'a broken chunk': (tag) =>
    `HTTP/1.1 200 OK\r\nx-for: ${tag}\r\ntransfer-encoding: chunked\r\n\r\n1\r\n${tag}\r\n0\r\n\r\n${behaviours['a length']!('forged')}`,
  'both lengths': (tag) =>
    `HTTP/1.1 200 OK\r\nx-for: ${tag}\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n${behaviours['a length']!('forged')}`,
  'no HTTP': () => 'forged\r\n\r\n',
}

/** `text` in a few pieces, each in a turn of its own; what is held back goes out with the next request's response at the latest. */
function write({ socket }: Peer, text: string, random: () => number): void {
  const at = random() < 0.5 ? text.length : Math.floor(random() * text.length)
  socket.write(text.slice(0, at), 'latin1')
  // Only what belongs to the response may come late: nobody can tell a late forgery from the response to the next request.
  if (at < text.length) socket.write(text.slice(at), 'latin1')
}

describe('whatever a server does, no call sees what was sent for another', () => {
  it.each([1, 2, 3])('seed %i', async (seed) => {
    const random = randomOf(seed)
    const names = Object.keys(behaviours)
    const { origin, peers } = await rawServer((peer, _nth, head) => {
      const tag = head.split(' ')[1]!
      const kind = random()
      if (kind < 0.03) peer.socket.resetAndDestroy()
      else if (kind < 0.06) peer.socket.end(behaviours['a length']!(tag).slice(0, -3))
      else write(peer, behaviours[kind < 0.6 ? 'a length' : names[Math.floor(random() * names.length)]!]!(tag), random)
    })
    const pool = poolFor(origin, { connections: 8 })
    const wrong: string[] = []
    const counts = { complete: 0, failed: 0 }
    const one = async (index: number) => {
      const tag = `/call-${index}-${'x'.repeat(index % 40)}`
      const call = new Call()
      const mood = random()
      call.exchange = pool.send({ ...get, path: tag, method: mood < 0.1 ? 'POST' : 'GET' }, call)
      if (mood > 0.95) call.exchange.abort(new Error('aborted at once'))
      else if (mood > 0.9)
        call.atHead = () => {
          call.exchange.abort(new Error('aborted at its head'))
        }
      else if (mood > 0.85)
        call.onChunk = () => {
          call.exchange.pause()
        }
      const complete = await call.over.then(
        () => true,
        () => false,
      )
      counts[complete ? 'complete' : 'failed']++
      const heads = call.headers.length === 0 || call.headers[call.headers.indexOf('x-for') + 1] === tag
      if (!heads || !tag.startsWith(call.body) || call.events.some((event) => event.includes('after')))
        wrong.push(`${tag}: ${call.headers.join(' ')} ${call.body} ${call.events.join()}`)
    }
    let next = 0
    const worker = async () => {
      while (next < CALLS) await one(next++)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    expect(wrong).toEqual([])
    expect(counts.complete).toBeGreaterThan(CALLS / 2)
    expect(counts.failed).toBeGreaterThan(CALLS / 20)
    // Connections were used again, and given up again.
    expect(peers.length).toBeGreaterThan(50)
    expect(peers.length).toBeLessThan(CALLS * 0.9)
    await until(() => pool.stats.calls === 0)
    expect(pool.stats).toMatchObject({ waiting: 0, connecting: 0 })
  })
})
