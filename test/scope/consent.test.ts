import { describe, expect, it } from 'vitest'
import { consentCommand, missingConsent, withConsent, withoutConsent } from '../../src/scope/index.ts'
import type { CustomMetadata, KeyUse } from '../../src/scope/index.ts'

const use = (changes: Partial<KeyUse> = {}): KeyUse => ({
  mount: 'mcp',
  upstream: 'stripe',
  origin: 'https://api.stripe.com',
  auth: 'bearer',
  kv_path: 'mcp/stripe',
  kv_field: 'api_key',
  ...changes,
})
const origins = { mcp_origins: 'https://api.stripe.com' }
const lists = (changes: Partial<KeyUse>, custom: CustomMetadata): string =>
  missingConsent(use(changes), { ...origins, ...custom })
    .map(({ list }) => list)
    .join()

describe('allows', () => {
  it.each<[string, Partial<KeyUse>, CustomMetadata]>([
    ['the upstream that has the secret by default', {}, {}],
    ['it on another mount, if that is named', { mount: 'team/mcp' }, { mcp_mount: 'team/mcp/' }],
    ['a listed upstream of any path', { kv_path: 'shared/stripe' }, { mcp_upstreams: 'mcp/other, mcp/stripe' }],
    ['one listed in a continuation', { mount: 'm2' }, { mcp_upstreams: 'mcp/a', mcp_upstreams_2: 'mcp/b,m2/stripe' }],
    ['an origin of a continuation', { origin: 'https://b.example' }, { mcp_origins_2: 'https://b.example' }],
    ['a place of a continuation', { auth: 'query:text' }, { mcp_auth: 'bearer', mcp_auth_3: 'query:text' }],
    ['a header by convention', { auth: 'header:X-Api-Key' }, {}],
    ['a token header by convention', { auth: 'header:PRIVATE-TOKEN' }, {}],
    ['a vendor whose name begins like a page', { auth: 'header:X-PagerDuty-Token' }, {}],
    ['one scheme word before the key', { auth: 'header:Authorization=Bot {api_key}' }, {}],
    [
      'a listed template',
      { auth: 'header:authorization=a {x} {y}' },
      { mcp_auth: 'header:Authorization=a {x} {y}', mcp_fields: 'x,y' },
    ],
    ['two conventional places of one field', { auth: 'header:apikey, bearer' }, {}],
    ['two listed places', { auth: 'bearer,body:token' }, { mcp_auth: 'body:token,bearer' }],
    ['a listed field', { kv_field: 'token' }, { mcp_fields: 'api_key,token' }],
  ])('%s', (_what, changes, custom) => {
    expect(lists(changes, custom)).toBe('')
  })
})

describe('refuses', () => {
  it.each<[string, Partial<KeyUse>, CustomMetadata, string]>([
    ['an upstream of another name', { upstream: 'team-a' }, {}, 'mcp_upstreams'],
    ['the same name on another mount', { mount: 'mcp2' }, {}, 'mcp_upstreams'],
    ['the default mount where another is named', {}, { mcp_mount: 'mcp2' }, 'mcp_upstreams'],
    ["another path than the upstream's own", { kv_path: 'mcp/production/stripe' }, {}, 'mcp_upstreams'],
    ['the default upstream where a list leaves it out', {}, { mcp_upstreams: 'mcp/other' }, 'mcp_upstreams'],
    ['an upstream listed without its mount', {}, { mcp_upstreams: 'stripe' }, 'mcp_upstreams'],
    ['every upstream by a wildcard', { upstream: 'x' }, { mcp_upstreams: 'mcp/*' }, 'mcp_upstreams'],
    ['any upstream by an empty list', {}, { mcp_upstreams: '' }, 'mcp_upstreams'],
    ['another origin', { origin: 'https://evil.example' }, {}, 'mcp_origins'],
    ['a field left out of the list', {}, { mcp_fields: 'other' }, 'mcp_fields'],
    ['a place left out of the list', {}, { mcp_auth: 'basic' }, 'mcp_auth'],
    [
      'a template of two fields',
      { auth: 'header:Authorization=Basic {user}:{api_key}' },
      {},
      'mcp_auth,mcp_fields,mcp_fields',
    ],
    [
      'two conventional places of two fields',
      { auth: 'bearer,header:X-Api-Key={b}' },
      { mcp_fields: 'api_key,b' },
      'mcp_auth,mcp_auth',
    ],
    ['another field than kv_field', { auth: 'header:X-Api-Key={other}' }, {}, 'mcp_fields'],
    ['one of two places', { auth: 'bearer,body:token' }, { mcp_auth: 'bearer' }, 'mcp_auth'],
    [
      'a template in another case',
      { auth: 'header:X-A=Bot {api_key}' },
      { mcp_auth: 'header:x-a=bot {api_key}' },
      'mcp_auth',
    ],
    [
      'a token endpoint that is no listed origin',
      { auth: 'github_app:1/2' },
      { mcp_auth: 'github_app:1/2', mcp_fields: 'private_key' },
      'mcp_origins',
    ],
    [
      'another installation than the listed one',
      { auth: 'github_app:1/3', origin: 'https://api.github.com' },
      { mcp_origins: 'https://api.github.com', mcp_auth: 'github_app:1/2', mcp_fields: 'private_key' },
      'mcp_auth',
    ],
    ['a user beside the key', { auth: 'basic:{api_key}:' }, {}, 'mcp_auth'],
    ['a template of two words', { auth: 'header:Authorization=Token token={api_key}' }, {}, 'mcp_auth'],
    ['a key in the path', { auth: 'path:/bot{api_key}' }, {}, 'mcp_auth'],
    ['a key in the body', { auth: 'body:token' }, {}, 'mcp_auth'],
    ...[
      'Idempotency-Key',
      'X-Idempotency-Key',
      'X-Cache-Key',
      'Surrogate-Key',
      'X-CSRF-Token',
      'X-XSRF-TOKEN',
      'X-Amz-Meta-Token',
      'X-Object-Metadata-Key',
      'Sec-WebSocket-Key',
      'X-Amz-Server-Side-Encryption-Customer-Key',
      'Dedup-Token',
      'X-Ms-Client-Request-Token',
      'Client-Token',
      'Tag-Key',
      'X-Next-Page-Token',
    ].map((name): [string, Partial<KeyUse>, CustomMetadata, string] => [
      name,
      { auth: `header:${name}` },
      {},
      'mcp_auth',
    ]),
  ])('%s', (_what, changes, custom, list) => {
    expect(lists(changes, custom)).toBe(list)
  })

  it('everything without any metadata but by the default', () => {
    expect(missingConsent(use({ upstream: 'other' }), {}).map(({ list, entry }) => `${list}=${entry}`)).toEqual([
      'mcp_origins=https://api.stripe.com',
      'mcp_upstreams=mcp/other',
    ])
  })
})

describe('adding and taking away', () => {
  it('adds what is missing, keeps the default upstream, and goes back to where it came from', () => {
    const before = { team: 'billing', ...origins }
    const other = use({ upstream: 'eu', origin: 'https://eu.example', auth: 'query:text' })
    const given = withConsent(other, before)
    expect(given).toEqual({
      team: 'billing',
      mcp_origins: 'https://api.stripe.com,https://eu.example',
      mcp_upstreams: 'mcp/stripe,mcp/eu',
      mcp_auth: 'query:text',
    })
    expect(missingConsent(other, given)).toEqual([])
    expect(withoutConsent(other, given)).toEqual(before)
  })

  it('continues in numbered values of at most 512 bytes', () => {
    let custom: Record<string, unknown> = {}
    const uses = Array.from({ length: 40 }, (_, at) =>
      use({ origin: `https://${'a'.repeat(40)}${String(at)}.example` }),
    )
    for (const one of uses) custom = withConsent(one, custom)
    expect(Object.values(custom).filter((value) => String(value).length > 512)).toEqual([])
    expect(Object.keys(custom).length).toBeGreaterThan(3)
    expect(uses.flatMap((one) => missingConsent(one, custom))).toEqual([])
    for (const one of uses) custom = withoutConsent(one, custom)
    expect(custom).toEqual({})
  })

  it('lists every place and field of an upstream that has several', () => {
    const both = use({ auth: 'header:DD-API-KEY,header:DD-APPLICATION-KEY={app_key}' })
    const given = withConsent(both, origins)
    expect(given).toEqual({
      ...origins,
      mcp_auth: 'header:DD-API-KEY,header:DD-APPLICATION-KEY={app_key}',
      mcp_fields: 'api_key,app_key',
    })
    expect(missingConsent(both, given)).toEqual([])
    expect(withoutConsent(both, given)).toEqual({})
  })

  it('leaves what another use of the same secret needs', () => {
    const given = withConsent(use({ origin: 'https://b.example' }), origins)
    expect(withoutConsent(use(), given, use({ origin: 'https://b.example' }))).toEqual({
      mcp_origins: 'https://b.example',
    })
  })
})

describe('the command', () => {
  it('quotes what others wrote into a document', () => {
    const command = consentCommand(use({ auth: "header:X-A=$(id) '{api_key}" }), 'secret', origins)
    expect(command).toContain(`-custom-metadata='mcp_auth=header:X-A=$(id) '\\''{api_key}' mcp/stripe`)
  })

  it('is not offered for what no list can hold', () => {
    expect(consentCommand(use({ kv_field: 'a,b' }), 'secret', { ...origins, mcp_fields: 'x' })).toContain(
      'No list can name "a,b"',
    )
  })
})
