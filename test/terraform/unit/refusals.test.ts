/** What is wrong, said at the line it is on, before or after the server was asked. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { unknown } from '../../../src/terraform/protocol/value.ts'
import type { ValueObject } from '../../../src/terraform/protocol/value.ts'
import { TerraformCore } from './terraform-core.ts'
import { deploy } from './with-host.ts'
import type { Deployment } from './with-host.ts'

let deployment: Deployment
let terraform: TerraformCore

beforeAll(async () => {
  deployment = await deploy()
  terraform = await deployment.terraform()
  await deployment.admin.write('mcp/agents/billing', { owner: 'o', environment: 'production' })
})
afterAll(() => deployment.close())

const agent = (rest: ValueObject): ValueObject => ({ name: 'a', owner: 'o', environment: 'production', ...rest })
const upstream = (rest: ValueObject): ValueObject => ({ name: 'a', url: 'https://a.example', ...rest })
const tool = (operation: ValueObject): ValueObject => ({
  upstream: 'a',
  name: 'b',
  operations: [{ method: 'GET', path: '/' }, operation],
})

describe('without a server', () => {
  it.each<[string, ValueObject, string, string]>([
    ['mcp_agent', agent({ name: 'A b' }), 'name', 'name "A b" is not a name'],
    ['mcp_agent', agent({ owner: '' }), 'owner', 'owner is empty'],
    ['mcp_agent', agent({ policies: ['x', 'Y'] }), 'policies[1]', 'policies[1] "Y" is not a name'],
    ['mcp_agent', agent({ policies: [null] }), 'policies[0]', 'policies[0] is null'],
    ['mcp_upstream', upstream({ url: 'nowhere' }), 'url', 'url "nowhere" is not an absolute URL'],
    ['mcp_upstream', upstream({ url: 'http://a.example' }), 'url', 'url is http:, which sends the key unencrypted'],
    [
      'mcp_upstream',
      upstream({ url: 'ftp://a.example', allow_private_addresses: true }),
      'url',
      'url must start with https://',
    ],
    ['mcp_upstream', upstream({ timeout: 1.5 }), 'timeout', 'timeout is not a whole number'],
    ['mcp_upstream', upstream({ timeout: -1 }), 'timeout', 'timeout is negative'],
    [
      'mcp_upstream',
      upstream({ max_request_bytes: 1e300 }),
      'max_request_bytes',
      'max_request_bytes is not a whole number',
    ],
    [
      'mcp_upstream',
      upstream({ sensitivity: 'extreme' }),
      'sensitivity',
      'sensitivity "extreme" is not one of high, standard, low',
    ],
    ['mcp_upstream', upstream({ headers: { A: null } }), 'headers["A"]', 'headers["A"] is null'],
    ['mcp_upstream', upstream({ key_wo: 'k' }), 'key_wo', 'key_wo needs key_wo_version'],
    ['mcp_upstream', upstream({ key_wo: '', key_wo_version: 1 }), 'key_wo', 'key_wo is empty'],
    [
      'mcp_upstream',
      upstream({ key_wo: 'k', key_wo_version: 1, kv_path: 'mcp/{{environment}}' }),
      'kv_path',
      'key_wo cannot be written to a kv_path with {{environment}}',
    ],
    [
      'mcp_upstream',
      upstream({ kv_mount: 'secret/' }),
      'kv_mount',
      'kv_mount "secret/" is not a KV path: segments of letters, digits, _ . @ - separated by single slashes',
    ],
    [
      'mcp_upstream',
      upstream({ kv_path: '../x' }),
      'kv_path',
      'kv_path "../x" is not a KV path: segments of letters, digits, _ . @ - separated by single slashes, {{environment}} allowed',
    ],
    [
      'mcp_upstream',
      upstream({ kv_path: '/mcp/x' }),
      'kv_path',
      'kv_path "/mcp/x" is not a KV path: segments of letters, digits, _ . @ - separated by single slashes, {{environment}} allowed',
    ],
    ['mcp_upstream', upstream({ kv_field: '' }), 'kv_field', 'kv_field must not be empty'],
    [
      'mcp_tool',
      { upstream: 'a', name: 'a/b/c', operations: [{ method: 'GET', path: '/' }] },
      'name',
      'name "a/b/c" is not the name of a tool',
    ],
    [
      'mcp_tool',
      { upstream: 'a', name: 'b', operations: [] },
      'operations',
      'operations must name at least one operation',
    ],
    [
      'mcp_tool',
      tool({ method: 'FETCH', path: '/' }),
      'operations[1]',
      'operations[1].method "FETCH" is not one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, PROPFIND, REPORT, SEARCH, PROPPATCH, MKCOL, MKCALENDAR, COPY, MOVE, LOCK, UNLOCK',
    ],
    [
      'mcp_tool',
      tool({ method: 'GET', path: 'v1' }),
      'operations[1]',
      'operations[1].path "v1" does not begin with a slash',
    ],
    [
      'mcp_tool',
      tool({ method: 'GET', path: '/', capability: 'write' }),
      'operations[1]',
      'operations[1].capability "write" is not one of create, read, update, delete, list',
    ],
    [
      'mcp_policy',
      { name: 'p', policy: 'path "tools/a/b" {' },
      'policy',
      'policy line 1: the text ends inside a block',
    ],
    [
      'mcp_agent_scopes',
      { agent: 'a', scopes: ['read:a:b', 'read'] },
      'scopes[1]',
      'scopes[1] "read" names no upstream',
    ],
    [
      'mcp_agent_scopes',
      { agent: 'a', scopes: ['read:a:b', unknown, 'eat:a:b'] },
      'scopes[2]',
      'scopes[2] "eat:a:b" does not begin with a capability (create, read, update, delete, list, deny, write)',
    ],
  ])('%s %j', async (type, config, at, summary) => {
    const found = await terraform.validate(type, config)
    expect(found.map((diagnostic) => [diagnostic.severity, diagnostic.at, diagnostic.summary])).toEqual([
      ['error', at, summary],
    ])
    expect(found[0]!.detail).not.toBe('')
  })
})

it('quotes what is long in part only', async () => {
  const [found] = await terraform.validate('mcp_policy', { name: 'p', policy: 'x'.repeat(1_000_000) })
  expect(found!.at).toBe('policy')
  expect(found!.summary.length + found!.detail.length).toBeLessThan(7_000)
})

describe('a scope that is too wide', () => {
  const wide = { agent: 'billing', scopes: ['read:stripe:invoices', 'read:*'] }

  it('is refused when planned, at its item, with what to write instead', async () => {
    expect((await terraform.plan('mcp_agent_scopes', null, wide)).diagnostics).toEqual([
      {
        severity: 'error',
        at: 'scopes[1]',
        summary: 'scopes[1] "read:*" covers every upstream',
        detail: 'Name a resource, for example read:stripe:invoices.',
      },
    ])
  })

  it('is planned where this run is to allow it', async () => {
    const other = await deployment.terraform()
    await other.plan('mcp_config', null, { allow_wildcards: true })
    expect((await other.plan('mcp_agent_scopes', null, wide)).diagnostics).toEqual([])
    // Nothing was applied yet, so the engine says it.
    const { state, diagnostics } = await other.apply('mcp_agent_scopes', null, wide)
    expect(state).toBeNull()
    expect(diagnostics.map(({ at, summary }) => [at, summary])).toEqual([
      ['scopes[1]', 'scopes[1] "read:*" covers every upstream'],
    ])
  })
})

describe('what the engine has against it', () => {
  it.each<[string, ValueObject, string, string, string]>([
    [
      'mcp_upstream',
      upstream({ url: 'https://a.example?x=1' }),
      'url',
      'url must not have a query or fragment',
      'For example url=https://api.stripe.com.',
    ],
    [
      'mcp_upstream',
      upstream({ headers: { 'X-Api-Key': 'v' } }),
      'headers',
      'headers "X-Api-Key" carries a credential',
      'Put the key into KV and name its place with auth, for example auth=header:X-Api-Key.',
    ],
    [
      'mcp_config',
      { default_ttl: 100, max_ttl: 50 },
      'default_ttl',
      'default_ttl (100) is longer than max_ttl (50)',
      'Raise max_ttl or lower default_ttl, for example default_ttl=50.',
    ],
    [
      'mcp_config',
      { environment_labels: { 'production-eu': 'No!' } },
      'environment_labels["production-eu"]',
      'environment_labels.production-eu must be 1 to 16 characters of a-z and 0-9',
      'For example {"production-eu":"prod"}.',
    ],
    [
      'mcp_policy',
      {
        name: 'p',
        policy: 'path "tools/a/b" { capabilities = ["read"] }\npath "secret/a" { capabilities = ["read"] }',
      },
      'policy',
      'policy, line 2 path "secret/a" is not a tool',
      'Paths are tools/<upstream>/<resource> or tools/<upstream>/<resource>/<qualifier>, for example path "tools/stripe/invoices".',
    ],
    [
      'mcp_agent_scopes',
      { agent: 'nobody', scopes: [] },
      'agent',
      'agent "nobody" is not registered',
      'Write mcp/agents/nobody with owner and environment first.',
    ],
  ])('%s %j', async (type, config, at, summary, detail) => {
    expect(await terraform.apply(type, null, config)).toEqual({
      state: null,
      diagnostics: [{ severity: 'error', at, summary, detail }],
    })
  })

  it('leaves the state as it was, and the document too', async () => {
    const { state } = await terraform.apply('mcp_upstream', null, upstream({ name: 'kept' }))
    const refused = await terraform.apply('mcp_upstream', state, upstream({ name: 'kept', url: 'https://b.example#x' }))
    expect(refused.state).toEqual(state)
    expect((await terraform.refresh('mcp_upstream', state!)).state).toEqual(state)
  })

  it('only remarked is a warning at the attribute', async () => {
    const { state, diagnostics } = await terraform.apply('mcp_agent_scopes', null, {
      agent: 'billing',
      scopes: ['read:nosuch:tool'],
    })
    expect(state).not.toBeNull()
    expect(diagnostics).toEqual([
      {
        severity: 'warning',
        at: 'scopes[0]',
        summary: 'scopes[0] "read:nosuch:tool" names a tool that does not exist yet',
        detail: 'It grants nothing until mcp/tools/nosuch/tool is written.',
      },
    ])
  })
})

describe('a token that may not', () => {
  it('names the path, what is missing and what it has, with the lines to add', async () => {
    const token = await deployment.tokenWith(
      'path "auth/token/create" { capabilities = ["update"] }\npath "mcp/agents/*" { capabilities = ["read"] }\npath "mcp/upstreams/*" { capabilities = ["create", "read", "update", "delete"] }',
    )
    const limited = await deployment.terraform({ token })
    const { state, diagnostics } = await limited.apply('mcp_agent', null, agent({}))
    expect(state).toBeNull()
    expect(diagnostics).toEqual([
      {
        severity: 'error',
        at: '',
        summary: 'The token lacks "create" and "update" on mcp/agents/a',
        detail:
          'It has "read" there. Add to its policy:\n\npath "mcp/agents/a" {\n  capabilities = ["create", "read", "update"]\n}',
      },
    ])
    const keyless = await limited.apply('mcp_upstream', null, upstream({ key_wo: 'sk_live_1', key_wo_version: 1 }))
    expect(keyless.diagnostics.map(({ at, summary }) => [at, summary])).toEqual([
      ['key_wo', 'The token lacks "create" and "patch" and "update" on secret/data/mcp/a'],
    ])
    expect(await deployment.admin.read('mcp/upstreams/a')).toBeUndefined()
  })

  it('have a child gets that error, and an invalid one another', async () => {
    const childless = await deployment.terraform({
      token: await deployment.tokenWith('path "mcp/*" { capabilities = ["read"] }'),
    })
    expect((await childless.importState('mcp_agent', 'billing')).diagnostics.map(({ summary }) => summary)).toEqual([
      'This token is not allowed to create child tokens',
    ])
    const strange = await deployment.terraform({ token: 'hvs.nobody' })
    expect((await strange.importState('mcp_agent', 'billing')).diagnostics.map(({ summary }) => summary)).toEqual([
      'The token is not valid, or has no permissions',
    ])
  })
})

describe('a provider block', () => {
  it.each<[ValueObject, string, string]>([
    [{ address: 'ftp://x' }, 'address', 'address must be an http or https URL'],
    [{ mount: 'a b' }, 'mount', 'mount "a b" is not a mount path'],
    [{ max_retries: -1 }, 'max_retries', 'max_retries must be a whole number of at least 0'],
    [{ auth_login: { path: '' } }, 'auth_login.path', 'auth_login.path is empty'],
  ])('%j is refused', async (config, at, summary) => {
    const core = await TerraformCore.start()
    expect((await core.configure(config)).map((found) => [found.at, found.summary])).toEqual([[at, summary]])
    await core.close()
  })

  it.each<[string, ValueObject, Record<string, string>, string]>([
    ['no address', {}, { VAULT_TOKEN: 'root' }, 'No server address is set'],
    ['no token', {}, { VAULT_ADDR: 'http://127.0.0.1:1' }, 'No token is set'],
    ['an unknown address', { address: unknown }, { VAULT_TOKEN: 'root' }, "The provider's address is not known yet"],
    [
      'unknown parts of a login',
      { auth_login: { path: 'auth/approle/login', parameters: { role_id: unknown } } },
      { VAULT_ADDR: 'http://127.0.0.1:1' },
      "The provider's auth_login is not known yet",
    ],
    [
      'nobody listening',
      { max_retries: 0 },
      { VAULT_ADDR: 'http://127.0.0.1:1', VAULT_TOKEN: 'root' },
      'Vault at http://127.0.0.1:1 cannot be reached (ECONNREFUSED)',
    ],
  ])(
    'with %s validates and plans what is new, and says so where a server is needed',
    async (_case, config, env, summary) => {
      const core = await TerraformCore.start(env)
      expect(await core.configure(config)).toEqual([])
      expect(await core.validate('mcp_agent', agent({}))).toEqual([])
      expect((await core.plan('mcp_agent', null, agent({}))).diagnostics).toEqual([])
      expect((await core.apply('mcp_agent', null, agent({}))).diagnostics.map((found) => found.summary)).toEqual([
        summary,
      ])
      await core.close()
    },
  )

  it('of another mount is refused with what lies where', async () => {
    const other = await deployment.terraform({ mount: 'nowhere' })
    const { diagnostics } = await other.apply('mcp_agent', null, agent({}))
    expect(diagnostics.map(({ summary }) => summary)).toEqual(['Nothing is mounted at nowhere/agents/a'])
  })
})

describe('an import id', () => {
  it.each([
    ['mcp_agent', 'a/b/c'],
    ['mcp_agent', ''],
    ['mcp_agent', 'other/agents/a'],
    ['mcp_tool', 'stripe'],
    ['mcp_config', 'mcp/agents'],
    ['mcp_agent_scopes', 'a/b/c/d'],
  ])('%s %j is refused', async (type, id) => {
    const { state, diagnostics } = await terraform.importState(type, id)
    expect(state).toBeNull()
    expect(diagnostics[0]!.summary).toMatch(/is not an import id$/)
  })

  it('of nothing reads as nothing', async () => {
    expect(await terraform.importState('mcp_agent', 'nobody')).toEqual({ state: null, diagnostics: [] })
  })
})
