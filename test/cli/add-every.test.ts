/** Every preset through `mcp-vault add`, and the shipped policies it goes through under. */
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { presets } from '../../src/preset/index.ts'
import type { Preset } from '../../src/preset/index.ts'
import { embeddedShell } from './embedded.ts'
import type { Shell } from './terminal.ts'

const { v, attempt, shell, shellWith } = embeddedShell()

const variablesOf = ({ variables }: Preset): string[] =>
  Object.entries(variables).map(([name, { example }]) => `-var=${name}=${example}`)
const secretOf = ({ secret }: Preset): Record<string, string> =>
  Object.fromEntries(Object.entries(secret).map(([name, { example }]) => [name, example]))
const data = async (line: string): Promise<Record<string, unknown>> =>
  (JSON.parse(await v(`${line} -format=json`)) as { data: Record<string, unknown> }).data

/** Under one of vault-config/policies, with `stdin`. */
async function shellUnder(policy: string, stdin: string): Promise<Shell> {
  const text = await readFile(new URL(`../../vault-config/policies/${policy}.hcl`, import.meta.url), 'utf8')
  await shell().write(`${policy}.hcl`, text)
  await v(`policy write ${policy} ${policy}.hcl`)
  const created = JSON.parse(await v(`token create -policy=${policy} -format=json`)) as {
    auth: { client_token: string }
  }
  return shellWith({ env: { VAULT_TOKEN: created.auth.client_token }, stdin })
}

describe.each(presets.map((preset) => [preset.name, preset] as const))('%s', (name, preset) => {
  it('is added with its fields as JSON, consents to all it does, and has nothing left to do', async () => {
    const secret = secretOf(preset)
    const values = Object.values(secret)
    const stdin = values.length === 1 ? values[0]! : JSON.stringify(secret)
    const owner = await shellWith({ env: { VAULT_TOKEN: 'root' }, stdin })
    const { code, out, err } = await owner.mcpVault('add', name, ...variablesOf(preset), '-yes', '-')
    expect([code, err]).toEqual([0, ''])
    expect(out).not.toMatch(/\{\{/)
    for (const value of values) expect(out.split('In programs')[0]).not.toContain(value)
    expect((await data(`kv get -mount=secret mcp/${name}`)).data).toEqual(secret)
    expect(await v('consent migrate')).toBe(
      `mcp/${name}  uses secret/mcp/${name}: ok\nAll 1 uses of keys have their owners' consent.\n`,
    )
    const again = await owner.mcpVault('add', name, ...variablesOf(preset), '-yes')
    expect(again.out).toContain('Nothing to write: all of it is there.')
  })
})

const withVariables = presets.flatMap(({ name, variables }) =>
  Object.entries(variables).map(([variable, { default: otherwise }]) => ({ name, variable, otherwise })),
)

it.each(withVariables)('$name is not added with a $variable that would end its URL', async ({ name, variable }) => {
  const { code, err } = await attempt(`add ${name} -dry-run -var=${variable}=a.example/b?c#`)
  expect([code, err]).toEqual([1, expect.stringMatching(new RegExp(`^-var=${variable} does not fit: `))])
})

it.each(withVariables.filter(({ otherwise }) => !otherwise))(
  '$name is not added without its $variable',
  async ({ name, variable }) => {
    const { code, err } = await attempt(`add ${name} -dry-run`)
    expect([code, err]).toEqual([1, expect.stringMatching(new RegExp(`^-var=${variable} is missing: `))])
  },
)

describe('several fields', () => {
  const words = ['add', 'jira', '-var=site=acme', '-read-only'] as const
  const fields = { email: 'robot@acme.example', api_token: 'ATATT-example-not-a-key' }

  it('are asked for one after the other', async () => {
    const person = await shellWith({ env: { VAULT_TOKEN: 'root' }, typed: Object.values(fields), answer: 'yes' })
    const { code, err } = await person.mcpVault(...words)
    expect([code, err.split('\n').map((line) => line.split(',')[0])]).toEqual([
      0,
      ['email', 'api_token', 'Write this? [y/N] ', ''],
    ])
    expect((await data('kv get -mount=secret mcp/jira')).data).toEqual(fields)
  })

  it('come from files, and one of them can be replaced alone', async () => {
    const person = await shellWith({ env: { VAULT_TOKEN: 'root' }, stdin: 'ATATT-another-not-a-key\n' })
    for (const [name, text] of Object.entries(fields)) await person.write(`${name}.txt`, `${text}\n`)
    const alone = await person.mcpVault(...words, '-yes', 'api_token=-')
    expect([alone.code, alone.err]).toEqual([
      1,
      expect.stringContaining('so nothing was written: give email, for example'),
    ])
    expect(await person.mcpVault(...words, '-yes', 'email=@email.txt', 'api_token=@api_token.txt')).toMatchObject({
      code: 0,
      err: '',
    })
    expect(await person.mcpVault(...words, '-yes', 'api_token=-')).toMatchObject({ code: 0, err: '' })
    expect((await data('kv get -mount=secret mcp/jira')).data).toEqual({
      ...fields,
      api_token: 'ATATT-another-not-a-key',
    })
  })

  it('come from a key file, of which only what is needed is stored', async () => {
    const file = {
      type: 'service_account',
      project_id: 'acme',
      client_email: 'a@acme.example',
      private_key: '-----BEGIN PRIVATE KEY-----\nmade up\n-----END PRIVATE KEY-----\n',
    }
    const person = await shellWith({ env: { VAULT_TOKEN: 'root' } })
    await person.write('key.json', JSON.stringify(file))
    const { code, err } = await person.mcpVault('add', 'google', '-yes', '@key.json')
    expect([code, err]).toEqual([
      0,
      'Left out, because nothing but client_email, private_key is needed: type, project_id\n',
    ])
    expect((await data('kv get -mount=secret mcp/google')).data).toEqual({
      client_email: file.client_email,
      private_key: file.private_key.trimEnd(),
    })
  })

  it('may have several lines, at a prompt too', async () => {
    const pem = '-----BEGIN PRIVATE KEY-----\nmade up\n-----END PRIVATE KEY-----'
    const person = await shellWith({ env: { VAULT_TOKEN: 'root' }, typed: ['a@acme.example', pem], answer: 'y' })
    expect(await person.mcpVault('add', 'google', '-read-only')).toMatchObject({ code: 0 })
    expect((await data('kv get -mount=secret mcp/google')).data).toMatchObject({ private_key: pem })
  })
})

describe('the shipped policies', () => {
  it('mcp-terraform is enough for all of it', async () => {
    const owner = await shellUnder('mcp-terraform', 'github_pat_made_up_0123456789')
    expect(await owner.mcpVault('add', 'github', '-yes', '-')).toMatchObject({ code: 0, err: '' })
    expect(await owner.mcpVault('add', 'github', '-yes', '-')).toMatchObject({ code: 0, err: '' })
  })

  it('mcp-operator is not: keys are a right of their own', async () => {
    const operator = await shellUnder('mcp-operator', 'github_pat_made_up_0123456789')
    const { code, err } = await operator.mcpVault('add', 'github', '-yes', '-')
    expect([code, err]).toEqual([2, expect.stringContaining('or leave the key to its owner with -without-key')])
    expect(await attempt('read mcp/upstreams/github')).toMatchObject({ code: 2 })
  })

  it('mcp-operator is enough where the key is left to its owner, whose commands then work as they are', async () => {
    const operator = await shellUnder('mcp-operator', '')
    const { code, out } = await operator.mcpVault('add', 'jira', '-var=site=acme', '-without-key', '-yes')
    expect(code).toBe(0)
    expect(out).not.toContain('secret/data')
    expect(out).toContain('Success! jira is ready; its key is left to its owner.')
    const commands = [...out.matchAll(/^ {2}mcp-vault (kv .*)$/gm)].map(([, line]) => line!.replaceAll("'", ''))
    const owner = await shellWith({ env: { VAULT_TOKEN: 'root' } })
    await owner.write('email.txt', 'robot@acme.example')
    await owner.write('api_token.txt', 'ATATT-example-not-a-key')
    expect(commands).toHaveLength(2)
    for (const line of commands) expect(await owner.mcpVault(...line.split(' '))).toMatchObject({ code: 0, err: '' })
    expect(await v('consent migrate')).toContain('mcp/jira  uses secret/mcp/jira: ok')
  })

  it('shows those commands in a dry run and to programs, too', async () => {
    const operator = await shellUnder('mcp-operator', '')
    const words = ['add', 'github', '-without-key', '-dry-run']
    const command = 'mcp-vault kv put -mount=secret mcp/github api_key=@api_key.txt'
    expect((await operator.mcpVault(...words)).out).toContain(`  ${command}\n`)
    expect(JSON.parse((await operator.mcpVault(...words, '-format=json')).out)).toMatchObject({
      owner: [command, expect.stringContaining('mcp_origins=https://api.github.com')],
    })
  })

  it.each([['-keep-key'], ['-']])('but not together with %s', async (word) => {
    expect(await attempt(`add github -without-key -yes ${word}`)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^-without-key leaves the secret alone/),
    })
  })
})
