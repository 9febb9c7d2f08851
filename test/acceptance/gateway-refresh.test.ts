/** Refreshes through a gateway: what its callers are told at the limit, which servers pass on from the engine in ways of their own. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startGateway } from '../../src/gateway/gateway.ts'
import type { Gateway } from '../../src/gateway/gateway.ts'
import { systemClock } from '../../src/logical/clock.ts'
import { silentLogger } from '../../src/logical/log.ts'
import { Engine } from './engine.ts'
import { policyText } from './policy-table.ts'
import { startTarget } from './target/index.ts'
import type { Server } from './target/index.ts'

let server: Server
let engine: Engine
let gateway: Gateway
let folder: string
beforeAll(async () => {
  server = await startTarget()
  engine = await Engine.at(server)
  await engine.declare('billing')
  folder = await mkdtemp(join(tmpdir(), 'gateway-refresh-'))
  gateway = await startGateway({
    vault: {
      address: server.address,
      token: await engine.tokenWith(policyText('mcp-gateway').replaceAll('"mcp/', '"{mount}/')),
      mount: engine.mount,
    },
    httpAddress: '127.0.0.1:0',
    auditPath: join(folder, 'audit.jsonl'),
    serviceTokens: [],
    clock: systemClock,
    random: (bytes) => randomBytes(bytes),
    logger: silentLogger,
  })
  await gateway.ready
})
afterAll(async () => {
  await gateway.close()
  await server.stop()
  await rm(folder, { recursive: true })
})

interface Refreshed {
  readonly token: string
  readonly session_id: string
}

const post = (path: string, body: object = {}): Promise<Response> =>
  fetch(`${gateway.httpUrl ?? ''}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.rootToken}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

async function open(ttl: number): Promise<Refreshed> {
  const response = await post('/sessions', { agent_id: 'billing', purpose: 'refreshing', ttl })
  expect(response.status).toBeLessThan(300)
  return (await response.json()) as Refreshed
}

const refresh = (sessionId: string): Promise<Response> => post(`/sessions/${sessionId}/refresh`)

/** What the gateway says of each token. */
const validated = (tokens: readonly string[]): Promise<number[]> =>
  Promise.all(tokens.map(async (token) => (await post('/validate', { token })).status))

describe('refreshes through a gateway', () => {
  it('eight at the same time and in turn all return tokens that work, and the ninth is 429 and ends none', async () => {
    const { session_id, token } = await open(600)
    const together = await Promise.all([1, 2, 3, 4].map(() => refresh(session_id)))
    const inTurn = [await refresh(session_id), await refresh(session_id), await refresh(session_id)]
    const responses = [...together, ...inTurn]
    expect(responses.map(({ status }) => status)).toEqual(Array(7).fill(200))
    const tokens = [
      token,
      ...(await Promise.all(responses.map(async (one) => ((await one.json()) as Refreshed).token))),
    ]
    expect(new Set(tokens).size).toBe(8)
    const refused = await refresh(session_id)
    expect([refused.status, await refused.json()]).toMatchObject([
      429,
      { error: { type: 'unavailable', code: 'too_many_live_tokens' } },
    ])
    const retryAfter = Number(refused.headers.get('retry-after'))
    expect(retryAfter).toBeGreaterThan(300)
    expect(retryAfter).toBeLessThanOrEqual(600)
    expect(await validated(tokens)).toEqual(Array(8).fill(200))
  })

  it('of a session that is over are no 429', async () => {
    const { session_id, token } = await open(600)
    await engine.delete(`sessions/${session_id}`)
    expect((await refresh(session_id)).status).toBe(400)
    expect(await validated([token])).toEqual([401])
  })
})
