import { inspect } from 'node:util'
import { beforeEach, describe, expect, it } from 'vitest'
import { Keys } from '../../../src/gateway/proxy/keys.ts'
import { defaultStaleness } from '../../../src/gateway/knowledge/freshness.ts'
import type { Sensitivity, UpstreamDocument } from '../../../src/document/index.ts'
import type { ConsentMode } from '../../../src/gateway/proxy/consent.ts'
import { silentLogger } from '../../../src/logical/log.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { FakeVault, GATEWAY_TOKEN } from '../../fakes/vault.ts'
import { outcomeOf } from '../harness.ts'

let clock: FakeClock
let vault: FakeVault
let keys: Keys
/** What the operator's log was told. */
let told: { fields: object; message: string }[]
const keysWith = (consent: ConsentMode): Keys => {
  const warn = (fields: object, message: string) => void told.push({ fields, message })
  return new Keys({
    vault: vault.client(),
    mount: 'mcp',
    clock,
    consent,
    logger: { ...silentLogger, warn },
    limitMs: (sensitivity) => 1000 * defaultStaleness[sensitivity as Sensitivity],
  })
}
beforeEach(() => {
  clock = new FakeClock()
  vault = new FakeVault(clock)
  told = []
  keys = keysWith('enforce')
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
    token_alias: null,
    headers: {},
    request_headers: {},
    response_headers: [],
    allow_range: false,
    follow_redirects: [],
    error_format: 'object',
    encoded_slash: 'refuse',
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
  (await get(settings, environment)).key?.headers[0]

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
    vault.putKey('mcp/staging/stripe', { api_key: 'sk_staging' }, 'https://api.stripe.com', {
      mcp_upstreams: 'mcp/stripe',
    })
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
    keys = keysWith('not_required')
    expect(await header()).toBeDefined()
  })

  it('never, and nothing is read, for upstreams without authentication', async () => {
    expect((await get({ auth: 'none' })).key).toBeUndefined()
    expect(vault.requests).toEqual([])
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
    expect(await outcomeOf(get())).toBe('upstream_error key_consent_missing')
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
    expect(await outcomeOf(get({ auth }))).toBe('upstream_error key_consent_missing')
  })

  it.each<[string, Partial<UpstreamDocument>, string]>([
    ['an upstream pointed at another origin', { url: 'https://evil.example' }, 'upstream_error key_consent_missing'],
    ['a field that is not there', { kv_field: 'other' }, 'upstream_error key_field_missing'],
    ['a field that every object inherits', { kv_field: '__proto__' }, 'upstream_error key_field_missing'],
    ['a secret of another upstream', { name: 'shop' }, 'upstream_error key_consent_missing'],
    ['a path that climbs', { kv_path: 'mcp/../../sys/seal' }, 'upstream_error key_unavailable'],
    ['a template nobody fills in', { kv_path: 'mcp/{{tenant}}' }, 'upstream_error key_unavailable'],
  ])('for %s', async (_case, settings, refusal) => {
    expect(await outcomeOf(get(settings))).toBe(refusal)
  })

  it('when the secret is not there', async () => {
    vault.kv.delete('secret/data/mcp/stripe')
    expect(await outcomeOf(get())).toBe('upstream_error key_secret_missing')
  })

  it('when the secret is not text', async () => {
    vault.putKey('mcp/stripe', { api_key: { nested: true } }, 'https://api.stripe.com')
    expect(await outcomeOf(get())).toBe('upstream_error key_field_missing')
  })

  it('when one of several fields is missing, and says which', async () => {
    vault.putKey('mcp/stripe', { api_key: 'sk_live_secret' }, 'https://api.stripe.com', {
      mcp_auth: 'basic:{user}:{api_key}',
      mcp_fields: 'user,api_key',
    })
    expect(await outcomeOf(get({ auth: 'basic:{user}:{api_key}' }))).toBe('upstream_error key_field_missing')
    expect(told[0]?.message).toContain('vault kv patch -mount=secret mcp/stripe user=-')
  })

  it('when the version was deleted', async () => {
    vault.kv.set('secret/data/mcp/stripe', { data: null, metadata: { deletion_time: '2026-03-15T16:00:00Z' } })
    expect(await outcomeOf(get())).toBe('upstream_error key_secret_missing')
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
    expect(await outcomeOf(get())).toBe('unavailable vault_unavailable')
  })
})

describe('what is missing is for the operator, with the command; the agent is told to ask them', () => {
  const notReady =
    "upstream stripe is not ready for use: its operator must act. Ask them to look into the gateway's log"

  it.each<[string, () => void, string, string, string?]>([
    [
      'the secret',
      () => vault.kv.delete('secret/data/mcp/stripe'),
      'key_secret_missing',
      'vault kv put -mount=secret mcp/stripe api_key=-',
    ],
    [
      'the field',
      () => {
        vault.putKey('mcp/stripe', { other: 'sk_live_secret' }, 'https://api.stripe.com')
      },
      'key_field_missing',
      'vault kv patch -mount=secret mcp/stripe api_key=-',
    ],
    [
      'the consent',
      () => {
        vault.putKey('mcp/stripe', { api_key: 'sk_live_secret' }, 'https://a.example', { mcp_upstreams: 'mcp/other' })
      },
      'key_consent_missing',
      'vault kv metadata patch -mount=secret -custom-metadata=mcp_origins=https://a.example,https://api.stripe.com -custom-metadata=mcp_upstreams=mcp/other,mcp/stripe mcp/stripe',
    ],
    [
      'a usable key',
      () => {
        vault.putKey('mcp/stripe', { api_key: 'short' }, 'https://api.stripe.com')
      },
      'key_unavailable',
      'shorter than 8 bytes',
      'the key of upstream stripe is shorter than 8 bytes, so it could not be recognised if the upstream repeated it; use a longer one: its operator must act',
    ],
  ])('%s', async (_what, arrange, code, command, message = notReady) => {
    arrange()
    const error = await get().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code, message })
    expect(told).toEqual([
      {
        fields: { code, upstream: 'stripe', kv_mount: 'secret', kv_path: 'mcp/stripe' },
        message: expect.stringContaining(command) as string,
      },
    ])
    expect(JSON.stringify(told)).not.toContain('sk_live_secret')
  })

  it('once a minute, however many calls fail', async () => {
    vault.kv.delete('secret/data/mcp/stripe')
    for (let calls = 0; calls < 5; calls++) await outcomeOf(get())
    expect(told).toHaveLength(1)
    await clock.advance(60_000)
    await outcomeOf(get())
    expect(told).toHaveLength(2)
  })
})

describe('consent_upstreams = "warn"', () => {
  beforeEach(() => {
    keys = keysWith('warn_upstreams')
  })

  it('allows an upstream that is not listed, and says so', async () => {
    const usable = await get({ name: 'shop' })
    expect([usable.key?.headers[0]?.[0], usable.unlistedUpstream]).toEqual(['authorization', true])
    expect(told[0]?.message).toContain('-custom-metadata=mcp_upstreams=mcp/stripe,mcp/shop mcp/stripe')
  })

  it('says nothing of one that is', async () => {
    expect((await get()).unlistedUpstream).toBe(false)
    expect(told).toEqual([])
  })

  it.each<[string, Partial<UpstreamDocument>]>([
    ['another origin', { name: 'shop', url: 'https://evil.example' }],
    ['another place', { name: 'shop', auth: 'query:text' }],
  ])('deny: %s, all the same', async (_what, settings) => {
    expect(await outcomeOf(get(settings))).toBe('upstream_error key_consent_missing')
  })
})

it('one read carries the key and the consent', async () => {
  await get()
  expect(vault.requests.map(({ path }) => path)).toEqual(['secret/data/mcp/stripe'])
})

const withdrawConsent = () => {
  vault.putKey('mcp/stripe', { api_key: 'sk_live_secret' }, 'https://elsewhere.example')
}
const reads = () => vault.count('secret/data/mcp/stripe')

describe.each([
  ['high', 5_000],
  ['standard', 30_000],
  ['low', 120_000],
] as const)('how long one read vouches at sensitivity %s', (sensitivity, limitMs) => {
  it('reads once for calls close together', async () => {
    await Promise.all([get({ sensitivity }), get({ sensitivity }), get({ sensitivity })])
    await clock.advance(limitMs / 2)
    await get({ sensitivity })
    expect(reads()).toBe(1)
  })

  it(`vouches for ${String(limitMs)} ms from when the read was sent, and not longer`, async () => {
    const { stillVouched } = await get({ sensitivity })
    await clock.advance(limitMs)
    expect(stillVouched()).toBe(true)
    await clock.advance(1)
    expect(stillVouched()).toBe(false)
  })

  it('is vouched for by a later read that found the same key', async () => {
    const { stillVouched } = await get({ sensitivity })
    await clock.advance(limitMs * 0.75 + 1)
    await get({ sensitivity })
    await clock.advance(limitMs / 2)
    expect(stillVouched()).toBe(true)
  })

  it('is not vouched for by a later read that found another', async () => {
    const { stillVouched } = await get({ sensitivity })
    vault.putKey('mcp/stripe', { api_key: 'sk_live_rotated' }, 'https://api.stripe.com')
    await clock.advance(limitMs * 0.75 + 1)
    await get({ sensitivity })
    await clock.advance(limitMs / 2)
    expect(stillVouched()).toBe(false)
  })

  it('counts a slow read from its sending', async () => {
    const held = vault.holdResponses('secret/')
    const pending = get({ sensitivity })
    await clock.advance(limitMs - 1_000)
    held.release()
    const { stillVouched } = await pending
    await clock.advance(1_001)
    expect(stillVouched()).toBe(false)
  })

  it('is read again past half that time, so that a withdrawn consent counts', async () => {
    await get({ sensitivity })
    withdrawConsent()
    await clock.advance(limitMs / 2 + 1)
    expect(await outcomeOf(get({ sensitivity }))).toBe('upstream_error key_consent_missing')
  })

  it('is used past half that time where the next read takes long', async () => {
    await get({ sensitivity })
    await clock.advance(limitMs / 2 + 1)
    const held = vault.holdResponses('secret/')
    const waiting = get({ sensitivity })
    await clock.advance(100)
    expect((await waiting).key).toBeDefined()
    held.release()
  })

  it('is waited for past three quarters of it', async () => {
    await get({ sensitivity })
    withdrawConsent()
    await clock.advance(limitMs * 0.75 + 1)
    expect(await outcomeOf(get({ sensitivity }))).toBe('upstream_error key_consent_missing')
  })

  it('vouches to its end in an outage, and not longer', async () => {
    await get({ sensitivity })
    await clock.advance(limitMs)
    vault.cutLine()
    expect((await get({ sensitivity })).key).toBeDefined()
    await clock.advance(1)
    expect(await outcomeOf(get({ sensitivity }))).toBe('unavailable vault_unavailable')
  })

  it('is not read again while nobody uses it', async () => {
    await get({ sensitivity })
    await clock.advance(10 * limitMs)
    expect(reads()).toBe(1)
  })
})

it('what vouches at one sensitivity does not at a stricter one', async () => {
  await get({ sensitivity: 'low' })
  withdrawConsent()
  await clock.advance(5_001)
  expect(await outcomeOf(get({ sensitivity: 'high' }))).toBe('upstream_error key_consent_missing')
})

describe('time that passed while the machine slept', () => {
  it('is not trusted', async () => {
    const { stillVouched } = await get()
    clock.sleepThrough(60_000)
    expect(stillVouched()).toBe(false)
  })

  it('counts where the sleep was too short to be noticed', async () => {
    const { stillVouched } = await get()
    await clock.advance(4_500)
    expect(stillVouched()).toBe(true)
    clock.sleepThrough(501)
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
