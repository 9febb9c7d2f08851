import { describe, expect, it } from 'vitest'
import { embeddedShell } from './embedded.ts'

const { v, attempt, shell, shellWith } = embeddedShell()

async function setUpBilling(): Promise<void> {
  await shell().write('stripe.key', 'sk_test_51')
  await v('kv put -mount=secret mcp/stripe api_key=@stripe.key')
  await v('kv metadata put -mount=secret -custom-metadata=mcp_origins=https://api.stripe.com mcp/stripe')
  await v('write mcp/upstreams/stripe url=https://api.stripe.com')
  await shell().mcpVault('write', 'mcp/tools/stripe/invoices', 'operations=GET /v1/invoices,GET /v1/invoices/{id}')
  await shell().mcpVault(
    'write',
    'mcp/tools/stripe/customers/id-only',
    'operations=GET /v1/customers',
    'fields=data[].id,has_more',
  )
  await v('write mcp/agents/claude-billing-agent owner=platform-team environment=production')
  await v(
    'write mcp/agents/claude-billing-agent/scopes scopes=read:stripe:invoices,read:stripe:customers:id-only max_ttl_seconds=900',
  )
}

describe("the operator's first minutes, on the embedded host", () => {
  it('sets up an upstream with its key, and reads both back', async () => {
    await setUpBilling()
    expect(await v('kv get -mount=secret -field=api_key mcp/stripe')).toBe('sk_test_51')
    expect(await v('kv metadata get -mount=secret mcp/stripe')).toContain(
      'custom_metadata         map[mcp_origins:https://api.stripe.com]\n',
    )
    expect(await v('list mcp/agents')).toBe('Keys\n----\nclaude-billing-agent\n')
    expect(await v('read -field=url mcp/upstreams/stripe')).toBe('https://api.stripe.com')
    expect(await v('read -field=scopes -format=json mcp/agents/claude-billing-agent/scopes')).toBe(
      '[\n  "read:stripe:invoices",\n  "read:stripe:customers:id-only"\n]\n',
    )
    expect(await v('list -detailed mcp/tools/stripe')).toMatch(/^Keys +fields +mcp_tools +name +operations /)
    expect(await v('write mcp/upstreams/stripe timeout=30')).toBe('Success! Data written to: mcp/upstreams/stripe\n')
  })

  it('gets the reason why a scope is too wide', async () => {
    await setUpBilling()
    expect(await attempt('write mcp/agents/claude-billing-agent/scopes scopes=read:*')).toEqual({
      code: 2,
      out: '',
      err: 'Error writing data to mcp/agents/claude-billing-agent/scopes: Code: 400. Errors:\n* scopes[0]: "read:*" covers every upstream. Name a resource, for example read:stripe:invoices.\n',
    })
  })

  it('gets a leased token, lease first, and ends it by its prefix', async () => {
    await setUpBilling()
    const issued = await v('write mcp/creds/claude-billing-agent purpose=quarterly-invoice-reconciliation')
    expect(issued).toMatch(
      /^Key +Value\n--- +-----\nlease_id +mcp\/creds\/claude-billing-agent\/\S+\nlease_duration +15m\nlease_renewable +false\n/,
    )
    expect(issued).toMatch(/\nscopes +\[read:stripe:invoices read:stripe:customers:id-only\]\n/)
    const token = /\ntoken +(svt_prod_\w+)\n/.exec(issued)![1]!
    expect(await v(`write -field=active mcp/introspect token=${token}`)).toBe('true')
    expect(await v('lease revoke -sync -prefix mcp/creds/claude-billing-agent')).toBe(
      'Success! Revoked any leases with prefix: mcp/creds/claude-billing-agent\n',
    )
    expect(await v(`write -field=reason mcp/introspect token=${token}`)).toBe('revoked')
  })

  it('looks up and ends a single lease', async () => {
    await setUpBilling()
    const lease = await v('write -field=lease_id mcp/creds/claude-billing-agent purpose=p')
    expect(await v(`lease lookup ${lease}`)).toContain('\nttl             15m\n')
    expect(await v(`lease revoke -sync ${lease}`)).toBe(`Success! Revoked lease: ${lease}\n`)
    expect(await attempt(`lease lookup ${lease}`)).toMatchObject({
      code: 2,
      err: `error looking up lease id ${lease}: Code: 400. Errors:\n* invalid lease\n`,
    })
    expect(await attempt(`lease renew ${lease}`)).toMatchObject({ code: 2, out: '' })
  })

  it('warns of fields that do not exist, and still writes', async () => {
    const { code, out, err } = await attempt('write mcp/config default_tll=900')
    expect([code, out]).toEqual([0, 'Success! Data written to: mcp/config\n'])
    expect(err).toMatch(/^WARNING! The following warnings were returned from Vault:\n\n {2}\* .*default_tll/)
  })

  it('explains the mount and a path', async () => {
    expect(await v('path-help mcp/')).toContain('phantom tokens')
    expect(await v('path-help mcp/creds/claude-billing-agent')).toContain('purpose')
  })

  it('says what is not there, everywhere with exit code 2', async () => {
    expect(await attempt('read mcp/agents/nobody')).toEqual({
      code: 2,
      out: '',
      err: 'No value found at mcp/agents/nobody\n',
    })
    expect(await attempt('list mcp/agents')).toEqual({ code: 2, out: '', err: 'No value found at mcp/agents/\n' })
    expect(await attempt('kv get -mount=secret nothing')).toEqual({
      code: 2,
      out: '',
      err: 'No value found at secret/data/nothing\n',
    })
    expect(await attempt('policy read nobody')).toEqual({ code: 2, out: '', err: 'No policy named: nobody\n' })
    expect(await attempt('kv get -mount=other x')).toMatchObject({ code: 2, out: '' })
    expect(await attempt('read nowhere/x')).toMatchObject({ code: 2, out: '' })
    expect(await v('delete mcp/agents/nobody')).toBe('Success! Data deleted (if it existed) at: mcp/agents/nobody\n')
  })
})

describe('the other verbs, on the embedded host', () => {
  it('keeps versions of a secret', async () => {
    await v('kv put secret/a k=1')
    await v('kv put secret/a k=2 other=x')
    expect(await attempt('kv put -cas=1 secret/a k=3')).toMatchObject({
      code: 2,
      err: 'Error writing data to secret/data/a: Code: 400. Errors:\n* check-and-set parameter did not match the current version\n',
    })
    expect(await v('kv patch secret/a k=3')).toContain('version            3\n')
    expect(await v('kv get -field=other secret/a')).toBe('x')
    expect(await v('kv rollback -version=1 secret/a')).toContain('version            4\n')
    expect(await v('kv get -field=k secret/a')).toBe('1')
    await v('kv delete secret/a')
    expect(await v('kv get secret/a')).not.toContain('Data =')
    await v('kv undelete -versions=4 secret/a')
    expect(await v('kv get -field=k secret/a')).toBe('1')
    await v('kv destroy -versions=4 secret/a')
    expect(await attempt('kv get -field=k secret/a')).toMatchObject({
      code: 2,
      err: 'No data found at secret/data/a\n',
    })
    expect(await v('kv metadata get secret/a')).toMatch(/Version 4 =+\n[^=]*destroyed +true\n/)
    await v('kv metadata patch -custom-metadata=team=billing secret/a')
    expect(await v('kv metadata get -format=json secret/a')).toContain('"team": "billing"')
    expect(await v('kv list secret/')).toBe('Keys\n----\na\n')
    await v('kv metadata delete secret/a')
    expect(await attempt('kv list secret/')).toMatchObject({ code: 2 })
  })

  it('gives a colleague a narrow token and shows its limits', async () => {
    await shell().write('reader.hcl', 'path "mcp/config" { capabilities = ["read"] }')
    expect(await v('policy write reader reader.hcl')).toBe('Success! Uploaded policy: reader\n')
    expect(await v('policy list')).toBe('default\nreader\nroot\n')
    expect(await v('policy read reader')).toBe('path "mcp/config" { capabilities = ["read"] }\n')
    const token = await v('token create -policy=reader -ttl=1h -field=token')
    expect(await v(`token capabilities ${token} mcp/config`)).toBe('read\n')
    expect(await v(`token capabilities ${token} mcp/agents/x`)).toBe('deny\n')
    const colleague = await shellWith({ env: { VAULT_TOKEN: undefined } })
    expect(await colleague.mcpVault('read', 'mcp/config')).toMatchObject({ code: 2, out: '' })
    expect((await colleague.mcpVault('login', token)).out).toMatch(/token_duration +1h\n/)
    expect(await colleague.mcpVault('read', 'mcp/config')).toMatchObject({ code: 0, err: '' })
    expect(await colleague.mcpVault('list', 'mcp/agents')).toMatchObject({
      code: 2,
      err: expect.stringContaining('permission denied') as string,
    })
    expect((await colleague.mcpVault('token', 'lookup')).out).toMatch(/policies +\[default reader\]\n/)
    expect(await v(`token revoke ${token}`)).toBe('Success! Revoked token (if it existed)\n')
    expect(await colleague.mcpVault('read', 'mcp/config')).toMatchObject({ code: 2, out: '' })
  })

  it('mounts, tunes and unmounts', async () => {
    await v('secrets enable -path=other -description=second mcp')
    await v('secrets tune -max-lease-ttl=2h other/')
    expect(await v('secrets list')).toMatch(/\nother\/ +mcp +\S+ +second\n/)
    expect(await v('secrets list -detailed')).toMatch(/\nother\/ +mcp +\S+ +system +7200 /)
    expect(await attempt('secrets enable -path=other mcp')).toMatchObject({
      code: 2,
      err: 'Error enabling: Code: 400. Errors:\n* path is already in use at other/\n',
    })
    expect(await v('secrets disable other')).toBe('Success! Disabled the secrets engine (if it existed) at: other/\n')
    expect(await v('secrets list')).not.toContain('other/')
  })

  it('shows a running server', async () => {
    expect(await v('status')).toMatch(/\nSealed +false\n/)
    expect(await v('token lookup')).toMatch(/\npolicies +\[root\]\n/)
  })
})

describe('a path the server does not know', () => {
  it.each([
    ['read mcp/agent/billing', 'Did you mean: mcp/agents/billing?'],
    ['write mcp/agents/billing/scope scopes=x', 'Did you mean: mcp/agents/billing/scopes?'],
    ['list mcp/sesions', 'Did you mean: mcp/sessions?'],
    ['delete mcp/tolls/stripe/invoices', 'Did you mean: mcp/tools/stripe/invoices?'],
    ['path-help mcp/cred/billing', 'Did you mean: mcp/creds/billing?'],
    ['read mpc/agents/billing', 'Did you mean: mcp/agents/billing?'],
    ['read secrets/data/mcp/stripe/eu', 'Did you mean: secret/data/mcp/stripe/eu?'],
    ['read auth/token/lokup-self', 'Did you mean: auth/token/lookup-self?'],
    ['read mcp/nothing/like/it', 'To see the paths below mcp/: mcp-vault path-help mcp/'],
    ['read elsewhere/x', 'To see what is mounted: mcp-vault secrets list'],
  ])('is followed by what was meant: %s', async (line, hint) => {
    const { code, out, err } = await attempt(line)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(/: Code: 404\. Errors:\n\* (?:unsupported path|no handler for route .*)\n/)
    expect(err.split('\n').slice(-3)).toEqual(['', hint, ''])
  })

  it('is reported alone to those who may not see what there is', async () => {
    const unauthenticated = await shellWith({ env: { VAULT_TOKEN: 'no-token' } })
    const { err } = await unauthenticated.mcpVault('read', 'mcp/agent/billing')
    expect(err).toMatch(/^Error reading mcp\/agent\/billing: Code: 403\./)
    expect(err).not.toMatch(/mean|To see/)
  })
})

describe('a list', () => {
  it('is shown a page at a time', async () => {
    for (const name of ['a', 'b', 'c']) await v(`write mcp/agents/${name} owner=o environment=test`)
    expect(await v('list -limit=2 mcp/agents')).toBe('Keys\n----\na\nb\n')
    expect(await v('list -limit=2 -after=b mcp/agents')).toBe('Keys\n----\nc\n')
  })
})

describe('numbers of many digits', () => {
  const number = '12345678901234567890'
  const secret = `{"n":${number},"nested":[{"n":-${number}}],"text":"${number}","half":0.5}`

  it('are kept from input to every output, by way of the store and of a wrapping', async () => {
    const piped = await shellWith({ env: { VAULT_TOKEN: 'root' }, stdin: secret })
    await v('secrets enable -path=one -version=1 kv')
    for (const path of ['secret/data/big', 'one/big']) {
      const body = path.startsWith('secret') ? `{"data":${secret}}` : secret
      await shell().write('body.json', body)
      await v(`write ${path} @body.json`)
    }
    await piped.mcpVault('kv', 'put', '-mount=secret', 'typed', '-')
    const reads = ['kv get -mount=secret big', 'kv get -mount=secret typed', 'read one/big']
    for (const read of reads) {
      const [command, ...rest] = read.split(' ')
      const words =
        command === 'kv' ? ['kv', 'get', '-format=json', ...rest.slice(1)] : ['read', '-format=json', ...rest]
      expect(await v(words.join(' '))).toMatch(
        new RegExp(`"n": ${number},\\s+"nested": \\[\\s+\\{\\s+"n": -${number}\\s+\\}\\s+\\],\\s+"text": "${number}"`),
      )
    }
    expect(await v('kv get -mount=secret -field=n big')).toBe(number)
    expect(await v('kv get -mount=secret -format=yaml typed')).toContain(`"n": ${number}\n`)
    const token = await v('read -wrap-ttl=60s -field=wrapping_token one/big')
    expect(await v(`unwrap -field=n ${token}`)).toBe(number)
  })

  it('are refused before they are sent where they cannot be kept', async () => {
    await shell().write('body.json', '{"n":1e400}')
    expect(await attempt('kv put -mount=secret big @body.json')).toMatchObject({
      code: 1,
      err: expect.stringContaining('holds the number 1e400, which cannot be kept as it is') as string,
    })
  })
})
