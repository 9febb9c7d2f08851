/** Configuration files of the commands that keep running: every mistake is a sentence, and nothing is started. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readConfigFile } from '../../src/cli/config-file.ts'
import { gatewayConfig } from '../../src/cli/gateway-config.ts'
import { serverConfig } from '../../src/cli/server-config.ts'
import { tokenDigest, tokenShape } from '../../src/scope/index.ts'
import { shellAt } from './terminal.ts'

const nowhere = 'http://127.0.0.1:1'

/** What the command says about a configuration it must refuse. */
async function complaint(command: 'server' | 'gateway', text: string): Promise<string> {
  const shell = await shellAt(nowhere)
  await shell.write('c.hcl', text)
  const { code, out, err } = await shell.mcpVault(command, '-config=c.hcl')
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err.startsWith('The configuration c.hcl is not usable:\n* ')).toBe(true)
  return err.slice('The configuration c.hcl is not usable:\n* '.length).trimEnd()
}

const storage = 'storage "level" { path = "data" }\n'
const local = 'listener "tcp" { address = "127.0.0.1:8200" }\n'

describe('server -config', () => {
  it.each([
    [
      'nothing in it',
      '',
      'storage: is missing, for example "level" { path = "/var/lib/mcp-vault" }\n* listener: is missing, for example "tcp" { address = "127.0.0.1:8200" }',
    ],
    [
      'a setting misspelt',
      `${storage}${local}audit_pth = "x"`,
      'there is no setting "audit_pth" here; did you mean audit_path?',
    ],
    [
      'a setting misspelt in a block',
      `storage "level" { path = "d" keyfile = "k" }\n${local}`,
      'storage.level: there is no setting "keyfile" here; did you mean key_file?',
    ],
    [
      'a setting unlike any other',
      `${storage}${local}ui = true`,
      'there is no setting "ui" here; known settings are storage, listener, allowed_hosts, audit_path, root_token_file, log_level',
    ],
    [
      'another kind of storage',
      `storage "raft" { path = "d" }\n${local}`,
      'storage.level: is missing, for example { path = "/var/lib/mcp-vault" }\n* storage: there is no setting "raft" here; known settings are level',
    ],
    [
      'a number for a path',
      `storage "level" { path = 5 }\n${local}`,
      'storage.level.path: must be a text, for example "/var/lib/mcp-vault"',
    ],
    [
      'an empty path',
      `storage "level" { path = "" }\n${local}`,
      'storage.level.path: must be a text, for example "/var/lib/mcp-vault"',
    ],
    [
      'an address without a port',
      `${storage}listener "tcp" { address = "127.0.0.1" }`,
      'listener.tcp.address: must be host:port, for example "127.0.0.1:8200"',
    ],
    [
      'a port that is none',
      `${storage}listener "tcp" { address = "127.0.0.1:70000" }`,
      'listener.tcp.address: must be host:port, for example "127.0.0.1:8200"',
    ],
    [
      'plain text for other machines',
      `${storage}listener "tcp" { address = "10.0.0.5:8200" }`,
      'listener.tcp.address: "10.0.0.5:8200" can be reached from other machines, so it needs TLS: give tls_cert_file and tls_key_file, or listen on "127.0.0.1:8200"',
    ],
    [
      'a name that only begins like a loopback one',
      `${storage}listener "tcp" { address = "localhost.example:8200" }`,
      'listener.tcp.address: "localhost.example:8200" can be reached from other machines, so it needs TLS: give tls_cert_file and tls_key_file, or listen on "127.0.0.1:8200"',
    ],
    [
      'a certificate without its key',
      `${storage}listener "tcp" { address = "127.0.0.1:8200" tls_cert_file = "c" }`,
      'listener.tcp.tls_key_file: is missing; a certificate and its key are given together',
    ],
    [
      'every interface and no name',
      `${storage}listener "tcp" { address = "0.0.0.0:8200" tls_cert_file = "c" tls_key_file = "k" }`,
      'allowed_hosts: is missing; "0.0.0.0:8200" names no host; list the host names clients use, for example ["vault.internal:8200"]',
    ],
    [
      'a level there is not',
      `${storage}${local}log_level = "loud"`,
      'log_level: must be one of error, warn, info, debug, trace, for example "error"',
    ],
    [
      'a setting given twice',
      `${storage}${local}log_level = "info"\nlog_level = "warn"`,
      'line 4: log_level is given twice; keep one of them.',
    ],
    [
      'a block and a value of one name',
      `${storage}${local}storage = "d"`,
      'line 3: storage is given twice; keep one of them.',
    ],
    ['a text not in quotes', `${storage}${local}log_level = info`, 'line 3: info is not in quotes; write "info".'],
    ['a block never closed', 'storage "level" {', 'line 1: the text ends inside a block; a closing } is missing.'],
    [
      'JSON with a setting given twice',
      '{"log_level": "info", "log_level": "warn"}',
      'line 1: log_level is given twice; keep one of them.',
    ],
  ])('refuses %s', async (_case, text, sentence) => {
    expect(await complaint('server', text)).toBe(sentence)
  })

  it('is not given together with -dev, nor left out with it', async () => {
    const shell = await shellAt(nowhere)
    expect((await shell.mcpVault('server', '-dev', '-config=c.hcl')).err).toContain('give either -dev or -config\n')
    expect((await shell.mcpVault('server', '-config=c.hcl', '-dev-root-token-id=root')).err).toContain(
      '-dev-root-token-id is for -dev; with -config, the file holds every setting\n',
    )
    expect((await shell.mcpVault('server', '-config=c.hcl', '-gateway-upstream-address=a=127.0.0.1:1')).err).toContain(
      '-gateway-upstream-address is for -dev; with -config, the file holds every setting\n',
    )
    expect((await shell.mcpVault('server')).err).toContain(
      'give -dev to try it in memory on loopback, or -config=<file> to keep what is written\n',
    )
  })

  it('says when the file cannot be read', async () => {
    expect(await (await shellAt(nowhere)).mcpVault('server', '-config=absent.hcl')).toEqual({
      code: 1,
      out: '',
      err: 'The configuration absent.hcl cannot be read (ENOENT).\n',
    })
  })

  it('reads JSON as it reads HCL', async () => {
    const io = { readFile: (name: string) => Promise.resolve(name) }
    const hcl = await readConfigFile(io, `${storage}${local}`, serverConfig)
    expect(
      await readConfigFile(
        io,
        '{"storage": {"level": {"path": "data"}}, "listener": {"tcp": {"address": "127.0.0.1:8200"}}}',
        serverConfig,
      ),
    ).toEqual(hcl)
    expect(hcl).toMatchObject({ storage: { level: { path: 'data' } }, allowed_hosts: [], log_level: 'info' })
  })
})

const vault = 'vault { address = "https://vault.internal:8200" token_file = "t" }\naudit_path = "a"\n'
const sha256 = 'a'.repeat(64)
const approle = 'approle { role_id = "r" secret_id_file = "s" }'
const noLogin =
  'vault.token_file: is missing, for example "/etc/mcp-vault/gateway.token"; or log in with approle { role_id = "…" secret_id_file = "/etc/mcp-vault/gateway.secret-id" }'

describe('gateway -config', () => {
  it.each([
    [
      'nothing in it',
      '',
      'vault: is missing, for example { address = "https://vault.internal:8200" token_file = "/etc/mcp-vault/gateway.token" }\n* audit_path: is missing, for example "/var/log/mcp-vault/gateway-audit.jsonl"',
    ],
    [
      'keys over plain HTTP',
      vault.replace('https:', 'http:'),
      'vault.address: must be an https URL, because keys travel over it, for example "https://vault.internal:8200"; http is allowed only for this machine',
    ],
    [
      'a host that only begins like this machine',
      vault.replace('https://vault.internal:8200', 'http://localhost.example'),
      'vault.address: must be an https URL, because keys travel over it, for example "https://vault.internal:8200"; http is allowed only for this machine',
    ],
    [
      'a token in the file itself',
      vault.replace('token_file', 'token'),
      `vault: there is no setting "token" here; did you mean token_file?\n* ${noLogin}`,
    ],
    ['no login at all', vault.replace('token_file = "t"', ''), noLogin],
    [
      'two logins',
      vault.replace('token_file', `${approle}\ntoken_file`),
      'vault.approle: cannot be given together with token_file; keep one of them',
    ],
    [
      'a secret id in the file itself',
      vault.replace('token_file = "t"', 'approle { role_id = "r" secret_id = "s" }'),
      'vault.approle.secret_id_file: is missing, for example "/etc/mcp-vault/gateway.secret-id"\n* vault.approle: there is no setting "secret_id" here; known settings are role_id, role_id_file, secret_id_file, secret_id_wrapped, mount',
    ],
    [
      'an approle without a role',
      vault.replace('token_file = "t"', 'approle { secret_id_file = "s" }'),
      'vault.approle.role_id: is missing; give role_id or role_id_file',
    ],
    [
      'a role given twice',
      vault.replace('token_file = "t"', 'approle { role_id = "r" role_id_file = "f" secret_id_file = "s" }'),
      'vault.approle.role_id: cannot be given together with role_id_file; keep one of them',
    ],
    [
      'an auth mount that leads elsewhere',
      vault.replace('token_file = "t"', 'approle { role_id = "r" secret_id_file = "s" mount = "../sys" }'),
      'vault.approle.mount: must be the path of an auth method below auth/, for example "approle"',
    ],
    [
      'two logins of a service token',
      `${vault}service_token "b" { sha256 = "${sha256}" agents = ["a"] vault_token_file = "t" vault_${approle} }`,
      'service_token.b.vault_approle: cannot be given together with vault_token_file; keep one of them',
    ],
    [
      'a service token in the clear',
      `${vault}service_token "b" { sha256 = "gst_mcp_secret" agents = ["a"] }`,
      'service_token.b.sha256: must be 64 lower-case hexadecimal digits; mcp-vault gateway token makes a token and its sha256',
    ],
    [
      'a service token for nobody',
      `${vault}service_token "b" { sha256 = "${sha256}" agents = [] }`,
      'service_token.b.agents: must name agents, for example ["claude-billing-agent"], or "*" for all',
    ],
    [
      'the same service token twice',
      `${vault}service_token "b" { sha256 = "${sha256}" agents = ["a"] }\nservice_token "b" { sha256 = "${sha256}" agents = ["a"] }`,
      'line 4: sha256 is given twice; keep one of them.',
    ],
    [
      'a header that says something else to /check',
      `${vault}listener "http" { address = "127.0.0.1:8251" check_scope_header = "Authorization" }`,
      'listener.http.check_scope_header: must be the name of a header of its own, for example "X-Required-Scope"',
    ],
    [
      'plain text for other machines',
      `${vault}listener "http" { address = "10.0.0.5:8251" }`,
      'listener.http.address: "10.0.0.5:8251" can be reached from other machines, so it needs TLS: give tls_cert_file and tls_key_file, or listen on "127.0.0.1:8251"',
    ],
    [
      'an upstream in plain text for other machines',
      `${vault}upstream_listener "stripe" { address = "[2001:db8::1]:8261" }`,
      'upstream_listener.stripe.address: "[2001:db8::1]:8261" can be reached from other machines, so it needs TLS: give tls_cert_file and tls_key_file, or listen on "127.0.0.1:8261"',
    ],
    [
      'every interface and no name',
      `${vault}upstream_listener "stripe" { address = "[::]:8261" tls_cert_file = "c" tls_key_file = "k" }`,
      'allowed_hosts: is missing; "[::]:8261" names no host; list the host names clients use, for example ["gateway.internal:8251"]',
    ],
    [
      'no limit of staleness',
      `${vault}max_staleness { high = 0 }`,
      'max_staleness.high: must be more than 0 and at most 3600 seconds, for example 5 or "5s"',
    ],
    [
      'a staleness of a day',
      `${vault}max_staleness { low = "24h" }`,
      'max_staleness.low: must be more than 0 and at most 3600 seconds, for example 120 or "120s"',
    ],
    [
      'a sensitivity there is not',
      `${vault}max_staleness { medium = 5 }`,
      'max_staleness: there is no setting "medium" here; known settings are high, standard, low',
    ],
    [
      'consent in words',
      `${vault}require_key_consent = "no"`,
      'require_key_consent: must be true or false, for example true',
    ],
    ['a rehearsal in seconds', `${vault}rehearsal = 3`, 'rehearsal: must be true or false, for example true'],
  ])('refuses %s', async (_case, text, sentence) => {
    expect(await complaint('gateway', text)).toBe(sentence)
  })

  it('takes several blocks of one kind, durations, and defaults', async () => {
    const io = { readFile: (name: string) => Promise.resolve(name) }
    const read = await readConfigFile(
      io,
      `${vault}service_token "b" { sha256 = "${sha256}" agents = ["a"] }\nservice_token "c" { sha256 = "${sha256}" agents = ["*"] }\nmax_staleness { high = 0.5 low = "2m" }`,
      gatewayConfig,
    )
    expect(read).toMatchObject({
      vault: { mount: 'mcp' },
      require_key_consent: true,
      rehearsal: true,
      max_staleness: { high: 0.5, low: 120 },
      listener: {},
    })
    expect(Object.keys(read.service_token)).toEqual(['b', 'c'])
  })

  it('takes an AppRole in place of a token, for itself and for a service', async () => {
    const io = { readFile: (name: string) => Promise.resolve(name) }
    const text = `${vault.replace('token_file = "t"', 'approle { role_id_file = "r" secret_id_file = "s" secret_id_wrapped = true mount = "machines" }')}service_token "b" { sha256 = "${sha256}" agents = ["a"] vault_${approle} }`
    const read = await readConfigFile(io, text, gatewayConfig)
    expect(read.vault.approle).toEqual({
      role_id_file: 'r',
      secret_id_file: 's',
      secret_id_wrapped: true,
      mount: 'machines',
    })
    expect(read.service_token.b?.vault_approle).toEqual({
      role_id: 'r',
      secret_id_file: 's',
      secret_id_wrapped: false,
      mount: 'approle',
    })
  })
})

describe('gateway token', () => {
  it('makes a token and shows its hash for the configuration', async () => {
    const { code, out } = await (await shellAt(nowhere)).mcpVault('gateway', 'token', 'billing-mcp')
    const token = /^ {2}(gst_\S+)$/m.exec(out)?.[1] ?? ''
    expect(code).toBe(0)
    expect(tokenShape(token)).toEqual({ prefix: 'gst', label: 'mcp' })
    expect(out).toContain(`service_token "billing-mcp" {\n    sha256 = "${tokenDigest(token)}"\n`)
    expect(out).toContain('# vault_token_file = "/etc/mcp-vault/billing-mcp.token"\n')
  })

  it('is a document for scripts', async () => {
    const { out } = await (await shellAt(nowhere)).mcpVault('gateway', 'token', '-format=json', 'billing-mcp')
    const { name, token, sha256 } = JSON.parse(out) as Record<string, string>
    expect(name).toBe('billing-mcp')
    expect(sha256).toBe(tokenDigest(token!))
  })

  it.each([[['token', 'a b']], [['run']], [[]]])('is not misread: %j', async (words) => {
    expect(await (await shellAt(nowhere)).mcpVault('gateway', ...words)).toMatchObject({ code: 1, out: '' })
  })
})

describe('the examples that are shipped', () => {
  const example = (name: string): Promise<string> =>
    readFile(resolve(import.meta.dirname, '../../vault-config', name), 'utf8')
  const io = { readFile: example }

  it('are usable as they stand', async () => {
    await expect(readConfigFile(io, 'server.example.hcl', serverConfig)).resolves.toBeDefined()
    await expect(readConfigFile(io, 'gateway.example.hcl', gatewayConfig)).resolves.toBeDefined()
  })

  it('are usable with all they only suggest', async () => {
    const everything = {
      readFile: async (name: string) =>
        (await example(name)).replaceAll(
          /^(\s*)# (\s*(?:[a-z0-9_]+ *=|service_token|agents|vault_token_file|\}))/gm,
          '$1$2',
        ),
    }
    await expect(readConfigFile(everything, 'server.example.hcl', serverConfig)).resolves.toHaveProperty(
      'allowed_hosts',
      ['vault.internal:8200'],
    )
    await expect(readConfigFile(everything, 'gateway.example.hcl', gatewayConfig)).resolves.toHaveProperty(
      ['service_token', 'billing-mcp', 'agents'],
      ['claude-billing-agent'],
    )
  })
})
