/** The plugin under load while it is reloaded, killed, left by its leader, and unmounted. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { REAL_KEY, startUpstream } from '../../survival/upstream.ts'
import type { CountingUpstream } from '../../survival/upstream.ts'
import { openCluster } from './cluster.ts'
import type { Cluster } from './cluster.ts'
import { pause, timeUntil } from './until.ts'
import { OpenStream, Probe, openGateways } from './gateways.ts'
import type { Gateways } from './gateways.ts'
import { AGENT, Writers, provisionAgent, refusalsOf, spread } from './writers.ts'

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

/** Three who wait on the feed as long as it lets them, always: what three gateways do at most. */
function startPolls(): { stop(): Promise<void> } {
  let stopping = false
  const poll = async (): Promise<void> => {
    let after = ''
    while (!stopping) {
      const leader = await cluster.leader()
      const response = await leader
        .api('GET', `mcp/feed?wait=2s${after}`, { token: cluster.rootToken })
        .catch(() => undefined)
      after =
        response?.status === 200
          ? `&epoch=${String(response.body.data.epoch)}&after=${String(response.body.data.sequence)}`
          : ''
      if (response?.status !== 200) await pause(50)
    }
  }
  const polls = [poll(), poll(), poll()]
  return {
    async stop() {
      stopping = true
      await Promise.all(polls)
    },
  }
}

/** Milliseconds `act` takes, alternately without anybody on the feed and with three waiting polls. */
async function besidePolls(
  turns: number,
  act: () => Promise<number>,
): Promise<{ without: number[]; withPolls: number[] }> {
  const [without, withPolls]: [number[], number[]] = [[], []]
  for (let turn = 0; turn < turns; turn++) {
    without.push(await act())
    const polls = startPolls()
    await pause(500)
    withPolls.push(await act())
    await polls.stop()
  }
  return { without, withPolls }
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await act()
  return performance.now() - started
}

/** Until the engine answers a write again. */
const untilServed = () =>
  timeUntil('the engine serves', async () => {
    const leader = await cluster.leader()
    return (
      (
        await leader.api('POST', 'mcp/introspect', {
          token: cluster.rootToken,
          body: { session_id: 'sess_00000000000000000000000000' },
        })
      ).status === 200
    )
  })

const reload = () => cluster.root('PUT', 'sys/plugins/reload/backend', { mounts: ['mcp/'] })
const invalid = (outcomes: readonly string[]): string[] =>
  outcomes.filter((outcome) => outcome !== '200' && !outcome.startsWith('503 '))
const list = (values: readonly number[]): string => values.map((value) => value.toFixed(0)).join(', ')

async function underLoad<T>(count: number, act: () => Promise<T>) {
  const writers = new Writers(() => cluster.nodes, cluster.rootToken)
  writers.start(count)
  await pause(2000)
  const result = await act()
  await pause(2000)
  await writers.stop()
  const outcome = await writers.examine(await cluster.leader())
  const line = [
    `${count} writers: ${writers.acknowledged} acknowledged, none for ${writers.longestGapMs.toFixed(0)} ms at most, ${spread(writers.latencies)}; refused: ${refusalsOf(writers)}`,
    `sessions ${outcome.live} live, ${outcome.ended} ended, ${outcome.doubtful} in doubt; ${outcome.problems.length} lost or revived`,
  ].join('\n  ')
  return { result, verdict: outcome, line }
}

async function issueAndStream(gateway: string) {
  const { body } = await cluster.root('POST', `mcp/creds/${AGENT}`, { purpose: 'watched' })
  return {
    token: String(body.data.token),
    leaseId: String(body.lease_id),
    stream: await OpenStream.open(gateway, body.data.token, 'github/v1/events'),
  }
}

describe('the plugin, under load', () => {
  it('is reloaded without loss, without waiting for polls, and a gateway goes on', async () => {
    const gateway = await gateways.start((await cluster.leader()).address)
    const { token, leaseId, stream } = await issueAndStream(gateway)
    const probe = new Probe(gateway, ['stripe/v1/invoices'], () => token)
    const { result, verdict, line } = await underLoad(20, () =>
      besidePolls(4, () =>
        timed(async () => {
          await reload()
          await untilServed()
        }),
      ),
    )
    const outcomes = await probe.stop()
    await stream.flows()
    await cluster.root('POST', 'sys/leases/revoke', { lease_id: leaseId, sync: true })
    const revoked = performance.now()
    await stream.over
    console.log(
      `plugin reload, ms until served: ${list(result.without)} without polls, ${list(result.withPolls)} beside 3 waiting polls\n  ${line}\n  gateway said ${[...probe.outcomes].map(([outcome, many]) => `${outcome} x ${many}`).join(', ')}; revoke to last byte ${Math.max(0, stream.lastByteAt - revoked).toFixed(0)} ms`,
    )
    expect(verdict.problems).toEqual([])
    expect(invalid(outcomes)).toEqual([])
  })

  it('is killed with -9 three times without loss, and no live token is called invalid', async () => {
    const leader = await cluster.leader()
    const gateway = await gateways.start(leader.address)
    const { token, stream } = await issueAndStream(gateway)
    const probe = new Probe(gateway, ['stripe/v1/invoices', 'github/v1/invoices'], () => token)
    const { result, verdict, line } = await underLoad(50, async () => {
      const took: number[] = []
      for (let turn = 0; turn < 3; turn++) {
        const pids = await cluster.pluginPids(leader)
        expect(pids).toHaveLength(1)
        for (const pid of pids) process.kill(pid, 'SIGKILL')
        took.push(await untilServed())
        await pause(2000)
      }
      return took
    })
    const outcomes = await probe.stop()
    await stream.flows()
    console.log(
      `plugin killed, ms until served: ${list(result)}\n  ${line}\n  gateway said ${[...probe.outcomes].map(([outcome, many]) => `${outcome} x ${many}`).join(', ')}`,
    )
    expect(verdict.problems).toEqual([])
    expect(invalid(outcomes)).toEqual([])
  })

  it('holds up no step-down with waiting polls', async () => {
    const stepDown = async () => {
      const leader = await cluster.leader()
      const took = await timed(async () => {
        expect((await leader.api('PUT', 'sys/step-down', { token: cluster.rootToken })).status).toBe(204)
        await timeUntil('it is no longer active', async () => !(await leader.isActive()), 60_000, 5)
      })
      await untilServed()
      // A node that stepped down stands aside for ten seconds; with three nodes there is always another.
      return took
    }
    const { result, verdict: outcome, line } = await underLoad(10, () => besidePolls(2, stepDown))
    console.log(
      `step-down, ms until no longer active: ${list(result.without)} without polls, ${list(result.withPolls)} beside 3 waiting polls\n  ${line}`,
    )
    expect(outcome.problems).toEqual([])
  })
})

describe('secrets disable', () => {
  it('ends 1,000 live leases and leaves nothing of them', async () => {
    await cluster.root('POST', 'sys/mounts/many', { type: 'mcp' })
    await cluster.root('POST', 'many/agents/a', { owner: 'o', environment: 'test' })
    await cluster.root('POST', 'many/agents/a/scopes', { scopes: ['read:stripe:invoices'] })
    const leader = await cluster.leader()
    const left = Array.from({ length: 1000 }).values()
    const issuing = await timed(() =>
      Promise.all(
        Array.from({ length: 20 }, async () => {
          for (const _ of left)
            expect((await leader.api('POST', 'many/creds/a', { token: cluster.rootToken, body: {} })).status).toBe(200)
        }),
      ),
    )
    expect((await cluster.root('LIST', 'sys/leases/lookup/many/creds/a')).body.data.keys).toHaveLength(1000)
    const disabling = await timed(async () => {
      expect(
        (await leader.api('DELETE', 'sys/mounts/many', { token: cluster.rootToken, timeoutMs: 200_000 })).status,
      ).toBe(204)
    })
    expect((await leader.api('LIST', 'sys/leases/lookup/many/creds/a', { token: cluster.rootToken })).status).toBe(404)
    expect((await leader.api('POST', 'many/creds/a', { token: cluster.rootToken, body: {} })).status).toBe(404)
    console.log(
      `secrets disable with 1000 live leases: ${disabling.toFixed(0)} ms (issuing them took ${issuing.toFixed(0)} ms)`,
    )
  })
})
