import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultyStorage } from '../../fakes/faulty-storage.ts'
import { startHostHarness } from '../harness.ts'
import type { HostHarness } from '../harness.ts'

let harness: HostHarness
beforeEach(async () => {
  harness = await startHostHarness()
})
afterEach(async () => {
  await harness.host.close()
})

const make = async (body: object, token = 'root', path = 'auth/token/create') =>
  (await harness.call('POST', path, body, token)).body.auth
const alive = async (token: string): Promise<boolean> =>
  (await harness.call('GET', 'sys/internal/ui/mounts', undefined, token)).status === 200
const minutes = (count: number): Promise<void> => harness.clock.advance(count * 60_000)
const creator =
  'path "auth/token/create" { capabilities = ["update"] }\npath "lend/*" { capabilities = ["create", "update", "read"] }'

describe('making tokens', () => {
  it('answers the auth part of the envelope', async () => {
    const response = await harness.call('POST', 'auth/token/create', {
      policies: ['a'],
      ttl: '1h',
      meta: { team: 'x' },
      display_name: 'ci job',
    })
    expect(response.status).toBe(200)
    expect(response.body).toMatchObject({
      data: null,
      lease_id: '',
      lease_duration: 0,
      renewable: false,
      mount_type: 'token',
    })
    expect(response.body.auth).toMatchObject({
      policies: ['a', 'default'],
      token_policies: ['a', 'default'],
      metadata: { team: 'x' },
      lease_duration: 3600,
      renewable: true,
      entity_id: '',
      token_type: 'service',
      orphan: false,
      mfa_requirement: null,
      num_uses: 0,
    })
    expect(response.body.auth.client_token).toMatch(/^hvs\.[0-9A-Za-z]{24}$/)
    expect(response.body.auth.accessor).toMatch(/^[0-9A-Za-z]{24}$/)
  })

  it('accepts what the Terraform provider sends', async () => {
    const response = await harness.call('POST', 'auth/token/create', {
      ttl: '1200s',
      explicit_max_ttl: '1200s',
      display_name: 'terraform',
      num_uses: 0,
      renewable: false,
      type: '',
      entity_alias: '',
      policies: null,
      meta: null,
    })
    expect(response.body.auth).toMatchObject({ lease_duration: 1200, renewable: false })
    expect(
      (await harness.call('GET', 'auth/token/lookup-self', undefined, response.body.auth.client_token)).body.data,
    ).toMatchObject({ display_name: 'token-terraform', explicit_max_ttl: 1200, policies: ['root'] })
  })

  it("caps a ttl over the mount's maximum, with a warning", async () => {
    await harness.call('POST', 'sys/mounts/auth/token/tune', { max_lease_ttl: '1h' })
    const response = await harness.call('POST', 'auth/token/create', { policies: ['a'], ttl: '2h' })
    expect(response.body.auth.lease_duration).toBe(3600)
    expect(response.body.warnings[0]).toContain('exceeded the effective max_ttl')
  })

  it('keeps no token in storage, only salted hashes', async () => {
    const { client_token } = await make({ policies: ['a'] })
    const stored: string[] = []
    const folders = ['']
    for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
      for (const name of await harness.storage.list(folder)) {
        if (name.endsWith('/')) folders.push(folder + name)
        else stored.push(folder + name, Buffer.from((await harness.storage.get(folder + name))!.value).toString())
      }
    }
    expect(stored.length).toBeGreaterThan(10)
    expect(stored.filter((text) => text.includes(client_token))).toEqual([])
  })

  it('gives engines the same salted token each time, another one per mount, and never the token', async () => {
    const token = await harness.tokenFor({ lender: 'path "+/items/*" { capabilities = ["create", "update", "read"] }' })
    await harness.call('POST', 'sys/mounts/lend2', { type: 'lend' })
    for (const path of ['lend/items/a', 'lend/items/b', 'lend2/items/a']) await harness.call('PUT', path, {}, token)
    const [first, second, other] = harness.engine.requests.map((request) => request.client_token)
    expect(second).toBe(first)
    expect(other).not.toBe(first)
    expect(first).not.toContain(token)
    expect(harness.engine.requests[0]).toMatchObject({
      display_name: 'token',
      entity_id: '',
      mount_point: 'lend/',
      remote_addr: '127.0.0.1',
      operation: 'create',
    })
  })
})

describe('what a token may make', () => {
  it.each([
    ['policies it lacks', { policies: ['other'] }, 'child policies must be subset of parent; the parent lacks other.'],
    ['a root token', { policies: ['root'] }, 'root tokens may not be created without parent token being root'],
    ['an orphan', { no_parent: true }, 'root or sudo privileges required to create orphan token'],
    ['a periodic token', { period: '1h' }, 'root or sudo privileges required to create periodic token'],
    ['a token of its choosing', { id: 'mine' }, 'root or sudo privileges required to specify token id'],
  ])('refuses %s without sudo', async (_case, body, message) => {
    const token = await harness.tokenFor({ creator })
    expect(await harness.call('POST', 'auth/token/create', body, token)).toMatchObject({
      status: 400,
      body: { errors: [message] },
    })
  })

  it.each([
    ['a batch token with root', { type: 'batch' }, 'batch tokens cannot be root tokens'],
    ['a batch token with an id', { type: 'batch', id: 'x' }, 'batch tokens cannot have "id" set'],
    ['an unknown type', { type: 'plastic' }, 'type must be one of'],
    ['an entity alias', { entity_alias: 'bob' }, 'entity_alias is not supported'],
    ['a negative number of uses', { num_uses: -1 }, 'number of uses cannot be negative'],
    ['a ttl that is no duration', { ttl: 'soon' }, 'ttl must be a duration'],
    ['meta that is not texts', { meta: { a: 1 } }, 'meta.a must be a string'],
    ['an id with a slash', { id: 'a/b' }, 'id may only hold'],
    ['an id that is taken', { id: 'root' }, 'cannot create a token with a duplicate ID'],
  ])('refuses %s to anyone', async (_case, body, message) => {
    const response = await harness.call('POST', 'auth/token/create', body)
    expect(response.status).toBe(400)
    expect(response.body.errors[0]).toContain(message)
  })

  it("inherits the creator's policies when none are asked for", async () => {
    const token = await harness.tokenFor({ creator })
    expect((await make({}, token)).policies).toEqual(['creator', 'default'])
    expect((await make({ no_default_policy: true }, token)).policies).toEqual(['creator'])
  })

  it('with sudo may go beyond its own policies, but not to root', async () => {
    const token = await harness.tokenFor({ chief: 'path "auth/token/create" { capabilities = ["update", "sudo"] }' })
    expect(await make({ policies: ['other'], no_parent: true, period: '1h' }, token)).toMatchObject({
      policies: ['default', 'other'],
      orphan: true,
      lease_duration: 3600,
    })
    expect((await harness.call('POST', 'auth/token/create', { policies: ['root'] }, token)).status).toBe(400)
  })

  it("create-orphan needs its own grant and still no more than the creator's policies", async () => {
    const orphans = 'path "auth/token/create-orphan" { capabilities = ["update"] }'
    const token = await harness.tokenFor({ orphans })
    expect(await make({}, token, 'auth/token/create-orphan')).toMatchObject({ orphan: true })
    expect((await harness.call('POST', 'auth/token/create-orphan', { policies: ['other'] }, token)).status).toBe(400)
    expect(
      (await harness.call('POST', 'auth/token/create-orphan', {}, await harness.tokenFor({ creator }))).status,
    ).toBe(403)
  })
})

describe('looking up', () => {
  it('shows every field clients read, with their types', async () => {
    const token = await harness.tokenFor(
      { a: 'path "x" { capabilities = ["read"] }' },
      { ttl: '10m', meta: { k: 'v' } },
    )
    await harness.clock.advance(60_500)
    const { data } = (await harness.call('GET', 'auth/token/lookup-self', undefined, token)).body
    expect(data).toEqual({
      accessor: expect.stringMatching(/^\w{24}$/) as string,
      creation_time: Date.parse('2026-03-15T16:00:00Z') / 1000,
      creation_ttl: 600,
      display_name: 'token',
      entity_id: '',
      expire_time: '2026-03-15T16:10:00Z',
      explicit_max_ttl: 0,
      id: token,
      issue_time: '2026-03-15T16:00:00Z',
      meta: { k: 'v' },
      num_uses: 0,
      orphan: false,
      path: 'auth/token/create',
      policies: ['a', 'default'],
      renewable: true,
      ttl: 540,
      type: 'service',
    })
  })

  it('answers by accessor without the token', async () => {
    const { accessor } = await make({ policies: ['a'] })
    expect((await harness.call('POST', 'auth/token/lookup-accessor', { accessor })).body.data).toMatchObject({
      id: '',
      accessor,
    })
    expect((await harness.call('LIST', 'auth/token/accessors')).body.data.keys).toContain(accessor)
  })

  it('the root token never expires', async () => {
    expect((await harness.call('GET', 'auth/token/lookup-self')).body.data).toMatchObject({
      ttl: 0,
      expire_time: null,
      policies: ['root'],
      renewable: false,
      orphan: true,
      display_name: 'root',
    })
  })

  it.each([
    ['an unknown token', 'auth/token/lookup', { token: 'hvs.unknown' }, 403, 'permission denied'],
    ['an unknown accessor', 'auth/token/lookup-accessor', { accessor: 'unknown' }, 400, 'invalid accessor'],
    ['no accessor', 'auth/token/lookup-accessor', {}, 400, 'accessor is required, for example accessor='],
  ])('refuses %s', async (_case, path, body, status, message) => {
    const response = await harness.call('POST', path, body)
    expect(response.status).toBe(status)
    expect(response.body.errors[0]).toContain(message)
  })
})

describe('the end of a token', () => {
  it('comes by itself at its expiry, to the second', async () => {
    const { client_token } = await make({ policies: ['a'], ttl: '10m' })
    await harness.clock.advance(599_999)
    expect(await alive(client_token)).toBe(true)
    await harness.clock.advance(1)
    expect(await alive(client_token)).toBe(false)
  })

  it('takes children, grandchildren and all their leases along, and nobody else', async () => {
    const parent = await harness.tokenFor({ creator })
    const child = (await make({}, parent)).client_token as string
    const grandchild = (await make({}, child)).client_token as string
    const unauthenticated = await harness.tokenFor({ creator })
    for (const [index, token] of [parent, child, grandchild, unauthenticated].entries())
      await harness.call('PUT', `lend/loans/of-${index}`, {}, token)
    expect((await harness.call('POST', 'auth/token/revoke', { token: parent })).status).toBe(204)
    for (const token of [parent, child, grandchild]) expect(await alive(token)).toBe(false)
    expect(await alive(unauthenticated)).toBe(true)
    await harness.clock.advance(0)
    expect(harness.engine.revoked.map(({ loan }) => loan).sort()).toEqual(['of-0-1', 'of-1-2', 'of-2-3'])
  })

  it('by revoke-self needs no more than the token', async () => {
    const { client_token } = await make({ policies: ['a'] })
    expect((await harness.call('PUT', 'auth/token/revoke-self', {}, client_token)).status).toBe(204)
    expect(await alive(client_token)).toBe(false)
  })

  it('holds although the record cannot be deleted', async () => {
    const storage = new FaultyStorage()
    const faulty = await startHostHarness({ storage })
    const parent = await faulty.tokenFor({ creator })
    const child = (await faulty.call('POST', 'auth/token/create', {}, parent)).body.auth.client_token as string
    storage.delete = () => Promise.reject(new Error('disk is gone'))
    expect((await faulty.call('POST', 'auth/token/revoke', { token: parent })).status).toBe(500)
    for (const token of [parent, child])
      expect((await faulty.call('GET', 'auth/token/lookup-self', undefined, token)).status).toBe(403)
    await faulty.host.close()
  })

  it('by revoke-orphan spares the children', async () => {
    const parent = await harness.tokenFor({ creator })
    const child = (await make({}, parent)).client_token as string
    expect((await harness.call('POST', 'auth/token/revoke-orphan', { token: parent })).status).toBe(204)
    expect([await alive(parent), await alive(child)]).toEqual([false, true])
    expect((await harness.call('GET', 'auth/token/lookup-self', undefined, child)).body.data.orphan).toBe(true)
  })

  it('by accessor or by token, and again, succeeds', async () => {
    const { client_token, accessor } = await make({ policies: ['a'] })
    expect((await harness.call('POST', 'auth/token/revoke-accessor', { accessor })).status).toBe(204)
    expect(await alive(client_token)).toBe(false)
    // Anyone who retries a revocation that went through is not told that it failed.
    expect(await harness.call('POST', 'auth/token/revoke-accessor', { accessor })).toMatchObject({
      status: 200,
      body: { warnings: ['No token found with this accessor'] },
    })
    expect((await harness.call('POST', 'auth/token/revoke', { token: client_token })).status).toBe(204)
  })

  it('reaches the bottom of a very long chain of tokens', async () => {
    let token = await harness.tokenFor({ creator })
    const top = token
    for (let depth = 0; depth < 300; depth++) token = (await make({}, token)).client_token as string
    expect(await alive(token)).toBe(true)
    await harness.call('POST', 'auth/token/revoke', { token: top })
    expect(await alive(token)).toBe(false)
  })
})

describe('renewing', () => {
  it('counts from now, up to the maximum counted from the creation', async () => {
    const { client_token } = await make({ policies: ['a'], ttl: '10m', explicit_max_ttl: '15m' })
    await minutes(8)
    const first = await harness.call('PUT', 'auth/token/renew-self', { increment: 300 }, client_token)
    expect(first.body.auth).toMatchObject({ lease_duration: 300, client_token })
    const second = await harness.call('PUT', 'auth/token/renew-self', { increment: '1h' }, client_token)
    expect(second.body.auth.lease_duration).toBe(420)
    expect(second.body.warnings[0]).toContain('exceeded the effective max_ttl')
    await minutes(7)
    expect(await alive(client_token)).toBe(false)
  })

  it('without an increment gives what the token was made with', async () => {
    const { client_token } = await make({ policies: ['a'], ttl: '10m' })
    await minutes(5)
    expect((await harness.call('POST', 'auth/token/renew', { token: client_token })).body.auth.lease_duration).toBe(600)
    expect((await harness.call('GET', 'auth/token/lookup-self', undefined, client_token)).body.data).toMatchObject({
      ttl: 600,
      last_renewal: '2026-03-15T16:05:00Z',
    })
  })

  it("keeps a periodic token alive past the mount's maximum, one period at a time", async () => {
    await harness.call('POST', 'sys/mounts/auth/token/tune', { max_lease_ttl: '1h' })
    const { client_token } = await make({ policies: ['a'], period: '30m' })
    for (let round = 0; round < 5; round++) {
      await minutes(29)
      expect(
        (await harness.call('POST', 'auth/token/renew-self', { increment: 5 }, client_token)).body.auth.lease_duration,
      ).toBe(1800)
    }
    await minutes(30)
    expect(await alive(client_token)).toBe(false)
  })

  it('by accessor does not answer the token', async () => {
    const { accessor } = await make({ policies: ['a'] })
    expect((await harness.call('POST', 'auth/token/renew-accessor', { accessor })).body.auth).toMatchObject({
      client_token: '',
      accessor,
    })
  })

  it('refuses tokens that are not renewable, and unknown ones', async () => {
    const { client_token } = await make({ policies: ['a'], renewable: false })
    for (const body of [{ token: client_token }, { token: 'root' }])
      expect(await harness.call('POST', 'auth/token/renew', body)).toMatchObject({
        status: 400,
        body: { errors: ['lease is not renewable'] },
      })
    expect(await harness.call('POST', 'auth/token/renew', { token: 'hvs.unknown' })).toMatchObject({
      status: 400,
      body: { errors: ['token not found'] },
    })
  })
})

describe('tokens with limited uses', () => {
  it('are good for that many requests, denied ones included', async () => {
    const { client_token } = await make({ policies: ['a'], num_uses: 2 })
    expect((await harness.call('GET', 'lend/items/x', undefined, client_token)).status).toBe(403)
    expect((await harness.call('GET', 'auth/token/lookup-self', undefined, client_token)).status).toBe(200)
    expect((await harness.call('GET', 'auth/token/lookup-self', undefined, client_token)).status).toBe(403)
  })

  it('cannot be spent twice by requests that come at once', async () => {
    const { client_token } = await make({ policies: ['a'], num_uses: 3 })
    const responses = await Promise.all(
      Array.from({ length: 8 }, () => harness.call('GET', 'auth/token/lookup-self', undefined, client_token)),
    )
    expect(responses.filter(({ status }) => status === 200)).toHaveLength(3)
  })

  it('get no leased secret with their last use: it is revoked at once', async () => {
    const token = await harness.tokenFor({ creator }, { num_uses: 1 })
    const response = await harness.call('PUT', 'lend/loans/ladder', {}, token)
    expect(response.status).toBe(400)
    expect(response.body.errors[0]).toContain('one use left')
    expect(harness.engine.revoked).toEqual([{ loan: 'ladder-1', issue_time: null }])
  })
})
