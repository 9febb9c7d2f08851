import { describe, expect, it } from 'vitest'
import type { Response } from '../../src/logical/response.ts'
import { TestEngine } from './engine.ts'

describe('documents', () => {
  it.each([
    [
      'config',
      { default_ttl: '10m', allow_wildcards: 'true' },
      {
        default_ttl: 600,
        max_ttl: 3600,
        ttl_ceiling: 86400,
        session_max_life: 28800,
        allow_wildcards: true,
        token_prefix: 'svt',
        environment_labels: {},
        reuse_window: 86400,
      },
    ],
    [
      'upstreams/stripe',
      {
        url: 'https://api.stripe.com',
        timeout: '1m30s',
        headers: 'Stripe-Version=2025-03-31',
        request_headers: 'Stripe-Account=acct_1,acct_2',
      },
      {
        name: 'stripe',
        url: 'https://api.stripe.com',
        kv_mount: 'secret',
        kv_path: 'mcp/stripe',
        kv_field: 'api_key',
        auth: 'bearer',
        token_alias: null,
        headers: { 'Stripe-Version': '2025-03-31' },
        request_headers: { 'Stripe-Account': ['acct_1', 'acct_2'] },
        response_headers: [],
        allow_range: false,
        follow_redirects: [],
        error_format: 'object',
        encoded_slash: 'refuse',
        sensitivity: 'standard',
        allow_private_addresses: false,
        connect_timeout: 5,
        timeout: 90,
        idle_timeout: 300,
        max_request_bytes: 10_485_760,
        max_response_bytes: 10_485_760,
        version: expect.any(Number),
      },
    ],
    [
      'tools/stripe/customers/id-only',
      { operations: 'GET /v1/customers', fields: 'data[].id,has_more', risk: 'high' },
      {
        upstream: 'stripe',
        name: 'customers/id-only',
        operations: ['GET /v1/customers'],
        fields: ['data[].id', 'has_more'],
        mcp_tools: [],
        risk: 'high',
        version: expect.any(Number),
      },
    ],
    [
      'policies/p',
      { policy: '# as written\npath "tools/stripe/invoices" { capabilities = ["read"] }' },
      {
        name: 'p',
        policy: '# as written\npath "tools/stripe/invoices" { capabilities = ["read"] }',
        version: expect.any(Number),
      },
    ],
    [
      'agents/billing',
      { owner: 'platform-team', environment: 'production' },
      {
        agent_id: 'billing',
        owner: 'platform-team',
        environment: 'production',
        description: '',
        policies: null,
        disabled: false,
        generation: 0,
        version: expect.any(Number),
      },
    ],
  ])('%s read back every value typed, defaults filled in', async (path, written, read) => {
    const engine = await TestEngine.start()
    await engine.write(path, written)
    expect((await engine.read(path))!.data).toEqual(read)
  })

  it('merge on write: omitted keeps, null resets', async () => {
    const engine = await TestEngine.start()
    await engine.write('upstreams/stripe', { url: 'https://api.stripe.com', sensitivity: 'high', timeout: 5 })
    await engine.write('upstreams/stripe', { timeout: null, auth: 'basic' })
    expect((await engine.read('upstreams/stripe'))!.data).toMatchObject({
      url: 'https://api.stripe.com',
      sensitivity: 'high',
      timeout: 60,
      auth: 'basic',
    })
    await engine.write('config', { default_ttl: 60 })
    await engine.delete('config')
    expect((await engine.read('config'))!.data).toMatchObject({ default_ttl: 900 })
  })

  it("list names, and an upstream's tools with their whole documents", async () => {
    const engine = await TestEngine.start()
    expect(await engine.list('upstreams/')).toBeUndefined()
    await engine.write('tools/stripe/invoices', { operations: 'GET /v1/invoices' })
    await engine.write('tools/stripe/customers/id-only', { operations: 'GET /v1/customers' })
    expect((await engine.list('tools/'))!.data).toEqual({ keys: ['stripe/'] })
    const listed = (await engine.list('tools/stripe/'))!.data!
    expect(listed.keys).toEqual(['customers/id-only', 'invoices'])
    expect(listed.key_info).toMatchObject({
      'customers/id-only': { upstream: 'stripe', operations: ['GET /v1/customers'] },
    })
  })

  it('delete without complaint, twice, and read as missing after', async () => {
    const engine = await TestEngine.start()
    await engine.write('upstreams/stripe', { url: 'https://api.stripe.com' })
    expect(await engine.delete('upstreams/stripe')).toBeUndefined()
    expect(await engine.delete('upstreams/stripe')).toBeUndefined()
    expect(await engine.read('upstreams/stripe')).toBeUndefined()
    expect(await engine.delete('agents/nobody')).toBeUndefined()
    expect(await engine.delete('agents/nobody/scopes')).toBeUndefined()
  })

  it('grow in version with every write, through delete and re-create', async () => {
    const engine = await TestEngine.start()
    const versions: number[] = []
    for (const operation of ['update', 'update', 'delete', 'update'] as const) {
      await engine.call(operation, 'upstreams/stripe', operation === 'delete' ? {} : { url: 'https://api.stripe.com' })
      versions.push(Number((await engine.read('upstreams/stripe'))?.data?.version ?? 0))
    }
    expect(versions[1]!).toBeGreaterThan(versions[0]!)
    expect(versions[3]!).toBeGreaterThan(versions[1]! + 1)
  })

  it('warn of unknown fields, of tools and policies that do not exist yet, and of a plain-text upstream', async () => {
    const engine = await TestEngine.start()
    const warnings = async (path: string, data: Record<string, unknown>) => (await engine.write(path, data))?.warnings
    expect(await warnings('agents/a', { owner: 'o', environment: 'e', colour: 'red', policies: 'p' })).toEqual([
      'these policies do not exist yet and grant nothing: p',
      'Endpoint ignored these unrecognized parameters: [colour]',
    ])
    expect(await warnings('agents/a/scopes', { scopes: 'read:stripe:invoices', max_ttl_seconds: 7200 })).toEqual([
      'scopes[0]: "read:stripe:invoices" names a tool that does not exist yet; it grants nothing until mcp/tools/stripe/invoices is written.',
      "max_ttl_seconds (7200) is above this mount's max_ttl (3600); tokens are cut to the latter.",
      expect.stringContaining('max_ttl_seconds of 2h is long'),
    ])
    expect(await warnings('tools/stripe/invoices', { operations: 'GET /v1/invoices' })).toEqual([
      'upstream "stripe" does not exist yet; calls to this tool fail until mcp/upstreams/stripe is written.',
    ])
    expect(await warnings('upstreams/stripe', { url: 'http://10.0.0.1', allow_private_addresses: true })).toEqual([
      'url is http: the key travels unencrypted to this upstream.',
    ])
    expect(await warnings('agents/a/scopes', { scopes: 'read:stripe:invoices', max_ttl_seconds: 900 })).toBeUndefined()
  })

  it('tell create from update by whether they exist', async () => {
    const engine = await TestEngine.start()
    const exists = (path: string) =>
      engine.backend.handleExistenceCheck({
        id: '',
        operation: 'update',
        path,
        data: {},
        storage: engine.storage,
        client_token: '',
        client_token_accessor: '',
        display_name: '',
        entity_id: '',
        mount_point: 'mcp/',
        remote_addr: '',
        signal: new AbortController().signal,
      })
    await engine.declare('billing', [])
    expect([
      await exists('agents/billing'),
      await exists('agents/other'),
      await exists('creds/billing'),
      await exists('nowhere'),
    ]).toEqual([true, false, undefined, undefined])
    expect([
      await exists('agents/billing/scopes'),
      await exists('agents/billing/scopes/staging'),
      await exists('agents/other/scopes'),
    ]).toEqual([true, false, false])
    // Asked before the caller is authorised: what is wrong with the name is for the write to say.
    expect([
      await exists('upstreams/No Name'),
      await exists('tools/stripe/a/b/c'),
      await exists('agents/No Name/scopes'),
    ]).toEqual([false, false, false])
  })

  it('of scopes are what was written and nothing an object has by birth', async () => {
    const engine = await TestEngine.start()
    await engine.declare('billing', [])
    expect(await engine.read('agents/billing/scopes/constructor')).toBeUndefined()
    expect((await engine.refusal(engine.write('creds/billing', { environment: 'constructor' }))).message).toContain(
      'nor one it has scopes for',
    )
    await engine.write('agents/billing/scopes/constructor', { max_ttl_seconds: 60 })
    expect((await engine.read('agents/billing/scopes/constructor'))!.data).toMatchObject({
      environment: 'constructor',
      scopes: null,
      max_ttl_seconds: 60,
    })
    expect((await engine.list('agents/billing/scopes/'))!.data).toEqual({ keys: ['constructor', 'production'] })
  })

  it('accept wildcards only where config allows them, and then warn', async () => {
    const engine = await TestEngine.start()
    await engine.write('agents/a', { owner: 'o', environment: 'e' })
    await engine.write('config', { allow_wildcards: true })
    expect((await engine.write('agents/a/scopes', { scopes: 'read:stripe:*' }))?.warnings?.[0]).toMatch(
      /^scopes\[0\]: "read:stripe:\*" covers /,
    )
    expect(
      (await engine.write('policies/p', { policy: 'path "tools/+/invoices" { capabilities = ["read"] }' }))?.warnings,
    ).toEqual(['policy, line 1: path "tools/+/invoices" covers more than one upstream.'])
  })
})

describe('bad input is refused with a sentence and changes nothing', () => {
  const url = 'https://api.stripe.com'
  it.each([
    ['agents/a', { environment: 'production' }, 'owner is required, for example owner=platform-team.'],
    ['agents/a', { owner: 'o' }, 'environment is required, for example environment=production.'],
    [
      'agents/a',
      { owner: 'o', environment: 'Prod/1' },
      'environment "Prod/1" is not a name: 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit, for example environment=production.',
    ],
    ['agents/a', { owner: ['x'], environment: 'e' }, 'owner must be a string, for example owner=platform-team.'],
    [
      'agents/a',
      { owner: 'o', environment: 'e', disabled: 'perhaps' },
      'disabled must be true or false, for example disabled=false.',
    ],
    [
      'agents/A',
      { owner: 'o', environment: 'e' },
      'agent_id "A" is not a name: 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit, for example agent_id=claude-billing-agent.',
    ],
    [
      'agents/hvs.CAESIJ2XNe0mMvZAxV7Y3m1vO5',
      { owner: 'o', environment: 'e' },
      'agent_id (30 characters) is not a name: 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit, for example agent_id=claude-billing-agent.',
    ],
    [
      'agents/nobody/scopes',
      { scopes: [] },
      'agent "nobody" is not registered. Write mcp/agents/nobody with owner and environment first.',
    ],
    [
      'agents/known/scopes',
      { scopes: 'read:*' },
      'scopes[0]: "read:*" covers every upstream. Name a resource, for example read:stripe:invoices.',
    ],
    [
      'agents/known/scopes',
      { scopes: ['read:stripe:invoices', 7, {}] },
      'scopes has an item at [2] that is not a string, for example scopes=read:stripe:invoices,read:stripe:customers:id-only.',
    ],
    [
      'agents/known/scopes',
      { max_ttl_seconds: 0 },
      'max_ttl_seconds must be at least 1; tokens always expire, for example max_ttl_seconds=900.',
    ],
    [
      'agents/known/scopes',
      { max_ttl_seconds: 1e300 },
      'max_ttl_seconds must be a duration in seconds, or a string such as 15m or 1h30m, for example max_ttl_seconds=900.',
    ],
    [
      'config',
      { default_ttl: 7200 },
      'default_ttl (7200) is longer than max_ttl (3600); raise max_ttl or lower default_ttl, for example default_ttl=3600.',
    ],
    [
      'config',
      { max_ttl: 99999 },
      'max_ttl (99999) is longer than session_max_life (28800); a token cannot outlive its session, for example session_max_life=99999.',
    ],
    [
      'config',
      { default_ttl: 0 },
      'default_ttl must be at least 1 second; tokens and sessions always expire, for example default_ttl=900.',
    ],
    [
      'config',
      { token_prefix: 'gst' },
      'token_prefix must be 2 to 8 characters of a-z and 0-9 (gst is taken by service tokens), for example token_prefix=svt.',
    ],
    [
      'config',
      { environment_labels: { production: 'Prod!' } },
      'environment_labels.production must be 1 to 16 characters of a-z and 0-9, for example {"production":"prod"}.',
    ],
    ['upstreams/s', {}, 'url is required, for example url=https://api.stripe.com.'],
    [
      'upstreams/s',
      { url: 'api.stripe.com' },
      'url "api.stripe.com" is not an absolute URL, for example url=https://api.stripe.com.',
    ],
    [
      'upstreams/s',
      { url: 'ftp://api.stripe.com' },
      'url must start with https://, for example url=https://api.stripe.com.',
    ],
    [
      'upstreams/s',
      { url: 'https://user:pw@api.stripe.com' },
      'url must not hold a user or password; keys belong in KV, for example url=https://api.stripe.com.',
    ],
    [
      'upstreams/s',
      { url: 'https://api.stripe.com/?a=b' },
      'url must not have a query or fragment, for example url=https://api.stripe.com.',
    ],
    [
      'upstreams/s',
      { url: 'http://api.stripe.com' },
      'url is http:, which sends the key unencrypted. Use https:, or set allow_private_addresses=true for an upstream of your own network.',
    ],
    [
      'upstreams/s',
      { url, kv_path: 'mcp/../other' },
      'kv_path "mcp/../other" is not a KV path: segments of letters, digits, _ . @ - separated by single slashes, {{environment}} allowed, for example kv_path=mcp/stripe.',
    ],
    [
      'upstreams/s',
      { url, kv_mount: '{{environment}}' },
      'kv_mount must be a fixed mount path, for example kv_mount=secret.',
    ],
    [
      'upstreams/s',
      { url, auth: 'header:Host' },
      'auth "header:Host" does not name a header that may carry a key, for example auth=header:X-Api-Key={api_key}.',
    ],
    [
      'upstreams/s',
      { url, auth: 'header:X-A\r\nB' },
      'auth "header:X-A\\r\\nB" does not name a header that may carry a key, for example auth=header:X-Api-Key={api_key}.',
    ],
    [
      'upstreams/s',
      { url, headers: { Authorization: 'x' } },
      'headers: "Authorization" carries a credential. Put the key into KV and name its place with auth, for example auth=header:Authorization.',
    ],
    [
      'upstreams/s',
      { url, headers: { 'X-Api-Key': 'x' } },
      'headers: "X-Api-Key" carries a credential. Put the key into KV and name its place with auth, for example auth=header:X-Api-Key.',
    ],
    [
      'upstreams/s',
      { url, headers: { Connection: 'close' } },
      'headers: "Connection" is not a header that can be added, for example headers={"Stripe-Version":"2025-03-31"}.',
    ],
    [
      'upstreams/s',
      { url, headers: { 'X-A': 'a\r\nB: c' } },
      'headers.X-A must be a printable text on one line, for example headers={"Stripe-Version":"2025-03-31"}.',
    ],
    [
      'upstreams/s',
      { url, sensitivity: 'secret' },
      'sensitivity must be one of high, standard, low, for example sensitivity=high.',
    ],
    [
      'upstreams/s',
      { url, max_request_bytes: 'many' },
      'max_request_bytes must be a whole number, for example max_request_bytes=1048576.',
    ],
    ['tools/stripe/a', {}, 'operations is required, for example operations=GET /v1/invoices,GET /v1/invoices/{id}.'],
    [
      'tools/stripe/a',
      { operations: [] },
      'operations must name at least one operation, for example operations="GET /v1/invoices".',
    ],
    [
      'tools/stripe/a/b/c',
      { operations: 'GET /v1/x' },
      'name "a/b/c" is not the name of a tool: write a resource, or resource/qualifier, for example name=customers/id-only.',
    ],
    [
      'policies/p',
      { policy: 'path "secret/data/x" { capabilities = ["read"] }' },
      'policy, line 1: path "secret/data/x" is not a tool. Paths are tools/<upstream>/<resource> or tools/<upstream>/<resource>/<qualifier>, for example path "tools/stripe/invoices".',
    ],
    [
      'policies/p',
      { policy: 'path "tools/stripe/Invoices" { capabilities = ["read"] }' },
      'policy, line 1: path "tools/stripe/Invoices" is not a tool. Paths are tools/<upstream>/<resource> or tools/<upstream>/<resource>/<qualifier>, for example path "tools/stripe/invoices".',
    ],
    [
      'policies/P',
      { policy: 'path "tools/stripe/invoices" { capabilities = ["read"] }' },
      'name "P" is not a name: 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit, for example name=billing-read.',
    ],
    [
      'agents/a',
      { owner: 'o', environment: 'e', policies: 'B' },
      'policies[0] "B" is not a name: 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit, for example policies[0]=billing-read.',
    ],
    [
      'policies/p',
      { policy: 'path "tools/*" { capabilities = ["read"] }' },
      'policy, line 1: path "tools/*" covers more than one upstream. Name a resource, for example path "tools/stripe/invoices", or set allow_wildcards in config.',
    ],
    [
      'policies/p',
      { policy: 'path "tools/stripe/inv*" { capabilities = ["read"] }' },
      'policy, line 1: path "tools/stripe/inv*" covers more than one resource of stripe. Name a resource, for example path "tools/stripe/invoices", or set allow_wildcards in config.',
    ],
    [
      'policies/p',
      { policy: 'path "tools/stripe/{{identity.entity.name}}" { capabilities = ["deny"] }' },
      'policy: templates such as {{identity.entity.name}} are not filled in for tools. Name the tool, for example path "tools/stripe/invoices".',
    ],
    [
      'policies/p',
      { policy: 'path "tools/stripe/x" { capabilities = ["sudo"] }' },
      'policy, line 1: capability "sudo" does not exist for tools. Use create, read, update, delete, list or deny.',
    ],
    ['feed', { after: -1 }, 'unsupported operation'],
    ['nowhere', {}, 'unsupported path'],
  ])('%s %j', async (path, data, message) => {
    const engine = await TestEngine.start()
    await engine.write('agents/known', { owner: 'o', environment: 'production' })
    const during = await engine.storage.during(async () => {
      expect((await engine.refusal(engine.write(path, data))).message).toBe(message)
    })
    expect(during).toMatchObject({ put: 0, delete: 0 })
  })

  it.each(['operations', 'fields'])("a tool's %s that do not parse name the field", async (field) => {
    const engine = await TestEngine.start()
    const data = { operations: ['GET /v1/x'], [field]: ['data[]..id'] }
    expect((await engine.refusal(engine.write('tools/stripe/x', data))).message).toMatch(new RegExp(`^${field}`))
  })

  it('a policy that does not parse names the line', async () => {
    const engine = await TestEngine.start()
    expect(
      (
        await engine.refusal(
          engine.write('policies/p', { policy: 'path "tools/stripe/x" {\n  capabilities = ["read"\n}' }),
        )
      ).message,
    ).toMatch(/^policy: .*line [23]/)
  })
})

describe('help', () => {
  it('answers on the mount, on every path with and without a trailing slash, and refuses unknown paths', async () => {
    const engine = await TestEngine.start()
    const help = async (path: string) => String((await engine.call('help', path))!.data!.help)
    expect(await help('')).toContain('creds/:agent/:session')
    for (const path of [
      'config',
      'config/ttl-ceiling',
      'upstreams',
      'upstreams/x',
      'tools/',
      'tools/x/',
      'tools/x/y/z',
      'agents/x/scopes/',
      'agents/x/scopes/y',
      'creds/x',
      'creds/x/y',
      'sessions',
      'sessions/revoke-all',
      'introspect',
      'feed',
      'tidy',
      'tidy/status',
    ]) {
      expect(await help(path)).toMatch(/## DESCRIPTION\n\n\S/)
      expect(await help(path.endsWith('/') ? path.slice(0, -1) : `${path}/`)).toMatch(/## PARAMETERS/)
    }
    expect((await engine.refusal(help('nowhere'))).kind).toBe('unsupported_path')
  })

  it('explains every field that a response has', async () => {
    const engine = await TestEngine.start()
    await engine.write('upstreams/stripe', { url: 'https://api.stripe.com' })
    await engine.write('tools/stripe/invoices', { operations: 'GET /v1/invoices' })
    await engine.write('policies/p', { policy: 'path "tools/stripe/invoices" { capabilities = ["read"] }' })
    await engine.declare('billing', ['read:stripe:invoices'])
    const { session_id, token } = await engine.issue('billing')
    const responses: [string, Promise<Response | undefined>][] = [
      ...[
        'config',
        'upstreams/stripe',
        'tools/stripe/invoices',
        'policies/p',
        'agents/billing',
        'agents/billing/scopes',
        `sessions/${session_id}`,
        'feed',
        'tidy/status',
      ].map((path): [string, Promise<Response | undefined>] => [
        path,
        engine.read(path, path === 'feed' ? { wait: 0 } : {}),
      ]),
      ['creds/billing', engine.write('creds/billing')],
      [`creds/billing/${session_id}`, engine.write(`creds/billing/${session_id}`)],
      ['tidy', engine.write('tidy')],
      ['introspect', engine.write('introspect', { token, required_scope: 'read:stripe:invoices' })],
      [
        'introspect',
        engine.revoke(await engine.issue('billing')).then(() => engine.write('introspect', { session_id })),
      ],
      ['sessions/revoke-all', engine.write('sessions/revoke-all')],
    ]
    const unexplained: string[] = []
    for (const [path, response] of responses) {
      const help = String((await engine.call('help', path))!.data!.help)
      for (const field of Object.keys((await response)!.data!))
        if (!help.includes(`    ${field} (`)) unexplained.push(`${path}: ${field}`)
    }
    expect(unexplained).toEqual([])
  })
})
