/** Two mounts of one engine: on servers they share a process, and nothing else. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Engine } from './engine.ts'
import type { Issued } from './engine.ts'
import { startTarget } from './target/index.ts'
import type { Server } from './target/index.ts'

let server: Server
let left: Engine
let right: Engine
let token: Issued
beforeAll(async () => {
  server = await startTarget()
  left = await Engine.at(server)
  right = await Engine.at(server)
  await left.declare('billing')
  token = await left.issue('billing')
})
afterAll(() => server.stop())

describe('two mounts', () => {
  it("see none of each other's documents, sessions or tokens", async () => {
    for (const list of ['agents', 'sessions'])
      expect([(await left.list(list)).status, (await right.list(list)).status]).toEqual([200, 404])
    expect((await right.read('agents/billing')).status).toBe(404)
    expect([await left.state(token), await right.state(token)]).toEqual(['active', 'unknown'])
    expect((await right.write(`creds/billing/${token.session_id}`)).status).toBe(400)
  })

  it('have settings of their own, though every agent is called alike', async () => {
    await right.declare('billing', ['read:github:prs'], 60)
    await right.write('config', { token_prefix: 'other' })
    const other = await right.issue('billing')
    expect([other.token, other.lease_duration, token.lease_duration]).toEqual([
      expect.stringMatching(/^other_prod_/),
      60,
      900,
    ])
    expect((await left.issue('billing')).token).toMatch(/^svt_prod_/)
  })

  it('delegate nothing to each other', async () => {
    await right.declare('billing')
    expect((await right.write('creds/billing', { parent_token: token.token })).status).toBe(400)
  })

  it('have feeds of their own', async () => {
    const position = async (engine: Engine) =>
      (await engine.read('feed?wait=0')).body.data as { epoch: string; sequence: number }
    const [before, other] = [await position(left), await position(right)]
    await left.delete(`sessions/${(await left.issue('billing')).session_id}`)
    expect([
      (await position(left)).sequence > before.sequence,
      await position(right),
      before.epoch === other.epoch,
    ]).toMatchObject([true, { epoch: other.epoch, sequence: other.sequence }, false])
  })

  it('end alone: all sessions of one, then the mount itself', async () => {
    await right.declare('billing')
    const stays = await right.issue('billing')
    await left.write('sessions/revoke-all')
    expect([await left.state(token), await right.state(stays)]).toEqual(['revoked', 'active'])
    expect((await left.sys('DELETE', `mounts/${left.mount}`)).status).toBe(204)
    expect(await right.state(stays)).toBe('active')
    expect((await right.issue(`billing/${stays.session_id}`)).session_id).toBe(stays.session_id)
  })
})
