import { describe, expect, it } from 'vitest'
import { missing, nothing, refusal, secret } from './scripted-vault.ts'
import { once, terminal } from './terminal.ts'

const creds = secret(
  {
    token: 'svt_prod_7f3k',
    session_id: 'sess_01',
    scopes: ['read:stripe:invoices', 'read:stripe:customers:id-only'],
    ttl_seconds: 900,
  },
  { lease_id: 'mcp/creds/billing/6hV1', lease_duration: 900 },
)

describe('read', () => {
  it('prints lease, then members in order, durations as durations and lists in brackets', async () => {
    const script = [
      secret(
        {
          url: 'https://api.stripe.com',
          headers: {},
          default_ttl: 900,
          tls: { b: [1, null], a: true },
          description: '',
        },
        { lease_id: 'mcp/x/1', lease_duration: 3660, renewable: true },
      ),
    ]
    const { code, out, err, vault } = await once(script, ['read', 'mcp/upstreams/stripe'])
    expect(out).toBe(`Key                Value
---                -----
lease_id           mcp/x/1
lease_duration     1h1m
lease_renewable    true
default_ttl        15m
description        n/a
headers            map[]
tls                map[a:true b:[1 <nil>]]
url                https://api.stripe.com
`)
    expect([code, err]).toEqual([0, ''])
    expect(vault.lines()).toEqual(['GET /v1/mcp/upstreams/stripe'])
    expect(vault.requests[0]!.headers).toMatchObject({ 'x-vault-token': 'test-token', 'x-vault-request': 'true' })
  })

  it('shows a lease duration without a lease as refresh_interval', async () => {
    const { out } = await once([secret({ k: 'v' }, { lease_duration: 2_764_800 })], ['read', 'kv/x'])
    expect(out).toBe(
      'Key                 Value\n---                 -----\nrefresh_interval    768h\nk                   v\n',
    )
  })

  it('sends name=value as query', async () => {
    const { vault } = await once([secret({ a: 1 })], ['read', 'mcp/feed', 'after=3', 'wait=0'])
    expect(vault.lines()).toEqual(['GET /v1/mcp/feed?after=3&wait=0'])
  })

  it('trims slashes around the path', async () => {
    const { vault } = await once([secret({ a: 1 })], ['read', '/mcp/config/'])
    expect(vault.lines()).toEqual(['GET /v1/mcp/config'])
  })

  it('prints the whole envelope as JSON in the order of Vault', async () => {
    const { out } = await once([secret({ b: [1, 'x'], a: null })], ['read', '-format=json', 'mcp/config'])
    expect(out).toBe(`{
  "request_id": "r-1",
  "lease_id": "",
  "lease_duration": 0,
  "renewable": false,
  "data": {
    "a": null,
    "b": [
      1,
      "x"
    ]
  },
  "warnings": null,
  "mount_type": "mcp"
}
`)
  })

  it('prints YAML whose odd texts are quoted', async () => {
    const { out } = await once(
      [
        secret({
          list: ['a', { k: 'v', n: [1] }],
          empty: [],
          text: 'no',
          url: 'https://x',
          plain: 'two words',
          none: null,
        }),
      ],
      ['read', 'mcp/config', '-format', 'yaml'],
    )
    expect(out).toBe(`request_id: r-1
lease_id: ""
lease_duration: 0
renewable: false
data:
  empty: []
  list:
  - a
  - k: v
    "n":
    - 1
  none: null
  plain: two words
  text: "no"
  url: "https://x"
warnings: null
mount_type: mcp
`)
  })

  it('takes the format from VAULT_FORMAT, and the flag before it', async () => {
    const shell = await terminal([secret({ a: 1 }), secret({ a: 1 })], { env: { VAULT_FORMAT: 'json' } })
    expect((await shell.mcpVault('read', 'mcp/config')).out.startsWith('{\n')).toBe(true)
    expect((await shell.mcpVault('read', '-format=table', 'mcp/config')).out.startsWith('Key')).toBe(true)
  })

  it('prints one field without a line feed into a pipe, and with one on a terminal', async () => {
    expect((await once([creds], ['read', '-field=token', 'mcp/creds/billing'])).out).toBe('svt_prod_7f3k')
    expect((await once([creds], ['read', '-field=token', 'mcp/creds/billing'], { stdoutIsTerminal: true })).out).toBe(
      'svt_prod_7f3k\n',
    )
    expect((await once([creds], ['read', '-field=lease_id', 'mcp/creds/billing'])).out).toBe('mcp/creds/billing/6hV1')
    expect((await once([creds], ['read', '-field=scopes', '-format=json', 'mcp/creds/billing'])).out).toBe(
      '[\n  "read:stripe:invoices",\n  "read:stripe:customers:id-only"\n]\n',
    )
  })

  it('prints a wrapping token, and asks for it with the header', async () => {
    const wrapped = secret(null, {
      wrap_info: {
        token: 'hvs.wrap',
        accessor: 'acc',
        ttl: 300,
        creation_time: '2026-03-15T16:00:00Z',
        creation_path: 'mcp/creds/billing',
      },
    })
    const { out, vault } = await once([wrapped], ['read', '-wrap-ttl=5m', 'mcp/creds/billing'])
    expect(out).toBe(`Key                              Value
---                              -----
wrapping_token:                  hvs.wrap
wrapping_accessor:               acc
wrapping_token_ttl:              5m
wrapping_token_creation_time:    2026-03-15T16:00:00Z
wrapping_token_creation_path:    mcp/creds/billing
`)
    expect(vault.requests[0]!.headers['x-vault-wrap-ttl']).toBe('300s')
  })

  it('escapes control characters a stored value would send to the terminal', async () => {
    const { out } = await once([secret({ purpose: 'x\u001b[2Jy\u0007' })], ['read', 'mcp/sessions/1'])
    expect(out).toContain('purpose    x\\x1b[2Jy\\x07\n')
  })

  it('says that there is nothing, with exit code 2', async () => {
    expect(await once([missing], ['read', 'mcp/agents/nobody'])).toMatchObject({
      code: 2,
      out: '',
      err: 'No value found at mcp/agents/nobody\n',
    })
    const warned = {
      status: 404,
      body: { request_id: 'r', data: null, warnings: ['Invalid path for a versioned K/V secrets engine.'] },
    }
    expect(await once([warned], ['read', 'secret/mcp/stripe'])).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('Invalid path for a versioned K/V secrets engine.') as string,
    })
  })

  it('names a field that is not there', async () => {
    expect(await once([secret({ a: 1 })], ['read', '-field=b', 'mcp/config'])).toMatchObject({
      code: 1,
      out: '',
      err: 'Field "b" not present in secret\n',
    })
    expect(await once([secret({ a: 1 })], ['read', '-field=constructor', 'mcp/config'])).toMatchObject({
      code: 1,
      out: '',
    })
  })

  it('prints every error of Vault', async () => {
    expect(await once([refusal(400, 'one', 'two')], ['read', 'mcp/config'])).toMatchObject({
      code: 2,
      out: '',
      err: 'Error reading mcp/config: Code: 400. Errors:\n* one\n* two\n',
    })
  })

  it('adds what to do when a refused request carried no token', async () => {
    const { code, err, vault } = await once([refusal(403, 'permission denied')], ['read', 'mcp/config'], {
      env: { VAULT_TOKEN: '' },
    })
    expect(code).toBe(2)
    expect(err).toBe(
      'Error reading mcp/config: Code: 403. Errors:\n* permission denied\n\nNo token was sent. Set VAULT_TOKEN, or run: mcp-vault login\n',
    )
    expect(vault.requests[0]!.headers['x-vault-token'] ?? '').toBe('')
  })

  it('does not add it when a token was sent', async () => {
    expect((await once([refusal(403, 'permission denied')], ['read', 'mcp/config'])).err).toBe(
      'Error reading mcp/config: Code: 403. Errors:\n* permission denied\n',
    )
  })

  it('says what is wrong with an error that has no sentence', async () => {
    expect(await once([{ status: 405, body: { errors: [] } }], ['read', 'mcp/config'])).toMatchObject({
      code: 2,
      err: 'Error reading mcp/config: Vault answered 405\n',
    })
  })
})

describe('write', () => {
  it('puts one object of texts and says where', async () => {
    const { code, out, vault } = await once(
      [nothing],
      ['write', 'mcp/upstreams/stripe', 'url=https://api.stripe.com?a=b', 'timeout=5', 'empty='],
    )
    expect([code, out]).toEqual([0, 'Success! Data written to: mcp/upstreams/stripe\n'])
    expect(vault.lines()).toEqual(['PUT /v1/mcp/upstreams/stripe'])
    expect(vault.requests[0]!.body).toEqual({ url: 'https://api.stripe.com?a=b', timeout: '5', empty: '' })
  })

  it('prints what the write answered, lease first', async () => {
    const { out } = await once([creds], ['write', 'mcp/creds/billing', 'purpose=reconciliation'])
    expect(out).toBe(`Key                Value
---                -----
lease_id           mcp/creds/billing/6hV1
lease_duration     15m
lease_renewable    false
scopes             [read:stripe:invoices read:stripe:customers:id-only]
session_id         sess_01
token              svt_prod_7f3k
ttl_seconds        900
`)
  })

  it('prints warnings beside the success, on the error output', async () => {
    const { code, out, err } = await once(
      [secret(null, { warnings: ['Endpoint ignored these unrecognized parameters: [x]', 'two'] })],
      ['write', 'mcp/config', 'x=1'],
    )
    expect([code, out]).toEqual([0, 'Success! Data written to: mcp/config\n'])
    expect(err).toBe(
      'WARNING! The following warnings were returned from Vault:\n\n  * Endpoint ignored these unrecognized parameters: [x]\n\n  * two\n\n',
    )
  })

  it('says nothing in JSON when there is nothing', async () => {
    expect(await once([nothing], ['write', '-format=json', 'mcp/config', 'x=1'])).toMatchObject({
      code: 0,
      out: '',
      err: '',
    })
  })

  it('is done when a field is asked for and there is no response', async () => {
    expect(await once([nothing], ['write', '-field=token', 'mcp/config', 'x=1'])).toMatchObject({
      code: 0,
      out: 'Success! Data written to: mcp/config\n',
    })
  })

  it('takes values from a file and from standard input, unaltered', async () => {
    const shell = await terminal([nothing], { stdin: 'line 1\nline 2\n' })
    await shell.write('billing.hcl', 'path "tools/*" {}\n')
    await shell.mcpVault('write', 'mcp/policies/billing', 'policy=@billing.hcl', 'note=-', 'mail=\\@home')
    expect(shell.vault.requests[0]!.body).toEqual({
      policy: 'path "tools/*" {}\n',
      note: 'line 1\nline 2\n',
      mail: '@home',
    })
  })

  it('takes whole JSON objects with their types', async () => {
    const shell = await terminal([nothing, nothing], { stdin: '{"max_ttl_seconds":900,"scopes":["read:a:b"]}' })
    await shell.write('body.json', '{"timeout":5,"url":"https://a"}')
    await shell.mcpVault('write', 'mcp/upstreams/a', '@body.json')
    await shell.mcpVault('write', 'mcp/agents/a/scopes', '-')
    expect(shell.vault.requests.map(({ body }) => body)).toEqual([
      { timeout: 5, url: 'https://a' },
      { max_ttl_seconds: 900, scopes: ['read:a:b'] },
    ])
  })

  it('makes a list of a name given more than once', async () => {
    const { vault } = await once([nothing], ['write', 'mcp/config', 'a=1', 'a=2', 'a=3', 'b=4'])
    expect(vault.requests[0]!.body).toEqual({ a: ['1', '2', '3'], b: '4' })
  })

  it('writes without data when forced, by either name of the flag', async () => {
    const shell = await terminal([nothing, nothing])
    await shell.mcpVault('write', '-f', 'mcp/agents/a/revoke')
    await shell.mcpVault('write', 'mcp/agents/a/revoke', '-force')
    expect(shell.vault.lines()).toEqual(['PUT /v1/mcp/agents/a/revoke', 'PUT /v1/mcp/agents/a/revoke'])
    expect(shell.vault.requests.map(({ body }) => body)).toEqual([undefined, undefined])
  })

  it('prints the refusal in the short form of Vault', async () => {
    const sentence = 'scopes[0]: "read:*" covers every upstream. Name a resource, for example read:stripe:invoices.'
    const { code, err } = await once(
      [refusal(400, sentence)],
      ['write', 'mcp/agents/claude-billing-agent/scopes', 'scopes=read:*'],
    )
    expect([code, err]).toEqual([
      2,
      `Error writing data to mcp/agents/claude-billing-agent/scopes: Code: 400. Errors:\n* ${sentence}\n`,
    ])
  })

  const wrong: [string, string[], string][] = [
    ['no data', ['write', 'mcp/config'], 'Must supply data or use -force'],
    ['no path', ['write'], 'Not enough arguments (expected at least 1, got 0)'],
    [
      'a word without =',
      ['write', 'mcp/config', 'sk_live_51secret'],
      'Failed to parse K=V data: "sk_l…" is not name=value, for example owner=platform-team',
    ],
    [
      'a value without name',
      ['write', 'mcp/config', '=x'],
      'Failed to parse K=V data: "=x" is not name=value, for example owner=platform-team',
    ],
    ['a file that is not there', ['write', 'mcp/config', 'a=@nowhere'], 'Cannot read the file "nowhere" (ENOENT)'],
    [
      'standard input twice',
      ['write', 'mcp/config', 'a=-', 'b=-'],
      'Standard input is named twice (-), and can be read only once',
    ],
    [
      'input that is no JSON',
      ['write', 'mcp/config', '-'],
      'standard input does not hold JSON, for example {"owner":"platform-team"}',
    ],
    ['an empty path', ['write', '/', 'a=b'], 'The path is empty, for example mcp/agents/claude-billing-agent'],
    ['an unknown flag', ['write', '-forced', 'mcp/config'], 'There is no flag -forced here. Did you mean -force?'],
    ['a flag without its value', ['write', 'mcp/config', 'a=b', '-field'], '-field needs a value: -field=<name>'],
    [
      'a switch that is neither true nor false',
      ['write', '-force=maybe', 'mcp/config'],
      '-force: "maybe" is neither true nor false',
    ],
  ]
  it.each(wrong)('refuses %s without asking Vault', async (_name, words, sentence) => {
    const { code, out, err, vault } = await once([], words, { stdin: 'sk_live' })
    expect(err).toBe(
      `${sentence}\n\nUsage: mcp-vault write [flags] <path> [name=value … | name=@file | name=- | @file.json | -]\nFlags and examples: mcp-vault write -h\n`,
    )
    expect([code, out, vault.lines()]).toEqual([1, '', []])
  })

  it('refuses a JSON body that is a list', async () => {
    const { code, err } = await once([], ['write', 'mcp/config', '-'], { stdin: '[1]' })
    expect([code, err.split('\n')[0]]).toEqual([
      1,
      'standard input must hold one JSON object, for example {"owner":"platform-team"}',
    ])
  })

  it('refuses a path that would leave itself', async () => {
    const { code, err, vault } = await once([], ['write', 'mcp/../sys/seal', 'a=b'])
    expect([code, vault.lines()]).toEqual([1, []])
    expect(err).toMatch(/^Error writing data to mcp\/\.\.\/sys\/seal: path: segment 2 of 4 is a dot segment/)
  })
})

describe('list', () => {
  it('prints keys in a column', async () => {
    const { code, out, vault } = await once([secret({ keys: ['a', 'b/'] })], ['list', 'mcp/agents/'])
    expect([code, out]).toEqual([0, 'Keys\n----\na\nb/\n'])
    expect(vault.lines()).toEqual(['GET /v1/mcp/agents?list=true'])
  })

  it('prints the bare keys as JSON', async () => {
    expect((await once([secret({ keys: ['a'] })], ['list', '-format=json', 'mcp/agents'])).out).toBe('[\n  "a"\n]\n')
  })

  it('shows what is known about each key', async () => {
    const script = [
      secret({ keys: ['invoices', 'x'], key_info: { invoices: { risk: 'low', version: 3 }, x: { fields: ['id'] } } }),
    ]
    expect((await once(script, ['list', '-detailed', 'mcp/tools/stripe'])).out)
      .toBe(`Keys        fields    risk    version
----        ------    ----    -------
invoices    n/a       low     3
x           [id]      n/a     n/a
`)
  })

  it('says that there is nothing, with exit code 2', async () => {
    expect(await once([missing], ['list', 'mcp/agents'])).toMatchObject({
      code: 2,
      out: '',
      err: 'No value found at mcp/agents/\n',
    })
    expect(await once([missing], ['list', '-format=json', 'mcp/agents'])).toMatchObject({
      code: 2,
      out: '{}\n',
      err: 'No value found at mcp/agents/\n',
    })
  })

  it('prints the refusal', async () => {
    expect(
      await once([refusal(403, '1 error occurred:\n\t* permission denied\n\n')], ['list', 'mcp/agents']),
    ).toMatchObject({
      code: 2,
      err: 'Error listing mcp/agents: Code: 403. Errors:\n* 1 error occurred:\n\t* permission denied\n',
    })
  })

  it('takes one path only', async () => {
    expect(await once([], ['list', 'a', 'b'])).toMatchObject({
      code: 1,
      err: 'Too many arguments (expected 1, got 2)\n\nUsage: mcp-vault list [flags] <path>\nFlags and examples: mcp-vault list -h\n',
    })
  })
})

describe('delete', () => {
  it('says so, whether or not there was something', async () => {
    const { code, out, vault } = await once([nothing], ['delete', 'mcp/agents/a'])
    expect([code, out]).toEqual([0, 'Success! Data deleted (if it existed) at: mcp/agents/a\n'])
    expect(vault.lines()).toEqual(['DELETE /v1/mcp/agents/a'])
  })

  it('prints the refusal', async () => {
    expect(await once([refusal(400, 'in use')], ['delete', 'mcp/upstreams/a'])).toMatchObject({
      code: 2,
      out: '',
      err: 'Error deleting mcp/upstreams/a: Code: 400. Errors:\n* in use\n',
    })
  })
})
