/** What goes wrong in an episode, and when. */
import type { Cluster } from './cluster.ts'
import type { Disk } from './disk.ts'
import type { GatewayNode } from './gateway.ts'
import type { History } from './history.ts'
import type { Machine } from './machine.ts'
import type { Network } from './network.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

export interface ChaosDependencies {
  readonly world: World
  readonly random: Random
  readonly history: History
  readonly network: Network
  readonly disk: Disk
  readonly cluster: Cluster
  readonly vaults: readonly Machine[]
  readonly gateways: readonly GatewayNode[]
  /** Machines that only use the product: MCP servers, brokers. */
  readonly others: readonly Machine[]
  readonly restartGateway: (gateway: GatewayNode) => void
}

type Fault = (dependencies: ChaosDependencies, random: Random) => string

const machinesOf = ({ vaults, gateways, others }: ChaosDependencies): Machine[] => [
  ...vaults,
  ...gateways.map(({ dependencies }) => dependencies.machine),
  ...others,
]

const between = (
  { network }: ChaosDependencies,
  a: Machine,
  b: Machine,
  what: 'cut' | 'slow' | 'lose',
  ms: number,
): string => {
  network[what](a, b, ms)
  return `${what} ${a.name} and ${b.name} for ${ms.toFixed(0)} ms`
}

/** Long sleeps are noticed by comparing two clocks; short ones are not. */
const sleepMs = (random: Random): number =>
  random.chance(0.4) ? random.between(100, 990) : random.between(1_000, 15_000)

function sleep(machine: Machine, random: Random): string {
  const ms = sleepMs(random)
  machine.sleep(ms)
  return `${machine.name} sleeps for ${ms.toFixed(0)} ms`
}

const ordinary: readonly Fault[] = [
  (dependencies, random) => {
    const gateway = random.pick(dependencies.gateways).dependencies.machine
    const what = random.pick(['cut', 'slow', 'lose'] as const)
    return between(dependencies, gateway, dependencies.cluster.front, what, random.between(500, 14_000))
  },
  (dependencies, random) => {
    const [a, b] = [random.pick(machinesOf(dependencies)), random.pick(machinesOf(dependencies))]
    return between(dependencies, a, b, random.pick(['cut', 'slow', 'lose'] as const), random.between(500, 8_000))
  },
  (dependencies, random) => sleep(random.pick(dependencies.gateways).dependencies.machine, random),
  (dependencies, random) => sleep(random.pick(dependencies.others), random),
  (dependencies) => {
    dependencies.cluster.crashPlugin()
    return ''
  },
  (dependencies, random) => {
    dependencies.cluster.changeLeader(
      random.between(50, 4_000),
      random.chance(0.5) ? 'crash' : 'step-down',
      random.chance(0.3),
    )
    return ''
  },
  (dependencies, random) => {
    const ms = random.between(500, 5_000)
    dependencies.disk.failingUntil = dependencies.world.now + ms
    return `the disk fails for ${ms.toFixed(0)} ms`
  },
  (dependencies, random) => {
    const ms = random.between(1_000, 10_000)
    dependencies.disk.slowUntil = dependencies.world.now + ms
    return `the disk is slow for ${ms.toFixed(0)} ms`
  },
  (dependencies, random) => {
    const gateway = random.pick(dependencies.gateways)
    dependencies.restartGateway(gateway)
    return `${gateway.name} is killed and starts again`
  },
  (dependencies, random) => {
    const gateway = random.pick(dependencies.gateways)
    gateway.auditFailsUntil = dependencies.world.now + random.between(200, 3_000)
    return `${gateway.name} cannot write its audit log`
  },
  (dependencies, random) => {
    const machine = random.pick([
      ...dependencies.gateways.map(({ dependencies: own }) => own.machine),
      ...dependencies.others,
    ])
    const ms = random.between(-1, 1) * random.pick([300, 3_000, 3_600_000])
    machine.stepWall(ms)
    return `${machine.name} sets its clock by ${ms.toFixed(0)} ms`
  },
  (dependencies, random) => {
    const machine = random.pick(dependencies.vaults)
    const ms = random.between(-2_000, 3_000)
    machine.stepWall(ms)
    return `${machine.name} sets its clock by ${ms.toFixed(0)} ms`
  },
  (dependencies, random) => {
    const ms = sleepMs(random)
    dependencies.cluster.sleep(ms)
    return `the leading node sleeps for ${ms.toFixed(0)} ms`
  },
]

/** Draws the faults of the episode before it begins, each from a stream of its own. */
export function planChaos(dependencies: ChaosDependencies, endMs: number): void {
  const { world, random, history } = dependencies
  const count = 3 + random.below(10)
  // Most episodes have a theme: what happens once happens again.
  const theme = random.pick(ordinary)
  for (let index = 0; index < count; index++) {
    const own = random.fork(`fault ${String(index)}`)
    const fault = own.chance(0.4) ? theme : own.pick(ordinary)
    world.at(own.between(3_000, endMs), () => {
      const what = fault(dependencies, own)
      if (what !== '') history.add({ kind: 'fault', what })
    })
  }
}
