/** A leader that is killed, that steps down, that is sealed: under load, with a gateway in contact and a stream open through it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { REAL_KEY, startUpstream } from '../../survival/upstream.ts'
import type { CountingUpstream } from '../../survival/upstream.ts'
import { openCluster } from './cluster.ts'
import type { Cluster } from './cluster.ts'
import { pause, timeUntil } from './until.ts'
import { OpenStream, Probe, callThrough, openGateways } from './gateways.ts'
import type { Gateways } from './gateways.ts'
import type { ClusterNode } from './node.ts'
import { AGENT, Writers, provisionAgent, refusalsOf, spread } from './writers.ts'

const WRITERS = 30

let cluster: Cluster
let upstream: CountingUpstream
let gateways: Gateways
beforeAll(async () => {
  upstream = await startUpstream()
  cluster = await openCluster()
  await provisionAgent(cluster.root, upstream.url, REAL_KEY)
  gateways = await openGateways(cluster)
})
afterAll(async () => {
  await gateways.close()
  await cluster.close()
  await upstream.close()
})

interface Issued {
  readonly token: string
  readonly session_id: string
  readonly lease_id: string
}

async function issue(): Promise<Issued> {
  const { body } = await cluster.root('POST', `mcp/creds/${AGENT}`, { purpose: 'watched' })
  return { token: body.data.token, session_id: body.data.session_id, lease_id: body.lease_id }
}

const revoke = ({ lease_id }: Issued) => cluster.root('POST', 'sys/leases/revoke', { lease_id, sync: true })
const ms = (value: number): string => `${value.toFixed(0)} ms`
const running = (): ClusterNode[] => cluster.nodes.filter((node) => node.running)

/** Resolves to the milliseconds until a token issued only now passes, so that the gateway has to ask. */
const untilNewTokensPass = (gatewayUrl: string, token: string): Promise<number> =>
  timeUntil(
    'a new token passes',
    async () => (await callThrough(gatewayUrl, token, 'stripe/v1/invoices')).status === 200,
  )

/** Load on every running node, a gateway at a standby, a stream and calls through it, while `disturb` happens to the leader. */
async function watched(what: string, disturb: (leader: ClusterNode) => Promise<void>) {
  const leader = await cluster.leader()
  const [standby] = await cluster.standbys()
  const gateway = await gateways.start(standby!.address)
  const [known, unseen, streaming] = [await issue(), await issue(), await issue()]
  const stream = await OpenStream.open(gateway, streaming.token, 'github/v1/events')
  const probe = new Probe(gateway, ['stripe/v1/invoices', 'github/v1/invoices'], () => known.token)
  const writers = new Writers(running, cluster.rootToken)
  writers.start(WRITERS)
  await pause(3000)
  const before = writers.acknowledged
  const started = performance.now()
  await disturb(leader)
  const disturbedMs = performance.now() - started
  const newToken = untilNewTokensPass(gateway, unseen.token).then(() => performance.now() - started)
  const next = await cluster.leader()
  const electedMs = performance.now() - started
  const gatewayMs = await newToken
  await pause(3000)
  await writers.stop()
  const outcomes = await probe.stop()
  await stream.flows()
  const revoked = await issue()
  const cut = await OpenStream.open(gateway, revoked.token, 'github/v1/events')
  const [cutMs] = await Promise.all([cutAfter(cut, () => revoke(revoked)), stream.flows()])
  const streamCutMs = await cutAfter(stream, () => revoke(streaming))
  const verdict = await writers.examine(next)
  console.log(
    [
      `${what}: ${next.name} is active after ${ms(electedMs)} (the call itself ${ms(disturbedMs)}), a token new to the gateway passes after ${ms(gatewayMs)}`,
      `${WRITERS} writers: ${writers.acknowledged} acknowledged (${before} before), nothing acknowledged for ${ms(writers.longestGapMs)} at most, ${spread(writers.latencies)}`,
      `refused: ${refusalsOf(writers)}`,
      `sessions ${verdict.live} live, ${verdict.ended} ended, ${verdict.doubtful} in doubt; ${verdict.problems.length} lost or revived`,
      `gateway said ${[...probe.outcomes].map(([outcome, count]) => `${outcome} x ${count}`).join(', ')}; longest without a success ${ms(probe.longestGapMs)}; revoke (request) to last byte ${ms(cutMs)}, of the older stream ${ms(streamCutMs)}`,
    ].join('\n  '),
  )
  return { leader, next, outcomes, verdict, cutMs, streamCutMs }
}

/** From the request to end it to the last byte. */
async function cutAfter(stream: OpenStream, end: () => Promise<unknown>): Promise<number> {
  const requested = performance.now()
  await end()
  await stream.over
  return stream.lastByteAt - requested
}

const invalid = (outcomes: readonly string[]): string[] =>
  outcomes.filter((outcome) => outcome !== '200' && !outcome.startsWith('503 '))

describe('a cluster under load whose leader', () => {
  it('is killed with -9 loses nothing that was acknowledged, revives nothing, and the gateway calls no live token invalid', async () => {
    const { leader, next, outcomes, verdict: outcome } = await watched('leader killed', (node) => node.kill())
    expect(next.name).not.toBe(leader.name)
    expect(outcome.problems).toEqual([])
    expect(invalid(outcomes)).toEqual([])
    await cluster.revive(leader)
  })

  it('steps down loses nothing, revives nothing, and the gateway calls no live token invalid', async () => {
    const {
      leader,
      next,
      outcomes,
      verdict: outcome,
    } = await watched('leader steps down', async (node) => {
      await node.api('PUT', 'sys/step-down', { token: cluster.rootToken })
      await timeUntil('it is no longer active', async () => !(await node.isActive()))
    })
    expect(next.name).not.toBe(leader.name)
    expect(outcome.problems).toEqual([])
    expect(invalid(outcomes)).toEqual([])
  })

  it('is sealed loses nothing, revives nothing, and serves again once unsealed', async () => {
    const {
      leader,
      outcomes,
      verdict: outcome,
    } = await watched('leader sealed', async (node) => {
      const { status } = await node.api('PUT', 'sys/seal', { token: cluster.rootToken })
      expect(status).toBe(204)
    })
    expect(outcome.problems).toEqual([])
    expect(invalid(outcomes)).toEqual([])
    expect(await leader.health()).toBe(503)
    await leader.unseal(cluster.unsealKey)
    await cluster.caughtUp(leader)
  })
})
