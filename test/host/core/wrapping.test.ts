import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FaultyStorage } from '../../fakes/faulty-storage.ts'
import { startHostHarness } from '../harness.ts'
import type { HostCallResponse, HostHarness } from '../harness.ts'

let harness: HostHarness
beforeEach(async () => {
  harness = await startHostHarness()
})
afterEach(async () => {
  await harness.host.close()
})

const wrap = { 'x-vault-wrap-ttl': '60' }
const wrappedLoan = async (on = harness): Promise<string> =>
  (await on.call('PUT', 'lend/loans/a', {}, 'root', wrap)).body.wrap_info.token
const unwrap = (token: string, on = harness): Promise<HostCallResponse> =>
  on.call('PUT', 'sys/wrapping/unwrap', { token })
const lives = async (token: string, on = harness): Promise<boolean> =>
  (await on.call('PUT', 'sys/wrapping/lookup', { token }, '')).status === 200

describe('a wrapped lease', () => {
  it('is a lease from the moment it was issued, and is given to anyone who unwraps', async () => {
    const token = await wrappedLoan()
    expect((await harness.call('LIST', 'sys/leases/lookup/lend/loans/a')).body.data.keys).toHaveLength(1)
    const { body } = await unwrap(token)
    expect(body).toMatchObject({ lease_id: expect.stringMatching(/^lend\/loans\/a\//), wrap_info: null })
    expect((await harness.call('PUT', 'sys/leases/lookup', { lease_id: body.lease_id })).status).toBe(200)
  })

  it('is opened once, however many try at the same time', async () => {
    const token = await wrappedLoan()
    const responses = await Promise.all([1, 2, 3, 4].map(() => unwrap(token)))
    expect(responses.map(({ status }) => status).sort()).toEqual([200, 400, 400, 400])
  })

  it('is over with its time, and nothing of it is kept', async () => {
    const token = await wrappedLoan()
    await harness.clock.advance(61_000)
    expect((await unwrap(token)).status).toBe(400)
    expect(await harness.storage.list('sys/wrapping/')).toEqual([])
  })

  it('is over when its token is revoked', async () => {
    const token = await wrappedLoan()
    await harness.call('PUT', 'auth/token/revoke', { token })
    expect([await lives(token), (await unwrap(token)).status]).toEqual([false, 400])
    expect(await harness.storage.list('sys/wrapping/')).toEqual([])
  })

  it('outlives a restart, and one whose token ended in it does not', async () => {
    const [first, second] = [await wrappedLoan(), await wrappedLoan()]
    await harness.host.close()
    const again = await startHostHarness({ storage: harness.storage, clock: harness.clock }, harness.engine)
    expect((await unwrap(first, again)).status).toBe(200)
    await again.host.close()
    await harness.clock.advance(61_000)
    const late = await startHostHarness({ storage: harness.storage, clock: harness.clock }, harness.engine)
    expect((await unwrap(second, late)).status).toBe(400)
    expect(await harness.storage.list('sys/wrapping/')).toEqual([])
    await late.host.close()
  })

  it('that cannot be kept is revoked, and no token is left', async () => {
    const storage = new FaultyStorage()
    const faulty = await startHostHarness({ storage })
    await faulty.call('POST', 'sys/mounts/lend', { type: 'lend' })
    storage.refusing = /^sys\/wrapping\//
    expect((await faulty.call('PUT', 'lend/loans/a', {}, 'root', wrap)).status).toBe(500)
    storage.refusing = undefined
    await faulty.clock.advance(1000)
    expect((await faulty.call('LIST', 'sys/leases/lookup')).status).toBe(404)
    expect((await faulty.call('LIST', 'auth/token/accessors')).body.data.keys).toHaveLength(1)
    await faulty.host.close()
  })
})

describe('what is not wrapped', () => {
  it('help, which is not a secret', async () => {
    const { body } = await harness.call('GET', 'lend/items/x?help=1', undefined, 'root', wrap)
    expect([body.wrap_info, typeof body.help]).toEqual([undefined, 'string'])
  })

  it('a wrapped response under a second token', async () => {
    const response = await harness.call('PUT', 'sys/wrapping/rewrap', { token: await wrappedLoan() }, 'root', wrap)
    expect((await unwrap(response.body.wrap_info.token)).body.lease_id).toMatch(/^lend\//)
  })
})
