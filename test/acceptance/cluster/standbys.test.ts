/** What the nodes that are not active answer: on OpenBao from 2.5 on they run the engine themselves, on storage they cannot write. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { REAL_KEY } from '../../survival/upstream.ts'
import { openCluster } from './cluster.ts'
import type { Cluster } from './cluster.ts'
import { eventually } from './eventually.ts'
import type { ClusterNode } from './node.ts'
import { AGENT, provisionAgent, spread } from './writers.ts'

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

const ask = (node: ClusterNode, method: string, path: string, body?: unknown, forward = true) =>
  node.api(method, path, { token: cluster.rootToken, forward, ...(body !== undefined && { body }) })

/** Who answers where nothing may be forwarded: the standby itself, or 307 to the active node. */
const alone = async (method: string, path: string, body?: unknown): Promise<number> => (await ask(standby, method, path, body, false)).status

describe('a standby', () => {
  it('passes on what writes: documents, credentials, refreshes and ends', async () => {
    expect((await ask(standby, 'POST', 'mcp/agents/through-standby', { owner: 'a', environment: 'test' })).status).toBe(204)
    expect((await ask(leader, 'GET', 'mcp/agents/through-standby')).body.data).toMatchObject({ owner: 'a' })
    const issued = await ask(standby, 'POST', `mcp/creds/${AGENT}`, { purpose: 'standby' })
    expect(issued.status).toBe(200)
    expect(issued.body.lease_id).toMatch(new RegExp(`^mcp/creds/${AGENT}/`))
    const refreshed = await ask(standby, 'POST', `mcp/creds/${AGENT}/${String(issued.body.data.session_id)}`, {})
    expect(refreshed.body.data).toMatchObject({ session_id: issued.body.data.session_id })
    expect((await ask(standby, 'DELETE', `mcp/sessions/${String(issued.body.data.session_id)}`)).status).toBe(204)
    const { body } = await ask(standby, 'POST', 'mcp/introspect', { token: refreshed.body.data.token })
    expect(body.data).toMatchObject({ active: false, reason: 'revoked' })
  })

  it('answers introspection and feed as the active node, of whose engine there is one', async () => {
    const { body: issued } = await ask(leader, 'POST', `mcp/creds/${AGENT}`, {})
    const answers = await Promise.all(cluster.nodes.map((node) => ask(node, 'POST', 'mcp/introspect', { token: issued.data.token })))
    expect(answers.map(({ body }) => body.data.active)).toEqual([true, true, true])
    expect(new Set(answers.map(({ body }) => body.data.epoch)).size).toBe(1)
    const feeds = await Promise.all(cluster.nodes.map((node) => ask(node, 'GET', 'mcp/feed?wait=0')))
    expect(new Set([...feeds, ...answers].map(({ body }) => body.data.epoch)).size).toBe(1)
  })

  it('knows of a token at once: what was acknowledged by the leader is never unknown elsewhere', async () => {
    const verdicts: unknown[] = []
    for (let turn = 0; turn < 50; turn++) {
      const { body } = await ask(cluster.nodes[turn % 3]!, 'POST', `mcp/creds/${AGENT}`, {})
      verdicts.push((await ask(cluster.nodes[(turn + 1) % 3]!, 'POST', 'mcp/introspect', { token: body.data.token })).body.data.active)
    }
    expect(verdicts).toEqual(verdicts.map(() => true))
  })

  it('does by itself what only reads, where the product lets it, and nothing that needs the active engine', async () => {
    const readsAlone = { openbao: 200, vault: 307 }[cluster.product]
    expect(await alone('GET', `mcp/agents/${AGENT}`)).toBe(readsAlone)
    expect(await alone('LIST', 'mcp/agents')).toBe(readsAlone)
    expect(await alone('GET', 'mcp/config')).toBe(readsAlone)
    expect(await alone('POST', `mcp/creds/${AGENT}`, {})).toBe(307)
    expect(await alone('GET', `mcp/creds/${AGENT}`)).toBe(307)
    expect(await alone('POST', 'mcp/introspect', { token: 'svt_prod_x' })).toBe(307)
    expect(await alone('GET', 'mcp/feed?wait=0')).toBe(307)
    expect(await alone('LIST', 'mcp/sessions')).toBe(307)
    expect(await alone('POST', `mcp/agents/${AGENT}`, { description: 'x' })).toBe(307)
    expect(await alone('DELETE', `mcp/agents/${AGENT}`)).toBe(307)
  })

  it('reads a document as it is soon after it was written elsewhere, its caches notwithstanding', async () => {
    const delays: number[] = []
    for (let turn = 0; turn < 30; turn++) {
      const description = `version ${String(turn)}`
      const policy = `path "tools/stripe/all" { capabilities = ["read"] } # ${String(turn)}`
      await ask(leader, 'POST', `mcp/agents/${AGENT}`, { description })
      await ask(leader, 'POST', 'mcp/policies/p', { policy })
      await ask(leader, 'POST', 'mcp/config', { default_ttl: 600 + turn })
      delays.push(await eventually(`the standby reads ${description}`, async () => {
        const [agent, document, config] = await Promise.all(['agents/' + AGENT, 'policies/p', 'config'].map((path) => ask(standby, 'GET', `mcp/${path}`)))
        return agent!.body.data?.description === description && document!.body.data?.policy === policy && config!.body.data?.default_ttl === 600 + turn
      }, 5000, 2))
    }
    console.log(`standby: a document written on the leader is read on the standby after ${spread(delays)}`)
    expect(delays).toHaveLength(30)
  })
})
