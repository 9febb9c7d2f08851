import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startHostHarness } from '../harness.ts'
import type { HostHarness } from '../harness.ts'

/** One policy, many requests: what is granted is served, everything beside it is refused. */
const policy = `
path "lend/items/ladder"  { capabilities = ["read", "update"] }
path "lend/items/new-*"   { capabilities = ["create"] }
path "lend/items/secret*" { capabilities = ["deny"] }
path "lend/items/"        { capabilities = ["list"] }
path "lend/loans/+"       { capabilities = ["update"], allowed_parameters = { "ttl" = ["60"] } }
path "lend/loans/gold"    { capabilities = ["update"], denied_parameters = { "renewable" = [] } }
path "lend/audit-all"     { capabilities = ["update"] }
path "sys/mounts"         { capabilities = ["read"] }
path "sys/policies/acl/*" { capabilities = ["read"] }
path "sys/leases/revoke-prefix/*" { capabilities = ["update"] }
`

let harness: HostHarness
let token: string
beforeAll(async () => {
  harness = await startHostHarness()
  for (const name of ['ladder', 'secret-plan', 'rope']) await harness.call('PUT', `lend/items/${name}`, {})
  token = await harness.tokenFor({ worker: policy })
})
afterAll(async () => {
  await harness.host.close()
})

const denied = { status: 403, body: { errors: ['1 error occurred:\n\t* permission denied\n\n'] } }

describe('granted', () => {
  it.each([
    ['reading the item', 'GET', 'lend/items/ladder', undefined, 200],
    ['updating the item that is there', 'PUT', 'lend/items/ladder', { colour: 'red' }, 204],
    ['creating under a glob', 'POST', 'lend/items/new-1', {}, 204],
    ['listing', 'LIST', 'lend/items', undefined, 200],
    ['listing with GET and list=true', 'GET', 'lend/items?list=true', undefined, 200],
    ['listing as hvac writes it', 'GET', 'lend/items?list=True', undefined, 200],
    ['a parameter of an allowed value', 'PUT', 'lend/loans/rope', { ttl: '60' }, 200],
    ['help on any path', 'GET', 'lend/items/secret-plan?help=1', undefined, 200],
    ['reading a policy', 'GET', 'sys/policies/acl/worker', undefined, 200],
    ['its own look-up, by the default policy', 'GET', 'auth/token/lookup-self', undefined, 200],
  ])('%s', async (_case, method, target, body, status) => {
    expect((await harness.call(method, target, body, token)).status).toBe(status)
  })
})

describe('denied', () => {
  it.each([
    ['reading what no rule names', 'GET', 'lend/items/rope', undefined],
    ['creating where only update is granted', 'PUT', 'lend/items/ladder-2', {}],
    ['updating where only create is granted', 'PUT', 'lend/items/secret-plan', {}],
    ['deleting', 'DELETE', 'lend/items/ladder', undefined],
    ['what is denied although a wider rule might grant', 'GET', 'lend/items/secret-plan', undefined],
    ['reading a collection that may be listed', 'GET', 'lend/items/', undefined],
    ['a parameter of another value', 'PUT', 'lend/loans/rope', { ttl: '61' }],
    ['a parameter that is not named', 'PUT', 'lend/loans/rope', { max_ttl: '60' }],
    ['a denied parameter', 'PUT', 'lend/loans/gold', { renewable: false }],
    ['a root path without sudo', 'PUT', 'lend/audit-all', {}],
    ['revoke-prefix without sudo', 'PUT', 'sys/leases/revoke-prefix/lend', {}],
    ['mounting', 'POST', 'sys/mounts/x', { type: 'lend' }],
    ['writing a policy', 'PUT', 'sys/policies/acl/worker', { policy: 'path "*" { capabilities = ["sudo"] }' }],
    ['making tokens', 'POST', 'auth/token/create', {}],
    ['a path that no mount serves', 'GET', 'nowhere/x', undefined],
    ['looking up other tokens', 'POST', 'auth/token/lookup', { token: 'root' }],
    ['judging other tokens', 'POST', 'sys/capabilities', { token: 'root', path: 'x' }],
    ['listing leases', 'LIST', 'sys/leases/lookup/lend', undefined],
    ['the audit devices', 'GET', 'sys/audit', undefined],
  ])('%s', async (_case, method, target, body) => {
    expect(await harness.call(method, target, body, token)).toMatchObject(denied)
  })

  it.each([
    ['no token', ''],
    ['an unknown token', 'hvs.unknown'],
    ['an accessor for a token', 'accessor'],
    ['the root token with a space inside', 'ro ot'],
  ])('everything, with %s, in the same words', async (_case, given) => {
    for (const target of [
      'lend/items/ladder',
      'sys/mounts',
      'nowhere/x',
      'auth/token/lookup-self',
      'sys/internal/ui/mounts',
      'lend/?help=1',
    ]) {
      expect(await harness.call('GET', target, undefined, given)).toMatchObject({
        status: 403,
        body: { errors: ['permission denied'] },
      })
    }
  })

  it('a denied write changes nothing and reaches no engine', async () => {
    const before = harness.engine.requests.length
    await harness.call('PUT', 'lend/items/rope', { colour: 'red' }, token)
    expect(harness.engine.requests).toHaveLength(before)
    expect((await harness.call('GET', 'lend/items/rope')).body.data.colour).toBeNull()
  })
})

describe('sudo', () => {
  it("opens root paths, together with the operation's own capability", async () => {
    const chief = await harness.tokenFor({ chief: 'path "lend/audit-all" { capabilities = ["update", "sudo"] }' })
    expect((await harness.call('PUT', 'lend/audit-all', {}, chief)).status).toBe(204)
    const half = await harness.tokenFor({ half: 'path "lend/audit-all" { capabilities = ["sudo"] }' })
    expect((await harness.call('PUT', 'lend/audit-all', {}, half)).status).toBe(403)
  })
})

describe('policies in motion', () => {
  it('a change holds at once for tokens that exist', async () => {
    const other = await harness.tokenFor({ moving: 'path "lend/items/rope" { capabilities = ["read"] }' })
    expect((await harness.call('GET', 'lend/items/rope', undefined, other)).status).toBe(200)
    await harness.call('PUT', 'sys/policies/acl/moving', {
      policy: 'path "lend/items/rope" { capabilities = ["deny"] }',
    })
    expect((await harness.call('GET', 'lend/items/rope', undefined, other)).status).toBe(403)
    await harness.call('PUT', 'sys/policies/acl/moving', {
      policy: 'path "lend/items/rope" { capabilities = ["read"] }',
    })
    await harness.call('DELETE', 'sys/policies/acl/moving')
    expect((await harness.call('GET', 'lend/items/rope', undefined, other)).status).toBe(403)
  })

  it('deny in one policy wins over a grant in another', async () => {
    const rule = (capability: string): string => `path "lend/items/rope" { capabilities = ["${capability}"] }`
    const both = await harness.tokenFor({ grants: rule('read'), denies: rule('deny') })
    expect((await harness.call('GET', 'lend/items/rope', undefined, both)).status).toBe(403)
  })

  it('a token with a policy that does not exist has only the default', async () => {
    const made = await harness.call('POST', 'auth/token/create', { policies: ['ghost'] })
    expect((await harness.call('GET', 'lend/items/rope', undefined, made.body.auth.client_token)).status).toBe(403)
  })
})

describe('capabilities', () => {
  it('are reported per path', async () => {
    const response = await harness.call(
      'POST',
      'sys/capabilities-self',
      { paths: ['lend/items/ladder', 'lend/items/secret', 'nowhere', 'lend/items/'] },
      token,
    )
    expect(response.body.data).toEqual({
      'lend/items/ladder': ['read', 'update'],
      'lend/items/secret': ['deny'],
      nowhere: ['deny'],
      'lend/items/': ['list'],
    })
    expect(response.body['lend/items/ladder']).toEqual(['read', 'update'])
  })

  it('of one path come a second time under "capabilities"', async () => {
    expect((await harness.call('POST', 'sys/capabilities', { token, path: 'sys/mounts' })).body.data).toEqual({
      'sys/mounts': ['read'],
      capabilities: ['read'],
    })
    expect((await harness.call('POST', 'sys/capabilities-self', { path: 'x' })).body.data.capabilities).toEqual([
      'root',
    ])
  })

  it('of an unknown token or accessor are refused', async () => {
    expect((await harness.call('POST', 'sys/capabilities', { token: 'hvs.x', path: 'x' })).body.errors).toEqual([
      'invalid token',
    ])
    expect((await harness.call('POST', 'sys/capabilities-accessor', { accessor: 'x', path: 'x' })).body.errors).toEqual(
      ['invalid accessor'],
    )
    expect((await harness.call('POST', 'sys/capabilities-self', {})).status).toBe(400)
  })
})

describe('which mount serves a path', () => {
  it('is shown to those who can reach something below it, even without the default policy', async () => {
    const bare = await harness.tokenFor(
      { bare: 'path "lend/items/ladder" { capabilities = ["read"] }' },
      { no_default_policy: true },
    )
    const response = await harness.call('GET', 'sys/internal/ui/mounts/lend/items/whatever', undefined, bare)
    expect(response.body.data).toMatchObject({ path: 'lend/', type: 'lend', options: null })
    expect(
      Object.keys((await harness.call('GET', 'sys/internal/ui/mounts', undefined, bare)).body.data.secret as object),
    ).toEqual(['lend/'])
  })

  it.each([
    ['a mount out of reach', 'auth/token/x'],
    ['no mount at all', 'nowhere/x'],
  ])('is refused with 403 for %s', async (_case, path) => {
    const bare = await harness.tokenFor(
      { bare: 'path "lend/items/ladder" { capabilities = ["read"] }' },
      { no_default_policy: true },
    )
    expect(await harness.call('GET', `sys/internal/ui/mounts/${path}`, undefined, bare)).toMatchObject({
      status: 403,
      body: {
        errors: [
          `preflight capability check returned 403, please ensure client's policies grant access to path "${path}/"`,
        ],
      },
    })
  })
})

describe('a slash at the end of a path', () => {
  let caller: string
  beforeAll(async () => {
    caller = await harness.tokenFor({
      broad:
        'path "lend/*" { capabilities = ["read", "list", "delete"] }\npath "lend/items/ladder" { capabilities = ["deny"] }\npath "auth/token/*" { capabilities = ["list"] }\npath "sys/leases/*" { capabilities = ["read", "list"] }\npath "sys/leases" { capabilities = ["read", "list"] }',
    })
  })

  it.each([
    ['GET', 'lend/items/ladder', 403],
    ['GET', 'lend/items/ladder/', 404],
    ['GET', 'lend/items/ladder%2f', 404],
    ['DELETE', 'lend/items/ladder//', 404],
    ['GET', 'lend/items/rope', 200],
  ])('does not carry %s %s past a deny: %i', async (method, target, status) => {
    expect((await harness.call(method, target, undefined, caller)).status).toBe(status)
  })

  it.each(['auth/token/accessors', 'auth/token/accessors/', 'sys/leases', 'sys/leases/'])(
    'does not hide that LIST %s needs sudo',
    async (target) => {
      expect((await harness.call('LIST', target, undefined, caller)).status).toBe(403)
    },
  )
})
