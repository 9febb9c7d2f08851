/** One episode: everything of the product in one process, a minute of virtual time, and what the checker says to it. */
import { excerpt, judge } from './checker.ts'
import type { Violation } from './checker.ts'
import { planChaos } from './chaos.ts'
import { Cluster } from './cluster.ts'
import { Disk } from './disk.ts'
import { GatewayNode } from './gateway.ts'
import { History, lineOf } from './history.ts'
import { Machine } from './machine.ts'
import { McpServer } from './mcp-server.ts'
import { Names } from './names.ts'
import { Network } from './network.ts'
import { Random } from './random.ts'
import { Writers, startCallers } from './actors.ts'
import { World } from './world.ts'

export interface EpisodeResult {
  readonly episode: number
  readonly digest: string
  readonly steps: number
  readonly accepts: number
  readonly violations: readonly { readonly rule: string; readonly why: string; readonly excerpt: readonly string[] }[]
}

const SETTLED_MS = 3_000
const HEALED_MS = 40_000
/** Long enough after the last fault for everything to be in contact again. */
const RECOVERED_MS = 47_000
const END_MS = 51_000
const CONSENT = { mcp_origins: 'https://crm.example, https://wiki.example' }

/** `-seed` and the number of the episode make all of it. */
export async function runEpisode(seed: number, episode: number, tell?: (line: string) => void): Promise<EpisodeResult> {
  const random = new Random(seed).fork(`episode ${String(episode)}`)
  const isCalm = random.chance(0.1)
  const world = new World()
  const history = new History(() => world.now)
  await act(world, history, random, isCalm)
  const violations = judge(history.entries, isCalm)
  if (tell) for (const entry of history.entries) tell(lineOf(entry))
  return {
    episode,
    digest: history.digest(),
    steps: world.steps,
    accepts: history.entries.filter(({ event }) => event.kind === 'accept').length,
    violations: firstOfEach(violations).map((violation) => ({
      rule: violation.rule,
      why: violation.why,
      excerpt: excerpt(history.entries, violation),
    })),
  }
}

/** One fault breaks a rule again and again: the first time is what tells. */
function firstOfEach(violations: readonly Violation[]): Violation[] {
  return violations.filter((one, index) => violations.findIndex(({ rule }) => rule === one.rule) === index)
}

async function act(world: World, history: History, random: Random, isCalm: boolean): Promise<void> {
  const machines: Machine[] = []
  const machine = (name: string) => {
    const made = new Machine(world, name, random, () => {
      history.add({ kind: 'woke', at: name })
    })
    machines.push(made)
    return made
  }
  const network = new Network(world, random.fork('network'), isCalm)
  const disk = new Disk(world, random.fork('disk'), isCalm)
  const names = new Names()
  const vaults = [machine('vault-1'), machine('vault-2')] as const
  const keys = new Map(
    ['mcp/crm', 'mcp/wiki'].map((path) => [path, { fields: { api_key: `sk_live_${path}` }, custom: CONSENT }]),
  )
  const cluster = new Cluster({ world, network, random, history, names, disk, machines: vaults, isCalm, keys })
  const shared = { network, cluster, history, names, isCalm }
  const writers = new Writers({ ...shared, machine: machine('writers'), random })
  let isOver = false
  const runCallers = (gateway: GatewayNode, run: string) => {
    startCallers(gateway, writers, random.fork(`callers ${gateway.name} ${run}`), () => isOver)
  }
  const gateways = ['gateway-1', 'gateway-2'].map(
    (name) => new GatewayNode({ ...shared, machine: machine(name), random: random.fork(name) }),
  )
  for (const gateway of gateways) runCallers(gateway, '')
  const servers = gateways.map((_, index) => machine(`mcp-server-${String(index + 1)}`))
  servers.forEach((own, index) => {
    const server = new McpServer({ ...shared, machine: own, random: random.fork(own.name), gateway: gateways[index]! })
    server.start(
      (draw) => writers.choose(draw),
      () => isOver,
    )
  })

  void writers.setUp().then(() => {
    writers.start()
  })
  if (!isCalm)
    planChaos(
      {
        world,
        random: random.fork('chaos'),
        history,
        network,
        disk,
        cluster,
        vaults,
        gateways,
        others: servers,
        restartGateway: (gateway) => {
          gateway.start()
          runCallers(gateway, String(world.steps))
        },
      },
      HEALED_MS,
    )
  if (random.chance(0.1)) {
    const comesBack = random.chance(0.5)
    world.at(random.between(12_000, 32_000), () => {
      void writers.removeMount(comesBack)
    })
  }
  await world.runUntil(HEALED_MS)
  network.heal()
  disk.heal()
  for (const one of machines) one.wake()
  for (const gateway of gateways) gateway.auditFailsUntil = 0
  await world.runUntil(RECOVERED_MS)
  writers.stop()
  if (cluster.isMounted) {
    history.add({ kind: 'healed' })
    void writers.takeStock()
  }
  await world.runUntil(END_MS)
  isOver = true
  await world.runUntil(END_MS + SETTLED_MS)
}
