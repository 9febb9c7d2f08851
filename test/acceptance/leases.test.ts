import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expected, sentences } from './differences.ts'
import { Engine, keysOf } from './engine.ts'
import type { Issued } from './engine.ts'
import { eventually } from './eventually.ts'
import { startTarget } from './target/index.ts'
import type { ApiResponse, Server } from './target/index.ts'

let server: Server
let engine: Engine
beforeAll(async () => {
  server = await startTarget()
  engine = await Engine.at(server)
  await engine.declare('billing')
})
afterAll(() => server.stop())

const lookup = (lease: { lease_id: string }): Promise<ApiResponse> =>
  engine.sys('PUT', 'leases/lookup', { lease_id: lease.lease_id })
const gone = (lease: Issued): Promise<void> =>
  eventually('the lease is gone', async () => (await lookup(lease)).status, 400)
const ended = (token: Issued, reason = 'revoked'): Promise<void> =>
  eventually('the token is over', () => engine.state(token), reason)

describe('lookup', () => {
  it('shows times and whether it can be renewed, and nothing of the token', async () => {
    const token = await engine.issue('billing', { ttl: 600 })
    const response = await lookup(token)
    expect([response.status, keysOf(response)]).toEqual([200, expected('leaseKeys', server)])
    expect(response.body.data).toMatchObject({ id: token.lease_id, last_renewal: null, renewable: true })
    expect(response.body.data.ttl).toBeGreaterThan(560)
    expect(response.body.data.ttl).toBeLessThanOrEqual(600)
    expect(JSON.stringify(response.body)).not.toContain(token.token)
  })

  it('lists the leases of an agent', async () => {
    const [first, second] = [await engine.issue('billing'), await engine.issue('billing')]
    const last = ({ lease_id }: Issued) => lease_id.split('/').at(-1)
    expect(await engine.leases('creds/billing')).toEqual(expect.arrayContaining([last(first), last(second)]))
  })

  it('of an unknown lease is 400', async () => {
    expect((await lookup({ lease_id: `${engine.mount}/creds/billing/000000000000000000000000` })).status).toBe(400)
  })
})

describe('renew', () => {
  it('by the increment asked for, and engine and server agree on the end', async () => {
    const token = await engine.issue('billing', { ttl: 120 })
    const response = await engine.sys('PUT', 'leases/renew', { lease_id: token.lease_id, increment: 600 })
    expect(response).toMatchObject({
      status: 200,
      body: { lease_id: token.lease_id, renewable: true, lease_duration: 600, data: null },
    })
    const [{ ttl }, { exp, server_time_unix_ms }] = [
      (await lookup(token)).body.data,
      (await engine.write('introspect', { token: token.token })).body.data,
    ]
    expect(Math.abs(exp - (server_time_unix_ms as number) / 1000 - ttl)).toBeLessThan(3)
    expect(exp - server_time_unix_ms / 1000).toBeGreaterThan(590)
  })

  it('never past the longest life, counted from the issue', async () => {
    const token = await engine.issue('billing', { ttl: 120 })
    const { status, body } = await engine.sys('PUT', 'leases/renew', { lease_id: token.lease_id, increment: 99_999 })
    expect(status).toBe(200)
    expect(body.lease_duration).toBeGreaterThan(880)
    expect(body.lease_duration).toBeLessThanOrEqual(900)
    expect(
      (await engine.write('introspect', { token: token.token })).body.data.exp -
        (await engine.read(`sessions/${token.session_id}`)).body.data.tokens.map(
          ({ issued_at }: { issued_at: string }) => Date.parse(issued_at) / 1000,
        )[0],
    ).toBeLessThanOrEqual(900)
  })

  it('in the second form, with the id in the path', async () => {
    const token = await engine.issue('billing', { ttl: 120 })
    expect(await engine.sys('PUT', `leases/renew/${token.lease_id}`, { increment: '5m' })).toMatchObject({
      status: 200,
      body: { lease_duration: 300 },
    })
  })

  it('of a token as long as it may be is refused', async () => {
    const token = await engine.issue('billing')
    expect(token.renewable).toBe(false)
    expect(await engine.sys('PUT', 'leases/renew', { lease_id: token.lease_id, increment: 60 })).toMatchObject({
      status: 400,
      body: { errors: [expect.stringContaining('lease is not renewable')] },
    })
  })

  it('does not bring back what is over, and the refusal leaves the lease', async () => {
    const token = await engine.issue('billing', { ttl: 120 })
    await engine.delete(`sessions/${token.session_id}`)
    const response = await engine.sys('PUT', 'leases/renew', { lease_id: token.lease_id, increment: 600 })
    expect([response.status, sentences(response)]).toEqual([
      400,
      [expect.stringContaining('session is over, open a new one')],
    ])
    expect([await engine.state(token), (await lookup(token)).status]).toEqual(['revoked', 200])
  })

  it('cannot go on past the max TTL: the token expires and its lease goes', async () => {
    const own = await Engine.at(server)
    await own.declare('brief', undefined, 4)
    const token = await own.issue('brief', { ttl: 2 })
    const renewed = await own.sys('PUT', 'leases/renew', { lease_id: token.lease_id, increment: 3600 })
    expect(renewed.status).toBe(200)
    expect(renewed.body.lease_duration).toBeLessThanOrEqual(4)
    await eventually('the token expires', () => own.state(token), 'expired')
    await gone(token)
    expect((await own.sys('PUT', 'leases/renew', { lease_id: token.lease_id, increment: 60 })).status).toBe(400)
  })
})

describe('revoke', () => {
  it.each([
    ['by body', (id: string) => ['leases/revoke', { lease_id: id, sync: true }] as const],
    ['by path', (id: string) => [`leases/revoke/${id}`, { sync: true }] as const],
    ['by default', (id: string) => ['leases/revoke', { lease_id: id }] as const],
  ])('%s, with sync: over when it answers', async (_form, call) => {
    const token = await engine.issue('billing')
    const child = await engine.issue('billing', { parent_token: token.token })
    const [path, body] = call(token.lease_id)
    expect((await engine.sys('PUT', path, body)).status).toBe(204)
    expect([await engine.state(token), await engine.state(child), (await lookup(token)).status]).toEqual([
      'revoked',
      'revoked',
      400,
    ])
  })

  it('queued: acknowledged at once, over soon', async () => {
    const token = await engine.issue('billing')
    expect((await engine.sys('PUT', 'leases/revoke', { lease_id: token.lease_id, sync: false })).status).toBe(202)
    await ended(token)
    await gone(token)
  })

  it.each<[string, object, number]>([
    ['with sync', { sync: true }, 204],
    ['by default', {}, 204],
    ['queued', { sync: false }, 202],
  ])("by prefix, %s: the agent's, and nobody else's", async (_how, body, status) => {
    const own = await Engine.at(server)
    for (const agent of ['one', 'one-more']) await own.declare(agent)
    const [first, second, other] = [await own.issue('one'), await own.issue('one'), await own.issue('one-more')]
    expect((await own.sys('PUT', `leases/revoke-prefix/${own.mount}/creds/one`, body)).status).toBe(status)
    for (const token of [first, second]) await eventually('the token is over', () => own.state(token), 'revoked')
    await eventually('their leases are gone', () => own.leases('creds/one'), [])
    expect([await own.state(other), await own.leases('creds/one-more')]).toMatchObject(['active', [expect.any(String)]])
  })

  it('by force', async () => {
    const own = await Engine.at(server)
    await own.declare('one')
    const token = await own.issue('one')
    expect((await own.sys('PUT', `leases/revoke-force/${own.mount}/creds/one`)).status).toBe(204)
    await eventually('the token is over', () => own.state(token), 'revoked')
    expect(await own.leases('creds/one')).toEqual([])
  })

  it('of a prefix after two refreshes and a delegation leaves nothing alive', async () => {
    const own = await Engine.at(server)
    for (const agent of ['lead', 'helper']) await own.declare(agent)
    const first = await own.issue('lead')
    const helper = await own.issue('helper', { parent_token: first.token })
    const second = await own.issue(`lead/${first.session_id}`)
    const third = await own.issue(`lead/${first.session_id}`)
    const grandchild = await own.issue('helper', { parent_token: helper.token })
    expect(
      (await own.sys('PUT', `leases/revoke-prefix/${own.mount}/creds/lead/${first.session_id}`, { sync: true })).status,
    ).toBe(204)
    const all = [first, second, third, helper, grandchild]
    await eventually(
      'nothing is alive',
      () => Promise.all(all.map((token) => own.state(token))),
      all.map(() => 'revoked'),
    )
    expect((await own.write(`creds/lead/${first.session_id}`)).status).toBe(400)
    expect((await own.write('creds/helper', { parent_token: helper.token })).status).toBe(400)
  })

  it('of what is gone succeeds', async () => {
    const token = await engine.issue('billing')
    for (let times = 0; times < 2; times++)
      expect((await engine.sys('PUT', 'leases/revoke', { lease_id: token.lease_id, sync: true })).status).toBe(204)
  })
})

describe('the Vault token that asked', () => {
  const mayIssue =
    'path "{mount}/creds/*" { capabilities = ["update"] }\npath "auth/token/create" { capabilities = ["update"] }'

  it('takes its leases with it when it is revoked', async () => {
    const agent = await engine.tokenWith(mayIssue)
    const token = await engine.issue('billing', {}, agent)
    await server.api('POST', 'auth/token/revoke-self', { token: agent })
    await ended(token)
    await gone(token)
  })

  it("and its parent: a child's session is dead once the parent is revoked", async () => {
    const parent = await engine.tokenWith(mayIssue)
    const made = await server.api('POST', 'auth/token/create', { token: parent, body: {} })
    const child = made.body.auth.client_token as string
    const token = await engine.issue('billing', {}, child)
    expect(await engine.state(token)).toBe('active')
    expect((await server.api('POST', 'auth/token/revoke', { body: { token: parent } })).status).toBe(204)
    await ended(token)
    await gone(token)
    expect((await engine.write('creds/billing', {}, { token: child })).status).toBe(403)
  })

  it('on its last use gets no token of ours, and none is left alive', async () => {
    const own = await Engine.at(server)
    await own.declare('billing')
    const once = await own.tokenWith(mayIssue, { num_uses: 1 })
    const response = await own.write('creds/billing', {}, { token: once })
    expect([response.status, sentences(response)]).toEqual([400, [expect.stringContaining('token had one use left')]])
    const [session] = (await own.list('sessions')).body.data.keys as string[]
    await eventually(
      'the session is over',
      async () => (await own.read(`sessions/${session!}`)).body.data.state as string,
      'revoked',
    )
    await eventually('no lease is left', () => own.leases('creds/billing'), [])
  })

  it('by its natural end too', async () => {
    const agent = await engine.tokenWith(mayIssue, { ttl: '2s' })
    const token = await engine.issue('billing', {}, agent)
    await ended(token)
  })
})

describe("the mount's own longest life", () => {
  it('bounds every token, whatever was asked', async () => {
    const own = await Engine.at(server)
    await own.declare('billing')
    await own.sys('POST', `mounts/${own.mount}/tune`, { max_lease_ttl: '120s' })
    const ttl = async () => (await own.issue('billing', { ttl: 600 })).lease_duration
    await eventually('the engine knows', ttl, 120)
    const { body } = await own.write('creds/billing', { ttl: 600 })
    expect(body).toMatchObject({
      lease_duration: 120,
      renewable: false,
      warnings: ['ttl of 10m is cut to 2m by max_lease_ttl of the mount.'],
      data: { ttl_seconds: 120 },
    })
    await own.sys('POST', `mounts/${own.mount}/tune`, { max_lease_ttl: '1h' })
    await eventually('it is lifted', ttl, 600)
  })
})

describe('moving the mount', () => {
  it('ends its leases, and takes its documents along', async () => {
    const own = await Engine.at(server)
    await own.declare('billing')
    const token = await own.issue('billing')
    expect((await own.sys('POST', 'remount', { from: own.mount, to: `${own.mount}-moved` })).status).toBe(200)
    await eventually(
      'it has moved',
      async () => (await server.api('GET', `${own.mount}-moved/agents/billing`)).status,
      200,
    )
    expect((await own.read('agents/billing')).status).toBe(404)
    expect(
      (await server.api('POST', `${own.mount}-moved/introspect`, { body: { token: token.token } })).body.data,
    ).toMatchObject({ active: false, reason: 'revoked' })
    expect([await own.leases('creds'), (await server.api('POST', `${own.mount}-moved/creds/billing`)).status]).toEqual([
      [],
      200,
    ])
  })
})

describe('disabling the mount with live leases', () => {
  it('revokes them and takes everything away', async () => {
    const own = await Engine.at(server)
    await own.declare('billing')
    const first = await own.issue('billing')
    await own.issue(`billing/${first.session_id}`)
    await own.issue('billing', { parent_token: first.token })
    expect((await own.sys('DELETE', `mounts/${own.mount}`)).status).toBe(204)
    expect(await own.leases('creds')).toEqual([])
    expect((await own.write('introspect', { token: first.token })).status).toBe(404)
    await own.sys('POST', `mounts/${own.mount}`, { type: 'mcp' })
    expect([await own.state(first), (await own.list('agents')).status, (await own.list('sessions')).status]).toEqual([
      'unknown',
      404,
      404,
    ])
  })
})
