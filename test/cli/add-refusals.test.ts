/** What `mcp-vault add` refuses, and what it says where it could not go on. */
import { describe, expect, it } from 'vitest'
import { embeddedShell } from './embedded.ts'
import type { Outcome, TerminalOptions } from './terminal.ts'

const { v, attempt, shell, shellWith } = embeddedShell()
const KEY = 'github_pat_made_up_0123456789'

async function add(options: TerminalOptions, ...words: string[]): Promise<Outcome> {
  return (await shellWith({ ...options, env: { VAULT_TOKEN: 'root', ...options.env } })).mcpVault('add', ...words)
}
const piped = (...words: string[]): Promise<Outcome> => add({ stdin: `${KEY}\n` }, ...words)
const minimal = ['github', '-tools=user', '-yes', '-'] as const

async function nothingIsThere(): Promise<void> {
  for (const path of ['mcp/upstreams/github', 'mcp/tools/github/user', 'secret/metadata/mcp/github'])
    expect(await attempt(`read ${path}`)).toMatchObject({ code: 2, out: '' })
}

async function tokenWith(rules: Readonly<Record<string, readonly string[]>>): Promise<string> {
  const text = Object.entries(rules).map(
    ([path, words]) => `path "${path}" { capabilities = ${JSON.stringify(words)} }`,
  )
  await shell().write('p.hcl', text.join('\n'))
  await v('policy write narrow p.hcl')
  return (JSON.parse(await v('token create -policy=narrow -format=json')) as { auth: { client_token: string } }).auth
    .client_token
}
const reading = {
  'mcp/upstreams/*': ['read'],
  'mcp/tools/*': ['list'],
  'secret/metadata/mcp/*': ['read'],
  'secret/data/mcp/*': ['list'],
}

describe('a key on the command line', () => {
  it.each([
    ['by itself', ['ghp_0123456789abcdef']],
    ['after its field', ['api_key=ghp_0123456789abcdef']],
    ['that begins with an escaped @', ['api_key=\\@ghp_0123456789abcdef']],
    ['under another field', ['token=ghp_0123456789abcdef']],
    ['beside standard input', ['-', 'ghp_0123456789abcdef']],
    ['with an = in it', ['ghp_0123456789abcdef==']],
    ['that could be taken for a field', ['ghp_0123456789abcdef=x']],
  ])('%s is refused, and not repeated', async (_name, words) => {
    const { code, err, out } = await piped('github', '-yes', ...words)
    expect([code, out, err]).toEqual([1, '', expect.stringContaining('history of the shell')])
    expect(err).toContain('mcp-vault add github api_key=@key.txt')
    expect(err).not.toContain('0123456789')
    await nothingIsThere()
  })
})

describe('a key', () => {
  it('of an unusual beginning is refused where nobody is asked, which says how it is taken', async () => {
    const { code, err } = await add({ stdin: 'some_other_key_0123456789' }, ...minimal)
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/^api_key does not begin with github_pat_, ghp_.*-unusual-key/),
    ])
    expect(err).not.toContain('some_other_key')
    await nothingIsThere()
  })

  it('of an unusual beginning is taken with -unusual-key, and warned of', async () => {
    const { code, err } = await add({ stdin: 'some_other_key_0123456789' }, ...minimal, '-unusual-key')
    expect([code, err]).toEqual([0, expect.stringMatching(/^WARNING! api_key does not begin with github_pat_, ghp_/)])
    expect(err).not.toContain('some_other_key')
  })

  it.each([
    ['is empty', '\n', 'api_key is empty'],
    ['is too short to be recognised', 'ghp_1\n', 'is shorter than 8 bytes'],
    ['has quotes around it', `"${KEY}"`, 'stands in quotes'],
    ['has its scheme word', `Bearer ${KEY}`, 'begins with the word Bearer'],
    ['has two lines', `${KEY}\nsecond`, 'holds a line break'],
    ['has a space at its end', `${KEY} `, 'a space at one end'],
  ])('that %s is refused as the gateway would', async (_name, stdin, said) => {
    const { code, err } = await add({ stdin }, ...minimal)
    expect([code, err]).toEqual([1, expect.stringContaining(said)])
    await nothingIsThere()
  })

  it('is needed where there is none', async () => {
    for (const words of [['-yes'], ['-yes', '-keep-key']]) {
      const { code, err } = await piped('github', '-tools=user', ...words)
      expect([code, err]).toEqual([1, expect.stringMatching(/^There is no secret at secret\/mcp\/github yet/)])
    }
    expect(await add({ typed: '' }, 'github', '-tools=user')).toMatchObject({ code: 1 })
    await nothingIsThere()
  })

  it('comes from a file whose line break is not part of it', async () => {
    const own = await shellWith({ env: { VAULT_TOKEN: 'root' } })
    await own.write('key.txt', `${KEY}\r\n`)
    for (const word of ['api_key=@key.txt', '@key.txt']) {
      expect(await own.mcpVault('add', 'github', '-tools=user', '-yes', word)).toMatchObject({ code: 0, err: '' })
      expect(await v('kv get -mount=secret -field=api_key mcp/github')).toBe(KEY)
    }
  })
})

describe('a call that makes no sense is refused before anybody is asked', () => {
  it.each([
    ['a preset there is not', ['gihub'], 'There is no preset "gihub". Did you mean github?'],
    ['one far from any', ['xyzzy'], 'There is no preset "xyzzy". All there are: mcp-vault add -list'],
    ['a list of one', ['-list', 'github'], '-list shows all presets'],
    ['a tool there is not', ['github', '-tools=user,issue'], '-tools: github has no tool "issue", only user, repos'],
    ['no tool at all', ['github', '-tools=issues/write', '-read-only'], '-tools: none of them is left'],
    ['a name that is none', ['github', '-name=Git Hub'], '-name is not a name: 1 to 64 characters'],
    [
      'a variable there is not',
      ['github', '-var=site=acme'],
      '-var=site is not needed: github is the same for everybody',
    ],
    ['a path of KV that is none', ['github', '-kv-path=a//b'], '-kv-path'],
    ['a field of the key there is not', ['github', 'token=@x'], 'The fields of the key are api_key, and no other'],
    ['a key beside one that is to stay', ['github', '-keep-key'], '-keep-key keeps the key there is: give none'],
    [
      'fields of a key that are not named',
      ['jira', '-var=site=acme'],
      'standard input does not hold JSON, for example {"email":"…","api_token":"…"}',
    ],
    ['an environment without a place', ['github', '-environment=staging'], '-environment has no place in mcp/github'],
    ['an address of a gateway that is none', ['github', '-gateway=gw:8251'], '-gateway: must be an http or https URL'],
  ])('%s', async (_name, words, said) => {
    const { code, err } = await piped(...words, '-yes', '-')
    expect([code, err]).toEqual([1, expect.stringContaining(said)])
    await nothingIsThere()
  })
})

describe('without the rights', () => {
  it('for want of a token, says that none was sent', async () => {
    const { code, err } = await add({ stdin: KEY, env: { VAULT_TOKEN: undefined } }, ...minimal)
    expect([code, err]).toEqual([2, expect.stringContaining('No token was sent. Set VAULT_TOKEN')])
    expect(err).not.toContain('policy')
  })

  it('to read what is there, says which policy is needed', async () => {
    const token = await tokenWith({ 'mcp/tools/*': ['list'] })
    const { code, err } = await add({ stdin: KEY, env: { VAULT_TOKEN: token } }, ...minimal)
    expect([code, err]).toEqual([
      2,
      'Error reading mcp/upstreams/github: permission denied. A policy of your token needs:\n\npath "mcp/upstreams/github" { capabilities = ["read"] }\n',
    ])
  })

  it('to write it, says all that is missing before anything is written or asked for', async () => {
    const token = await tokenWith({ ...reading, 'mcp/tools/*': ['list', 'create'] })
    const { code, err } = await add({ typed: KEY, answer: 'y', env: { VAULT_TOKEN: token } }, 'github', '-tools=user')
    expect([code, err]).toEqual([
      2,
      `Nothing was written: your token may not write all of it. A policy of your token needs:

path "mcp/upstreams/github" { capabilities = ["create"] }
path "secret/data/mcp/github" { capabilities = ["create"] }
path "secret/metadata/mcp/github" { capabilities = ["update"] }
`,
    ])
    await nothingIsThere()
  })

  it('to write it, still shows a dry run, with what is missing', async () => {
    const token = await tokenWith(reading)
    const { code, out, err } = await add({ env: { VAULT_TOKEN: token } }, 'github', '-tools=user', '-dry-run')
    expect([code, out]).toEqual([0, expect.stringContaining('mcp/upstreams/github  (new)')])
    expect(err).toContain('path "secret/data/mcp/github" { capabilities = ["create"] }')
  })

  it('goes through with exactly the lines it names', async () => {
    const token = await tokenWith({
      ...reading,
      'mcp/upstreams/github': ['read', 'create'],
      'mcp/tools/github/user': ['create'],
      'secret/data/mcp/github': ['create'],
      'secret/metadata/mcp/github': ['read', 'update'],
    })
    expect(await add({ stdin: KEY, env: { VAULT_TOKEN: token } }, ...minimal)).toMatchObject({ code: 0, err: '' })
  })
})

describe('what fails in between', () => {
  it('says what was written, arms nothing, and is completed by the same command', async () => {
    // Whoever may not even ask for their capabilities learns what is missing on the way.
    const token = await tokenWith({
      ...reading,
      'mcp/upstreams/github': ['read', 'create', 'update'],
      'mcp/tools/github/user': ['create'],
      'sys/capabilities-self': ['deny'],
    })
    const { code, err } = await add({ stdin: KEY, env: { VAULT_TOKEN: token } }, ...minimal)
    expect([code, err]).toEqual([
      2,
      expect.stringMatching(/^Error writing secret\/data\/mcp\/github: permission denied/),
    ])
    expect(err).toContain('path "secret/data/mcp/github" { capabilities = ["create"] }\n\n')
    expect(err).toContain(
      'Written: mcp/upstreams/github, mcp/tools/github/user. Not written: secret/data/mcp/github, secret/metadata/mcp/github. The key is not used for anything new: the consent to it is written last. Run the same command again to complete it.',
    )
    expect(await v('read -field=url mcp/upstreams/github')).toBe('https://api.github.com')
    const { out } = await piped(...minimal)
    expect(out).toContain('mcp/upstreams/github  (unchanged)')
    expect(await v('consent migrate')).toContain('mcp/github  uses secret/mcp/github: ok')
  })

  it('does not write over a key that somebody else wrote meanwhile', async () => {
    const answer = async () => {
      await v('kv put -mount=secret mcp/github api_key=ghp_of_somebody_else')
      return 'y'
    }
    const { code, err } = await add({ typed: KEY, answer }, 'github', '-tools=user')
    expect([code, err]).toEqual([2, expect.stringContaining('check-and-set parameter did not match')])
    expect(err).toContain('Not written: secret/data/mcp/github, secret/metadata/mcp/github.')
    expect(await v('kv get -mount=secret -field=api_key mcp/github')).toBe('ghp_of_somebody_else')
    expect(await v('consent migrate')).toContain('missing mcp_origins=https://api.github.com')
  })

  it('does not write over metadata that somebody else changed meanwhile', async () => {
    await piped(...minimal)
    const answer = async () => {
      await v('kv metadata patch -mount=secret -custom-metadata=team=core mcp/github')
      return 'y'
    }
    const words = ['github', '-tools=user', '-url=https://github.acme.example']
    const { code, err } = await add({ typed: KEY, answer }, ...words)
    expect([code, err]).toEqual([2, expect.stringContaining('was changed by somebody else meanwhile')])
    expect(err).toContain('Nothing was written.')
    expect(await v('read -field=url mcp/upstreams/github')).toBe('https://api.github.com')
    expect(await add({ typed: KEY, answer: 'y' }, ...words)).toMatchObject({ code: 0 })
  })

  it('says that calls are refused once the old consent is taken back, and goes on from there', async () => {
    await piped(...minimal)
    const token = await tokenWith({
      ...reading,
      'secret/metadata/mcp/*': ['read', 'update'],
      'mcp/tools/*': ['list', 'update'],
      'sys/capabilities-self': ['deny'],
    })
    const words = [...minimal, '-url=https://github.acme.example']
    const { code, err } = await add({ stdin: `${KEY}_2`, env: { VAULT_TOKEN: token } }, ...words)
    expect([code, err]).toEqual([2, expect.stringMatching(/^Error writing mcp\/upstreams\/github: permission denied/)])
    expect(err).toContain(
      'Written: secret/metadata/mcp/github. Not written: mcp/upstreams/github, secret/data/mcp/github,',
    )
    expect(err).toContain('Until then calls with the key are refused.')
    expect(await v('consent migrate')).toContain('missing mcp_origins=https://api.github.com')
    expect(await add({ stdin: `${KEY}_2` }, ...words)).toMatchObject({ code: 0 })
    expect(await v('consent migrate')).toContain('mcp/github  uses secret/mcp/github: ok')
  })

  it('says where it stands when it is interrupted', async () => {
    const stop = new AbortController()
    const answer = () => {
      stop.abort()
      return Promise.resolve('y')
    }
    const { code, err } = await add({ typed: KEY, answer, signal: stop.signal }, 'github', '-tools=user')
    expect([code, err]).toEqual([
      130,
      expect.stringContaining('Nothing was written. Not written: mcp/upstreams/github'),
    ])
  })
})

describe('a place that is none', () => {
  it('is an engine that is not mounted', async () => {
    const { code, err } = await piped('github', '-mount=nowhere', '-yes', '-')
    expect([code, err]).toEqual([2, expect.stringMatching(/^Error reading nowhere\/upstreams\/github: /)])
  })

  it.each(['nowhere', 'old'])('is %s/, which is no KV engine of version 2', async (mount) => {
    await v('secrets enable -path=old -version=1 kv')
    const { code, err } = await piped('github', `-kv-mount=${mount}`, '-yes', '-')
    expect([code, err]).toEqual([2, expect.stringContaining(`There is no KV engine of version 2 at ${mount}/`)])
    expect(await attempt('read mcp/upstreams/github')).toMatchObject({ code: 2 })
  })
})
