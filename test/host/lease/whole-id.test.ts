import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startHostHarness } from '../harness.ts'
import type { HostHarness } from '../harness.ts'

let harness: HostHarness
beforeEach(async () => {
  harness = await startHostHarness()
})
afterEach(async () => {
  await harness.host.close()
})

const lend = async (name: string): Promise<string> =>
  (await harness.call('PUT', `lend/loans/${name}`, {})).body.lease_id
const lives = async (lease_id: string): Promise<boolean> =>
  (await harness.call('PUT', 'sys/leases/lookup', { lease_id })).status === 200

describe.each([
  ['revoke-prefix', { sync: true }, 204],
  ['revoke-prefix', {}, 204],
  ['revoke-prefix', { sync: false }, 202],
  ['revoke-force', {}, 204],
] as const)('%s of a whole lease id with %j', (path, body, status) => {
  it('revokes that lease and no other', async () => {
    const [one, other] = [await lend('a'), await lend('a')]
    expect((await harness.call('PUT', `sys/leases/${path}/${one}`, body)).status).toBe(status)
    await harness.clock.advance(1000)
    expect([await lives(one), await lives(other)]).toEqual([false, true])
  })

  it('spares leases whose ids only begin alike', async () => {
    const [one, longer] = [await lend('a'), await lend('ab')]
    expect((await harness.call('PUT', `sys/leases/${path}/lend/loans/a`, body)).status).toBe(status)
    await harness.clock.advance(1000)
    expect([await lives(one), await lives(longer)]).toEqual([false, true])
  })

  it('revokes nothing by a part of an id', async () => {
    const one = await lend('a')
    expect((await harness.call('PUT', `sys/leases/${path}/${one.slice(0, -2)}`, body)).status).toBe(status)
    await harness.clock.advance(1000)
    expect(await lives(one)).toBe(true)
  })
})
