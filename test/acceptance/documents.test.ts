/** What is stored under names: create, read, merge, list, delete; and the lists that come in pages. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expected } from './differences.ts'
import { Engine, keysOf } from './engine.ts'
import { startTarget } from './target/index.ts'
import type { Server } from './target/index.ts'

let server: Server
let engine: Engine
beforeAll(async () => {
  server = await startTarget()
  engine = await Engine.at(server)
})
afterAll(() => server.stop())

interface Collection {
  readonly list: string
  readonly path: string
  readonly key: string
  readonly first: object
  /** Of one field; the others of `first` stay. */
  readonly merge: object
  readonly merged: object
  readonly reset: object
  readonly resetTo: object
}

const collections: readonly Collection[] = [
  {
    list: 'upstreams',
    path: 'upstreams/github',
    key: 'github',
    first: { url: 'https://api.github.com', timeout: '30s' },
    merge: { auth: 'header:X-Api-Key' },
    merged: { url: 'https://api.github.com', timeout: 30, auth: 'header:X-Api-Key' },
    reset: { timeout: null },
    resetTo: { timeout: 60, auth: 'header:X-Api-Key' },
  },
  {
    list: 'tools/github',
    path: 'tools/github/prs/status',
    key: 'prs/status',
    first: { operations: 'GET /repos/{owner}/{repo}/pulls/{number}', risk: 'low' },
    merge: { mcp_tools: 'pr_status' },
    merged: { operations: ['GET /repos/{owner}/{repo}/pulls/{number}'], mcp_tools: ['pr_status'], risk: 'low' },
    reset: { risk: null },
    resetTo: { risk: null, mcp_tools: ['pr_status'] },
  },
  {
    list: 'policies',
    path: 'policies/reads',
    key: 'reads',
    first: { policy: 'path "tools/github/prs" { capabilities = ["read"] }' },
    merge: { policy: '{"path":{"tools/github/prs":{"capabilities":["list"]}}}' },
    merged: { policy: '{"path":{"tools/github/prs":{"capabilities":["list"]}}}' },
    reset: {},
    resetTo: { name: 'reads' },
  },
  {
    list: 'agents',
    path: 'agents/reviewer',
    key: 'reviewer',
    first: { owner: 'platform-team', environment: 'test', description: 'reviews' },
    merge: { policies: 'reads, writes' },
    merged: { owner: 'platform-team', description: 'reviews', policies: ['reads', 'writes'] },
    reset: { policies: null, description: null },
    resetTo: { policies: null, description: '' },
  },
  {
    list: 'agents/holder/scopes',
    path: 'agents/holder/scopes/staging',
    key: 'staging',
    first: { scopes: 'read:github:prs', max_ttl_seconds: 60 },
    merge: { scopes: ['read:github:prs', 'read:github:prs:status'] },
    merged: { scopes: ['read:github:prs', 'read:github:prs:status'], max_ttl_seconds: 60 },
    reset: { max_ttl_seconds: null },
    resetTo: { max_ttl_seconds: 900 },
  },
]

describe.each(collections)('$list', ({ list, path, key, first, merge, merged, reset, resetTo }) => {
  const success = expect.toSatisfy((status: number) => status === 200 || status === 204)

  it('creates, merges, resets, lists and deletes', async () => {
    const own = await Engine.at(server)
    await own.write('agents/holder', { owner: 'x', environment: 'production' })
    expect(await own.read(path)).toMatchObject({ status: 404, body: { errors: [] } })
    expect((await own.write(path, first)).status).toEqual(success)
    expect((await own.call('PUT', path, merge)).status).toEqual(success)
    expect((await own.read(path)).body.data).toMatchObject(merged)
    await own.write(path, reset)
    expect((await own.read(path)).body.data).toMatchObject(resetTo)
    expect((await own.list(list)).body.data.keys).toContain(key)
    expect((await own.call('GET', `${list}?list=true`)).body.data.keys).toContain(key)
    expect((await own.list(`${list}/`)).body.data.keys).toContain(key)
    for (let times = 0; times < 2; times++)
      expect(await own.delete(path)).toMatchObject({ status: 204, body: undefined })
    expect(await own.read(path)).toMatchObject({ status: 404, body: { errors: [] } })
    const { body } = await own.list(list)
    expect(body.data?.keys ?? []).not.toContain(key)
  })

  it('counts versions up, never back', async () => {
    const own = await Engine.at(server)
    await own.write('agents/holder', { owner: 'x', environment: 'production' })
    const version = async () => (await own.read(path)).body.data.version as number
    await own.write(path, first)
    const before = await version()
    await own.write(path, merge)
    const after = await version()
    await own.delete(path)
    await own.write(path, first)
    expect([after > before, (await version()) > after]).toEqual([true, true])
  })

  it('of nothing is 404, with no sentence', async () => {
    const own = await Engine.at(server)
    expect(await own.list(list)).toMatchObject({ status: 404, body: { errors: [] } })
  })

  it('takes what it does not know with a warning that names it', async () => {
    await engine.write('agents/holder', { owner: 'x', environment: 'production' })
    const response = await engine.write(path, { ...first, colour: 'red', zeal: 1 })
    expect([response.status, response.body.warnings]).toEqual([
      200,
      expect.arrayContaining([
        expect.stringMatching(/^Endpoint ignored these unrecognized parameters: \[colour zeal\]$/),
      ]),
    ])
    expect(keysOf(await engine.read(path))).not.toContain('colour')
  })

  it('is not patched', async () => {
    expect(
      (await engine.call('PATCH', path, merge, { headers: { 'Content-Type': 'application/merge-patch+json' } })).status,
    ).toBe(405)
  })
})

describe('lists', () => {
  it('of tools carry the whole documents', async () => {
    const own = await Engine.at(server)
    await own.write('tools/stripe/invoices', { operations: ['GET /v1/invoices'] })
    await own.write('tools/stripe/customers/id-only', { operations: ['GET /v1/customers'], fields: ['data[].id'] })
    const { data } = (await own.list('tools/stripe')).body
    expect(data).toMatchObject({
      keys: ['customers/id-only', 'invoices'],
      key_info: {
        'customers/id-only': { fields: ['data[].id'], risk: null },
        invoices: { operations: ['GET /v1/invoices'] },
      },
    })
    expect(data.key_info.invoices).toEqual((await own.read('tools/stripe/invoices')).body.data)
    expect((await own.list('tools')).body.data).toEqual({ keys: ['stripe/'] })
  })

  it.each(['sessions', 'agents/billing/sessions'])('of %s come in pages that miss and repeat none', async (list) => {
    const own = await Engine.at(server)
    for (const agent of ['billing', 'other']) await own.declare(agent)
    const opened: string[] = []
    for (let count = 0; count < 5; count++) opened.push((await own.issue('billing')).session_id)
    const all = list === 'sessions' ? [...opened, (await own.issue('other')).session_id] : opened
    const seen: string[] = []
    // One page more than there are: it is empty.
    for (let pages = 0; pages <= Math.ceil(all.length / 2); pages++) {
      const { body } = await own.call('LIST', `${list}?limit=2&after=${seen.at(-1) ?? ''}`)
      const page = (body.data?.keys ?? []) as string[]
      expect(page.length).toBe(Math.min(2, all.length - seen.length))
      seen.push(...page)
    }
    expect([...seen].sort()).toEqual([...all].sort())
    expect((await own.list(list)).body.data.keys).toEqual(seen)
  })

  it('are no way to read or write: a slash at the end names another path', async () => {
    await engine.write('agents/holder', { owner: 'x', environment: 'production' })
    expect((await engine.read('agents/holder/')).status).toBe(404)
    expect((await engine.write('agents/holder/', { owner: 'y', environment: 'production' })).status).toBe(400)
    expect((await engine.read('agents/holder')).body.data.owner).toBe('x')
  })
})

describe('what is large', () => {
  it('reaches the engine: a body of 6 MB', async () => {
    // Texts of their own: one alone may have a mebibyte.
    const padding = Object.fromEntries(Array.from({ length: 6 }, (_, index) => [`pad_${index}`, 'x'.repeat(1_000_000)]))
    const response = await engine.write('introspect', { token: 'x', ...padding })
    expect([response.status, response.body.data.active, response.body.data.reason]).toEqual([200, false, 'malformed'])
  })

  it('is stored whole or not at all', async () => {
    const response = await engine.write('agents/large', {
      owner: 'x',
      environment: 'production',
      description: 'x'.repeat(1_500_000),
    })
    const stored = expected('largeRecord', server)
    expect(response.status).toBe(stored.written)
    expect((await engine.read('agents/large')).status).toBe(stored.read)
    expect((await engine.read('config')).status).toBe(200)
  })
})
