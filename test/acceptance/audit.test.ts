/** What the server's audit log shows of a session once the mount is tuned as vault-config/plugin/tune-audit.sh does. */
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { leaveTrail, shippedAuditTuning } from './audit-trail.ts'
import type { Trail } from './audit-trail.ts'
import { startTarget } from './target/index.ts'
import { must } from './target/server.ts'
import type { Server } from './target/index.ts'

const path = join(tmpdir(), `acceptance-audit-${randomBytes(6).toString('hex')}.log`)
let server: Server
let trail: Trail
let log: string

beforeAll(async () => {
  server = await startTarget()
  const mount = await server.mount()
  await must(
    server.api('PUT', 'sys/audit/trail', { body: { type: 'file', options: { file_path: path } } }),
    'enabling the audit device',
  )
  await must(server.api('POST', `sys/mounts/${mount}/tune`, { body: shippedAuditTuning() }), 'tuning')
  trail = await leaveTrail(server.api, mount)
  log = await server.readFile(path)
})
afterAll(async () => {
  await server.stop()
  await rm(path, { force: true })
})

it('no token and no checksum of one stands in the audit log', () => {
  expect(log).not.toBe('')
  expect(trail.secrets.filter((secret) => log.includes(secret))).toEqual([])
})

it('sessions, tokens by their id, agents, purposes and scopes are readable', () => {
  expect(trail.readable.filter((text) => !log.includes(text))).toEqual([])
})

it('a token that is found elsewhere is found in the log by its hash', async () => {
  for (const input of trail.tokens) {
    const { body } = await must(server.api('POST', 'sys/audit-hash/trail', { body: { input } }), 'hashing')
    expect(log).toContain((body as { data: { hash: string } }).data.hash)
  }
})

it('the keys left readable are none that carry a token', () => {
  const { audit_non_hmac_request_keys: requests, audit_non_hmac_response_keys: answered } = shippedAuditTuning()
  expect(requests.length).toBeGreaterThan(0)
  expect(answered).toEqual(expect.arrayContaining(['session_id', 'token_id', 'agent_id']))
  expect([...requests, ...answered].filter((key) => ['token', 'parent_token', 'token_sha256'].includes(key))).toEqual(
    [],
  )
  expect(requests).not.toContain('session_id')
})
