/** What is wrong is said in a sentence, with the status that Vault's clients know, and nothing is changed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expected, sentences } from './differences.ts'
import { Engine } from './engine.ts'
import type { Issued } from './engine.ts'
import { startTarget } from './target/index.ts'
import type { ApiResponse, Server } from './target/index.ts'

let server: Server
let engine: Engine
let session: Issued
beforeAll(async () => {
  server = await startTarget()
  engine = await Engine.at(server)
  await engine.declare('billing', ['read:stripe:invoices'])
  await engine.write('agents/silent', { owner: 'x', environment: 'production' })
  await engine.write('agents/disabled', { owner: 'x', environment: 'production', disabled: true })
  session = await engine.issue('billing')
})
afterAll(() => server.stop())

const name = (field: string, value: string, example: string) =>
  `${field} ${JSON.stringify(value)} is not a name: 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit, for example ${field}=${example}.`
const duration = (field: string, example: number) =>
  `${field} must be a duration in seconds, or a string such as 15m or 1h30m, for example ${field}=${example}.`

/** What, how, where, with what body, status, the one sentence; none: an empty list of errors. */
type Row = [string, string, string, object | undefined, number, string?]

const rows: readonly Row[] = [
  [
    'an upstream without url',
    'POST',
    'upstreams/new',
    {},
    400,
    'url is required, for example url=https://api.stripe.com.',
  ],
  [
    'an upstream that is no URL',
    'POST',
    'upstreams/new',
    { url: 'stripe' },
    400,
    'url "stripe" is not an absolute URL, for example url=https://api.stripe.com.',
  ],
  [
    'an upstream in the clear',
    'POST',
    'upstreams/new',
    { url: 'http://10.0.0.1' },
    400,
    'url is http:, which sends the key unencrypted. Use https:, or set allow_private_addresses=true for an upstream of your own network.',
  ],
  [
    'a key among the headers',
    'POST',
    'upstreams/new',
    { url: 'https://a.example', headers: { 'X-Api-Key': 'secret-value' } },
    400,
    'headers: "X-Api-Key" carries a credential. Put the key into KV and name its place with auth, for example auth=header:X-Api-Key.',
  ],
  [
    'a tool without operations',
    'POST',
    'tools/stripe/new',
    {},
    400,
    'operations is required, for example operations=GET /v1/invoices,GET /v1/invoices/{id}.',
  ],
  [
    'a tool three levels deep',
    'POST',
    'tools/stripe/a/b/c',
    { operations: ['GET /v1/x'] },
    400,
    'name "a/b/c" is not the name of a tool: write a resource, or resource/qualifier, for example name=customers/id-only.',
  ],
  [
    "a policy that is no tool's",
    'POST',
    'policies/new',
    { policy: 'path "secret/data/x" { capabilities = ["read"] }' },
    400,
    'policy, line 1: path "secret/data/x" is not a tool. Paths are tools/<upstream>/<resource> or tools/<upstream>/<resource>/<qualifier>, for example path "tools/stripe/invoices".',
  ],
  [
    'an agent without owner',
    'POST',
    'agents/new',
    { environment: 'production' },
    400,
    'owner is required, for example owner=platform-team.',
  ],
  [
    'an agent whose owner is a list',
    'POST',
    'agents/new',
    { owner: ['a'], environment: 'production' },
    400,
    'owner must be a string, for example owner=platform-team.',
  ],
  [
    'an agent in capitals',
    'POST',
    'agents/New',
    { owner: 'x', environment: 'production' },
    400,
    name('agent_id', 'New', 'claude-billing-agent'),
  ],
  [
    'disabled: perhaps',
    'POST',
    'agents/new',
    { owner: 'x', environment: 'production', disabled: 'perhaps' },
    400,
    'disabled must be true or false, for example disabled=false.',
  ],
  [
    'scopes of nobody',
    'POST',
    'agents/none/scopes',
    { scopes: ['read:stripe:invoices'] },
    404,
    'agent "none" is not registered. Write mcp/agents/none with owner and environment first.',
  ],
  [
    'a scope for everything',
    'POST',
    'agents/billing/scopes',
    { scopes: ['read:*'] },
    400,
    'scopes[0]: "read:*" covers every upstream. Name a resource, for example read:stripe:invoices.',
  ],
  [
    'a good scope and a bad one',
    'POST',
    'agents/billing/scopes',
    { scopes: ['read:stripe:refunds', 'read'] },
    400,
    'scopes[1]: "read" names no upstream. Write for example read:stripe:invoices.',
  ],
  [
    'a cap of 0',
    'POST',
    'agents/billing/scopes',
    { max_ttl_seconds: 0 },
    400,
    'max_ttl_seconds must be at least 1; tokens always expire, for example max_ttl_seconds=900.',
  ],
  [
    'a cap that is negative',
    'POST',
    'agents/billing/scopes',
    { max_ttl_seconds: -5 },
    400,
    'max_ttl_seconds must not be negative, for example max_ttl_seconds=900.',
  ],
  [
    'a default_ttl over max_ttl',
    'POST',
    'config',
    { default_ttl: '2h' },
    400,
    'default_ttl (7200) is longer than max_ttl (3600); raise max_ttl or lower default_ttl, for example default_ttl=3600.',
  ],
  ['a ttl that is none', 'POST', 'config', { max_ttl: 'tomorrow' }, 400, duration('max_ttl', 3600)],
  [
    'the prefix of service tokens',
    'POST',
    'config',
    { token_prefix: 'gst' },
    400,
    'token_prefix must be 2 to 8 characters of a-z and 0-9 (gst is taken by service tokens), for example token_prefix=svt.',
  ],
  [
    'a token for nobody',
    'POST',
    'creds/none',
    {},
    400,
    'agent "none" is not registered. Write mcp/agents/none with owner and environment first.',
  ],
  [
    'a token for a disabled agent',
    'POST',
    'creds/disabled',
    {},
    400,
    'agent "disabled" is disabled; no tokens are issued for it.',
  ],
  [
    'a token for an agent without scopes',
    'POST',
    'creds/silent',
    {},
    400,
    'agent "silent" has declared no scopes or policies; nothing can be granted. Write mcp/agents/silent/scopes, for example scopes=read:stripe:invoices.',
  ],
  [
    'more than was declared',
    'POST',
    'creds/billing',
    { requested_scopes: ['create:stripe:refunds'] },
    400,
    'requested_scopes: "create:stripe:refunds" is more than agent "billing" declares (read:stripe:invoices).',
  ],
  [
    'no scopes at all',
    'POST',
    'creds/billing',
    { requested_scopes: [] },
    400,
    'requested_scopes is empty. Omit it to be granted all declared scopes, or name some, for example requested_scopes=read:stripe:invoices.',
  ],
  [
    'a purpose of two lines',
    'POST',
    'creds/billing',
    { purpose: 'a\nb' },
    400,
    'purpose must be one line of at most 512 characters, for example purpose=quarterly-invoice-reconciliation.',
  ],
  [
    'a parent that is none',
    'POST',
    'creds/billing',
    { parent_token: 'svt_prod_x' },
    400,
    'parent_token is not a live token; delegate from a live session, or omit parent_token.',
  ],
  [
    'a parameter with a read',
    'GET',
    'creds/billing?ttl=15m',
    undefined,
    400,
    'ttl is not accepted by a read, which requests everything declared. Write instead, for example vault write mcp/creds/billing ttl=15m.',
  ],
  [
    'a refresh of what is no session',
    'POST',
    'creds/billing/nothing',
    {},
    400,
    'session "nothing" is not a session of agent "billing"; open one with mcp/creds/billing.',
  ],
  [
    'introspection of nothing',
    'POST',
    'introspect',
    {},
    400,
    'give exactly one of token, token_sha256, session_id and batch_input, for example token=svt_prod_….',
  ],
  [
    'introspection for a scope that is none',
    'POST',
    'introspect',
    { token: 'svt_x', required_scope: 'everything' },
    400,
    'required_scope: "everything" does not begin with a capability (create, read, update, delete, list, deny, write). Write for example read:stripe:invoices.',
  ],
  [
    'introspection of a batch of none',
    'POST',
    'introspect',
    { batch_input: [] },
    400,
    'batch_input must hold 1 to 64 objects, for example batch_input=[{"token_sha256":"b94d27b9…"}].',
  ],
  [
    'introspection of a batch beside one',
    'POST',
    'introspect',
    { batch_input: [{ token: 'svt_x' }], required_scope: 'read:stripe:invoices' },
    400,
    'token, token_sha256, session_id and required_scope stand in the objects of batch_input, not beside it, for example batch_input=[{"token_sha256":"b94d27b9…"}].',
  ],
  [
    'a feed position that is none',
    'GET',
    'feed?after=x',
    undefined,
    400,
    'after must be a whole number, for example after=41.',
  ],
  ['a page of nothing', 'LIST', 'sessions?limit=0', undefined, 400, 'limit must be at least 1, for example limit=100.'],
  ['revoking nobody', 'POST', 'agents/none/revoke', {}, 404, 'agent "none" is not registered.'],
  ['reading what is not there', 'GET', 'agents/none', undefined, 404],
  ['a path that is none', 'GET', 'nothing', undefined, 404, 'unsupported path'],
  ['the mount itself', 'GET', '', undefined, 404, 'unsupported path'],
  ['a path too deep', 'GET', 'agents/a/b/c/d', undefined, 404, 'unsupported path'],
  ['a verb that is not served', 'GET', 'introspect', undefined, 405, 'unsupported operation'],
  ['a list of what is no list', 'LIST', 'config', undefined, 405, 'unsupported operation'],
  ['deleting what cannot be', 'DELETE', 'creds/billing', undefined, 405, 'unsupported operation'],
]

/** What a refused call must leave as it was. */
const everything = async (): Promise<unknown> => {
  const responses = await Promise.all(
    [
      'config',
      'agents/billing',
      'agents/billing/scopes',
      'agents/new',
      'upstreams/new',
      'policies/new',
      'tools/stripe/new',
      `sessions/${session.session_id}`,
    ].map((path) => engine.read(path)),
  )
  return [
    responses.map(({ status, body }) => [status, body.data]),
    await engine.leases('creds/billing'),
    (await engine.list('sessions')).body.data,
  ]
}

describe('bad input', () => {
  it.each<Row>(rows)('%s: %s %s', async (_what, method, path, body, status, sentence) => {
    const before = await everything()
    const response = await engine.call(method, path, body)
    expect([response.status, sentences(response)]).toEqual([status, sentence === undefined ? [] : [sentence]])
    expect(await everything()).toEqual(before)
  })

  // What is not JSON object never reaches the engine: each server has its own words for it, and the same status.
  it.each([
    ['a list', '[]'],
    ['a text', '"x"'],
    ['two texts', '"a" "b"'],
  ])('a body that is %s', async (_what, text) => {
    const response: ApiResponse = await engine.call('POST', 'agents/new', undefined, { body: text })
    expect([response.status, sentences(response)]).toEqual([400, [expect.stringContaining('JSON')]])
    expect((await engine.read('agents/new')).status).toBe(404)
  })

  it.each([
    ['cut short', '{"owner"'],
    ['no JSON', '{"owner":yes}'],
  ])('a body that is %s', async (_what, text) => {
    const response: ApiResponse = await engine.call('POST', 'agents/new', undefined, { body: text })
    const { status, says } = expected('brokenJson', server)
    expect([response.status, sentences(response)]).toEqual([status, [expect.stringMatching(says)]])
    expect((await engine.read('agents/new')).status).toBe(404)
  })

  it('a secret given in the wrong place is not repeated', async () => {
    const response = await engine.write(`creds/${session.token}`)
    expect(response.status).toBe(400)
    expect(JSON.stringify(response.body)).not.toContain(session.token.slice(10))
  })
})
