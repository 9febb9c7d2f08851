import { inspect } from 'node:util'
import { beforeEach, describe, expect, it } from 'vitest'
import { Keys } from '../../../src/gateway/proxy/keys.ts'
import type { UpstreamDocument } from '../../../src/gateway/knowledge/document-shapes.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { FakeVault, GATEWAY_TOKEN } from '../../fakes/vault.ts'
import { verdict } from '../rig.ts'

let clock: FakeClock
let vault: FakeVault
let keys: Keys
beforeEach(() => {
  clock = new FakeClock()
  vault = new FakeVault(clock)
  keys = new Keys({ vault: vault.client(), clock, requireConsent: true })
  vault.putKey('mcp/stripe', { api_key: 'sk_live_secret' }, 'https://api.stripe.com')
})

function upstream(settings: Partial<UpstreamDocument> = {}): UpstreamDocument {
  return {
    name: 'stripe',
    url: 'https://api.stripe.com',
    kv_mount: 'secret',
    kv_path: 'mcp/stripe',
    kv_field: 'api_key',
    auth: 'bearer',
    headers: {},
    sensitivity: 'high',
    allow_private_addresses: false,
    connect_timeout: 5,
    timeout: 60,
    idle_timeout: 300,
    max_request_bytes: 1,
    max_response_bytes: 1,
    version: 1,
    ...settings,
  }
}
const get = (settings: Partial<UpstreamDocument> = {}, environment = 'production') =>
  keys.get(upstream(settings), environment)
const header = async (settings: Partial<UpstreamDocument> = {}, environment = 'production') =>
  (await get(settings, environment)).key?.header

describe('a key is used', () => {
  it('where its owner has listed exactly this origin', async () => {
    expect(await header()).toEqual(['authorization', 'Bearer sk_live_secret'])
  })

  it.each([
    'https://other.example, https://api.stripe.com',
    'https://api.stripe.com/',
    'https://api.stripe.com:443',
    ' https://API.stripe.com ',
  ])('where the list is "%s"', async (origins) => {
    vault.putKey('mcp/stripe', { api_key: 'sk_live_secret' }, origins)
    expect(await header()).toBeDefined()
  })

  it('for a URL with a path below a listed origin', async () => {
    expect(await header({ url: 'https://api.stripe.com/base' })).toBeDefined()
  })

  it("of the session's environment", async () => {
    vault.putKey('mcp/staging/stripe', { api_key: 'sk_staging' }, 'https://api.stripe.com')
    expect(await header({ kv_path: 'mcp/{{environment}}/stripe' }, 'staging')).toEqual([
      'authorization',
      'Bearer sk_staging',
    ])
  })

  it.each([
    ['header:X-Api-Key', {}],
    ['header:private-token', {}],
    ['query:api_key', {}],
    ['query:key', {}],
    ['basic', {}],
    ['header:X-Note', { mcp_auth: 'bearer, header:x-note' }],
    ['query:text', { mcp_auth: 'query:text', mcp_fields: 'api_key' }],
  ])('sent as %s with %j', async (auth, consent) => {
    vault.putKey('mcp/stripe', { api_key: 'sk_live_secret' }, 'https://api.stripe.com', consent)
    expect((await get({ auth })).key).toBeDefined()
  })

  it('without consent only where the start configuration says so', async () => {
    vault.putKey('mcp/stripe', { api_key: 'sk_live_secret' })
    keys = new Keys({ vault: vault.client(), clock, requireConsent: false })
    expect(await header()).toBeDefined()
  })

  it('never, and nothing is read, for upstreams without authentication', async () => {
    expect((await get({ auth: 'none' })).key).toBeUndefined()
    expect(vault.asked).toEqual([])
  })
})

describe('a key is refused', () => {
  it.each([
    ['no metadata', undefined],
    ['an empty list', ''],
    ['another origin', 'https://evil.example'],
    ['the same host under http', 'http://api.stripe.com'],
    ['another port', 'https://api.stripe.com:8443'],
    ['a parent domain', 'https://stripe.com'],
    ['a host that only begins alike', 'https://api.stripe.com.evil.example'],
    ['a wildcard', '*'],
    ['a wildcard host', 'https://*.stripe.com'],
    ['an origin with a path', 'https://api.stripe.com/v1'],
    ['an origin with credentials', 'https://user@api.stripe.com'],
    ['the bare host name', 'api.stripe.com'],
  ])('when consent is %s', async (_case, origins) => {
    vault.putKey('mcp/stripe', { api_key: 'sk_live_secret' }, origins)
    expect(await verdict(get())).toBe('upstream_error key_consent_missing')
  })

  it.each([
    ['a message text', 'query:text', {}],
    ["an object's metadata", 'header:x-amz-meta-token', {}],
    ['a header of no meaning', 'header:X-Note', {}],
    ['a place the owner did not list', 'bearer', { mcp_auth: 'header:X-Api-Key' }],
    ['a query name in another case', 'query:Key', { mcp_auth: 'query:key' }],
    ['nowhere, by an empty list', 'bearer', { mcp_auth: '' }],
    ['a field the owner did not list', 'bearer', { mcp_fields: 'other' }],
  ])('to be sent as %s', async (_place, auth, consent) => {
    vault.putKey('mcp/stripe', { api_key: 'sk_live_secret' }, 'https://api.stripe.com', consent)
    expect(await verdict(get({ auth }))).toBe('upstream_error key_consent_missing')
  })

  it.each<[string, Partial<UpstreamDocument>, string]>([
    ['an upstream pointed at another origin', { url: 'https://evil.example' }, 'upstream_error key_consent_missing'],
    ['a field that is not there', { kv_field: 'other' }, 'upstream_error key_unavailable'],
    ['a path that climbs', { kv_path: 'mcp/../../sys/seal' }, 'upstream_error key_unavailable'],
    ['a template nobody fills in', { kv_path: 'mcp/{{tenant}}' }, 'upstream_error key_unavailable'],
  ])('for %s', async (_case, settings, refusal) => {
    expect(await verdict(get(settings))).toBe(refusal)
  })

  it('when the secret is not there', async () => {
    vault.kv.delete('secret/data/mcp/stripe')
    expect(await verdict(get())).toBe('upstream_error key_unavailable')
  })

  it('when the secret is not text', async () => {
    vault.putKey('mcp/stripe', { api_key: { nested: true } }, 'https://api.stripe.com')
    expect(await verdict(get())).toBe('upstream_error key_unavailable')
  })

  it('when the version was deleted', async () => {
    vault.kv.set('secret/data/mcp/stripe', { data: null, metadata: { deletion_time: '2026-03-15T16:00:00Z' } })
    expect(await verdict(get())).toBe('upstream_error key_unavailable')
  })

  it("when the gateway's own policy does not cover it, without naming where it lies", async () => {
    vault.tokens.set(GATEWAY_TOKEN, { paths: ['mcp'] })
    await expect(get()).rejects.toMatchObject({
      code: 'key_unavailable',
      message: expect.not.stringContaining('secret/') as string,
    })
  })

  it('as unavailable, not as missing, when Vault is out of reach', async () => {
    vault.cutLine()
    expect(await verdict(get())).toBe('unavailable vault_unavailable')
  })
})

describe('how long one read vouches', () => {
  it('reads once for calls close together', async () => {
    await Promise.all([get(), get(), get()])
    await clock.advance(15_000)
    await get()
    expect(vault.count('secret/data/mcp/stripe')).toBe(1)
  })

  it('vouches for thirty seconds from when the read was sent, and not longer', async () => {
    const { stillVouched } = await get()
    await clock.advance(30_000)
    expect(stillVouched()).toBe(true)
    await clock.advance(1)
    expect(stillVouched()).toBe(false)
  })

  it('counts a slow read from its sending', async () => {
    const held = vault.holdAnswers('secret/')
    const asked = get()
    await clock.advance(29_000)
    held.release()
    const { stillVouched } = await asked
    await clock.advance(1_001)
    expect(stillVouched()).toBe(false)
  })

  it('reads again in time, so that a withdrawn consent counts', async () => {
    await get()
    vault.putKey('mcp/stripe', { api_key: 'sk_live_secret' }, 'https://elsewhere.example')
    await clock.advance(20_001)
    expect(await verdict(get())).toBe('upstream_error key_consent_missing')
  })

  it('does not trust time that passed while the machine slept', async () => {
    const { stillVouched } = await get()
    clock.sleepThrough(60_000)
    expect(stillVouched()).toBe(false)
  })
})

it('shows nothing of a key, whatever prints it', async () => {
  const usable = await get()
  const printed = [
    inspect(usable, { depth: 10, showHidden: true }),
    inspect(keys, { depth: 10, showHidden: true }),
    JSON.stringify(usable),
    String(usable.key),
  ].join('\n')
  expect(printed).not.toContain('sk_live_secret')
})
