import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isFamily } from '../../src/cli/command.ts'
import type { Command, Family } from '../../src/cli/command.ts'
import { registrations } from '../../src/cli/main.ts'
import { missing, nothing, refusal, secret } from './scripted-vault.ts'
import { once, terminal } from './terminal.ts'

const sealStatus = {
  type: 'shamir',
  initialized: true,
  sealed: false,
  t: 1,
  n: 1,
  progress: 0,
  nonce: '',
  version: '1.19.0',
  build_date: '',
  storage_type: 'inmem',
  cluster_name: 'dev',
  cluster_id: 'c-1',
}

describe('status', () => {
  it('shows an unsealed server', async () => {
    const { code, out, vault } = await once(
      [
        { status: 200, body: sealStatus },
        { status: 200, body: { ha_enabled: false } },
      ],
      ['status'],
    )
    expect(out).toBe(`Key             Value
---             -----
Seal Type       shamir
Initialized     true
Sealed          false
Total Shares    1
Threshold       1
Version         1.19.0
Build Date      n/a
Storage Type    inmem
Cluster Name    dev
Cluster ID      c-1
HA Enabled      false
`)
    expect([code, vault.lines()]).toEqual([0, ['GET /v1/sys/seal-status', 'GET /v1/sys/leader']])
  })

  it('exits with 2 when sealed, without asking the leader to answer', async () => {
    const { code, out } = await once(
      [{ status: 200, body: { ...sealStatus, sealed: true } }, refusal(503, 'Vault is sealed')],
      ['status'],
    )
    expect(code).toBe(2)
    expect(out).toContain('Unseal Progress    0/1\n')
  })

  it('exits with 1 when it cannot know', async () => {
    expect(await once([refusal(500, 'internal error')], ['status'])).toMatchObject({
      code: 1,
      out: '',
      err: 'Error checking seal status: Code: 500. Errors:\n* internal error\n',
    })
  })
})

describe('login', () => {
  const self = secret({
    id: 'hvs.mine',
    accessor: 'acc',
    ttl: 3600,
    renewable: true,
    policies: ['default', 'operators'],
  })

  it('checks the token, keeps it for its owner only, and uses it from then on', async () => {
    const shell = await terminal([self, secret({ a: 1 })], { env: { VAULT_TOKEN: undefined } })
    const { code, out, err } = await shell.mcpVault('login', 'hvs.mine')
    expect(out).toBe(`Success! You are now authenticated. The token is kept in ${join(shell.home, '.vault-token')}
and used from now on; there is no need to log in again.

Key                  Value
---                  -----
token                hvs.mine
token_accessor       acc
token_duration       1h
token_renewable      true
token_policies       ["default" "operators"]
identity_policies    []
policies             ["default" "operators"]
`)
    expect([code, err, await shell.read('.vault-token')]).toEqual([0, '', 'hvs.mine'])
    expect((await stat(join(shell.home, '.vault-token'))).mode & 0o777).toBe(0o600)
    await shell.mcpVault('read', 'mcp/config')
    expect(shell.vault.requests.map(({ url, headers }) => [url, headers['x-vault-token']])).toEqual([
      ['/v1/auth/token/lookup-self', 'hvs.mine'],
      ['/v1/mcp/config', 'hvs.mine'],
    ])
  })

  it('narrows a token file that others could read', async () => {
    const shell = await terminal([self])
    await shell.write('.vault-token', 'old')
    await shell.mcpVault('login', 'hvs.mine')
    expect(await shell.read('.vault-token')).toBe('hvs.mine')
    expect((await stat(join(shell.home, '.vault-token'))).mode & 0o777).toBe(0o600)
  })

  it('warns when the environment goes before the stored token', async () => {
    expect((await once([self], ['login', 'hvs.mine'])).err).toMatch(/^WARNING! The environment variable VAULT_TOKEN/)
  })

  it('takes the token from the terminal, from standard input, or as token=', async () => {
    for (const [words, options] of [
      [[], { typed: 'hvs.mine\n' }],
      [[], { stdin: 'hvs.mine\n' }],
      [['-'], { stdin: 'hvs.mine\n', typed: 'other' }],
      [['token=hvs.mine'], {}],
    ] as const) {
      const { vault } = await once([self], ['login', '-no-store', ...words], options)
      expect(vault.requests[0]!.headers['x-vault-token']).toBe('hvs.mine')
    }
  })

  it('neither keeps nor shows what it is told not to', async () => {
    const shell = await terminal([self, self], { env: { VAULT_TOKEN: undefined } })
    expect((await shell.mcpVault('login', '-no-store', '-no-print', 'hvs.mine')).out).toBe(
      'Success! You are now authenticated. The token was not stored.\n',
    )
    expect((await shell.mcpVault('login', '-token-only', 'hvs.mine')).out).toBe('hvs.mine')
    await expect(shell.read('.vault-token')).rejects.toThrow('ENOENT')
  })

  it('keeps nothing of a token that is not good', async () => {
    const shell = await terminal([refusal(403, 'permission denied')])
    expect(await shell.mcpVault('login', 'hvs.bad')).toMatchObject({
      code: 2,
      out: '',
      err: 'Error authenticating: Code: 403. Errors:\n* permission denied\n',
    })
    await expect(shell.read('.vault-token')).rejects.toThrow('ENOENT')
  })

  it('refuses no token and other methods without asking Vault', async () => {
    const empty = await once([], ['login', '-'], { stdin: '\n' })
    expect([empty.code, empty.err.split('\n')[0], empty.vault.lines()]).toEqual([
      1,
      'No token was given, for example: mcp-vault login hvs.CAESI…',
      [],
    ])
    const method = await once([], ['login', '-method=ldap', 'x'])
    expect([method.code, method.err.split('\n')[0], method.vault.lines()]).toEqual([
      1,
      '-method: "ldap" is not one of token',
      [],
    ])
  })
})

describe('path-help', () => {
  it('prints the help of a path', async () => {
    const { code, out, vault } = await once(
      [{ status: 200, body: { help: '## DESCRIPTION\n\nIssues phantom tokens.\n', see_also: null } }],
      ['path-help', 'mcp/'],
    )
    expect([code, out, vault.lines()]).toEqual([
      0,
      '## DESCRIPTION\n\nIssues phantom tokens.\n',
      ['GET /v1/mcp?help=1'],
    ])
  })

  it('says that there is none', async () => {
    expect(await once([missing], ['path-help', 'x'])).toMatchObject({ code: 2, out: '' })
    expect(await once([{ status: 200, body: {} }], ['path-help', 'x'])).toMatchObject({
      code: 2,
      err: 'No help for x\n',
    })
  })
})

describe('the connection', () => {
  it('names the address and the way out in one sentence when nobody listens', async () => {
    const shell = await terminal()
    await shell.vault.close()
    const { code, out, err } = await shell.mcpVault('read', 'mcp/config')
    expect([code, out]).toEqual([2, ''])
    expect(err).toBe(
      `Error reading mcp/config: Vault at ${shell.vault.address} cannot be reached (ECONNREFUSED). To start a development server: mcp-vault server -dev. To name another one: VAULT_ADDR or -address.\n`,
    )
  })

  it('takes -address before VAULT_ADDR before BAO_ADDR', async () => {
    const shell = await terminal([secret({ a: 1 }), secret({ a: 1 })], { env: { VAULT_ADDR: 'http://127.0.0.1:1' } })
    expect((await shell.mcpVault('read', `-address=${shell.vault.address}`, 'mcp/config')).code).toBe(0)
    const bao = await terminal([secret({ a: 1 })], {
      env: { VAULT_ADDR: '', BAO_ADDR: shell.vault.address, VAULT_TOKEN: '', BAO_TOKEN: 'bao-token' },
    })
    expect((await bao.mcpVault('read', 'mcp/config')).code).toBe(0)
    expect(shell.vault.requests.map(({ headers }) => headers['x-vault-token'])).toEqual(['test-token', 'bao-token'])
  })

  it('sends the namespace', async () => {
    const shell = await terminal([secret({ a: 1 }), secret({ a: 1 })], { env: { VAULT_NAMESPACE: 'team-a' } })
    await shell.mcpVault('read', 'mcp/config')
    await shell.mcpVault('read', '-namespace=team-b', 'mcp/config')
    expect(shell.vault.requests.map(({ headers }) => headers['x-vault-namespace'])).toEqual(['team-a', 'team-b'])
  })

  it('does not let an error or a warning steer the terminal', async () => {
    expect((await once([refusal(400, 'a\u001b[2Jb')], ['read', 'x'])).err).toBe(
      'Error reading x: Code: 400. Errors:\n* a\\x1b[2Jb\n',
    )
    expect((await once([secret({ a: 1 }, { warnings: ['a\u009bb'] })], ['read', 'x'])).err).toContain('* a\\x9bb\n')
  })

  it('never shows the token of a refused request', async () => {
    const { err } = await once([refusal(403, 'bad token test-token')], ['read', 'mcp/config'])
    expect(err).not.toContain('test-token')
  })

  const wrong: [string, string[], Record<string, string>, RegExp][] = [
    [
      'an address without scheme',
      ['read', '-address=vault:8200', 'x'],
      {},
      /^Error reading x: address: must be an http or https URL/,
    ],
    [
      'a token with a line feed',
      ['read', 'x'],
      { VAULT_TOKEN: 'a\nb' },
      /^Error reading x: token: must be printable ASCII/,
    ],
    [
      'a CA file that is not there',
      ['read', '-ca-cert=/nowhere.pem', 'x'],
      {},
      /^Error reading x: caFile: cannot be read/,
    ],
    [
      'a format it does not know',
      ['read', '-format=xml', 'x'],
      {},
      /^Invalid output format: xml\. Use table, json, yaml\.\n/,
    ],
    ['such a format in the environment', ['read', 'x'], { VAULT_FORMAT: 'xml' }, /^Invalid output format: xml\./],
    [
      'a wrapping time that is none',
      ['read', '-wrap-ttl=5 minutes', 'x'],
      {},
      /^-wrap-ttl: "5 minutes" is not a duration/,
    ],
  ]
  it.each(wrong)('refuses %s without asking Vault', async (_name, words, env, sentence) => {
    const { code, out, err, vault } = await once([], words, { env })
    expect([code, out, vault.lines()]).toEqual([1, '', []])
    expect(err).toMatch(sentence)
  })

  it('refuses a token file it cannot read', async () => {
    const shell = await terminal([], { env: { VAULT_TOKEN: '' } })
    await mkdir(join(shell.home, '.vault-token'))
    expect(await shell.mcpVault('read', 'x')).toMatchObject({
      code: 1,
      err: `The token in ${join(shell.home, '.vault-token')} cannot be read (EISDIR). Repair the file, or set VAULT_TOKEN.\n`,
    })
  })

  it('says after Ctrl-C that the outcome is not known', async () => {
    const { code, out, err } = await once([nothing], ['write', 'mcp/config', 'a=1'], { signal: AbortSignal.abort() })
    expect([code, out, err]).toEqual([
      130,
      '',
      'Error writing data to mcp/config: interrupted. It is unknown whether Vault carried it out.\n',
    ])
  })

  it.each(['<html>', '[]'])('says so when a server answers %s, which no Vault does', async (body) => {
    const { code, err } = await once([{ status: 200, body }], ['read', 'x'])
    expect(code).toBe(2)
    expect(err).toMatch(/^Error reading x: the response with status 200 does not come from Vault/)
  })
})

describe('flags', () => {
  it('are taken before and after arguments, with one dash or two', async () => {
    const shell = await terminal([secret({ a: 1 }), secret({ a: 1 }), secret({ a: 1 })])
    for (const words of [
      ['-field', 'a', 'x'],
      ['x', '--field=a'],
      ['--field', 'a', 'x'],
    ])
      expect((await shell.mcpVault('read', ...words)).out).toBe('1')
  })

  it('end at --', async () => {
    const { vault } = await once([nothing], ['write', 'mcp/config', 'a=1', '--', '-b=2'])
    expect(vault.requests[0]!.body).toEqual({ a: '1', '-b': '2' })
  })

  it('keep what stands behind the first equals sign', async () => {
    const { vault } = await once([nothing], ['token', 'create', '-display-name=a=b'])
    expect(vault.requests[0]!.body).toEqual({ display_name: 'a=b' })
  })
})

describe('help', () => {
  it('greets each kind of user with the first commands', async () => {
    const { code, out } = await once([], [])
    expect(code).toBe(0)
    for (const line of [
      'Vault operator',
      'mcp-vault server -dev -dev-root-token-id=root',
      'MCP server author',
      '  path-help   Explain a path',
    ])
      expect(out).toContain(line)
  })

  it('shows a family, a command and a command of a nested family', async () => {
    expect((await once([], ['kv', '-h'])).out).toContain('Usage: mcp-vault kv <command> [flags] [arguments]\n')
    expect((await once([], ['help', 'kv', 'metadata', 'put'])).out).toContain(
      'Usage: mcp-vault kv metadata put [flags] <path>\n',
    )
    const { code, out } = await once([], ['write', '-h'])
    expect(code).toBe(0)
    expect(out).toContain('  $ mcp-vault write mcp/upstreams/stripe url=https://api.stripe.com\n')
    expect(out).toMatch(/ {2}-force, -f +Write without any data\.\n/)
  })

  it('shows help even beside values that are wrong', async () => {
    expect(await once([], ['lease', 'renew', '-increment=long', '-h'])).toMatchObject({ code: 0, err: '' })
  })

  it('prints the version of the package', async () => {
    expect((await once([], ['version'])).out).toMatch(/^mcp-vault \d+\.\d+\.\d+\n$/)
    expect((await once([], ['-version'])).out).toMatch(/^mcp-vault /)
    const { out } = await once([], ['version', '-format=json'])
    expect(JSON.parse(out)).toEqual({ version: expect.stringMatching(/^\d+\.\d+\.\d+$/) as string })
  })

  it('says in the overview what each command says of itself', async () => {
    const loaded = await Promise.all(registrations.map((entry) => entry.load()))
    expect(loaded.map(({ summary }) => summary)).toEqual(registrations.map(({ summary }) => summary))
  })

  it('gives examples that begin with their own command', async () => {
    const check = (name: string, entry: Command | Family): string[] =>
      isFamily(entry)
        ? Object.entries(entry.commands).flatMap(([word, next]) => check(`${name} ${word}`, next))
        : (entry.examples ?? []).filter((line) => !`${line} `.startsWith(`${name} `))
    const wrong = await Promise.all(registrations.map(async (entry) => check(entry.name, await entry.load())))
    expect(wrong.flat()).toEqual([])
  })

  const unknown: [string[], string][] = [
    [['raed', 'x'], 'mcp-vault has no command "raed". Did you mean: mcp-vault read?'],
    [['kvv'], 'mcp-vault has no command "kvv". Did you mean: mcp-vault kv?'],
    [['pol'], 'mcp-vault has no command "pol". Did you mean: mcp-vault policy?'],
    [['frobnicate'], 'mcp-vault has no command "frobnicate". See: mcp-vault -h'],
    [['constructor'], 'mcp-vault has no command "constructor". See: mcp-vault -h'],
    [['kv', 'gte', 'x'], 'mcp-vault kv has no command "gte". Did you mean: mcp-vault kv get?'],
    [['kv', 'toString'], 'mcp-vault kv has no command "toString". See: mcp-vault kv -h'],
    [['lease', 'revok\u001b[2J'], 'mcp-vault lease has no command "revok\\x1b[2J". See: mcp-vault lease -h'],
  ]
  it.each(unknown)('knows no %j', async (words, sentence) => {
    expect(await once([], words)).toMatchObject({ code: 1, out: '', err: `${sentence}\n` })
  })

  it('lists the commands of a family that was called alone, as a mistake', async () => {
    const { code, out, err } = await once([], ['lease'])
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(/^Usage: mcp-vault lease <command>/)
  })
})
