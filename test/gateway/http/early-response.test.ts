/** An upstream that responds before it has the whole body: its response reaches a caller that is still sending. */
import { connect } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openSession, tokenOf } from '../harness.ts'
import { eventually, startHttpHarness } from './harness.ts'
import type { HttpHarness } from './harness.ts'

let harness: HttpHarness
beforeEach(async () => {
  harness = await startHttpHarness()
  harness.engine.tool('stripe', 'files', [{ capability: 'create', method: 'POST', path: '/v1/files' }])
  harness.engine.agent('claude-billing-agent', { scopes: ['create:stripe:files'] })
  await harness.flush()
  harness.respond((_request, response) => {
    response.writeHead(413, { 'content-type': 'text/plain', 'content-length': 9 }).end('too large')
  })
})
afterEach(() => harness.stop())

const BODY = 1_000_000
const half = Buffer.alloc(BODY / 2, 'a')

/** A caller on a connection of its own, half of whose body has been sent; `events` in the order in which they are seen. */
function uploading() {
  const events: string[] = []
  let text = ''
  const { hostname, port } = new URL(harness.url)
  const socket = connect(Number(port), hostname)
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    if (text.endsWith('too large')) events.push('response')
  })
  socket.on('error', ({ message }) => events.push(message))
  socket.on('end', () => events.push('end'))
  const head = [
    'POST /u/stripe/v1/files HTTP/1.1',
    `Host: ${hostname}:${port}`,
    `Authorization: Bearer ${tokenOf(openSession(harness, { scopes: null }))}`,
    'Content-Type: application/octet-stream',
    `Content-Length: ${String(BODY)}`,
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  socket.write(half)
  return { socket, events, text: () => text }
}

/** Time for whatever is under way on the sockets of this process. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await setImmediate()
}

it('is heard, and the connection takes the rest of the body before it closes', async () => {
  const { socket, events, text } = uploading()
  await eventually(() => events.length > 0)
  await turns(500)
  expect(events).toEqual(['response'])
  expect(text()).toMatch(/^HTTP\/1\.1 413 /)
  expect(text().toLowerCase()).toContain('connection: close')
  socket.write(half, () => events.push('sent'))
  await eventually(() => events.includes('end'))
  expect(events).toEqual(['response', 'sent', 'end'])
})

it('is complete for its record, whether the caller goes on sending or not', async () => {
  const { socket, events } = uploading()
  await eventually(() => events.length > 0)
  socket.destroy()
  await eventually(() => harness.sink.records.some(({ type }) => type === 'outcome'))
  expect(harness.sink.records.at(-1)).toMatchObject({ type: 'outcome', status: 413, result: 'complete' })
})
