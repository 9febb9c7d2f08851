import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { leasingEngine } from '../../fakes/leasing-engine.ts'
import { startHostHarness } from '../harness.ts'
import type { HostHarness } from '../harness.ts'

let harness: HostHarness
beforeEach(async () => {
  harness = await startHostHarness()
})
afterEach(async () => {
  await harness.host.close()
})

describe('from request to lease and back', () => {
  it('issues a lease for a secret and revokes it with sync', async () => {
    const issued = await harness.call('PUT', 'lend/loans/ladder', { ttl: '15m' })
    expect(issued.status).toBe(200)
    expect(issued.body).toMatchObject({
      data: { ticket: 'ticket-ladder-1' },
      lease_duration: 900,
      renewable: true,
      auth: null,
      wrap_info: null,
      warnings: null,
      mount_type: 'lend',
    })
    expect(issued.body.lease_id).toMatch(/^lend\/loans\/ladder\/[0-9A-Za-z]{24}$/)
    const revoked = await harness.call('PUT', `sys/leases/revoke/${issued.body.lease_id as string}`, { sync: true })
    expect(revoked).toMatchObject({ status: 204, body: undefined })
    expect(harness.engine.revoked).toEqual([{ loan: 'ladder-1', issue_time: harness.clock.now() }])
    const gone = await harness.call('PUT', 'sys/leases/lookup', { lease_id: issued.body.lease_id as string })
    expect(gone).toMatchObject({ status: 400, body: { errors: ['invalid lease'] } })
  })

  it('makes no lease for an engine that says it needs none, whatever its name', async () => {
    const engine = leasingEngine()
    const other = await startHostHarness(
      { engines: { lend: async (config) => ({ ...(await engine.factory(config)), leasing: 'engine' as const }) } },
      engine,
    )
    const answered = await other.call('PUT', 'lend/loans/ladder', { ttl: '15m' })
    expect(answered.body).toMatchObject({ lease_id: '', lease_duration: 900 })
    expect((await other.call('LIST', 'sys/leases/lookup/lend/loans/ladder')).status).toBe(404)
    await other.host.close()
  })
})
