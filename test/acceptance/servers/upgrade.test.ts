/** To a second version of the plugin and back: neither knows whose leases it is handed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Engine } from '../engine.ts'
import type { Issued } from '../engine.ts'
import { eventually } from '../eventually.ts'
import { startTarget } from '../target/index.ts'
import type { PluginControl, Server } from '../target/index.ts'

const NEXT = '0.2.0'

let server: Server
let plugin: PluginControl
let engine: Engine
let stays: Engine
beforeAll(async () => {
  server = await startTarget()
  plugin = server.plugin!
  engine = await Engine.at(server)
  stays = await Engine.at(server)
  for (const mount of [engine, stays]) await mount.declare('billing')
  await plugin.register(NEXT)
})
afterAll(() => server.stop())

/** Issued under one version; then used under the other. */
async function used(
  tokens: readonly [renewed: Issued, revoked: Issued, refreshed: Issued, queued: Issued],
): Promise<void> {
  const [renewed, revoked, refreshed, queued] = tokens
  for (const token of tokens) expect(await engine.state(token)).toBe('active')
  expect((await engine.sys('PUT', 'leases/renew', { lease_id: renewed.lease_id, increment: 600 })).body).toMatchObject({
    lease_duration: 600,
  })
  expect((await engine.sys('PUT', 'leases/revoke', { lease_id: revoked.lease_id, sync: true })).status).toBe(204)
  expect(await engine.state(revoked)).toBe('revoked')
  const again = await engine.issue(`billing/${refreshed.session_id}`)
  await engine.sys('PUT', 'leases/revoke', { lease_id: queued.lease_id, sync: false })
  await eventually('the queued one is over', () => engine.state(queued), 'revoked')
  expect([await engine.state(renewed), await engine.state(again)]).toEqual(['active', 'active'])
}
const four = async () =>
  [
    await engine.issue('billing', { ttl: 120 }),
    await engine.issue('billing'),
    await engine.issue('billing'),
    await engine.issue('billing'),
  ] as const
const config = async (of: Engine): Promise<unknown> => (await of.read('config')).body.data

describe('a second version', () => {
  it('takes over leases and documents of the first, on the mount that is tuned to it and on no other', async () => {
    await engine.write('config', { max_ttl: 1800 })
    const [tokens, before, other] = [await four(), await config(engine), await stays.issue('billing')]
    await plugin.use(engine.mount, `v${NEXT}`)
    expect([await plugin.running(engine.mount), await plugin.running(stays.mount)]).toEqual([
      `v${NEXT}`,
      plugin.version,
    ])
    await used(tokens)
    expect([await config(engine), await stays.state(other)]).toEqual([before, 'active'])
    expect(await plugin.pids()).toHaveLength(2)
  })

  it('hands them back when it is rolled back', async () => {
    const tokens = await four()
    await plugin.use(engine.mount, plugin.version)
    expect(await plugin.running(engine.mount)).toBe(plugin.version)
    await used(tokens)
    await eventually('the second is gone', async () => (await plugin.pids()).length, 1)
  })
})
