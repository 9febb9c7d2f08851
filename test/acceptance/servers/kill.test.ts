/**
 * The plugin killed without warning under writers. A response that came is a promise: a token that was answered is alive until it is
 * revoked, and a revoke that was acknowledged stays.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Engine, issued } from '../engine.ts'
import type { Issued } from '../engine.ts'
import { eventually } from '../eventually.ts'
import { startTarget } from '../target/index.ts'
import type { Server } from '../target/index.ts'

const WRITERS = 20
const KILLS = 3
const BETWEEN_MS = 1_500

let server: Server
let engine: Engine
beforeAll(async () => {
  server = await startTarget()
  engine = await Engine.at(server)
  await engine.declare('billing')
})
afterAll(() => server.stop())

/** What was answered, and how often nothing good was. */
class Ledger {
  readonly live = new Map<string, Issued>()
  readonly revoked: Issued[] = []
  /** Asked to be revoked, with no acknowledgement: either state is right. */
  readonly unsure: Issued[] = []
  failures = 0
}

/** Issues; refreshes or revokes what it has issued; until told to stop. */
async function write(ledger: Ledger, stopped: () => boolean): Promise<void> {
  for (let turn = 0; !stopped(); turn++) {
    const opened = await attempt(ledger, () => engine.write('creds/billing'))
    if (!opened) continue
    const token = issued(opened)
    ledger.live.set(token.token, token)
    if (turn % 3 === 1) {
      const refreshed = await attempt(ledger, () => engine.write(`creds/billing/${token.session_id}`))
      if (refreshed) ledger.live.set(issued(refreshed).token, issued(refreshed))
    } else if (turn % 3 === 2) {
      ledger.live.delete(token.token)
      const response = await attempt(ledger, () =>
        engine.sys('PUT', 'leases/revoke', { lease_id: token.lease_id, sync: true }),
      )
      ;(response ? ledger.revoked : ledger.unsure).push(token)
    }
  }
}

async function attempt<T extends { status: number }>(ledger: Ledger, call: () => Promise<T>): Promise<T | undefined> {
  const response = await call().catch(() => undefined)
  if (response !== undefined && response.status < 300) return response
  ledger.failures++
  // A process that is not there yet is not a reason to ask the more.
  await delay(20)
  return undefined
}

describe('kill -9 of the plugin under writers', () => {
  it('loses nothing acknowledged, revives nothing revoked, and the mount is back by itself', async () => {
    const ledger = new Ledger()
    let stopped = false
    const writers = Array.from({ length: WRITERS }, () => write(ledger, () => stopped))
    const killed = new Set<number>()
    for (let kills = 0; kills < KILLS; kills++) {
      await delay(BETWEEN_MS)
      for (const pid of await server.plugin!.pids()) killed.add(pid)
      await server.plugin!.kill()
      await eventually(
        'it is started anew',
        async () => (await engine.read('config').catch(() => undefined))?.status,
        200,
      )
    }
    await delay(BETWEEN_MS)
    stopped = true
    await Promise.all(writers)

    const requests = [...ledger.live.values()]
    const states = async (tokens: readonly Issued[]) => Promise.all(tokens.map((token) => engine.state(token)))
    const lost = (await states(requests)).filter((state) => state !== 'active')
    const revived = (await states(ledger.revoked)).filter((state) => state !== 'revoked')
    console.log(
      `killed ${KILLS} times: ${requests.length} live tokens and ${ledger.revoked.length} revokes acknowledged, ${ledger.failures} calls failed, ${lost.length} lost, ${revived.length} revived`,
    )
    expect([lost, revived]).toEqual([[], []])
    expect(killed.size).toBe(KILLS)
    expect([requests.length > WRITERS, ledger.revoked.length > WRITERS]).toEqual([true, true])
    // Leases and engine still belong together: all of them can be ended.
    expect((await engine.sys('PUT', `leases/revoke-prefix/${engine.mount}/creds`, { sync: true })).status).toBe(204)
    expect((await states([...requests, ...ledger.unsure])).filter((state) => state !== 'revoked')).toEqual([])
  })
})

describe('kill -9 of an idle plugin', () => {
  it('is fixed by whatever is asked next', async () => {
    for (const ask of [
      () => engine.read('config'),
      () => engine.list('agents'),
      () => engine.write('creds/billing'),
      () => engine.write('introspect', { token: 'x' }),
    ]) {
      await server.plugin!.kill()
      const first = (await ask()).status
      expect([200, 500]).toContain(first)
      await eventually('it is answered', async () => (await ask()).status, 200)
    }
  })

  it('does not stand between a revoke and its token', async () => {
    const [token, other] = [await engine.issue('billing'), await engine.issue('billing')]
    await server.plugin!.kill()
    await eventually(
      'the revoke is acknowledged',
      async () => (await engine.sys('PUT', 'leases/revoke', { lease_id: token.lease_id, sync: true })).status,
      204,
    )
    expect([await engine.state(token), await engine.state(other)]).toEqual(['revoked', 'active'])
  })

  it('breaks off a disable no further than that it can be done again', async () => {
    const own = await Engine.at(server)
    await own.declare('billing')
    for (let count = 0; count < 50; count++) await own.issue('billing')
    const disabling = own.sys('DELETE', `mounts/${own.mount}`)
    await server.plugin!.kill()
    const first = await disabling
    await eventually('it is gone', async () => (await own.sys('DELETE', `mounts/${own.mount}`)).status, 204)
    expect([204, 400, 500]).toContain(first.status)
    expect([await own.leases('creds'), (await own.read('config')).status]).toEqual([[], 404])
  })
})
