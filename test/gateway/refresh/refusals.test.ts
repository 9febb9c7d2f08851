/** Refresh tokens that are not exchanged, or not used: consent, rights, and records that no gateway wrote for them. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { refusal } from '../http/harness.ts'
import { RECORD, startRefreshHarness } from './harness.ts'
import type { RefreshHarness } from './harness.ts'
import { CLIENT, TOKEN_LIFE } from './issuer.ts'

let harness: RefreshHarness
/** Exchanges before the test. */
let before: number
beforeAll(async () => {
  // oidc-provider warns of storage and keys that are for tests only.
  vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  harness = await startRefreshHarness({ gateways: 1 })
})
afterAll(() => harness.close())
beforeEach(async () => {
  await harness.admin.delete(RECORD.replace('/data/', '/metadata/'))
  await harness.consent({})
  await harness.writeSeed()
  await harness.untilReread()
  harness.told.length = 0
  harness.received.length = 0
  before = harness.issuer.exchanges
})

const call = async (member = 0) => refusal(await harness.call(member))
const exchanges = () => harness.issuer.exchanges - before
const okay = async () => (await harness.call(0)).status
/** Replaces the record with what `change` makes of it. */
async function rewrite(change: (record: Record<string, unknown>) => Record<string, unknown>): Promise<void> {
  await harness.admin.write(RECORD, { data: change(await harness.record()) })
}
const unavailable = '502 upstream_error key_unavailable'

describe('no exchange is made', () => {
  it.each<[string, Record<string, string>]>([
    ['its place', { mcp_auth: 'bearer' }],
    ['its place with another scope', { mcp_auth: 'AUTH;scope=openid' }],
    ['the refresh token among the fields', { mcp_fields: 'client_id,client_secret' }],
    ["the token endpoint's origin", { mcp_origins: 'https://api.example' }],
    ['the upstream', { mcp_upstreams: 'mcp/other' }],
  ])('where the owner has not listed %s', async (_what, changes) => {
    await harness.consent(
      changes.mcp_auth === undefined ? changes : { mcp_auth: changes.mcp_auth.replace('AUTH', harness.auth) },
    )
    expect(await call()).toBe('502 upstream_error key_consent_missing')
    expect([exchanges(), harness.received]).toEqual([0, []])
  })

  it.each(['client_id', 'client_secret', 'refresh_token'])('where the secret has no %s', async (field) => {
    await harness.writeSeed({ [field]: '' })
    expect(await call()).toBe('502 upstream_error key_field_missing')
    expect(exchanges()).toBe(0)
  })

  it.each([
    ['no right to the record', ''],
    ['the right to read it only', 'path "secret/data/mcp-minted/*" { capabilities = ["read"] }'],
  ])('by a gateway with %s, and its log names path and policy', async (_what, rule) => {
    const member = await harness.addGateway(rule)
    expect(await call(harness.members.indexOf(member))).toBe(unavailable)
    expect(exchanges()).toBe(0)
    expect(harness.told.join('\n')).toMatch(
      /secret\/data\/mcp-minted\/mcp\/crm.*"create", "read" and "update".*mcp-gateway\.hcl/,
    )
  })
})

describe('a record', () => {
  it('of another version of the seed is void', async () => {
    await okay()
    const old = await harness.record()
    const refreshToken = await harness.writeSeed()
    await harness.untilReread()
    await rewrite(() => old)
    expect(await okay()).toBe(200)
    expect([exchanges(), harness.received.at(-1)?.accepted]).toEqual([2, true])
    expect(await harness.record()).toMatchObject({ state: 'ready', seed_version: expect.any(Number) })
    expect(refreshToken).not.toBe('')
  })

  it('of another token endpoint is void, so that the seed is used', async () => {
    await okay()
    const other = harness.auth.replace('127.0.0.1', 'localhost')
    const origins = `${new URL(harness.apiUrl).origin},${new URL(other.slice(other.indexOf(':') + 1)).origin}`
    await harness.consent({ mcp_auth: other, mcp_origins: origins })
    await harness.admin.write('mcp/upstreams/crm', { auth: other })
    await harness.untilReread()
    // The issuer is the same, and has seen this refresh token before.
    expect(await call()).toBe('403 upstream_error needs_reauthorization')
    expect(exchanges()).toBe(2)
    await harness.admin.write('mcp/upstreams/crm', { auth: harness.auth })
  })

  it.each<[string, (record: Record<string, unknown>) => Record<string, unknown>]>([
    ['changed', (record) => ({ ...record, sealed: flipped(String(record.sealed)) })],
    ['put back', (record) => record],
    ['without its seal', ({ sealed: _sealed, ...record }) => record],
    [
      'written in the open',
      (record) => ({ ...record, sealed: JSON.stringify({ state: 'ready', access: { token: 'a-token-of-others' } }) }),
    ],
    ['empty', () => ({})],
  ])('that was %s is not used, and neither is the seed: it may have been exchanged', async (_what, change) => {
    await okay()
    await harness.forward(TOKEN_LIFE * 1000)
    await rewrite(change)
    expect(await call()).toBe(unavailable)
    expect([exchanges(), harness.received.length]).toEqual([1, 1])
    expect(harness.told.join('\n')).toContain('vault kv metadata delete -mount=secret mcp-minted/mcp/crm')
  })

  it('that was deleted with its history is made again from a new seed', async () => {
    await okay()
    await harness.admin.delete(RECORD)
    await harness.writeSeed()
    await harness.untilReread()
    expect([await okay(), exchanges()]).toEqual([200, 2])
  })

  it('is written where KV takes no write without check-and-set', async () => {
    await harness.admin.write(RECORD.replace('/data/', '/metadata/'), { cas_required: true })
    expect([await okay(), exchanges()]).toEqual([200, 1])
  })

  it('is one for each environment where the secret is', async () => {
    await harness.admin.write('mcp/upstreams/crm', { kv_path: 'mcp/crm/{{environment}}' })
    await harness.admin.write('secret/data/mcp/crm/production', {
      data: { ...CLIENT, refresh_token: await harness.issuer.authorize() },
    })
    await harness.consent({ mcp_upstreams: 'mcp/crm' }, 'mcp/crm/production')
    expect(await okay()).toBe(200)
    expect((await harness.admin.read(`${RECORD}/production`))?.data?.data).toMatchObject({ state: 'ready' })
    await harness.admin.write('mcp/upstreams/crm', { kv_path: 'mcp/crm' })
  })
})

/** With another bit in its middle. */
function flipped(sealed: string): string {
  const bytes = Buffer.from(sealed, 'base64')
  bytes[bytes.length >> 1]! ^= 1
  return bytes.toString('base64')
}
