/** Who may not: every call is 403, says nothing, and changes nothing. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expected, sentences } from './differences.ts'
import { Engine } from './engine.ts'
import type { Issued } from './engine.ts'
import { startTarget } from './target/index.ts'
import type { Server } from './target/index.ts'

let server: Server
let engine: Engine
let session: Issued
/** May do all that is beside each row, and not that. */
const tokens = new Map<string, string>()

beforeAll(async () => {
  server = await startTarget()
  engine = await Engine.at(server)
  await engine.write('upstreams/stripe', { url: 'https://api.stripe.com' })
  await engine.write('tools/stripe/invoices', { operations: ['GET /v1/invoices'] })
  await engine.write('policies/reads', { policy: 'path "tools/stripe/invoices" { capabilities = ["read"] }' })
  for (const agent of ['billing', 'other']) await engine.declare(agent)
  session = await engine.issue('billing')
  for (const [name, policy] of Object.entries(policies)) tokens.set(name, await engine.tokenWith(policy))
})
afterAll(() => server.stop())

const policies = {
  nothing: 'path "{mount}-other/*" { capabilities = ["read"] }',
  reading: 'path "{mount}/*" { capabilities = ["read", "list"] }',
  'one agent': 'path "{mount}/creds/billing" { capabilities = ["update"] }',
  'everything but sudo': 'path "{mount}/*" { capabilities = ["create", "read", "update", "delete", "list"] }',
  'everything but one denied path':
    'path "{mount}/*" { capabilities = ["create", "read", "update", "delete", "list"] }\npath "{mount}/agents/billing/scopes" { capabilities = ["deny"] }',
} as const

const writes: readonly (readonly [string, string, object?])[] = [
  ['POST', 'config', { default_ttl: 60 }],
  ['DELETE', 'config'],
  ['POST', 'upstreams/stripe', { url: 'https://evil.example' }],
  ['POST', 'upstreams/new', { url: 'https://evil.example' }],
  ['DELETE', 'upstreams/stripe'],
  ['PUT', 'tools/stripe/invoices', { operations: ['DELETE /v1/{x}'] }],
  ['DELETE', 'tools/stripe/invoices'],
  ['POST', 'policies/reads', { policy: 'path "tools/stripe/refunds" { capabilities = ["create"] }' }],
  ['DELETE', 'policies/reads'],
  ['POST', 'agents/billing', { disabled: true }],
  ['POST', 'agents/new', { owner: 'me', environment: 'production' }],
  ['DELETE', 'agents/billing'],
  ['POST', 'agents/billing/revoke'],
  ['POST', 'agents/billing/scopes', { scopes: ['write:stripe:refunds'] }],
  ['DELETE', 'agents/billing/scopes'],
  ['POST', 'agents/billing/scopes/staging', { scopes: ['read:stripe:invoices'] }],
  ['POST', 'creds/billing'],
  ['POST', `creds/billing/{session}`],
  ['DELETE', `creds/billing/{session}`],
  ['DELETE', 'sessions/{session}'],
  ['POST', 'sessions/revoke-all'],
  ['POST', 'introspect', { session_id: '{session}' }],
  ['POST', 'tidy'],
  ['POST', 'config/ttl-ceiling', { ttl_ceiling: '48h' }],
  ['DELETE', 'config/ttl-ceiling'],
]
const reads: readonly (readonly [string, string, object?])[] = [
  ['GET', 'config'],
  ['GET', 'upstreams/stripe'],
  ['LIST', 'upstreams'],
  ['GET', 'tools/stripe/invoices'],
  ['LIST', 'tools/stripe'],
  ['GET', 'policies/reads'],
  ['LIST', 'policies'],
  ['GET', 'agents/billing'],
  ['LIST', 'agents'],
  ['GET', 'agents/billing/scopes'],
  ['LIST', 'agents/billing/sessions'],
  ['GET', 'creds/billing'],
  ['GET', 'sessions/{session}'],
  ['LIST', 'sessions'],
  ['GET', 'feed?wait=0'],
  ['GET', 'tidy/status'],
  ['GET', 'config/ttl-ceiling'],
  ['GET', 'no/such/path'],
]
const sudo: readonly (readonly [string, string, object?])[] = [
  ['POST', 'sessions/revoke-all'],
  ['POST', 'tidy'],
  ['POST', 'config/ttl-ceiling', { ttl_ceiling: '48h' }],
  ['GET', 'config/ttl-ceiling'],
  ['DELETE', 'config/ttl-ceiling'],
]

/** Everything that can be read of the mount, the number of its sessions and leases included. */
async function everything(): Promise<unknown> {
  const documents = [
    'config',
    'upstreams/stripe',
    'upstreams/new',
    'tools/stripe/invoices',
    'policies/reads',
    'agents/billing',
    'agents/new',
    'agents/billing/scopes',
    'agents/billing/scopes/staging',
    `sessions/${session.session_id}`,
    'tidy/status',
  ]
  const lists = ['upstreams', 'tools', 'policies', 'agents', 'sessions']
  const responses = [
    ...(await Promise.all(documents.map((path) => engine.read(path)))),
    ...(await Promise.all(lists.map((path) => engine.list(path)))),
  ]
  const { body } = await engine.read('feed?wait=0')
  return [
    responses.map(({ status, body: { data } }) => [status, data]),
    await engine.leases('creds/billing'),
    await engine.state(session),
    body.data.epoch,
    body.data.sequence,
  ]
}

async function refused(
  [method, path, body]: readonly [string, string, object?],
  token: string,
  said: readonly string[] = ['permission denied'],
): Promise<void> {
  const filled = (text: string) => text.replaceAll('{session}', session.session_id)
  const sent = method === 'POST' || method === 'PUT' ? { body: filled(JSON.stringify(body ?? {})) } : {}
  const response = await engine.call(method, filled(path), undefined, { token, ...sent })
  expect([response.status, sentences(response).sort()]).toEqual([403, said])
}

describe('denied', () => {
  it.each<[keyof typeof policies, readonly (readonly [string, string, object?])[]]>([
    ['nothing', [...writes, ...reads]],
    ['reading', writes],
    ['one agent', [...writes.filter(([, path]) => path !== 'creds/billing'), ...reads, ['POST', 'creds/other']]],
    ['everything but sudo', sudo],
    [
      'everything but one denied path',
      [
        ['POST', 'agents/billing/scopes', { scopes: [] }],
        ['GET', 'agents/billing/scopes'],
        ['DELETE', 'agents/billing/scopes'],
      ],
    ],
  ])('a token that may do %s', async (name, calls) => {
    const before = await everything()
    for (const call of calls) await refused(call, tokens.get(name)!)
    expect(await everything()).toEqual(before)
  })

  it('a caller without a token', async () => {
    const before = await everything()
    for (const call of [...writes, ...reads]) await refused(call, '')
    expect(await everything()).toEqual(before)
  })

  it.each([
    ['one that does not exist', 'hvs.nobody'],
    ['a phantom token', 'svt_prod_x'],
  ])('a caller whose token is %s', async (_what, token) => {
    const before = await everything()
    for (const call of [...writes, ...reads]) await refused(call, token, expected('strangers', server))
    expect(await everything()).toEqual(before)
  })

  it('a token that was revoked', async () => {
    const token = await engine.tokenWith(policies.reading)
    expect((await engine.read('config', { token })).status).toBe(200)
    await server.api('POST', 'auth/token/revoke', { body: { token } })
    await refused(['GET', 'config'], token, expected('strangers', server))
  })

  it("another's session, though the path is allowed", async () => {
    const [mine, theirs] = [
      await engine.tokenWith('path "{mount}/creds/billing*" { capabilities = ["update", "delete"] }'),
      tokens.get('everything but sudo')!,
    ]
    const opened = await engine.issue('billing', {}, mine)
    for (const method of ['POST', 'DELETE']) await refused([method, `creds/billing/${opened.session_id}`], theirs)
    expect(await engine.state(opened)).toBe('active')
    expect((await engine.write(`creds/billing/${opened.session_id}`, {}, { token: mine })).status).toBe(200)
  })

  it('by none of this: with sudo, the same paths answer', async () => {
    const own = await Engine.at(server)
    const token = await own.tokenWith('path "{mount}/*" { capabilities = ["read", "update", "delete", "sudo"] }')
    for (const [method, path, body] of sudo)
      expect(
        (await own.call(method, path, method === 'POST' ? (body ?? {}) : undefined, { token })).status,
        `${method} ${path}`,
      ).toBeLessThan(300)
  })
})
