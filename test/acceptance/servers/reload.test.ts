/** The plugin process comes and goes; what it has issued stays. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Engine } from '../engine.ts'
import { eventually } from '../eventually.ts'
import { startTarget } from '../target/index.ts'
import type { PluginControl, Server } from '../target/index.ts'

let server: Server
let plugin: PluginControl
let left: Engine
let right: Engine
beforeAll(async () => {
  server = await startTarget()
  plugin = server.plugin!
  left = await Engine.at(server)
  right = await Engine.at(server)
  for (const engine of [left, right]) await engine.declare('billing')
})
afterAll(() => server.stop())

const epoch = async (engine: Engine): Promise<string> => (await engine.read('feed?wait=0')).body.data.epoch as string

describe('the plugin process', () => {
  it('is one for all mounts of a version, which is the one registered', async () => {
    expect(await plugin.pids()).toHaveLength(1)
    expect([await plugin.running(left.mount), await plugin.running(right.mount)]).toEqual([
      plugin.version,
      plugin.version,
    ])
  })

  it('ends with its last mount', async () => {
    const own = await startTarget()
    const engine = await Engine.at(own)
    expect(await own.plugin!.pids()).toHaveLength(1)
    await engine.sys('DELETE', `mounts/${engine.mount}`)
    await eventually('the process is gone', () => own.plugin!.pids(), [])
    await own.stop()
  })
})

describe('reload', () => {
  it('starts another process, in which every session and lease of both mounts lives on, under a new epoch', async () => {
    const tokens = [
      [left, await left.issue('billing', { ttl: 120 })],
      [right, await right.issue('billing', { ttl: 120 })],
    ] as const
    const [pids, epochs] = [await plugin.pids(), [await epoch(left), await epoch(right)]]
    await plugin.reload(left.mount)
    for (const [engine, token] of tokens) {
      expect(await engine.state(token)).toBe('active')
      expect(
        (await engine.sys('PUT', 'leases/renew', { lease_id: token.lease_id, increment: 600 })).body.lease_duration,
      ).toBe(600)
      expect((await engine.issue(`billing/${token.session_id}`)).session_id).toBe(token.session_id)
      expect(
        (await engine.sys('PUT', `leases/revoke-prefix/${engine.mount}/creds/billing`, { sync: true })).status,
      ).toBe(204)
      expect(await engine.state(token)).toBe('revoked')
    }
    await eventually('one process again', async () => (await plugin.pids()).length, 1)
    expect(await plugin.pids()).not.toEqual(pids)
    const after = [await epoch(left), await epoch(right)]
    expect(epochs.some((before) => after.includes(before))).toBe(false)
  })

  it('tells a follower of the old epoch to drop what it knows', async () => {
    const { epoch: before, sequence } = (await left.read('feed?wait=0')).body.data as {
      epoch: string
      sequence: number
    }
    await plugin.reload(left.mount)
    expect((await left.read(`feed?epoch=${before}&after=${sequence}&wait=0`)).body.data).toMatchObject({
      reset: true,
      events: [],
    })
  })

  it('is not held up by a request that waits', async () => {
    const { epoch: at, sequence } = (await left.read('feed?wait=0')).body.data as { epoch: string; sequence: number }
    const waiting = Array.from({ length: 3 }, () => left.read(`feed?epoch=${at}&after=${sequence}&wait=2`))
    const started = performance.now()
    await plugin.reload(left.mount)
    // Each waits two seconds at most and a reload waits for all of them together.
    expect(performance.now() - started).toBeLessThan(10_000)
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 200])
  })

  it('under writers loses nothing that was acknowledged', async () => {
    const acknowledged: { token: string }[] = []
    let writing = true
    const writer = async () => {
      while (writing) {
        const response = await right.write('creds/billing')
        if (response.status === 200) acknowledged.push(response.body.data as { token: string })
      }
    }
    const writers = Array.from({ length: 8 }, writer)
    for (let times = 0; times < 2; times++) {
      const enough = acknowledged.length + 20
      await eventually('writing goes on', () => Promise.resolve(acknowledged.length > enough), true)
      await plugin.reload(right.mount)
    }
    const enough = acknowledged.length + 20
    await eventually('writing goes on', () => Promise.resolve(acknowledged.length > enough), true)
    writing = false
    await Promise.all(writers)
    const states = await Promise.all(acknowledged.map((token) => right.state(token)))
    expect(states.filter((state) => state !== 'active')).toEqual([])
  })
})
