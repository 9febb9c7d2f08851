import { describe, expect, it } from 'vitest'
import { missing, nothing, refusal, secret } from './scripted-vault.ts'
import { once, terminal } from './terminal.ts'

const auth = {
  client_token: 'hvs.new',
  accessor: 'acc',
  policies: ['default', 'gateway'],
  token_policies: ['default', 'gateway'],
  identity_policies: [],
  metadata: { team: 'billing' },
  lease_duration: 86_400,
  renewable: true,
}

describe('lease', () => {
  it('looks a lease up', async () => {
    const { out, vault } = await once(
      [secret({ id: 'mcp/creds/a/1', ttl: 899, renewable: false, last_renewal: null })],
      ['lease', 'lookup', 'mcp/creds/a/1'],
    )
    expect(out).toBe(
      'Key             Value\n---             -----\nid              mcp/creds/a/1\nlast_renewal    <nil>\nrenewable       false\nttl             14m59s\n',
    )
    expect(vault.requests[0]).toMatchObject({
      method: 'PUT',
      url: '/v1/sys/leases/lookup',
      body: { lease_id: 'mcp/creds/a/1' },
    })
  })

  it('renews, with the increment in seconds', async () => {
    const script = [secret(null, { lease_id: 'mcp/creds/a/1', lease_duration: 900, renewable: true })]
    const { out, vault } = await once(script, ['lease', 'renew', '-increment=15m', 'mcp/creds/a/1'])
    expect(out).toBe(
      'Key                Value\n---                -----\nlease_id           mcp/creds/a/1\nlease_duration     15m\nlease_renewable    true\n',
    )
    expect(vault.requests[0]).toMatchObject({
      method: 'PUT',
      url: '/v1/sys/leases/renew',
      body: { lease_id: 'mcp/creds/a/1', increment: 900 },
    })
  })

  const revokes: [string[], string, unknown, string][] = [
    [
      ['mcp/creds/a/1'],
      '/v1/sys/leases/revoke/mcp/creds/a/1',
      { sync: false },
      'All revocation operations queued successfully!',
    ],
    [
      ['-sync', 'mcp/creds/a/1'],
      '/v1/sys/leases/revoke/mcp/creds/a/1',
      { sync: true },
      'Success! Revoked lease: mcp/creds/a/1',
    ],
    [
      ['-prefix', 'mcp/creds/a/'],
      '/v1/sys/leases/revoke-prefix/mcp/creds/a',
      { sync: false },
      'All revocation operations queued successfully!',
    ],
    [
      ['-sync', '-prefix', 'mcp/creds/a'],
      '/v1/sys/leases/revoke-prefix/mcp/creds/a',
      { sync: true },
      'Success! Revoked any leases with prefix: mcp/creds/a',
    ],
    [
      ['-force', '-prefix', 'mcp/creds/a'],
      '/v1/sys/leases/revoke-force/mcp/creds/a',
      undefined,
      'Success! Force revoked any leases with prefix: mcp/creds/a',
    ],
  ]
  it.each(revokes)('revokes %j', async (words, url, body, sentence) => {
    const { code, out, vault } = await once([nothing], ['lease', 'revoke', ...words])
    expect([code, out]).toEqual([0, `${sentence}\n`])
    expect(vault.requests[0]).toMatchObject({ method: 'PUT', url })
    expect(vault.requests[0]!.body).toEqual(body)
  })

  it('takes the 202 of a queued revoke for success', async () => {
    expect(await once([{ status: 202 }], ['lease', 'revoke', 'mcp/creds/a/1'])).toMatchObject({
      code: 0,
      out: 'All revocation operations queued successfully!\n',
    })
  })

  it('warns before it forgets leases', async () => {
    expect((await once([nothing], ['lease', 'revoke', '-f', '-prefix', 'a'])).err).toBe(
      'Warning! Force-removing leases can cause Vault to become out of sync with\nsecret engines!\n',
    )
  })

  it('prints refusals after what was tried', async () => {
    expect((await once([refusal(400, 'invalid lease')], ['lease', 'lookup', 'x'])).err).toBe(
      'error looking up lease id x: Code: 400. Errors:\n* invalid lease\n',
    )
    expect((await once([refusal(400, 'lease is not renewable')], ['lease', 'renew', 'x'])).err).toBe(
      'Error renewing x: Code: 400. Errors:\n* lease is not renewable\n',
    )
    expect(await once([refusal(403, 'permission denied')], ['lease', 'revoke', '-prefix', 'x'])).toMatchObject({
      code: 2,
      err: 'Error revoking leases with prefix x: Code: 403. Errors:\n* permission denied\n',
    })
  })

  const wrong: [string[], string][] = [
    [['lease', 'revoke', '-force', 'x'], 'Specifying -force requires also specifying -prefix'],
    [['lease', 'revoke'], 'Not enough arguments (expected 1, got 0)'],
    [['lease', 'renew', '-increment=long', 'x'], '-increment: "long" is not a duration, for example -increment=15m'],
    [['lease', 'renew', '-increment=', 'x'], '-increment: "" is not a duration, for example -increment=15m'],
  ]
  it.each(wrong)('refuses %j without asking Vault', async (words, sentence) => {
    const { code, err, vault } = await once([], words)
    expect([code, err.split('\n')[0], vault.lines()]).toEqual([1, sentence, []])
  })
})

describe('policy', () => {
  it('lists, prints, uploads and deletes', async () => {
    const shell = await terminal(
      [
        secret({ keys: ['default', 'root'] }),
        secret({ name: 'gateway', policy: 'path "x" {}\n\n' }),
        nothing,
        nothing,
        nothing,
      ],
      { stdin: 'path "y" {}' },
    )
    await shell.write('gateway.hcl', 'path "x" {}')
    expect((await shell.mcpVault('policy', 'list')).out).toBe('default\nroot\n')
    expect((await shell.mcpVault('policy', 'read', 'Gateway')).out).toBe('path "x" {}\n')
    expect((await shell.mcpVault('policy', 'write', 'gateway', 'gateway.hcl')).out).toBe(
      'Success! Uploaded policy: gateway\n',
    )
    await shell.mcpVault('policy', 'write', 'gateway', '-')
    expect((await shell.mcpVault('policy', 'delete', 'gateway')).out).toBe('Success! Deleted policy: gateway\n')
    expect(shell.vault.lines()).toEqual([
      'GET /v1/sys/policies/acl?list=true',
      'GET /v1/sys/policies/acl/gateway',
      'PUT /v1/sys/policies/acl/gateway',
      'PUT /v1/sys/policies/acl/gateway',
      'DELETE /v1/sys/policies/acl/gateway',
    ])
    expect(shell.vault.requests.map(({ body }) => body)).toEqual([
      undefined,
      undefined,
      { policy: 'path "x" {}' },
      { policy: 'path "y" {}' },
      undefined,
    ])
  })

  it('says what is not there', async () => {
    expect(await once([missing], ['policy', 'read', 'x'])).toMatchObject({
      code: 2,
      out: '',
      err: 'No policy named: x\n',
    })
    const { code, err, vault } = await once([], ['policy', 'write', 'x', 'nowhere.hcl'])
    expect([code, err.split('\n')[0], vault.lines()]).toEqual([1, 'Cannot read the file "nowhere.hcl" (ENOENT)', []])
  })

  it('prints the refusal of a policy that does not parse', async () => {
    const { code, err } = await once([refusal(400, 'failed to parse policy: line 1')], ['policy', 'write', 'x', '-'], {
      stdin: 'path {',
    })
    expect([code, err]).toEqual([2, 'Error uploading policy: Code: 400. Errors:\n* failed to parse policy: line 1\n'])
  })
})

describe('token', () => {
  it('creates a token from what was given, and prints it', async () => {
    const { out, vault } = await once(
      [secret(null, { auth })],
      [
        'token',
        'create',
        '-policy=gateway',
        '-policy',
        'default',
        '-ttl=24h',
        '-orphan',
        '-metadata=team=billing',
        '-renewable=false',
        '-use-limit=3',
      ],
    )
    expect(out).toBe(`Key                  Value
---                  -----
token                hvs.new
token_accessor       acc
token_duration       24h
token_renewable      true
token_policies       ["default" "gateway"]
identity_policies    []
policies             ["default" "gateway"]
token_meta_team      billing
`)
    expect(vault.requests[0]).toMatchObject({ method: 'POST', url: '/v1/auth/token/create' })
    expect(vault.requests[0]!.body).toEqual({
      policies: ['gateway', 'default'],
      ttl: '86400s',
      no_parent: true,
      meta: { team: 'billing' },
      renewable: false,
      num_uses: 3,
    })
  })

  it('asks for nothing that was not given', async () => {
    const { vault } = await once(
      [secret(null, { auth: { ...auth, lease_duration: 0 } })],
      ['token', 'create', '-role=gateways'],
    )
    expect(vault.requests[0]).toMatchObject({ url: '/v1/auth/token/create/gateways' })
    expect(vault.requests[0]!.body).toEqual({})
  })

  it('prints one field, and a life without end as ∞', async () => {
    expect((await once([secret(null, { auth })], ['token', 'create', '-field=token'])).out).toBe('hvs.new')
    expect((await once([secret(null, { auth: { ...auth, lease_duration: 0 } })], ['token', 'create'])).out).toContain(
      'token_duration       ∞\n',
    )
  })

  const cases: [string[], string, string, unknown][] = [
    [['lookup'], 'GET', '/v1/auth/token/lookup-self', undefined],
    [['lookup', 'hvs.x'], 'POST', '/v1/auth/token/lookup', { token: 'hvs.x' }],
    [['lookup', '-accessor', 'acc'], 'POST', '/v1/auth/token/lookup-accessor', { accessor: 'acc' }],
    [['renew', '-increment=60'], 'PUT', '/v1/auth/token/renew-self', { increment: 60 }],
    [['renew', 'hvs.x'], 'POST', '/v1/auth/token/renew', { token: 'hvs.x' }],
    [['revoke', '-self'], 'PUT', '/v1/auth/token/revoke-self', {}],
    [['revoke', 'hvs.x'], 'POST', '/v1/auth/token/revoke', { token: 'hvs.x' }],
    [['revoke', '-accessor', 'acc'], 'POST', '/v1/auth/token/revoke-accessor', { accessor: 'acc' }],
    [['revoke', '-mode=orphan', 'hvs.x'], 'POST', '/v1/auth/token/revoke-orphan', { token: 'hvs.x' }],
  ]
  it.each(cases)('%j asks %s %s', async (words, method, url, body) => {
    const { code, vault } = await once([nothing], ['token', ...words])
    expect(code).toBe(0)
    expect(vault.requests[0]).toMatchObject({ method, url })
    expect(vault.requests[0]!.body).toEqual(body)
  })

  it('says that a token is revoked', async () => {
    expect((await once([nothing], ['token', 'revoke', 'hvs.x'])).out).toBe('Success! Revoked token (if it existed)\n')
  })

  it('shows capabilities in order', async () => {
    const shell = await terminal([secret({ capabilities: ['update', 'create'] }), secret({ 'mcp/config': ['deny'] })])
    expect((await shell.mcpVault('token', 'capabilities', 'mcp/config')).out).toBe('create, update\n')
    expect((await shell.mcpVault('token', 'capabilities', 'hvs.x', 'mcp/config')).out).toBe('deny\n')
    expect(shell.vault.requests.map(({ url, body }) => [url, body])).toEqual([
      ['/v1/sys/capabilities-self', { path: 'mcp/config' }],
      ['/v1/sys/capabilities', { token: 'hvs.x', path: 'mcp/config' }],
    ])
  })

  const wrong: [string[], string][] = [
    [['token', 'revoke'], 'Name a token or accessor, or use -self for your own; not both'],
    [['token', 'revoke', '-self', 'hvs.x'], 'Name a token or accessor, or use -self for your own; not both'],
    [
      ['token', 'revoke', '-self', '-mode=orphan'],
      '-mode=orphan takes a token as argument, without -self or -accessor',
    ],
    [['token', 'lookup', '-accessor'], '-accessor needs the accessor as argument'],
    [['token', 'lookup', ''], 'The token is empty; leave it out to ask about your own'],
    [['token', 'create', '-type=magic'], '-type: "magic" is not one of service, batch'],
    [['token', 'create', '-use-limit=many'], '-use-limit: "many" is not a whole number, for example -use-limit=3'],
    [['token', 'create', 'name'], 'Too many arguments (expected 0, got 1)'],
    [['token', 'capabilities', '-accessor', 'mcp/config'], '-accessor needs the accessor and a path'],
  ]
  it.each(wrong)('refuses %j without asking Vault', async (words, sentence) => {
    const { code, err, vault } = await once([], words)
    expect([code, err.split('\n')[0], vault.lines()]).toEqual([1, sentence, []])
  })
})

describe('secrets', () => {
  const mounts = {
    'secret/': {
      type: 'kv',
      accessor: 'kv_1',
      description: '',
      config: { default_lease_ttl: 0, max_lease_ttl: 3600 },
      options: { version: '2' },
      uuid: 'u',
    },
    'mcp/': { type: 'mcp', accessor: 'mcp_1', description: 'agents', config: {}, options: null },
  }

  it('lists mounts in order', async () => {
    const { out, vault } = await once([secret(mounts)], ['secrets', 'list'])
    expect(out).toBe(
      'Path       Type    Accessor    Description\n----       ----    --------    -----------\nmcp/       mcp     mcp_1       agents\nsecret/    kv      kv_1        n/a\n',
    )
    expect(vault.lines()).toEqual(['GET /v1/sys/mounts'])
    expect((await once([secret(mounts)], ['secrets', 'list', '-detailed'])).out).toContain(
      'secret/    kv        kv_1        system         3600       map[version:2]    n/a',
    )
    expect(
      Object.keys(JSON.parse((await once([secret(mounts)], ['secrets', 'list', '-format=json'])).out) as object),
    ).toEqual(['mcp/', 'secret/'])
  })

  it('enables an engine at its type, or elsewhere', async () => {
    const shell = await terminal([nothing, nothing, nothing])
    expect((await shell.mcpVault('secrets', 'enable', 'mcp')).out).toBe(
      'Success! Enabled the mcp secrets engine at: mcp/\n',
    )
    expect(
      (await shell.mcpVault('secrets', 'enable', '-path=keys/', '-description=real keys', '-max-lease-ttl=2h', 'kv-v2'))
        .out,
    ).toBe('Success! Enabled the kv-v2 secrets engine at: keys/\n')
    await shell.mcpVault('secrets', 'enable', '-version=1', '-options=a=b', 'kv')
    expect(shell.vault.requests.map(({ method, url, body }) => [method, url, body])).toEqual([
      ['POST', '/v1/sys/mounts/mcp', { type: 'mcp', config: {} }],
      [
        'POST',
        '/v1/sys/mounts/keys',
        { type: 'kv', description: 'real keys', config: { max_lease_ttl: '7200s' }, options: { version: '2' } },
      ],
      ['POST', '/v1/sys/mounts/kv', { type: 'kv', config: {}, options: { a: 'b', version: '1' } }],
    ])
  })

  it('tunes and disables', async () => {
    const shell = await terminal([nothing, nothing])
    expect((await shell.mcpVault('secrets', 'tune', '-default-lease-ttl=15m', 'mcp/')).out).toBe(
      'Success! Tuned the secrets engine at: mcp/\n',
    )
    expect((await shell.mcpVault('secrets', 'disable', 'mcp/')).out).toBe(
      'Success! Disabled the secrets engine (if it existed) at: mcp/\n',
    )
    expect(shell.vault.requests.map(({ method, url, body }) => [method, url, body])).toEqual([
      ['POST', '/v1/sys/mounts/mcp/tune', { default_lease_ttl: '900s' }],
      ['DELETE', '/v1/sys/mounts/mcp', undefined],
    ])
  })

  it('prints refusals', async () => {
    expect((await once([refusal(400, 'path is already in use at mcp/')], ['secrets', 'enable', 'mcp'])).err).toBe(
      'Error enabling: Code: 400. Errors:\n* path is already in use at mcp/\n',
    )
    expect((await once([refusal(403, 'permission denied')], ['secrets', 'disable', 'mcp'])).err).toBe(
      'Error disabling secrets engine at mcp/: Code: 403. Errors:\n* permission denied\n',
    )
    expect((await once([refusal(400, 'x')], ['secrets', 'tune', 'mcp'])).err).toBe(
      'Error tuning secrets engine mcp/: Code: 400. Errors:\n* x\n',
    )
    expect((await once([refusal(403, 'permission denied')], ['secrets', 'list'])).err).toBe(
      'Error listing secrets engines: Code: 403. Errors:\n* permission denied\n',
    )
  })
})

describe('audit', () => {
  it('lists, enables and disables devices', async () => {
    const shell = await terminal([secret({ 'file/': { type: 'file', description: '' } }), nothing, nothing])
    expect((await shell.mcpVault('audit', 'list')).out).toBe(
      'Path     Type    Description\n----     ----    -----------\nfile/    file    n/a\n',
    )
    expect((await shell.mcpVault('audit', 'enable', 'file', 'file_path=/tmp/a.log')).out).toBe(
      'Success! Enabled the file audit device at: file/\n',
    )
    expect((await shell.mcpVault('audit', 'disable', 'file')).out).toBe(
      'Success! Disabled audit device (if it was enabled) at: file/\n',
    )
    expect(shell.vault.requests.map(({ method, url, body }) => [method, url, body])).toEqual([
      ['GET', '/v1/sys/audit', undefined],
      ['PUT', '/v1/sys/audit/file', { type: 'file', local: false, options: { file_path: '/tmp/a.log' } }],
      ['DELETE', '/v1/sys/audit/file', undefined],
    ])
  })

  it('says that there is none', async () => {
    expect(await once([secret({})], ['audit', 'list'])).toMatchObject({
      code: 2,
      err: 'No audit devices are enabled.\n',
    })
  })
})

describe('unwrap', () => {
  it('opens with the wrapping token in place of your own', async () => {
    const { out, vault } = await once([secret({ token: 'svt_prod_1' })], ['unwrap', '-field=token', 'hvs.wrap'])
    expect([out, vault.lines(), vault.requests[0]!.headers['x-vault-token']]).toEqual([
      'svt_prod_1',
      ['PUT /v1/sys/wrapping/unwrap'],
      'hvs.wrap',
    ])
  })

  it('opens with your own token when none is named, and refuses an empty one', async () => {
    const shell = await terminal([secret({ a: 1 })])
    expect((await shell.mcpVault('unwrap', '')).err.split('\n')[0]).toBe('The wrapping token is empty')
    await shell.mcpVault('unwrap')
    expect(shell.vault.requests.map(({ headers }) => headers['x-vault-token'])).toEqual(['test-token'])
  })

  it('prints the refusal of a used one', async () => {
    expect(
      await once([refusal(400, 'wrapping token is not valid or does not exist')], ['unwrap', 'hvs.wrap']),
    ).toMatchObject({
      code: 2,
      err: 'Error unwrapping: Code: 400. Errors:\n* wrapping token is not valid or does not exist\n',
    })
  })
})
