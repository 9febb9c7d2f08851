import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { startHostHarness } from '../harness.ts'
import type { HostHarness } from '../harness.ts'

const mebi = 1024 * 1024
let harness: HostHarness
let folder: string
let url: string
let sockets: Socket[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'host-bodies-'))
  harness = await startHostHarness({ auditPath: join(folder, 'audit.jsonl') })
  url = (await harness.host.listen({ address: '127.0.0.1:0' })).url
  sockets = []
})
afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  await harness.host.close()
  await rm(folder, { recursive: true })
})

/** Sends a head and a first part of its body; resolves with what comes back, once the server has ended it. */
async function upload(path: string, declared: number, part: Buffer, headers = ''): Promise<() => Promise<string>> {
  const { port, host } = new URL(url)
  const socket = connect(Number(port), '127.0.0.1')
  sockets.push(socket)
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString()
  })
  socket.on('error', () => undefined)
  const ended = once(socket, 'close')
  socket.write(`POST ${path} HTTP/1.1\r\nHost: ${host}\r\n${headers}Content-Length: ${String(declared)}\r\n\r\n`)
  await new Promise((resolve) => {
    socket.write(part, resolve)
  })
  return async () => {
    await ended
    return text
  }
}
const post = (path: string, body: string, token?: string) =>
  fetch(`${url}/v1/${path}`, { method: 'POST', body, headers: token === undefined ? {} : { 'X-Vault-Token': token } })
const auditLines = async () =>
  (await readFile(join(folder, 'audit.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; error?: string; request?: Record<string, unknown> })

it('large bodies without credentials are refused unread, and known callers write meanwhile', async () => {
  const uploads = []
  for (let i = 0; i < 5; i++) uploads.push(await upload('/v1/nothing', 31 * mebi + 1, Buffer.alloc(8 * mebi, 32)))
  expect((await post('lend/items/rope', '{"colour":"red"}', 'root')).status).toBe(204)
  const refused = await auditLines()
  expect(refused.filter(({ error, type }) => type === 'request' && error === 'permission denied')).toHaveLength(5)
})

it('small bodies without credentials that never end keep no known caller waiting', async () => {
  for (let i = 0; i < 100; i++) await upload('/v1/nothing', 65_536, Buffer.alloc(65_000, 32))
  expect((await post('lend/items/rope', '{"colour":"red"}', 'root')).status).toBe(204)
})

it.each([
  ['no token', undefined],
  ['a token nobody issued', 'hvs.unknown'],
])('with %s the body is not parsed, and none of its values stands in the audit line', async (_what, token) => {
  const response = await post('lend/items/rope', `{"a":["${'x","'.repeat(1000)}"]`, token)
  expect([response.status, await response.json()]).toEqual([403, { errors: ['permission denied'] }])
  const line = (await auditLines()).at(-1)
  expect(line).toMatchObject({ type: 'request', error: 'permission denied', request: { unread_bytes: 4009 } })
  expect(line?.request).not.toHaveProperty('data')
})

it('a login is read, up to 64 KiB', async () => {
  await harness.call('POST', 'sys/auth/approle', { type: 'approle' })
  const login = await post('auth/approle/login', '{"role_id":"nobody","secret_id":"none"}')
  expect(login.status).toBe(400)
  expect((await auditLines()).at(-1)?.request).toHaveProperty('data.role_id')
  const long = await post('auth/approle/login', `{"role_id":"${'x'.repeat(65_536)}"}`)
  expect([long.status, await long.json()]).toEqual([413, { errors: ['request body too large; the limit is 64 KiB'] }])
})

it('a known caller may send more than 64 KiB', async () => {
  const colour = 'x'.repeat(200_000)
  expect((await post('lend/items/rope', JSON.stringify({ colour }), 'root')).status).toBe(204)
})

it('a bodiless request with an unknown token is refused as before, and its connection lives on', async () => {
  const response = await fetch(`${url}/v1/lend/items/rope`, { headers: { 'X-Vault-Token': 'hvs.unknown' } })
  expect([response.status, response.headers.get('connection')]).toEqual([403, 'keep-alive'])
  expect((await auditLines()).at(-1)?.request).not.toHaveProperty('unread_bytes')
})
