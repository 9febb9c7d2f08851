import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Engine } from '../engine.ts'
import { eventually } from '../eventually.ts'
import { startTarget } from '../target/index.ts'
import type { Server } from '../target/index.ts'

let server: Server
let engine: Engine
beforeAll(async () => {
  server = await startTarget()
  engine = await Engine.at(server)
  await engine.declare('billing')
})
afterAll(() => server.stop())

const epoch = async (): Promise<string> => (await engine.read('feed?wait=0')).body.data.epoch as string

describe('seal and unseal', () => {
  it('a sealed server answers 503 and runs no plugin; unsealed, it knows every session and lease', async () => {
    const [token, over, briefly, before] = [
      await engine.issue('billing', { ttl: 120 }),
      await engine.issue('billing'),
      await engine.issue('billing', { ttl: 1 }),
      await epoch(),
    ]
    await engine.sys('PUT', 'leases/revoke', { lease_id: over.lease_id, sync: true })
    await server.seal!.close()
    expect((await engine.write('introspect', { token: token.token })).status).toBe(503)
    await eventually('the plugin is gone', () => server.plugin!.pids(), [])
    await server.seal!.open()
    await eventually('the mount is back', async () => (await engine.read('config')).status, 200)
    expect([await engine.state(token), await engine.state(over), await engine.state(briefly)]).toEqual([
      'active',
      'revoked',
      'expired',
    ])
    expect((await engine.sys('PUT', 'leases/renew', { lease_id: token.lease_id, increment: 600 })).body).toMatchObject({
      lease_duration: 600,
    })
    expect((await engine.issue(`billing/${token.session_id}`)).session_id).toBe(token.session_id)
    expect(await epoch()).not.toBe(before)
  })

  it('is not held up by a request that waits', async () => {
    const { epoch: at, sequence } = (await engine.read('feed?wait=0')).body.data as { epoch: string; sequence: number }
    const waiting = Array.from({ length: 3 }, () => engine.read(`feed?epoch=${at}&after=${sequence}&wait=2`))
    await server.seal!.close()
    for (const { status } of await Promise.all(waiting)) expect([200, 500, 503]).toContain(status)
    await server.seal!.open()
  })
})
