/** `mcp-vault add` before the embedded server. */
import { describe, expect, it } from 'vitest'
import { embeddedShell } from './embedded.ts'
import type { Outcome } from './terminal.ts'

const { v, attempt, shellWith } = embeddedShell()
const KEY = 'github_pat_made_up_0123456789'
const OWN = '-url=https://github.acme.example/api/v3'

interface Written {
  readonly steps: readonly { readonly kind: string; readonly path: string; readonly action: string }[]
  readonly clients: readonly { readonly change: string }[]
}

/** With `stdin` as standard input, which is no terminal. */
async function piped(stdin: string, ...words: string[]): Promise<Outcome> {
  return (await shellWith({ env: { VAULT_TOKEN: 'root' }, stdin })).mcpVault('add', ...words)
}
async function added(...words: string[]): Promise<Outcome> {
  const outcome = await piped(`${KEY}\n`, ...words, '-yes', '-')
  expect(outcome).toMatchObject({ code: 0, err: '' })
  return outcome
}
/** Somebody at a terminal. */
async function typed(keys: readonly string[], answer: string, ...words: string[]): Promise<Outcome> {
  return (await shellWith({ env: { VAULT_TOKEN: 'root' }, typed: keys, answer })).mcpVault('add', ...words)
}
const data = async (line: string): Promise<Record<string, unknown>> =>
  (JSON.parse(await v(`${line} -format=json`)) as { data: Record<string, unknown> }).data
const stored = async (path = 'mcp/github') => (await data(`kv get -mount=secret ${path}`)).data
const custom = async (path = 'mcp/github') => (await data(`kv metadata get -mount=secret ${path}`)).custom_metadata
const nothingAt = async (path: string): Promise<void> => {
  expect(await attempt(`read ${path}`)).toMatchObject({ code: 2 })
}

describe('what there is', () => {
  it('is listed by add alone and by -list, without a server', async () => {
    const away = await shellWith({ env: { VAULT_ADDR: 'http://127.0.0.1:9' } })
    const alone = await away.mcpVault('add')
    expect(alone).toMatchObject({ code: 0, err: '' })
    expect(alone.out).toMatch(/^github +GitHub REST API +a fine-grained personal access token/m)
    expect(await away.mcpVault('add', '-list')).toEqual(alone)
    const names = JSON.parse((await away.mcpVault('add', '-format=json')).out).map(({ name }: { name: string }) => name)
    expect(names).toContain('stripe')
  })
})

describe('adding', () => {
  it('writes upstream, tools, key and consent, and says how to go on', async () => {
    const { out } = await added('github', '-gateway=https://gw.acme.example/')
    expect(await data('read mcp/upstreams/github')).toMatchObject({
      url: 'https://api.github.com',
      auth: 'bearer',
      follow_redirects: expect.arrayContaining(['codeload.github.com']),
    })
    expect(await data('read mcp/tools/github/issues/write')).toMatchObject({ risk: 'medium' })
    expect([await stored(), await custom()]).toEqual([{ api_key: KEY }, { mcp_origins: 'https://api.github.com' }])
    expect(out).toContain("baseUrl: 'https://gw.acme.example/u/github' })")
    expect(out).toMatch(/^ {2}mcp-vault write mcp\/agents\/github-agent\/scopes scopes=read:github:user,/m)
    expect(out).not.toContain('create:github')
    expect(out).not.toContain(KEY)
    expect(await v('consent migrate')).toContain('mcp/github  uses secret/mcp/github: ok')
  })

  it('leaves commands that work as they are printed', async () => {
    const { out } = await added('github')
    const lines = [...out.matchAll(/^ {2}(?:TOKEN=\$\()?mcp-vault (write [^)\n]+)/gm)].map(([, line]) => line!)
    expect(lines).toHaveLength(3)
    for (const line of lines) await v(line)
  })

  it("takes a service account's fields out of the key file, and consents to both places they go to", async () => {
    const key = { client_email: 'robot@acme.example', private_key: '-----BEGIN PRIVATE KEY-----\nmade up\n' }
    const file = JSON.stringify({ type: 'service_account', project_id: 'acme', ...key })
    const { code, err } = await piped(file, 'google', '-yes', '-')
    expect([code, err]).toEqual([0, expect.stringContaining('type, project_id')])
    expect(await stored('mcp/google')).toEqual({
      client_email: key.client_email,
      private_key: key.private_key.trimEnd(),
    })
    expect(await custom('mcp/google')).toMatchObject({
      mcp_origins: 'https://www.googleapis.com,https://oauth2.googleapis.com',
      mcp_fields: 'client_email,private_key',
    })
  })

  it('gives all scopes and says so where none of them only reads, and a call with its body', async () => {
    const { out } = await piped('lin_api_made_up', 'linear', '-yes', '-')
    expect(out).toContain('with all scopes, because none of them only reads:')
    expect(out).toContain('/scopes scopes=create:linear:graphql\n')
    expect(out).toMatch(
      /-X POST -H 'Content-Type: application\/json' -d '\{"query":"\{ viewer \{ id name \} \}"\}' 'http:\S+\/u\/linear\/graphql'/,
    )
  })

  it('shows everything first, and writes nothing in a dry run', async () => {
    const { out, code } = await attempt('add github -dry-run')
    expect(code).toBe(0)
    expect(out).toContain('mcp/upstreams/github  (new)\n  + url  https://api.github.com\n')
    expect(out).toContain('  +   POST /repos/{owner}/{repo}/issues  (create)\n')
    expect(out).toContain('secret/data/mcp/github  (new)\n  + api_key  (never shown)\n')
    expect(out).toContain('  + mcp_origins  https://api.github.com\n')
    await nothingAt('mcp/upstreams/github')
    await nothingAt('secret/metadata/mcp/github')
  })

  it('asks for the key and for a yes at a terminal', async () => {
    const { code, out, err } = await typed([KEY], 'y', 'github', '-tools=user')
    expect([code, out.includes(KEY), await stored()]).toEqual([0, false, { api_key: KEY }])
    expect(err).toMatch(/^api_key, a fine-grained personal access token \(https:.*; will be hidden\): \nWrite this\?/)
  })

  it.each(['', 'n', 'no', 'yess', 'maybe'])('writes nothing at the answer "%s"', async (answer) => {
    expect(await typed([KEY], answer, 'github', '-tools=user')).toMatchObject({ code: 1 })
    await nothingAt('mcp/upstreams/github')
    await nothingAt('secret/metadata/mcp/github')
  })

  it('is asked with a warning of a key that begins in another way than those of the API', async () => {
    const { code, err } = await typed(['some_other_key_0123456789'], 'y', 'github', '-tools=user')
    expect([code, err]).toEqual([
      0,
      expect.stringMatching(/^WARNING! api_key does not begin with github_pat_.*\nWrite this/m),
    ])
  })

  it('writes nothing where nobody can be asked', async () => {
    const { code, err } = await piped(KEY, 'github', '-')
    expect([code, err]).toEqual([1, expect.stringContaining('confirm with -yes')])
    await nothingAt('mcp/upstreams/github')
  })

  it('gives the same to programs, without the key', async () => {
    const { out } = await added('github', '-tools=user', '-format=json')
    const { steps, clients } = JSON.parse(out) as Written
    expect(steps.map(({ kind, path, action }) => [kind, path, action])).toEqual([
      ['upstream', 'mcp/upstreams/github', 'create'],
      ['tool', 'mcp/tools/github/user', 'create'],
      ['key', 'secret/data/mcp/github', 'create'],
      ['consent', 'secret/metadata/mcp/github', 'create'],
    ])
    expect(clients[0]!.change).toContain('/u/github')
    expect(out).not.toContain(KEY)
  })

  it('takes another name, another mount and another KV, with the consent that these need', async () => {
    await v('secrets enable -path=team-a mcp')
    await v('secrets enable -path=keys -version=2 kv')
    await added('github', '-name=gh', '-mount=team-a/', '-kv-mount=keys', '-kv-path=apis/github', '-read-only')
    expect(await data('read team-a/upstreams/gh')).toMatchObject({ kv_mount: 'keys', kv_path: 'apis/github' })
    expect((await data('kv metadata get -mount=keys apis/github')).custom_metadata).toEqual({
      mcp_origins: 'https://api.github.com',
      mcp_upstreams: 'team-a/gh',
    })
    await nothingAt('team-a/tools/gh/issues/write')
    expect(await v('consent migrate -mount=team-a')).toContain('team-a/gh  uses keys/apis/github: ok')
  })

  it('writes the secret of one environment where each has its own', async () => {
    const path = '-kv-path=mcp/{{environment}}/github'
    const none = await piped(KEY, 'github', path, '-yes', '-')
    expect([none.code, none.err]).toEqual([
      1,
      expect.stringMatching(/^-environment is missing: .*-environment=production\n/),
    ])
    await added('github', path, '-environment=staging')
    expect([await stored('mcp/staging/github'), (await data('read mcp/upstreams/github')).kv_path]).toEqual([
      { api_key: KEY },
      'mcp/{{environment}}/github',
    ])
    // The document says so from then on.
    await added('github', '-environment=production')
    expect(await stored('mcp/production/github')).toEqual({ api_key: KEY })
  })
})

describe('an API on a server of its own', () => {
  it('has the origin of its URL in the consent, and no other', async () => {
    await added('github', OWN)
    expect([(await data('read mcp/upstreams/github')).url, await custom()]).toEqual([
      'https://github.acme.example/api/v3',
      { mcp_origins: 'https://github.acme.example' },
    ])
  })

  it.each([
    ['http, without saying that it is private', 'http://10.0.0.1', '-allow-private-addresses'],
    ['something else than a URL', 'github.acme.example', '-url'],
    ['a query', 'https://github.acme.example/?a=b', '-url'],
    ['a user', 'https://me@github.acme.example', '-url'],
  ])('is refused with %s', async (_name, url, said) => {
    const { code, err } = await piped(KEY, 'github', `-url=${url}`, '-yes', '-')
    expect([code, err]).toEqual([1, expect.stringContaining(said)])
    await nothingAt('mcp/upstreams/github')
  })
})

describe('adding again', () => {
  it('changes nothing where all is there, and keeps the key', async () => {
    await added('github')
    const before = [await data('read mcp/upstreams/github'), await data('kv metadata get -mount=secret mcp/github')]
    const { out } = await piped('', 'github', '-yes')
    expect(out).toContain('secret/data/mcp/github  (the key there is stays)\n')
    expect(out).toContain('Nothing to write: all of it is there.')
    expect([await data('read mcp/upstreams/github'), await data('kv metadata get -mount=secret mcp/github')]).toEqual(
      before,
    )
  })

  it('shows what differs, puts it right, and leaves what the preset says nothing of', async () => {
    await added('github', '-tools=user')
    await v('write mcp/upstreams/github auth=header:X-Key timeout=7 response_headers=X-GitHub-SSO')
    const { out } = await piped('', 'github', '-tools=user', '-yes')
    expect(out).toContain('  - auth  header:X-Key\n  + auth  bearer\n')
    expect(out).toContain('    response_headers\n  +   X-Accepted-GitHub-Permissions\n      X-GitHub-SSO\n')
    expect(out).toContain('    timeout  7  (stays)\n')
    expect(await data('read mcp/upstreams/github')).toMatchObject({ auth: 'bearer', timeout: 7 })
    expect(await stored()).toEqual({ api_key: KEY })
  })

  it('replaces the key when one is given, beside other fields of the secret', async () => {
    await added('github', '-tools=user')
    await v('kv patch -mount=secret mcp/github note=kept')
    await piped('github_pat_another_0123456789', 'github', '-tools=user', '-yes', 'api_key=-')
    expect(await stored()).toEqual({ api_key: 'github_pat_another_0123456789', note: 'kept' })
  })

  it('keeps the key for an empty line at a terminal, and for -keep-key', async () => {
    await added('github', '-tools=user')
    expect(await typed([''], 'y', 'github', '-tools=user,search')).toMatchObject({ code: 0 })
    expect(await typed(['github_pat_not_asked_for_012'], 'y', 'github', '-keep-key', '-tools=repos')).toMatchObject({
      code: 0,
    })
    expect(await stored()).toEqual({ api_key: KEY })
  })

  it('makes a secret again that was deleted', async () => {
    await added('github', '-tools=user')
    await v('kv delete -mount=secret mcp/github')
    expect(await piped('', 'github', '-tools=user', '-yes')).toMatchObject({
      code: 1,
      err: expect.stringContaining('give api_key'),
    })
    await added('github', '-tools=user')
    expect(await stored()).toEqual({ api_key: KEY })
  })

  it('names the other tools there are, and leaves them', async () => {
    await added('github', '-tools=user,search')
    const { out } = await added('github', '-tools=user')
    expect(out).toContain('Other tools of github, which stay: search\n')
    expect(await data('read mcp/tools/github/search')).toMatchObject({ risk: 'low' })
  })

  it('warns that a key which stays goes to another server from now on', async () => {
    await added('github', '-tools=user')
    const moved = await piped('', 'github', '-tools=user', OWN, '-keep-key', '-yes')
    expect(moved).toMatchObject({
      code: 0,
      err: expect.stringMatching(
        /^WARNING! The key of github stays and will be sent to https:\/\/github\.acme\.example,/,
      ),
    })
    expect(await piped('', 'github', '-tools=user', OWN, '-keep-key', '-yes')).toMatchObject({ code: 0, err: '' })
  })

  it('takes back the old consent before a key for another origin is written', async () => {
    await added('github', '-tools=user')
    const { out } = await added('github', '-tools=user', OWN, '-format=json')
    const { steps } = JSON.parse(out) as { steps: readonly { kind: string; data?: { custom_metadata?: unknown } }[] }
    expect(steps.map(({ kind, data: body }) => [kind, body?.custom_metadata])).toEqual([
      ['withdraw', {}],
      ['upstream', undefined],
      ['key', undefined],
      ['consent', { mcp_origins: 'https://github.acme.example' }],
    ])
    expect(await custom()).toEqual({ mcp_origins: 'https://github.acme.example' })
  })

  it('leaves the consent that others have to the same secret', async () => {
    await added('github', '-tools=user')
    await v(
      'kv metadata patch -mount=secret -custom-metadata=mcp_upstreams=mcp/github,mcp/other -custom-metadata=team=core mcp/github',
    )
    await added('github', '-tools=user', OWN)
    expect(await custom()).toEqual({
      mcp_origins: 'https://api.github.com,https://github.acme.example',
      mcp_upstreams: 'mcp/other,mcp/github',
      team: 'core',
    })
  })
})

describe('a program that needs a listener of its upstream alone', () => {
  const shown = async (...flags: string[]) =>
    (await shellWith({ env: { VAULT_TOKEN: 'root' }, stdin: 'rk_test_made_up_0123456789' })).mcpVault(
      'add',
      ...['stripe', '-name=shop', '-read-only', '-yes', ...flags, '-'],
    )

  it('is shown with gaps, because gateways tell nobody here where they listen, and with the setting', async () => {
    const { code, out } = await shown()
    expect(code).toBe(0)
    expect(out).toContain("{ host: '<host>', port: <port>, protocol: '<http or https>' }")
    expect(out).toContain('upstream_listener "shop" { address = "<host>:<port>" }')
    expect(out).toContain('-gateway-upstream-address=shop=<host>:<port>')
    expect(out.replace(/With -listener=\S+/, '')).not.toContain('8261')
  })

  it('is shown with the one that is named', async () => {
    const { out } = await shown('-listener=https://shop.gateway.example')
    expect(out).toContain("{ host: 'shop.gateway.example', port: 443, protocol: 'https' }")
    expect(out).toContain('shop.gateway.example must be a listener of the gateway for this upstream alone')
    expect(out).not.toContain('<')
  })
})
