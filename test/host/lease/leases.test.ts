import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RequestError } from '../../../src/logical/errors.ts'
import { settle } from '../../fakes/clock.ts'
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

const lend = async (name: string, body: object = {}, token = 'root'): Promise<string> =>
  (await harness.call('PUT', `lend/loans/${name}`, body, token)).body.lease_id as string
const look = (lease_id: string) => harness.call('PUT', 'sys/leases/lookup', { lease_id })
const revokedLoans = (): unknown[] => harness.engine.revoked.map(({ loan }) => loan)
const seconds = (count: number): Promise<void> => harness.clock.advance(count * 1000)

describe('issuing', () => {
  it("takes the mount's default ttl and caps at its maximum, with a warning", async () => {
    await harness.call('POST', 'sys/mounts/lend/tune', { default_lease_ttl: '10m', max_lease_ttl: '20m' })
    expect((await harness.call('PUT', 'lend/loans/a', {})).body).toMatchObject({ lease_duration: 600, warnings: null })
    const capped = await harness.call('PUT', 'lend/loans/a', { ttl: '1h' })
    expect(capped.body.lease_duration).toBe(1200)
    expect(capped.body.warnings[0]).toContain('TTL of "1h" exceeded')
  })

  it('is undone when the lease cannot be stored', async () => {
    const storage = new FaultyStorage()
    const faulty = await startHostHarness({ storage })
    await faulty.call('POST', 'sys/mounts/lend', { type: 'lend' })
    storage.refusing = /^sys\/expire\//
    expect((await faulty.call('PUT', 'lend/loans/a', {})).status).toBe(500)
    expect(faulty.engine.revoked).toEqual([{ loan: 'a-1', issue_time: null }])
    storage.refusing = undefined
    expect((await faulty.call('LIST', 'sys/leases/lookup')).status).toBe(404)
    await faulty.host.close()
  })

  it('to a token revoked meanwhile is undone, and refused', async () => {
    const token = await harness.tokenFor({ lender: 'path "lend/loans/*" { capabilities = ["update"] }' })
    harness.engine.beforeLease = async () => {
      await harness.call('POST', 'auth/token/revoke', { token })
    }
    expect((await harness.call('PUT', 'lend/loans/a', {}, token)).status).toBe(403)
    await settle()
    expect(revokedLoans()).toEqual(['a-1'])
  })

  it('to a client that has gone is undone', async () => {
    const gone = new AbortController()
    harness.engine.beforeLease = () => {
      gone.abort()
      return Promise.resolve()
    }
    await harness.host.handle({
      method: 'PUT',
      path: '/v1/lend/loans/a',
      query: new URLSearchParams(),
      headers: { 'x-vault-token': 'root' },
      remoteAddr: '',
      signal: gone.signal,
    })
    await settle()
    expect(revokedLoans()).toEqual(['a-1'])
  })

  it('stores nothing of the response in the lease', async () => {
    const id = await lend('a')
    const stored = Buffer.from((await harness.storage.get(`sys/expire/id/${id}`))!.value).toString()
    expect(stored).toContain('"loan":"a-1"')
    expect(stored).not.toContain('ticket')
  })
})

describe('looking up', () => {
  it('shows the lease and counts down', async () => {
    const id = await lend('a', { ttl: '10m' })
    await seconds(30)
    expect((await look(id)).body.data).toEqual({
      id,
      path: 'lend/loans/a',
      issue_time: '2026-03-15T16:00:00Z',
      expire_time: '2026-03-15T16:10:00Z',
      last_renewal: null,
      renewable: true,
      ttl: 570,
    })
  })

  it('lists by folder, with and without the trailing slash', async () => {
    const id = await lend('a')
    expect((await harness.call('LIST', 'sys/leases/lookup')).body.data.keys).toEqual(['lend/'])
    expect((await harness.call('LIST', 'sys/leases/lookup/lend/loans')).body.data.keys).toEqual(['a/'])
    expect((await harness.call('GET', 'sys/leases/lookup/lend/loans/a/?list=true')).body.data.keys).toEqual([
      id.split('/').at(-1),
    ])
    expect(await harness.call('LIST', 'sys/leases/lookup/lend/loans/b')).toMatchObject({
      status: 404,
      body: { errors: [] },
    })
    expect(await harness.call('LIST', 'sys/leases/lookup/lend/loan')).toMatchObject({ status: 404 })
  })
})

describe('renewing', () => {
  it.each([
    ['by PUT with the id in the body', 'PUT', () => 'sys/leases/renew', true],
    ['by POST to the old path', 'POST', () => 'sys/renew', true],
    ['with the id in the URL', 'PUT', (id: string) => `sys/leases/renew/${id}`, false],
  ])('%s', async (_case, method, path, inBody) => {
    const id = await lend('a', { ttl: '10m' })
    await seconds(300)
    const response = await harness.call(method, path(id), { ...(inBody && { lease_id: id }), increment: 900 })
    expect(response).toMatchObject({
      status: 200,
      body: { lease_id: id, lease_duration: 900, renewable: true, data: null },
    })
    expect(harness.engine.renewed).toEqual([{ loan: 'a-1', increment: 900 }])
    expect((await look(id)).body.data).toMatchObject({
      ttl: 900,
      last_renewal: '2026-03-15T16:05:00Z',
      issue_time: '2026-03-15T16:00:00Z',
    })
  })

  it("never passes the engine's own maximum, counted from the issue", async () => {
    const id = await lend('a', { ttl: '10m', max_ttl: '15m' })
    await seconds(540)
    const response = await harness.call('PUT', 'sys/leases/renew', { lease_id: id, increment: 3600 })
    expect(response.body.lease_duration).toBe(360)
    expect(response.body.warnings).toHaveLength(1)
    await seconds(360)
    expect(revokedLoans()).toEqual(['a-1'])
  })

  it.each([
    ['an unknown lease', () => Promise.resolve('lend/loans/a/nope'), 'lease not found'],
    ['one that is not renewable', () => lend('a', { renewable: false }), 'lease is not renewable'],
    [
      'one that was revoked',
      async () => {
        const id = await lend('a')
        await harness.call('PUT', 'sys/leases/revoke', { lease_id: id, sync: true })
        return id
      },
      'lease not found',
    ],
    [
      'one that has ended but is still to be revoked',
      async () => {
        const id = await lend('a', { ttl: 60 })
        harness.engine.revokeFailure = new Error('down')
        await seconds(60)
        return id
      },
      'lease expired',
    ],
  ])('refuses %s', async (_case, prepare, message) => {
    const id = await prepare()
    expect(await harness.call('PUT', 'sys/leases/renew', { lease_id: id })).toMatchObject({
      status: 400,
      body: { errors: [message] },
    })
    expect(harness.engine.renewed).toEqual([])
  })

  it('refuses a request without a lease id', async () => {
    expect((await harness.call('PUT', 'sys/leases/renew', {})).body.errors[0]).toContain('lease_id is required')
  })
})

describe('revoking', () => {
  it.each([
    ['by body', (id: string) => ['sys/leases/revoke', { lease_id: id, sync: false }] as const],
    ['by URL, as the CLI does', (id: string) => [`sys/leases/revoke/${id}`, { sync: false }] as const],
    ['by the old path', (id: string) => ['sys/revoke', { lease_id: id, sync: false }] as const],
  ])('%s is acknowledged 202 once it is durable and follows at once', async (_case, form) => {
    const id = await lend('a')
    const [path, body] = form(id)
    expect(await harness.call('PUT', path, body)).toMatchObject({ status: 202, body: undefined })
    await settle()
    expect(revokedLoans()).toEqual(['a-1'])
    expect((await look(id)).status).toBe(400)
  })

  it("with sync reports the engine's failure and keeps the lease", async () => {
    const id = await lend('a')
    harness.engine.revokeFailure = new RequestError('unavailable', 'the lending desk is closed')
    expect(await harness.call('PUT', 'sys/leases/revoke', { lease_id: id, sync: true })).toMatchObject({
      status: 503,
      body: { errors: ['the lending desk is closed'] },
    })
    expect((await look(id)).body.data.renewable).toBe(true)
  })

  it('of what is gone succeeds', async () => {
    expect((await harness.call('PUT', 'sys/leases/revoke', { lease_id: 'lend/loans/a/gone', sync: true })).status).toBe(
      204,
    )
    expect(
      (await harness.call('PUT', 'sys/leases/revoke', { lease_id: 'lend/loans/a/gone', sync: false })).status,
    ).toBe(202)
  })

  it('by prefix takes whole segments: a, but not ab', async () => {
    for (const name of ['a', 'a', 'ab']) await lend(name)
    expect((await harness.call('PUT', 'sys/leases/revoke-prefix/lend/loans/a', { sync: true })).status).toBe(204)
    expect(revokedLoans()).toEqual(['a-1', 'a-2'])
    expect((await harness.call('PUT', 'sys/leases/revoke-prefix/lend', { sync: false })).status).toBe(202)
    await settle()
    expect(revokedLoans()).toEqual(['a-1', 'a-2', 'ab-3'])
  })

  it('by prefix with sync stops at the first failure', async () => {
    for (const name of ['a', 'b']) await lend(name)
    harness.engine.revokeFailure = new Error('down')
    expect((await harness.call('PUT', 'sys/leases/revoke-prefix/lend', { sync: true })).status).toBe(500)
    expect((await harness.call('LIST', 'sys/leases/lookup/lend/loans')).body.data.keys).toEqual(['a/', 'b/'])
  })

  it('by force removes the lease although the engine fails', async () => {
    const id = await lend('a')
    harness.engine.revokeFailure = new Error('down')
    expect((await harness.call('PUT', 'sys/leases/revoke-force/lend/loans/a')).status).toBe(204)
    expect((await look(id)).status).toBe(400)
  })

  it('happens once however many ask at the same time', async () => {
    const id = await lend('a')
    await Promise.all([
      ...Array.from({ length: 5 }, () => harness.call('PUT', 'sys/leases/revoke', { lease_id: id, sync: true })),
      harness.call('PUT', 'sys/leases/revoke', { lease_id: id, sync: false }),
    ])
    await settle()
    expect(revokedLoans()).toEqual(['a-1'])
  })
})

describe('natural expiry', () => {
  it('revokes at the second the lease ends, in the order they end', async () => {
    await lend('late', { ttl: 120 })
    await lend('early', { ttl: 60 })
    await harness.clock.advance(59_999)
    expect(revokedLoans()).toEqual([])
    await harness.clock.advance(1)
    expect(revokedLoans()).toEqual(['early-2'])
    await seconds(60)
    expect(revokedLoans()).toEqual(['early-2', 'late-1'])
  })

  it('keeps one timer however many leases there are', async () => {
    for (let i = 0; i < 50; i++) await lend(`n${i}`, { ttl: 1000 - i })
    const before = harness.clock.waiting
    await lend('one-more', { ttl: 500 })
    expect(harness.clock.waiting).toBe(before)
  })
})

describe('an engine that fails to revoke', () => {
  it('is asked six times, later and later, then the lease is irrevocable and asked for daily', async () => {
    const id = await lend('a', { ttl: 60 })
    harness.engine.revokeFailure = new RequestError('unavailable', `down ${'x'.repeat(300)}`)
    await seconds(60)
    expect(harness.engine.revokeAttempts).toBe(1)
    await seconds(9)
    expect(harness.engine.revokeAttempts).toBe(1)
    await seconds(21)
    expect(harness.engine.revokeAttempts).toBe(2)
    await seconds(20 * 1.5 * 31)
    expect(harness.engine.revokeAttempts).toBe(6)
    const stuck = await harness.call('GET', 'sys/leases?type=irrevocable')
    expect(stuck.body.data).toMatchObject({ lease_count: 1, leases: [{ lease_id: id, mount_point: 'lend/' }] })
    expect(stuck.body.data.leases[0].error).toHaveLength(240)
    expect((await harness.call('PUT', 'sys/leases/renew', { lease_id: id })).status).toBe(400)
    harness.engine.revokeFailure = undefined
    await seconds(24 * 3600)
    expect(revokedLoans()).toEqual(['a-1'])
  })

  it('with an error that no retry fixes is asked once', async () => {
    await lend('a', { ttl: 60 })
    harness.engine.revokeFailure = new RequestError('unrecoverable', 'no such loan')
    await seconds(60)
    expect((await harness.call('GET', 'sys/leases?type=irrevocable')).body.data.leases[0].error).toBe('no such loan')
  })

  it('is forgiven when a retry succeeds', async () => {
    const id = await lend('a')
    harness.engine.revokeFailure = new Error('down')
    await harness.call('PUT', 'sys/leases/revoke', { lease_id: id, sync: false })
    await settle()
    expect((await look(id)).body.data.ttl).toBe(0)
    harness.engine.revokeFailure = undefined
    await seconds(30)
    expect(revokedLoans()).toEqual(['a-1'])
  })
})

describe("a token's leases", () => {
  it('end with the token, at its natural expiry too', async () => {
    const token = await harness.tokenFor({ lender: 'path "lend/loans/*" { capabilities = ["update"] }' }, { ttl: 60 })
    await lend('a', { ttl: 3600 }, token)
    await lend('b', { ttl: 3600 })
    await seconds(60)
    expect(revokedLoans()).toEqual(['a-1'])
  })
})
