/** `mcp-vault add` on whatever server there is: its key/value engine, its capabilities and its policies decide what may be written. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { shellAt } from '../cli/terminal.ts'
import type { Outcome } from '../cli/terminal.ts'
import { policyText } from './policy-table.ts'
import { startTarget } from './target/index.ts'
import type { Server } from './target/index.ts'
import { must } from './target/server.ts'

const KEY = 'github_pat_made_up_0123456789'
const OWN = '-url=https://github.acme.example/api/v3'
const tokens = new Map<string, string>()
let server: Server

beforeAll(async () => {
  server = await startTarget()
  const { api, plugin } = server
  const config = plugin && { config: { plugin_version: plugin.version } }
  await must(api('POST', 'sys/mounts/mcp', { body: { type: 'mcp', ...config } }), 'mounting mcp')
  await must(api('POST', 'sys/mounts/secret', { body: { type: 'kv', options: { version: '2' } } }), 'mounting secret')
  for (const name of ['mcp-terraform', 'mcp-operator'] as const) {
    await must(api('POST', `sys/policies/acl/${name}`, { body: { policy: policyText(name) } }), name)
    const { body } = await must(api('POST', 'auth/token/create', { body: { policies: [name] } }), name)
    tokens.set(name, body.auth.client_token as string)
  }
}, 60_000)
afterAll(() => server.stop())

async function add(policy: string, stdin: string, ...words: string[]): Promise<Outcome> {
  const env = { VAULT_TOKEN: tokens.get(policy) ?? server.rootToken }
  return (await shellAt(server.address, { env, stdin })).mcpVault('add', 'github', '-yes', ...words)
}
const read = async (path: string) => (await server.api('GET', path)).body?.data
const stored = async (name: string) => (await read(`secret/data/mcp/${name}`))?.data
const consent = async (name: string) => (await read(`secret/metadata/mcp/${name}`))?.custom_metadata

it('adds under mcp-terraform, finds nothing to do after it, and replaces the key beside other fields', async () => {
  expect(await add('mcp-terraform', KEY, '-')).toMatchObject({ code: 0, err: '' })
  expect([await stored('github'), await consent('github')]).toEqual([
    { api_key: KEY },
    { mcp_origins: 'https://api.github.com' },
  ])
  expect((await add('mcp-terraform', '')).out).toContain('Nothing to write: all of it is there.')
  await must(server.api('POST', 'secret/data/mcp/github', { body: { data: { api_key: KEY, note: 'kept' } } }), 'a note')
  expect(await add('mcp-terraform', `${KEY}_2\n`, 'api_key=-')).toMatchObject({ code: 0, err: '' })
  expect(await stored('github')).toEqual({ api_key: `${KEY}_2`, note: 'kept' })
})

it('moves to another origin, whose consent takes the place of the old one', async () => {
  expect(await add('root', KEY, '-name=moving', '-')).toMatchObject({ code: 0 })
  const { code, out } = await add('root', KEY, '-name=moving', OWN, '-')
  expect([code, out.match(/^secret\/metadata\/mcp\/moving/gm)]).toEqual([
    0,
    Array(2).fill('secret/metadata/mcp/moving'),
  ])
  expect(await consent('moving')).toEqual({ mcp_origins: 'https://github.acme.example' })
})

it('makes a secret again whose newest version was deleted', async () => {
  expect(await add('root', KEY, '-name=again', '-')).toMatchObject({ code: 0 })
  await must(server.api('DELETE', 'secret/data/mcp/again'), 'deleting')
  expect(await add('root', '', '-name=again')).toMatchObject({ code: 1, err: expect.stringContaining('give api_key') })
  expect(await add('mcp-terraform', KEY, '-name=again', '-')).toMatchObject({ code: 0, err: '' })
  expect(await stored('again')).toEqual({ api_key: KEY })
})

it('says under mcp-operator that keys are not its to write, and leaves them to their owner', async () => {
  const refused = await add('mcp-operator', KEY, '-name=without', '-')
  expect([refused.code, refused.err]).toEqual([2, expect.stringMatching(/-without-key|path "secret\//)])
  expect((await server.api('GET', 'mcp/upstreams/without')).status).toBe(404)
  expect(await add('mcp-operator', '', '-name=without', '-without-key')).toMatchObject({ code: 0, err: '' })
  expect((await read('mcp/upstreams/without'))?.url).toBe('https://api.github.com')
  expect((await server.api('GET', 'secret/metadata/mcp/without')).status).toBe(404)
})
