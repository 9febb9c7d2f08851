/** What the nodes that are not active answer: on OpenBao from 2.5 on they run the engine too, on storage they cannot write, and lag behind. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { REAL_KEY } from '../../survival/upstream.ts'
import { openCluster } from './cluster.ts'
import type { Cluster } from './cluster.ts'
import type { ClusterNode } from './node.ts'
import { AGENT, provisionAgent } from './writers.ts'

let cluster: Cluster
let leader: ClusterNode
let standby: ClusterNode
beforeAll(async () => {
  cluster = await openCluster()
  await provisionAgent(cluster.root, 'https://api.example.com', REAL_KEY)
  leader = await cluster.leader()
  standby = (await cluster.standbys())[0]!
})
afterAll(() => cluster.close())

const send = (node: ClusterNode, method: string, path: string, body?: unknown, forward = true) =>
  node.api(method, path, { token: cluster.rootToken, forward, ...(body !== undefined && { body }) })

/** Who answers where nothing may be forwarded: the standby itself, or 307 to the active node. */
const alone = async (method: string, path: string, body?: unknown): Promise<number> =>
  (await send(standby, method, path, body, false)).status

describe('a standby', () => {
  it('passes on what writes: documents, credentials, refreshes and ends', async () => {
    expect(
      (await send(standby, 'POST', 'mcp/agents/through-standby', { owner: 'a', environment: 'test' })).status,
    ).toBe(204)
    expect((await send(leader, 'GET', 'mcp/agents/through-standby')).body.data).toMatchObject({ owner: 'a' })
    const issued = await send(standby, 'POST', `mcp/creds/${AGENT}`, { purpose: 'standby' })
    expect(issued.status).toBe(200)
    expect(issued.body.lease_id).toMatch(new RegExp(`^mcp/creds/${AGENT}/`))
    const refreshed = await send(standby, 'POST', `mcp/creds/${AGENT}/${String(issued.body.data.session_id)}`, {})
    expect(refreshed.body.data).toMatchObject({ session_id: issued.body.data.session_id })
    expect((await send(standby, 'DELETE', `mcp/sessions/${String(issued.body.data.session_id)}`)).status).toBe(204)
    const { body } = await send(standby, 'POST', 'mcp/introspect', { token: refreshed.body.data.token })
    expect(body.data).toMatchObject({ active: false, reason: 'revoked' })
  })

  it('answers introspection and feed as the active node, of whose engine there is one', async () => {
    const { body: issued } = await send(leader, 'POST', `mcp/creds/${AGENT}`, {})
    const responses = await Promise.all(
      cluster.nodes.map((node) => send(node, 'POST', 'mcp/introspect', { token: issued.data.token })),
    )
    expect(responses.map(({ body }) => body.data.active)).toEqual([true, true, true])
    expect(new Set(responses.map(({ body }) => body.data.epoch)).size).toBe(1)
    const feeds = await Promise.all(cluster.nodes.map((node) => send(node, 'GET', 'mcp/feed?wait=0')))
    expect(new Set([...feeds, ...responses].map(({ body }) => body.data.epoch)).size).toBe(1)
  })

  it('knows of a token at once: what was acknowledged by the leader is never unknown elsewhere', async () => {
    const verdicts: unknown[] = []
    for (let turn = 0; turn < 50; turn++) {
      const { body } = await send(cluster.nodes[turn % 3]!, 'POST', `mcp/creds/${AGENT}`, {})
      verdicts.push(
        (await send(cluster.nodes[(turn + 1) % 3]!, 'POST', 'mcp/introspect', { token: body.data.token })).body.data
          .active,
      )
    }
    expect(verdicts).toEqual(verdicts.map(() => true))
  })

  it('does nothing by itself: not even reading, for which it lags behind', async () => {
    for (const path of [
      `agents/${AGENT}`,
      `agents/${AGENT}/scopes`,
      'upstreams/stripe',
      'tools/stripe/all',
      'config',
      'feed?wait=0',
      `creds/${AGENT}`,
    ])
      expect([path, await alone('GET', `mcp/${path}`)]).toEqual([path, 307])
    for (const path of ['agents', 'policies', 'upstreams', 'tools/stripe', 'sessions'])
      expect([path, await alone('LIST', `mcp/${path}`)]).toEqual([path, 307])
    expect(await alone('POST', `mcp/creds/${AGENT}`, {})).toBe(307)
    expect(await alone('POST', 'mcp/introspect', { token: 'svt_prod_x' })).toBe(307)
    expect(await alone('POST', `mcp/agents/${AGENT}`, { description: 'x' })).toBe(307)
    expect(await alone('DELETE', `mcp/agents/${AGENT}`)).toBe(307)
  })

  it('knows what was written last, through it or elsewhere, and takes what rests on that', async () => {
    for (let turn = 0; turn < 20; turn++) {
      const [writer, reader] = turn % 2 === 0 ? [standby, standby] : [leader, standby]
      const [agent, description] = [`agent-${String(turn)}`, `version ${String(turn)}`]
      expect(
        (await send(writer, 'POST', `mcp/agents/${agent}`, { owner: 'a', environment: 'test', description })).status,
      ).toBe(204)
      expect((await send(reader, 'GET', `mcp/agents/${agent}`)).body.data).toMatchObject({ description })
      expect((await send(reader, 'POST', `mcp/agents/${agent}/scopes`, { scopes: ['read:stripe:all'] })).status).toBe(
        204,
      )
      expect((await send(writer, 'POST', 'mcp/config', { default_ttl: 600 + turn })).status).toBe(204)
      expect((await send(reader, 'GET', 'mcp/config')).body.data).toMatchObject({ default_ttl: 600 + turn })
    }
  })
})
