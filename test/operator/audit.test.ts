import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { leaveTrail, shippedAuditTuning } from '../acceptance/audit-trail.ts'
import type { Api, Trail } from '../acceptance/audit-trail.ts'
import { deploy } from './deployment.ts'
import type { Deployment } from './deployment.ts'

const folder = mkdtempSync(join(tmpdir(), 'mcp-audit-'))
let deployment: Deployment
let trail: Trail
let log: string

beforeAll(async () => {
  deployment = await deploy()
  const api: Api = async (method, path, { body } = {}) => {
    const answer = await fetch(`${deployment.url}/v1/${path}`, { method, headers: { 'x-vault-token': 'root' }, ...(body !== undefined && { body: JSON.stringify(body) }) })
    const text = await answer.text()
    return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) as unknown }
  }
  await api('POST', 'sys/audit/file', { body: { type: 'file', options: { file_path: join(folder, 'audit.log') } } })
  await api('POST', 'sys/mounts/mcp/tune', { body: shippedAuditTuning() })
  trail = await leaveTrail(api, 'mcp', false)
  log = readFileSync(join(folder, 'audit.log'), 'utf8')
})
afterAll(async () => {
  await deployment.close()
  rmSync(folder, { recursive: true })
})

it('no token and no checksum of one stands in the audit log', () => {
  expect(trail.secrets.filter((secret) => log.includes(secret))).toEqual([])
})

it('sessions, tokens by their id, agents, purposes and scopes are readable', () => {
  expect(trail.readable.filter((text) => !log.includes(text))).toEqual([])
})

it('a token that is found elsewhere is found in the log by its hash', async () => {
  for (const token of trail.tokens) {
    const { data } = await deployment.root.write('sys/audit-hash/file', { input: token })
    expect(log).toContain(data!.hash)
  }
})

it('the keys left readable are none that carry a token', () => {
  const { audit_non_hmac_request_keys: asked, audit_non_hmac_response_keys: answered } = shippedAuditTuning()
  expect(asked.length).toBeGreaterThan(0)
  expect(answered).toEqual(expect.arrayContaining(['session_id', 'token_id', 'agent_id']))
  expect([...asked, ...answered].filter((key) => ['token', 'parent_token', 'token_sha256'].includes(key))).toEqual([])
  expect(asked).not.toContain('session_id')
})
