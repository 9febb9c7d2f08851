import { describe, expect, it } from 'vitest'
import { MemoryStorage, collectKeys } from '../../../src/logical/storage.ts'
import { settle } from '../../fakes/clock.ts'
import { FaultyStorage } from '../../fakes/faulty-storage.ts'
import { startHostHarness } from '../harness.ts'
import type { HostHarness } from '../harness.ts'

/** What a killed process leaves: the storage as it is, and nothing else. */
async function crash(harness: HostHarness): Promise<MemoryStorage> {
  const left = new MemoryStorage()
  for (const key of await collectKeys(harness.storage, '')) await left.put((await harness.storage.get(key))!)
  await harness.host.close()
  return left
}

const lender =
  'path "lend/*" { capabilities = ["create", "read", "update"] }\npath "auth/token/create" { capabilities = ["update"] }'

describe('after a crash', () => {
  it('mounts, tuning, policies, tokens, leases and data are there', async () => {
    const before = await startHostHarness()
    const token = await before.tokenFor({ lender }, { ttl: '1h' })
    await before.call('POST', 'sys/mounts/lend/tune', { max_lease_ttl: '30m' })
    await before.call('PUT', 'lend/items/ladder', { colour: 'red' }, token)
    const { lease_id } = (await before.call('PUT', 'lend/loans/a', {}, token)).body
    const salted = before.engine.requests.at(-1)!.client_token
    const after = await startHostHarness({ storage: await crash(before), clock: before.clock })
    expect((await after.call('GET', 'lend/items/ladder', undefined, token)).body.data.colour).toBe('red')
    expect(after.engine.requests.at(-1)!.client_token).toBe(salted)
    expect((await after.call('GET', 'sys/mounts/lend/tune')).body.data.max_lease_ttl).toBe(1800)
    expect((await after.call('PUT', 'sys/leases/lookup', { lease_id: lease_id as string })).body.data).toMatchObject({
      ttl: 1800,
      renewable: true,
    })
    expect((await after.call('GET', 'sys/policies/acl/lender')).body.data.policy).toBe(lender)
    await after.host.close()
  })

  it('a lease that ended meanwhile is revoked', async () => {
    const before = await startHostHarness()
    await before.call('PUT', 'lend/loans/a', { ttl: 60 })
    const storage = await crash(before)
    await before.clock.advance(61_000)
    const after = await startHostHarness({ storage, clock: before.clock })
    await settle()
    await after.clock.advance(0)
    expect(after.engine.revoked.map(({ loan }) => loan)).toEqual(['a-1'])
    await after.host.close()
  })

  it('an acknowledged revoke that had not reached the engine does', async () => {
    const before = await startHostHarness()
    const { lease_id } = (await before.call('PUT', 'lend/loans/a', {})).body
    before.engine.revokeFailure = new Error('down')
    expect((await before.call('PUT', 'sys/leases/revoke', { lease_id: lease_id as string, sync: false })).status).toBe(
      202,
    )
    const after = await startHostHarness({ storage: await crash(before), clock: before.clock })
    await after.clock.advance(0)
    expect(after.engine.revoked.map(({ loan }) => loan)).toEqual(['a-1'])
    await after.host.close()
  })

  it('a token that had been ended, and no more, stays ended with everything below it', async () => {
    const storage = new FaultyStorage()
    const before = await startHostHarness({ storage })
    await before.call('POST', 'sys/mounts/lend', { type: 'lend' })
    const parent = await before.tokenFor({ lender })
    const child = (await before.call('POST', 'auth/token/create', {}, parent)).body.auth.client_token as string
    await before.call('PUT', 'lend/loans/a', {}, child)
    // The mark of the parent is the last write that reaches the disk.
    let marked = false
    storage.put = async (entry) => {
      if (marked) throw new Error('disk is gone')
      await MemoryStorage.prototype.put.call(storage, entry)
      marked = Buffer.from(entry.value).includes('"ended":true')
    }
    storage.delete = () => Promise.reject(new Error('disk is gone'))
    await before.call('POST', 'auth/token/revoke', { token: parent })
    expect(marked).toBe(true)
    const after = await startHostHarness({ storage: await crash(before), clock: before.clock })
    for (const token of [parent, child])
      expect((await after.call('GET', 'auth/token/lookup-self', undefined, token)).status).toBe(403)
    await settle()
    expect(after.engine.revoked.map(({ loan }) => loan)).toEqual(['a-1'])
    expect(await after.storage.list('sys/token/id/')).toHaveLength(1)
    await after.host.close()
  })

  it('a lease whose token is gone is revoked', async () => {
    const before = await startHostHarness()
    const token = await before.tokenFor({ lender })
    await before.call('PUT', 'lend/loans/a', {}, token)
    before.engine.revokeFailure = new Error('down')
    await before.call('POST', 'auth/token/revoke', { token })
    const after = await startHostHarness({ storage: await crash(before), clock: before.clock })
    await settle()
    expect(after.engine.revoked.map(({ loan }) => loan)).toEqual(['a-1'])
    await after.host.close()
  })

  it('a spent token stays spent', async () => {
    const storage = new FaultyStorage()
    const before = await startHostHarness({ storage })
    const token = (await before.call('POST', 'auth/token/create', { policies: ['a'], num_uses: 1 })).body.auth
      .client_token as string
    storage.delete = () => Promise.reject(new Error('disk is gone'))
    await before.call('GET', 'auth/token/lookup-self', undefined, token)
    const after = await startHostHarness({ storage: await crash(before), clock: before.clock })
    expect((await after.call('GET', 'auth/token/lookup-self', undefined, token)).status).toBe(403)
    await after.host.close()
  })

  it('no root token appears that was not asked for', async () => {
    const before = await startHostHarness()
    const storage = await crash(before)
    const { devRootTokenId: _none, ...config } = { devRootTokenId: 'root', storage, clock: before.clock }
    const after = await startHostHarness({ ...config, devRootTokenId: undefined } as never)
    expect(after.host.rootToken).toBeUndefined()
    expect((await after.call('GET', 'auth/token/lookup-self')).status).toBe(200)
    await after.host.close()
  })
})

describe('the first start', () => {
  it('makes a random root token unless one is given', async () => {
    const harness = await startHostHarness({ devRootTokenId: undefined } as never)
    expect(harness.host.rootToken).toMatch(/^hvs\.\w{24}$/)
    expect(
      (await harness.call('GET', 'auth/token/lookup-self', undefined, harness.host.rootToken)).body.data.policies,
    ).toEqual(['root'])
    expect((await harness.call('GET', 'auth/token/lookup-self')).status).toBe(403)
    await harness.host.close()
  })
})

describe('when storage fails', () => {
  it.each([
    ['making a token', 'POST', 'auth/token/create', { policies: ['a'] }],
    ['writing a policy', 'PUT', 'sys/policies/acl/p', { policy: 'path "x" { capabilities = ["read"] }' }],
    ['mounting', 'POST', 'sys/mounts/more', { type: 'lend' }],
    ['tuning', 'POST', 'sys/mounts/lend/tune', { max_lease_ttl: '1h' }],
    ['disabling', 'DELETE', 'sys/mounts/lend', undefined],
  ])('%s fails and changes nothing', async (_case, method, path, body) => {
    const storage = new FaultyStorage()
    const harness = await startHostHarness({ storage })
    await harness.call('POST', 'sys/mounts/lend', { type: 'lend' })
    const state = async () => ({
      tokens: (await harness.call('LIST', 'auth/token/accessors')).body,
      policies: (await harness.call('GET', 'sys/policy')).body.data,
      mounts: (await harness.call('GET', 'sys/mounts')).body.data,
      item: (await harness.call('GET', 'lend/items/none')).body,
    })
    const {
      tokens: { request_id: _first, ...tokens },
      ...rest
    } = await state()
    storage.refusing = /./
    expect((await harness.call(method, path, body)).status).toBe(500)
    storage.refusing = undefined
    const {
      tokens: { request_id: _second, ...tokensAfter },
      ...restAfter
    } = await state()
    expect({ tokensAfter, ...restAfter }).toEqual({ tokensAfter: tokens, ...rest })
    await harness.host.close()
  })
})
